"""Folds, cuts and compares text: words, sentences, graphemes, languages, encodings. Knows no file and no question."""
