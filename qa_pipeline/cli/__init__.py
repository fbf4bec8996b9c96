"""The commands of `qa-pipeline`: each parses, calls one public function of a room above, and prints."""
