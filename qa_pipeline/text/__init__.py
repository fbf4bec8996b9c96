"""Folds, cuts and compares text: words, sentences, edges, languages, encodings. Knows no file and no question."""
