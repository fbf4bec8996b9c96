"""The texts that a comparison shows of documents: each stretch once, with its place. Never asks a model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qa_pipeline.compare.results import ContextPlace
from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.example import LooseAnswer

if TYPE_CHECKING:
    from qa_pipeline.documents.passage import Passage
    from qa_pipeline.predictor.documents import DocumentAnswer
    from qa_pipeline.predictor.files.gold import Library

_AROUND = 500
"""Characters that are shown on each side of an answer whose passage is not known."""
_LONGEST = 4000
"""Characters of a passage or text that is shown whole."""


class ShownTexts:
    """Stretches of documents in the order in which they are first shown.

    Args:
        library: the documents.

    Attributes:
        texts: the stretches.
        places: where each of them stands.
    """

    def __init__(self, library: Library | None):
        self._library = library
        self._known: dict[tuple[str, int, int], int] = {}
        self.texts: list[str] = []
        self.places: list[ContextPlace] = []

    def add_answer(self, answer: DocumentAnswer) -> tuple[int, int]:
        """The place of the passage or the text around an answer, and where the answer begins in it."""
        assert answer.start is not None and answer.end is not None
        low, high = around(answer.context, answer.start, answer.end)
        if (known := _extent(answer.passage)) and known[0] <= answer.start and answer.end <= known[1]:
            low, high = known
        name = answer.document.source if answer.document is not None else ""
        page = answer.document.page_at(low) if answer.document is not None else None
        return self._add(name, answer.context, low, high, page, answer.headings), answer.start - low

    def add_passage_around(self, name: str, answer: str) -> int | None:
        """The place of the text around the first words of a document that are an answer; None where there are none."""
        if self._library is None:
            return None
        document = self._library.document(name)
        found = align_answer(document.text, LooseAnswer(answer))
        if not isinstance(found, Aligned):
            return None
        low, high = around(document.text, found.start, found.start + len(found.text))
        return self._add(name, document.text, low, high, document.page_at(low), ())

    def nothing(self) -> int:
        """The place of an empty text, for questions of which nothing can be shown."""
        return self._add("", "", 0, 0, None, ())

    def _add(self, name: str, text: str, low: int, high: int, page: int | None, headings: tuple[str, ...]) -> int:
        key = name, low, high
        if key not in self._known:
            self._known[key] = len(self.texts)
            self.texts.append(text[low:high])
            self.places.append(ContextPlace(name, low, page, headings))
        return self._known[key]


def _extent(passage: Passage | None) -> tuple[int, int] | None:
    """The characters of a passage in its document, where they are known and few enough to be shown."""
    if passage is None or passage.start is None or passage.end is None:
        return None
    return (passage.start, passage.end) if passage.end - passage.start <= _LONGEST else None


def around(text: str, start: int, end: int) -> tuple[int, int]:
    """The characters around a stretch, about _AROUND on each side, from and to white space.

    >>> around("one two three", 4, 7)
    (0, 13)
    """
    low, high = max(0, start - _AROUND), min(len(text), end + _AROUND)
    if low and (space := re.search(r"\s+(?=\S)", text[low:start])):
        low += space.end()
    if high < len(text):
        spaces = [*re.finditer(r"\s", text[end:high])]
        high = end + spaces[-1].start() if spaces else high
    return low, high
