"""What a prompt asks for, as a typed specification: read by rules, completed by a model, edited by people."""
