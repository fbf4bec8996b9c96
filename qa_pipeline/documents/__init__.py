"""From any document to its text, and to passages that know where they stand in it. Knows nothing of questions."""
