"""What a search gives: passages with their scores; and what anything that searches passages can do. Never searches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.reading import Document


@dataclass(frozen=True)
class Hit:
    """A passage that a search found.

    Attributes:
        passage: the passage.
        score: the higher, the nearer to the question; comparable within one search only.
        words: its BM25 score; 0 where it has no word of the question.
        meaning: cosine of its embedding with the question's, in [-1, 1]; None where embeddings took no part, or where a
            search engine did not say it, as of a passage far from the question.
    """

    passage: Passage
    score: float
    words: float
    meaning: float | None = None


@runtime_checkable
class PassageIndex(Protocol):
    """Passages that can be searched, and the documents that they are cut from: an `Index`, or one of your own."""

    def search(self, question: str, top_k: int = 10) -> list[Hit]:
        """The passages nearest to a question, the nearest first; fewer than `top_k` where no more have a word of it."""
        ...

    def document(self, name: str) -> Document:
        """A whole document, by the name that its passages have.

        Raises:
            DataError: there is no such document in the index.
        """
        ...

    def names(self) -> list[str]:
        """The names of all documents."""
        ...

    def __len__(self) -> int:
        """How many passages there are."""
        ...
