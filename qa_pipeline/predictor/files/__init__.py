"""Files of questions in, files of answers out; and what such a file says is right."""
