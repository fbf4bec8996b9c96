"""From passages to questions: by rules (cloze), or by a language model (llm)."""
