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
        headings: the headings that it stands under, the outermost first, its own last; empty where there are none.
        lead: what it goes on from and does not hold, as it stands in the document: the header row of its table, the
            line that leads its list in; empty where there is none.

    Example:
        >>> row = Passage("1", "fees.docx", "Boat | 40 EUR", start=120, end=133, lead="Craft | Fee", headings=("Fees",))
        >>> print(row.reading)
        Craft | Fee
        Boat | 40 EUR
        >>> row.place(19, 25), row.place(0, 5)
        ((127, 133), None)
    """

    id: str
    document: str
    text: str
    title: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    start: int | None = None
    end: int | None = None
    page: int | None = None
    headings: tuple[str, ...] = ()
    lead: str = ""

    @property
    def reading(self) -> str:
        """What a model reads: the lead, where there is one, on a line before the text."""
        return f"{self.lead}\n{self.text}" if self.lead else self.text

    @property
    def search_text(self) -> str:
        """What it is found by: title, headings, lead and text, a line each, none of them twice in a row."""
        parts: list[str] = []
        for part in (self.title, *self.headings, self.lead, self.text):
            if part and part not in parts:
                parts.append(part)
        return "\n".join(parts)

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Where characters of `reading` stand in the document's text.

        Args:
            start, end: characters of `reading`, end exclusive.

        Returns:
            The same characters in the document's text, end exclusive; None where they touch the lead, or where the
            passage's own place is not known.
        """
        before = len(self.reading) - len(self.text)
        if self.start is None or start < before:
            return None
        return self.start + start - before, self.start + end - before
