"""Finds out how a source counts its answer offsets, from the evidence of all its rows together.

Tools count characters, UTF-8 bytes, UTF-16 units (JavaScript, Java), words, from 0 or from 1, with an end that is the
last character or one past it, on text whose line ends or HTML were written otherwise. One row alone often fits several
of these; a file rarely does. Answers with a text vote by standing where their offset points; spans without a text vote
by their edges, which cut words where the count is wrong. Never changes a row.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from qa_pipeline.data.example import Label, LooseAnswer, LooseExample
from qa_pipeline.text.edges import cuts_word
from qa_pipeline.text.folding import ENTITY

CHARACTERS, BYTES, UTF16, WORDS, TOKENS = "characters", "bytes", "utf16", "words", "tokens"
CRLF_AS_ONE, LF_AS_TWO, UNESCAPED = "crlf_as_one", "lf_as_two", "unescaped_html"

UNITS = {
    CHARACTERS: "characters",
    BYTES: "UTF-8 bytes",
    UTF16: "UTF-16 units",
    CRLF_AS_ONE: "characters, with a line end of two (\\r\\n) counted as one",
    LF_AS_TWO: "characters, with each line end counted as two (\\r\\n)",
    UNESCAPED: "characters of the text without HTML's character references",
    WORDS: "words",
    TOKENS: "words and punctuation marks",
}
"""The units that are tried, by the name that a field mapping may give as `offset_unit`, with what they count."""

_WORD = {WORDS: re.compile(r"\S+"), TOKENS: re.compile(r"\w+|[^\w\s]")}
_FEWEST_BETTER = 2  # spans without a text that another count must mend, net of those that it spoils
_OPENING_MARKS = ".,;:!?)]}\u3002\uff0c\u3001\uff1b\uff1a"
_CLOSING_MARKS = ".,;:!?([{\u3002\uff0c\u3001\uff1b\uff1a\uff01\uff1f"
_SAMPLE = 300  # answers that a reading is tried on before all are
_SHORT = 4  # characters; spans that are shorter than most answers may count words
_SAME_PLACE = 3  # answers that all claim one place before that place counts as made up


@dataclass(frozen=True, slots=True)
class Counting:
    """How offsets are to be read.

    Attributes:
        unit: a key of `UNITS`.
        base: the number of the first unit, 0 or 1.
        inclusive: True where an end is the last unit of the answer, not one past it.
        trusted: False where the offsets say nothing, as where all of them are 0.
    """

    unit: str = CHARACTERS
    base: int = 0
    inclusive: bool = False
    trusted: bool = True

    @property
    def is_plain(self) -> bool:
        """True for characters counted from 0, as SQuAD has them."""
        return self.unit == CHARACTERS and self.base == 0

    @property
    def reason(self) -> str:
        """The name of the repair that reading in this way is."""
        return "one_based_offset" if self.unit == CHARACTERS else f"{self.unit.removesuffix('s')}_offset"

    def start(self, context: str, offset: int) -> int | None:
        """The character at which unit `offset` begins, or None where the context has no such unit."""
        return _start_of(self.unit, context, offset - self.base)

    def end(self, context: str, offset: int) -> int | None:
        """The character one past the answer whose end is `offset`, or None."""
        return _end_of(self.unit, context, offset - self.base + self.inclusive)

    def describe(self) -> str:
        """For people: `UTF-16 units from 0, ends inclusive`."""
        if not self.trusted:
            return "not used: all answers claim one place"
        return f"{UNITS[self.unit]} from {self.base}" + (", ends inclusive" if self.inclusive else "")


PLAIN = Counting()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was chosen, and why.

    Attributes:
        counting: how offsets are read.
        answers: answers with a text and an offset, or spans without a text where there are none of those.
        fitting: how many of them fit, so read: the text stands there, or no edge cuts a word.
        as_characters: how many fit as characters from 0.
        has_texts: True where `answers` have texts.
        doubtful: True where most spans without a text cut words or lie outside the context however they are read: no
            reading is right. (In languages with suffixes and compounds a right span may end inside a word, so that
            spans all of which begin with a word are not doubted.)
    """

    counting: Counting = PLAIN
    answers: int = 0
    fitting: int = 0
    as_characters: int = 0
    has_texts: bool = True
    doubtful: bool = False

    def describe(self) -> str:
        """One line for the report."""
        fit = "stand where the offset points" if self.has_texts else "begin and end with whole words"
        line = f"{self.counting.describe()}; {self.fitting:,} of {self.answers:,} {fit}"
        return line if self.counting.is_plain else f"{line} (as characters from 0: {self.as_characters:,})"


def weigh(
    rows: Sequence[LooseExample],
    prior: Counting = PLAIN,
    fixed: bool = False,
    ends_known: bool = False,
    labels: frozenset[Label] = frozenset(),
) -> Evidence:
    """Decides how the offsets of `rows` count.

    Args:
        rows: all rows of a source, or its first.
        prior: what the tool that wrote them is known to count; taken where the rows fit it as well as anything else.
        fixed: True takes the prior's unit and base whatever the rows say, and only counts what fits them.
        ends_known: True where the ends were made exclusive already.
        labels: of marked spans those that are answers; the others say nothing.

    Returns:
        The counting that most answers fit; characters from 0 where there is no evidence.
    """
    texts = list(_texts(rows, labels))
    if texts:
        return _weigh_texts(texts, prior, fixed, ends_known)
    spans = list(_spans(rows, labels))
    if spans:
        return _weigh_spans(spans, prior, fixed, ends_known)
    return Evidence(prior)


# Answers with a text

_Text = tuple[str, str, int, int | None]


def _placed(rows: Sequence[LooseExample], labels: frozenset[Label]) -> Iterator[tuple[LooseExample, LooseAnswer]]:
    for row in rows:
        for answer in row.answers:
            if answer.start is not None and answer.start >= 0 and (answer.label is None or answer.label in labels):
                yield row, answer


def _texts(rows: Sequence[LooseExample], labels: frozenset[Label]) -> Iterator[_Text]:
    for row, answer in _placed(rows, labels):
        if answer.text is not None and answer.start is not None and answer.text.strip():
            yield row.context, answer.text.strip(), answer.start, answer.end


def _weigh_texts(answers: list[_Text], prior: Counting, fixed: bool, ends_known: bool) -> Evidence:
    # What is known of a context (its words, its line ends) is kept for the answers that follow it.
    answers.sort(key=lambda answer: id(answer[0]))
    hits = [_stands(PLAIN, answer) for answer in answers]
    plain = sum(hits)
    missed = [answer for answer, hit in zip(answers, hits, strict=True) if not hit]
    sample = missed[:: max(1, len(missed) // _SAMPLE)]
    best, most = prior, plain if prior == PLAIN else sum(_stands(prior, answer) for answer in answers)
    for counting in () if fixed else (PLAIN, *_CHARACTER_COUNTINGS, *_WORD_COUNTINGS):
        # Only what the plain reading misses can be won, so that files whose offsets are right cost next to nothing.
        if sum(_stands(counting, answer) for answer in sample) * 10 < len(sample):
            continue
        won = sum(_stands(counting, answer) for answer in missed)
        # A reading that few answers fit is none: offsets may be shifted, or made up.
        if plain + won > most and (plain + won) * 2 >= len(answers):
            total = sum(_stands(counting, answer) for answer in answers)
            if total > most:
                best, most = counting, total
    if not fixed and len({answer[2] for answer in answers}) == 1 and len(answers) >= _SAME_PLACE:
        best = replace(best, trusted=most * 2 >= len(answers))
    return Evidence(best if ends_known else _with_ends(best, answers), len(answers), most, plain)


def _stands(counting: Counting, answer: _Text) -> bool:
    context, text, start, _ = answer
    place = counting.start(context, start)
    return place is not None and context.startswith(text, place)


def _with_ends(counting: Counting, answers: list[_Text]) -> Counting:
    """The counting with inclusive ends, where those give more of the texts back than exclusive ones."""
    exclusive = inclusive = 0
    other = replace(counting, inclusive=True)
    for context, text, start, end in answers:
        place = None if end is None else counting.start(context, start)
        if end is not None and place is not None:
            exclusive += counting.end(context, end) == place + len(text)
            inclusive += other.end(context, end) == place + len(text)
    return other if inclusive > exclusive else counting


# Spans without a text

_Span = tuple[str, int, int]


def _spans(rows: Sequence[LooseExample], labels: frozenset[Label]) -> Iterator[_Span]:
    for row, answer in _placed(rows, labels):
        if answer.text is None and answer.start is not None and answer.end is not None and not row.is_impossible:
            yield row.context, answer.start, answer.end


def _weigh_spans(spans: list[_Span], prior: Counting, fixed: bool, ends_known: bool) -> Evidence:
    spans = [span for span in spans if span[1:] != (0, 0)] or spans  # 0 to 0 usually says "no answer"

    spans.sort(key=lambda span: id(span[0]))

    def fits(counting: Counting) -> list[_Fit]:
        return [_fit(counting, *span) for span in spans]

    def whole(found: list[_Fit]) -> int:
        return sum(not fit.faults for fit in found)

    plain = fits(PLAIN)
    first = plain if prior == PLAIN else fits(prior)
    best, chosen = prior, first
    for counting in (prior,) if fixed else (prior, *_CHARACTER_COUNTINGS):
        for inclusive in (False,) if ends_known else (False, True):
            other = fits(replace(counting, inclusive=inclusive))
            # Faults must speak for it; marks decide between readings for which they speak alike.
            better = sum(new.faults < old.faults for new, old in zip(other, first, strict=True))
            worse = sum(new.faults > old.faults for new, old in zip(other, first, strict=True))
            if better - worse >= _FEWEST_BETTER and sum(map(_cost, other)) < sum(map(_cost, chosen)):
                best, chosen = replace(counting, inclusive=inclusive), other
    if not fixed and whole(chosen) * 2 < len(spans) and (words := _word_counting(spans)) is not None:
        best, chosen = words, fits(words)
    # In languages with suffixes and compounds a right answer may end inside a word, but it is not two letters long.
    short = sorted(end - start for _, start, end in spans)[len(spans) // 2] < _SHORT
    begun = sum(fit.begins_badly for fit in chosen) * 5 >= len(spans)
    doubtful = whole(chosen) * 2 < len(spans) and (begun or short or len(spans) < _FEWEST_BETTER)
    return Evidence(best, len(spans), whole(chosen), whole(plain), has_texts=False, doubtful=doubtful)


@dataclass(frozen=True, slots=True)
class _Fit:
    """How a span of text looks: cut words and blank edges are faults, marks at its edges are odd."""

    faults: int
    marks: int = 0
    begins_badly: bool = False


_NO_SPAN = _Fit(2, 0, True)


def _cost(fit: _Fit) -> float:
    return fit.faults + 0.5 * fit.marks


def _fit(counting: Counting, context: str, start: int, end: int) -> _Fit:
    begin, stop = counting.start(context, start), counting.end(context, end)
    if begin is None or stop is None or not begin < stop <= len(context):
        return _NO_SPAN
    first, last = context[begin], context[stop - 1]
    begins_badly = cuts_word(context, begin) or first.isspace()
    faults = begins_badly + cuts_word(context, stop) + last.isspace()
    return _Fit(faults, (first in _OPENING_MARKS) + (last in _CLOSING_MARKS), begins_badly)


def _word_counting(spans: list[_Span]) -> Counting | None:
    """Words as units, where every span is one of words. Their edges never cut a word, so other signs must decide."""
    if len(spans) < _FEWEST_BETTER:
        return None
    one_word = any(start == end for _, start, end in spans)  # of which an exclusive end would make nothing
    for unit in (WORDS, TOKENS):
        counting = Counting(unit, inclusive=True)
        if one_word and all(_fit(counting, *span) is not _NO_SPAN for span in spans):
            return counting
    return None


_CHARACTER_COUNTINGS = (
    *(Counting(unit) for unit in (CHARACTERS, UTF16, BYTES, CRLF_AS_ONE, LF_AS_TWO, UNESCAPED)),
    *(Counting(unit, base=1) for unit in (CHARACTERS, UTF16, BYTES)),
)
_WORD_COUNTINGS = (Counting(WORDS), Counting(TOKENS), Counting(WORDS, base=1), Counting(TOKENS, base=1))


# From a unit's number to a character


def _start_of(unit: str, context: str, offset: int) -> int | None:
    if offset < 0:
        return None
    if unit in _WORD:
        words = _words(unit, context)
        return words[offset][0] if offset < len(words) else None
    return _PLACES[unit](context, offset)


def _end_of(unit: str, context: str, offset: int) -> int | None:
    if offset < 0:
        return None
    if unit in _WORD:
        words = _words(unit, context)
        return words[offset - 1][1] if 0 < offset <= len(words) else None
    return _PLACES[unit](context, offset)


@lru_cache(maxsize=16)
def _words(unit: str, context: str) -> list[tuple[int, int]]:
    return [match.span() for match in _WORD[unit].finditer(context)]


def _encoded(encoding: str, size: int) -> Callable[[str, int], int | None]:
    def place(context: str, offset: int) -> int | None:
        if context.isascii():
            return offset if offset <= len(context) else None
        # Every character takes at least one unit, so the first `offset` characters are enough.
        head = context[:offset].encode(encoding, errors="surrogatepass")
        if len(head) < offset * size:
            return None
        try:
            return len(head[: offset * size].decode(encoding, errors="strict"))
        except UnicodeDecodeError:  # within a character
            return None

    return place


def _in_characters(context: str, offset: int) -> int | None:
    return offset if offset <= len(context) else None


def _crlf_as_one(context: str, offset: int) -> int | None:
    ends = _line_ends("\r\n", context)
    # The i-th of them began, so counted, i characters earlier.
    return _in_characters(context, offset + bisect_left(range(len(ends)), offset, key=lambda i: ends[i] - i))


def _lf_as_two(context: str, offset: int) -> int | None:
    if "\r" in context:
        return _in_characters(context, offset)
    ends = _line_ends("\n", context)
    return _in_characters(context, offset - bisect_left(range(len(ends)), offset, key=lambda i: ends[i] + i + 1))


@lru_cache(maxsize=16)
def _line_ends(end: str, context: str) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(end), context)]


def _unescaped(context: str, offset: int) -> int | None:
    begins, shifts = _references(context)
    return _in_characters(context, offset + shifts[bisect_right(begins, offset) - 1])


@lru_cache(maxsize=16)
def _references(context: str) -> tuple[list[int], list[int]]:
    """Where, in the text without character references, each of them has ended; and how much longer the source is."""
    begins, shifts, shift = [0], [0], 0
    for match in ENTITY.finditer(context) if "&" in context else ():
        written = html.unescape(match[0])
        begins.append(match.start() - shift + len(written))
        shift += len(match[0]) - len(written)
        shifts.append(shift)
    return begins, shifts


_PLACES: dict[str, Callable[[str, int], int | None]] = {
    CHARACTERS: _in_characters,
    BYTES: _encoded("utf-8", 1),
    UTF16: _encoded("utf-16-le", 2),
    CRLF_AS_ONE: _crlf_as_one,
    LF_AS_TWO: _lf_as_two,
    UNESCAPED: _unescaped,
}
