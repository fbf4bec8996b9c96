"""Documents and data sets as passages to ask about."""
