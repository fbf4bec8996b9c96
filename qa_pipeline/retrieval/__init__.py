"""Finds passages that are near to a question: by their words (BM25), by their meaning (embeddings), or by both.

`Index` keeps the passages of documents in a folder; `SearchEngineIndex` in a search engine. `rank_texts` orders a few
texts without keeping anything.
"""

from qa_pipeline.retrieval.embeddings import Embedder
from qa_pipeline.retrieval.engine import SearchEngineIndex
from qa_pipeline.retrieval.hits import Hit, PassageIndex
from qa_pipeline.retrieval.index import Index
from qa_pipeline.retrieval.opening import open_index
from qa_pipeline.retrieval.ranking import Ranked, rank_texts
from qa_pipeline.retrieval.updating import IndexReport

__all__ = [
    "Embedder",
    "Hit",
    "Index",
    "IndexReport",
    "PassageIndex",
    "Ranked",
    "SearchEngineIndex",
    "open_index",
    "rank_texts",
]
