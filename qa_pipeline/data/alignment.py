"""Finds where a claimed answer really is in its context. Never raises, never sees a file.

The result is always a slice of the context. Methods are tried from the most literal to the most tolerant: the claimed
place, the nearest exact occurrence, and at last folded texts. Only the claimed place may lie inside a word: whatever is
searched for is found as whole words or not at all ("no" is not in "know").
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from qa_pipeline.data.example import Extent, LooseAnswer
from qa_pipeline.data.offsets import BYTES, PLAIN, UTF16, Counting
from qa_pipeline.text.edges import is_whole
from qa_pipeline.text.folding import Folded, fold

EXACT = "exact"
"""The answer is where the source says."""
LOCATED = "located"
"""The source gives only the text; it was found in the context."""
TRIMMED = "trimmed"
"""Right apart from spaces around the answer."""
MOVED = "moved"
"""The nearest exact occurrence."""
UNQUOTED = "unquoted"
"""Found without the quotation marks around it."""
WITHOUT_STOP = "without_full_stop"
"""Found without the full stop that was typed behind it."""
WHOLE_NUMBER = "whole_number"
"""Found without the ".0" that tables put behind whole numbers."""
TOLERANT = "tolerant"
"""Equal only after folding white space, Unicode forms, case, quotes, dashes and HTML's character references."""

AS_GIVEN = frozenset({EXACT, LOCATED})
"""Outcomes that change nothing that the source said: not repairs."""

EMPTY_ANSWER = "empty_answer"
EMPTY_SPAN = "empty_span"
NOT_FOUND = "answer_not_found"
INSIDE_WORD = "answer_inside_word"
BAD_SPAN = "span_outside_context"
NO_TEXT = "answer_without_text_or_span"

# How many occurrences are looked at for one on whole words: keeps odd inputs linear.
_MAX_OCCURRENCES = 1000
_QUOTED = re.compile(
    r"""(?s)["'`\u2018\u201c\u201e\u00ab\u00bb\u2039\u300c](.+)["'`\u2019\u201d\u201c\u00bb\u00ab\u203a\u300d]"""
)
_ABBREVIATION = 4  # letters of the longest word in capitals that may be a word of another sense in small letters
_DIGITS_APART = re.compile(r"\d\s+\d")
_STOPPED = re.compile(r"(?s)(.*\w)[.!?\u3002\uff01\uff1f\u0964]")
_FLOAT = re.compile(r"([+-]?\d+)\.0+")

Hits = Callable[[int, int], Extent | None]
"""The first whole-word hit at or after a character (step 1), or the last one before it (step -1)."""


@dataclass(slots=True, frozen=True)
class Aligned:
    """An answer that is in the context: `context[start:start + len(text)] == text`.

    Attributes:
        text: the slice of the context.
        start: its first character.
        how: one of the constants above (`EXACT`, `LOCATED`, ...), or the `reason` of the counting that placed it.
        ambiguous: True where the text is there more than once and nothing decides which one is meant.
    """

    text: str
    start: int
    how: str
    ambiguous: bool = False


@dataclass(slots=True, frozen=True)
class Unaligned:
    """An answer that is not in the context.

    Attributes:
        reason: `EMPTY_ANSWER`, `EMPTY_SPAN`, `NOT_FOUND`, `INSIDE_WORD`, `BAD_SPAN` or `NO_TEXT`.
    """

    reason: str


def align_answer(context: str, answer: LooseAnswer, counting: Counting = PLAIN) -> Aligned | Unaligned:
    """Returns the slice of `context` that `answer` means, and how it was found.

    A negative start means an unknown place. Where text and span disagree the text decides.

    Args:
        context: the text that is asked.
        answer: what the source claims.
        counting: how the source counts its offsets.
    """
    text, start = answer.text, answer.start
    if start is not None and (start < 0 or not counting.trusted):
        start = None
    if text is None:
        return _from_span(context, start, answer.end, counting)
    core = text.strip()
    if not core:
        return Unaligned(EMPTY_ANSWER)
    place = None if start is None else counting.start(context, start)
    if place is not None:
        how = EXACT if counting.is_plain or place == start else counting.reason
        if len(core) == len(text) and context.startswith(text, place):
            return Aligned(text, place, how)
        if trimmed := _trimmed(context, text, core, place):
            return trimmed
        stop = None if answer.end is None else counting.end(context, answer.end)
        if stop is not None and (within := _within(context, core, place, stop)):
            return within
    return _searched(context, core, start, place)


def _from_span(context: str, start: int | None, end: int | None, counting: Counting) -> Aligned | Unaligned:
    if start is None or end is None:
        return Unaligned(NO_TEXT)
    begin, stop = counting.start(context, start), counting.end(context, end)
    if start == end == 0 and (stop == 0 or not is_whole(context, 0, stop or 0)):
        return Unaligned(EMPTY_ANSWER)  # the usual mark of a question without an answer
    if begin is None or stop is None or not begin <= stop <= len(context):
        return Unaligned(BAD_SPAN)
    if begin == stop:
        return Unaligned(EMPTY_SPAN)
    text = context[begin:stop]
    core = text.strip()
    if not core:
        return Unaligned(EMPTY_ANSWER)
    how = TRIMMED if len(core) != len(text) else EXACT if counting.is_plain or begin == start else counting.reason
    return Aligned(core, begin + text.index(core), how)


def _trimmed(context: str, text: str, core: str, start: int) -> Aligned | None:
    """The text carries spaces that the context has too, or that only the text has."""
    if len(core) == len(text):
        return None
    for place in (start + text.index(core), start):
        if context.startswith(core, place):
            return Aligned(core, place, TRIMMED)
    return None


def _within(context: str, core: str, begin: int, stop: int) -> Aligned | None:
    """The text within the span that the source marks, which may be the sentence that shows the answer."""
    found = _searched(context[begin:stop], core, None, None)
    if isinstance(found, Unaligned):
        return None
    at, end = begin + found.start, begin + found.start + len(found.text)
    if not is_whole(context, at, end) or not (found.text == core or _means_the_same(context, at, end, core)):
        return None  # the span cut a word, or there is more to see around it
    return Aligned(found.text, at, MOVED if found.how == LOCATED else found.how, found.ambiguous)


def _searched(context: str, core: str, start: int | None, place: int | None) -> Aligned | Unaligned:
    """The text where it stands as whole words: as it is, then without what tables and forms add, then folded."""
    if found := _exact(context, core, start, place):
        return found
    if found := _tolerant(context, core, start, place):
        return found
    for pattern, how in ((_FLOAT, WHOLE_NUMBER), (_QUOTED, UNQUOTED), (_STOPPED, WITHOUT_STOP)):
        if (match := pattern.fullmatch(core)) and (plain := match[1].strip()):
            found = _exact(context, plain, start, place) or _tolerant(context, plain, start, place)
            if found:
                return Aligned(found.text, found.start, how, found.ambiguous)
    return Unaligned(INSIDE_WORD if core in context else NOT_FOUND)


def _exact(context: str, core: str, start: int | None, place: int | None) -> Aligned | None:
    def hits(at: int, step: int) -> Extent | None:
        found = context.find(core, at) if step > 0 else context.rfind(core, 0, max(0, at + len(core) - 1))
        for _ in range(_MAX_OCCURRENCES):
            if found < 0 or is_whole(context, found, found + len(core)):
                break
            found = context.find(core, found + 1) if step > 0 else context.rfind(core, 0, found + len(core) - 1)
        else:
            return None
        return None if found < 0 else (found, found + len(core))

    if core not in context:
        return None
    if start is None:
        span = hits(0, 1)
        return None if span is None else Aligned(core, span[0], LOCATED, hits(span[0] + 1, 1) is not None)
    span, ambiguous = _nearest(hits, start if place is None else place)
    if span is None:
        return None
    if ambiguous and (found := _in_other_unit(context, core, start)):
        return found
    return Aligned(core, span[0], MOVED, ambiguous)


def _nearest(hits: Hits, place: int) -> tuple[Extent | None, bool]:
    """The hit nearest to `place` (of two equally near the earlier), and whether others leave that open.

    An offset that is off by one still says which one is meant; from further away another may be meant as well.
    """
    after, before = hits(place, 1), hits(place, -1)
    spans = [span for span in (before, after) if span is not None]
    if not spans:
        return None, False
    span = min(spans, key=lambda span: abs(span[0] - place))
    alone = len(spans) == 1 and hits(span[0] + 1, 1) is None and hits(span[0], -1) is None
    return span, not alone and abs(span[0] - place) > 1


def _in_other_unit(context: str, core: str, start: int) -> Aligned | None:
    """A guess where several occurrences leave open which is meant: tools in other languages count other units."""
    for counting in (Counting(BYTES), Counting(UTF16)):
        place = counting.start(context, start)
        if place is not None and place != start and context.startswith(core, place):
            return Aligned(core, place, counting.reason, ambiguous=True)
    return None


def _tolerant(context: str, core: str, start: int | None, place: int | None) -> Aligned | None:
    """The nearest (or first) whole-word match of the folded texts, with spaces as they are and then without any."""
    if len(core) == 1 and core.isascii():
        return None  # "A" is a grade, "a" an article
    for keep_spaces in (True, False):
        wanted = fold(core, keep_spaces).text
        if not wanted:
            return None
        folded = _folded_context(context, keep_spaces)
        if wanted not in folded.text:
            continue

        def hits(at: int, step: int, folded: Folded = folded, wanted: str = wanted) -> Extent | None:
            return next(_scan(context, folded, wanted, core, at, step), None)

        if start is None:
            span = hits(0, 1)
            ambiguous = span is not None and hits(span[0] + 1, 1) is not None
        else:
            span, ambiguous = _nearest(hits, start if place is None else place)
        if span is not None:
            return Aligned(context[span[0] : span[1]], span[0], TOLERANT, ambiguous)
    return None


def _means_the_same(context: str, begin: int, end: int, core: str) -> bool:
    """Whether folding left the sense: "US" is not "us" where the text has capitals, "1 2" in a table not "12"."""
    found = context[begin:end]
    if found[0].isspace():  # an accent that stands on a space is one unit with it
        return False
    if len(core) <= _ABBREVIATION and core.isupper() and found.islower() and context != context.lower():
        return False
    return not (_DIGITS_APART.search(found) and not _DIGITS_APART.search(core))


def _scan(context: str, folded: Folded, wanted: str, core: str, at: int, step: int) -> Iterator[Extent]:
    """Usable matches from `at` on (step 1), or before it (step -1), the nearest first."""
    pivot = bisect_left(folded.starts, at)
    if step > 0:
        place = folded.text.find(wanted, pivot)
    else:
        place = folded.text.rfind(wanted, 0, pivot + len(wanted) - 1) if pivot > 0 else -1
    for _ in range(_MAX_OCCURRENCES):
        if place < 0:
            return
        span = folded.source_span(place, place + len(wanted))
        if span is not None and is_whole(context, *span) and _means_the_same(context, *span, core):
            yield span
        if step > 0:
            place = folded.text.find(wanted, place + 1)
        else:
            place = folded.text.rfind(wanted, 0, place + len(wanted) - 1)


@lru_cache(maxsize=4)
def _folded_context(context: str, keep_spaces: bool) -> Folded:
    # Questions about one context follow each other, so a few contexts are enough.
    return fold(context, keep_spaces)
