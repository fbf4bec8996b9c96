"""The passage: a stretch of one document, and where it stands. What documents/ gives and questions are asked about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

PASSAGE_ID_DIGITS = 12


def passage_id(document: str, text: str) -> str:
    """The stable name of a passage: the first 12 hexadecimal digits of the SHA-256 of document id and text."""
    return hashlib.sha256(f"{document}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:PASSAGE_ID_DIGITS]


@dataclass(frozen=True)
class Passage:
    """A stretch of one document that questions are asked about, and where it stands.

    Attributes:
        id: see `passage_id`.
        document: the name of its document; splits never share one.
        text: `document.text[start:end]` where its place is known.
        title: the document's; may be empty.
        metadata: what else its source says of it.
        start, end: characters in the document's own text, end exclusive; None where no document was read (contexts of
            labelled data, passages that a model wrote).
        page: the number of the page that it begins on, from 1; None where there are no pages.
    """

    id: str
    document: str
    text: str
    title: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    start: int | None = None
    end: int | None = None
    page: int | None = None
