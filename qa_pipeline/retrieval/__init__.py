"""Orders texts by how near they are to a query: by their words (BM25), by their meaning (embeddings), and by both.

Knows texts only: what they are texts of is the business of who asks.
"""

from qa_pipeline.retrieval.embeddings import Embedder
from qa_pipeline.retrieval.hits import Hit, PassageIndex
from qa_pipeline.retrieval.ranking import Ranked, rank_texts

__all__ = ["Embedder", "Hit", "PassageIndex", "Ranked", "rank_texts"]
