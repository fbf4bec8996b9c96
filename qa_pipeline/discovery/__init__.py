"""From a specification to data sets and base models that fit it, before anything is downloaded."""
