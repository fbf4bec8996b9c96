"""Finds where a claimed answer really is in its context. Never raises, never sees a file.

The result is always a slice of the context. Methods are tried from the most literal to the most tolerant: the claimed
place, the place read in another unit (UTF-8 bytes, UTF-16 units), the nearest exact occurrence, and at last the folded
texts of `folding.py`. The first two cost O(len(answer)) and O(start); the rest is linear in the context.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from qa_pipeline.data.folding import Folded, fold, is_whole
from qa_pipeline.data.loose import LooseAnswer

EXACT = "exact"
"""The answer is where the source says."""
LOCATED = "located"
"""The source gives only the text; it was found in the context."""
TRIMMED = "trimmed"
"""Right apart from spaces around the answer."""
BYTE_OFFSET = "byte_offset"
"""Right when the offset is read as UTF-8 bytes."""
UTF16_OFFSET = "utf16_offset"
"""Right when the offset is read as UTF-16 code units (JavaScript, Java)."""
MOVED = "moved"
"""The nearest exact occurrence."""
TOLERANT = "tolerant"
"""Equal only after folding white space, Unicode forms, case, quotes and dashes."""

AS_GIVEN = frozenset({EXACT, LOCATED})
"""Outcomes that change nothing that the source said: not repairs."""

EMPTY_ANSWER = "empty_answer"
NOT_FOUND = "answer_not_found"
BAD_SPAN = "span_outside_context"
NO_TEXT = "answer_without_text_or_span"

# How many occurrences are looked at for one on whole words before the first is taken: keeps odd inputs linear.
_MAX_OCCURRENCES = 1000


@dataclass(slots=True, frozen=True)
class Aligned:
    """An answer that is in the context: `context[start:start + len(text)] == text`.

    Attributes:
        text: the slice of the context.
        start: its first character.
        how: one of the constants above (`EXACT`, `LOCATED`, ...).
        ambiguous: True where a text without a place occurs more than once.
    """

    text: str
    start: int
    how: str
    ambiguous: bool = False


@dataclass(slots=True, frozen=True)
class Rejected:
    """An answer that is not in the context.

    Attributes:
        reason: `EMPTY_ANSWER`, `NOT_FOUND`, `BAD_SPAN` or `NO_TEXT`.
    """

    reason: str


def align_answer(context: str, answer: LooseAnswer) -> Aligned | Rejected:
    """Returns the slice of `context` that `answer` means, and how it was found.

    A negative start means an unknown place. Where text and span disagree the text decides.
    """
    text, start = answer.text, answer.start
    if start is not None and start < 0:
        start = None
    if text is None:
        return _from_span(context, start, answer.end)
    core = text.strip()
    if not core:
        return Rejected(EMPTY_ANSWER)
    if start is None:
        return _locate(context, core) or _tolerant(context, core, None) or Rejected(NOT_FOUND)
    if context.startswith(text, start) and len(core) == len(text):
        return Aligned(text, start, EXACT)
    return (
        _trimmed(context, text, core, start)
        or _other_unit(context, core, start)
        or _nearest(context, core, start)
        or _tolerant(context, core, start)
        or Rejected(NOT_FOUND)
    )


def _from_span(context: str, start: int | None, end: int | None) -> Aligned | Rejected:
    if start is None or end is None:
        return Rejected(NO_TEXT)
    if not start <= end <= len(context):
        return Rejected(BAD_SPAN)
    text = context[start:end]
    core = text.strip()
    if not core:
        return Rejected(EMPTY_ANSWER)
    return Aligned(core, start + text.index(core), EXACT if len(core) == len(text) else TRIMMED)


def _trimmed(context: str, text: str, core: str, start: int) -> Aligned | None:
    """The text carries spaces that the context has too, or that only the text has."""
    if len(core) == len(text):
        return None
    for place in (start + text.index(core), start):
        if context.startswith(core, place):
            return Aligned(core, place, TRIMMED)
    return None


def _other_unit(context: str, core: str, start: int) -> Aligned | None:
    """Reads the offset as bytes or UTF-16 units, which tools in other languages count; both run ahead of characters."""
    if context.isascii():
        return None
    # Every character takes at least one unit, so the first `start` characters are enough.
    head = context[:start]
    for encoding, unit_size, how in (("utf-8", 1, BYTE_OFFSET), ("utf-16-le", 2, UTF16_OFFSET)):
        units = head.encode(encoding, errors="surrogatepass")[: start * unit_size]
        place = len(units.decode(encoding, errors="ignore"))
        if place != start and context.startswith(core, place):
            return Aligned(core, place, how)
    return None


def _nearest(context: str, core: str, start: int) -> Aligned | None:
    """The exact occurrence nearest to `start`; of two equally near the earlier, as wrong units only run ahead."""
    after = context.find(core, start)
    before = context.rfind(core, 0, start + len(core) - 1) if start > 0 else -1
    places = [place for place in (before, after) if place >= 0]
    if not places:
        return None
    place = min(places, key=lambda place: abs(place - start))
    return Aligned(core, place, MOVED)


def _locate(context: str, core: str) -> Aligned | None:
    """The first occurrence on whole words, else the first of all."""
    first = place = context.find(core)
    if first < 0:
        return None
    ambiguous = context.find(core, first + 1) >= 0
    for _ in range(_MAX_OCCURRENCES):
        if is_whole(context, place, place + len(core)):
            return Aligned(core, place, LOCATED, ambiguous)
        place = context.find(core, place + 1)
        if place < 0:
            break
    return Aligned(core, first, LOCATED, ambiguous)


def _tolerant(context: str, core: str, start: int | None) -> Aligned | None:
    """The nearest (or first) whole-word match of the folded texts, with spaces as they are and then without any."""
    for keep_spaces in (True, False):
        wanted = fold(core, keep_spaces).text
        if not wanted:
            return None
        folded = _folded_context(context, keep_spaces)
        if wanted not in folded.text:
            continue
        spans = [s for s in (_scan(context, folded, wanted, start, step) for step in (1, -1)) if s]
        if spans:
            begin, end = min(spans, key=lambda span: (abs(span[0] - (start or 0)), span[0]))
            return Aligned(context[begin:end], begin, TOLERANT)
    return None


def _scan(context: str, folded: Folded, wanted: str, start: int | None, step: int) -> tuple[int, int] | None:
    """The first usable match at or after `start` (step 1), or the last one before it (step -1)."""
    pivot = bisect_left(folded.starts, start or 0)
    if step > 0:
        place = folded.text.find(wanted, pivot)
    else:
        place = folded.text.rfind(wanted, 0, pivot + len(wanted) - 1) if pivot > 0 else -1
    for _ in range(_MAX_OCCURRENCES):
        if place < 0:
            return None
        span = folded.source_span(place, place + len(wanted))
        if span is not None and is_whole(context, *span):
            return span
        if step > 0:
            place = folded.text.find(wanted, place + 1)
        else:
            place = folded.text.rfind(wanted, 0, place + len(wanted) - 1)
    return None


@lru_cache(maxsize=4)
def _folded_context(context: str, keep_spaces: bool) -> Folded:
    # Questions about one context follow each other, so a few contexts are enough.
    return fold(context, keep_spaces)
