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
    """A stretch of one document that questions are asked about."""

    id: str  # see passage_id
    document: str  # the document's id; splits never share one
    text: str
    title: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
