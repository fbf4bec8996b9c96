"""The commands of `python -m qa_pipeline`: each parses, calls one public function of a room above, and prints."""
