"""Finds better settings of a training by trials, with Optuna. Never sees the test data."""
