"""One whole run, from arguments to a measured and reloadable model in its run folder."""
