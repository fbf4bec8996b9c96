"""What is said of one quotation: its status, its place, what had to be repaired, what differs. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERBATIM = "verbatim"
"""The exact characters, as whole words."""
REPAIRED = "repaired"
"""The same words in the same sense; `repair` says what had to be looked past."""
NOT_FOUND = "not_found"
"""In none of the sources, or with another sense."""

# Repairs, in the order in which they are named.
QUOTATION_MARKS = "quotation_marks"
"""The quotation has marks around it that the source has not."""
UNICODE = "unicode"
"""Other forms of the same characters: ligatures, composed accents, full width, invisible characters, HTML's &amp;."""
QUOTES = "quotes"
DASHES = "dashes"
HYPHENATION = "hyphenation"
"""A word that the end of a line cuts, or a hyphen inside a word."""
WHITE_SPACE = "white_space"
CASE = "case"
PUNCTUATION = "punctuation"
ELLIPSIS = "ellipsis"
"""Words are left out, and three dots say so."""
BRACKETS = "brackets"
"""Words in square brackets are the writer's, not the source's."""
SMALL_EDITS = "small_edits"
"""A typing error, another form of a word, a word too few: each is in `edits`."""
REPAIRS = (
    *(QUOTATION_MARKS, UNICODE, QUOTES, DASHES, HYPHENATION, WHITE_SPACE, CASE, PUNCTUATION),
    *(ELLIPSIS, BRACKETS, SMALL_EDITS),
)


_LEAVES_SENSE = frozenset(("typo", "form", "spacing", "dropped_word", "added_word", "mark"))


@dataclass(frozen=True)
class QuoteDifference:
    """Words of the quotation, and what the source has in their place.

    Attributes:
        kind: of those that leave the sense "typo", "form" (of a word), "spacing", "dropped_word", "added_word" and
            "mark" (of a footnote); of those that may change it "number", "negation", "name", "unit", "limit" (only,
            must, before ...), "words", "splice" (dots that join the halves of two sentences, or leave out too much),
            "pieces" (fewer than three words for each piece between dots) or "length" (more small ones than a quotation
            of this length may have).
        quote, source: "" where one has nothing there.
    """

    kind: str
    quote: str
    source: str

    @property
    def leaves_sense(self) -> bool:
        """Whether the sense is the same for all that can be told."""
        return self.kind in _LEAVES_SENSE

    @property
    def is_edit(self) -> bool:
        """Whether it counts among the small edits."""
        return self.leaves_sense and self.kind not in ("spacing", "mark")

    def __str__(self) -> str:
        if self.kind == "length":
            return "more small edits than a quotation of this length may have"
        if self.kind == "pieces":
            return "dots leave pieces of fewer than three words on average, which may be words picked one by one"
        if not self.source:
            return f'"{self.quote}" is not in the source ({self.kind})'
        if not self.quote:
            return f'"{self.source}" of the source is missing ({self.kind})'
        return f'"{self.quote}" for "{self.source}" ({self.kind})'


@dataclass(frozen=True)
class NearestPlace:
    """Where a quotation that was not found comes nearest to a source.

    Attributes:
        text: the source's own words there: `document.text[start:end]`.
        document: its name.
        page: on which it begins, from 1; None where there are no pages.
        start, end: characters of the document's text, end exclusive.
        similarity: as of `QuoteCheck`.
        differs: what differs.
    """

    text: str
    document: str
    page: int | None
    start: int
    end: int
    similarity: float
    differs: tuple[QuoteDifference, ...] = ()


@dataclass(frozen=True)
class QuoteCheck:
    """What became of one quotation.

    Attributes:
        quote: as it was given.
        status: VERBATIM, REPAIRED or NOT_FOUND.
        repair: all that had to be looked past, of REPAIRS; empty where it is verbatim or not found.
        edits: the small edits among them.
        found: the source's own words: `document.text[start:end]`; "" where it was not found.
        document: name of the document; None where it was not found, "" for a plain text.
        page: on which it begins, from 1; None where there are no pages.
        start, end: characters of the document's text, end exclusive.
        similarity: 1 less the share of characters that small edits add or take away (Indel, of folded words; what dots
            leave out and brackets hold does not count), 0 to 1. Of one that was not found, at its nearest place.
        occurrences: how often the found words stand in the document.
        misattributed: it was said to be from another source than the one that has it.
        nearest: where one that was not found comes nearest; None where nothing is near.
        note: what else is to be known: a source that is not there, a quotation too long to be repaired; or "".

    Example:
        >>> from qa_pipeline import verify
        >>> check = verify("We OPEN at nine", "Every day we open at nine.")
        >>> check.is_found, check.repair, (check.start, check.end)
        (True, ('case',), (10, 25))
    """

    quote: str
    status: str
    repair: tuple[str, ...] = ()
    edits: tuple[QuoteDifference, ...] = ()
    found: str = ""
    document: str | None = None
    page: int | None = None
    start: int | None = None
    end: int | None = None
    similarity: float = 0.0
    occurrences: int = 0
    misattributed: bool = False
    nearest: NearestPlace | None = None
    note: str = ""

    @property
    def is_found(self) -> bool:
        """Whether it stands in a source, verbatim or repaired."""
        return self.status != NOT_FOUND

    def as_row(self) -> dict[str, Any]:
        """The fields as JSON can hold them; what says nothing is left out."""
        row: dict[str, Any] = {
            "quote": self.quote,
            "status": self.status,
            "document": self.document,
            "page": self.page,
            "start": self.start,
            "end": self.end,
            "repair": list(self.repair),
            "found": self.found,
            "similarity": round(self.similarity, 4),
            "occurrences": self.occurrences,
        }
        if self.edits:
            row["edits"] = [vars(edit) for edit in self.edits]
        if self.misattributed:
            row["misattributed"] = True
        if self.nearest:
            place = vars(self.nearest) | {"similarity": round(self.nearest.similarity, 4)}
            row["nearest"] = place | {"differs": [vars(one) for one in self.nearest.differs]}
        if self.note:
            row["note"] = self.note
        return row
