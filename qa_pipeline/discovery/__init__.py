"""Finds data sets and base models for a wish: known ones, on the Hub, in folders. Leaves training to other rooms."""
