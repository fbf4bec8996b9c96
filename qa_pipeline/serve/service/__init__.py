"""Answers for other programs, whatever they speak: one model, its documents, and a queue.

In reading order: `service`, `checking` (what a caller gives), `batching` (many threads, one model), `computing`,
`results`, `store` (documents that are added while it runs). Knows no HTTP; importing it imports no model.
"""

from qa_pipeline.serve.service.service import Service
from qa_pipeline.serve.service.store import DocumentStore

__all__ = ["DocumentStore", "Service"]
