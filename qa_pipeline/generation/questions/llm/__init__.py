"""Asks a language model for questions: what is asked, how answers are read, and what makes the backend."""
