"""Finds the prompt whose questions train the best reader, under one budget of tokens. Never sees the test data."""
