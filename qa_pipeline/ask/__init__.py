"""Asking from the command line: one question, many, a whole file, or several models side by side."""
