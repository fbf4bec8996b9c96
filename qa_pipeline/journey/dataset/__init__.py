"""Rows of several sources become one data set whose splits share nothing; a table lets people look through it."""
