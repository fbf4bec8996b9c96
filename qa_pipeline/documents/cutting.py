"""Cuts a text into passages along its headings, tables and lists. Sees a text and its blocks; no file, no question."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from qa_pipeline.documents.blocks import DocumentBlock, trimmed
from qa_pipeline.text.words import count_words, sentence_spans

MAX_WORDS = 400
MIN_WORDS, FEW_WORDS = 15, 40
"""A stretch with fewer words than the first joins any neighbour under the same heading; two with fewer than the second
join each other."""

_PARAGRAPH = re.compile(r"[^\n](?:.|\n(?!\s*\n))*")  # runs of lines between blank ones
_LINE = re.compile(r"[^\n]+")
_INSIDE_SENTENCE = re.compile(r"([^\n]{50}[^\n.!?:;]|[^\n.!?:;](?=\r?\n[^\S\n]*[a-zà-öø-ÿа-я]))\r?\n")
"""A line end after a line that is full, or before a small letter, where no sentence ends."""
_CHUNK = 1500
"""Characters that are looked at together for sentences, at least; at most twice as many."""
_CHUNK_END = re.compile(r"[.!?][)\]\"'”’»]*\s+(?=[^\W\d_a-zà-öø-ÿ])|\n\s*|[。！？]")
_LEADS_IN = (":", "：")
_MOST_LEAD = 60
"""Words; a header row or a lead-in that has more is not said again."""


class PassageSpan(NamedTuple):
    """A passage before it has a name.

    Attributes:
        start, end: characters of the text, end exclusive, without space around them.
        words: how many it has, its lead counted.
        headings: the path of headings that it stands under, the outermost first.
        lead: characters that it goes on from and does not hold (see `Passage.lead`); None for none.
        bare: it is a heading alone, so far.
    """

    start: int
    end: int
    words: int
    headings: tuple[str, ...] = ()
    lead: tuple[int, int] | None = None
    bare: bool = False


class _Section(NamedTuple):
    """A heading, if there is one, and what stands below it until the next heading of any level."""

    headings: tuple[str, ...]
    heading: tuple[int, int] | None
    end: int
    blocks: list[DocumentBlock]


@dataclass
class _Unit:
    """What is kept in one piece where it fits: a paragraph, a table, a list with its lead-in."""

    start: int
    end: int
    words: int
    block: DocumentBlock | None = None
    lead: tuple[int, int] | None = None


def cut(
    text: str,
    blocks: Sequence[DocumentBlock],
    max_words: int = MAX_WORDS,
    language: str = "en",
    *,
    line_is_paragraph: bool = False,
    page_starts: Collection[int] = (),
) -> list[PassageSpan]:
    """Cuts a text into stretches of up to `max_words` words.

    Every heading begins a new one; under it paragraphs, tables and lists are joined while they fit. What is too long is
    cut: tables between rows, lists between items, paragraphs between sentences, a sentence between words. What goes on
    with a table or a list has the header row or the lead-in for its lead. Then those that are too short to stand alone
    are joined: with what stands under the same heading, or with its neighbour where that is as short.

    Args:
        text: any.
        blocks: of the text, in their order, not overlapping.
        max_words: of a stretch, its lead counted.
        language: code, for cutting sentences.
        line_is_paragraph: every line is a paragraph; else paragraphs stand between blank lines.
        page_starts: where pages begin; a sentence may go on there.

    Returns:
        Spans in their order, not overlapping, that hold everything but white space.
    """
    pieces: list[PassageSpan] = []
    paragraph = _LINE if line_is_paragraph else _PARAGRAPH
    cutter = _Cutter(text, max_words, language, paragraph, frozenset(page_starts))
    for section in _sections(text, blocks, max_words):
        pieces += cutter.section(section)
    return _join_short(pieces, max_words)


def _sections(text: str, blocks: Sequence[DocumentBlock], max_words: int) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    heading: tuple[int, int] | None = None
    inside: list[DocumentBlock] = []
    for block in blocks:
        if block.kind != "heading" or count_words(text[block.start : block.end]) > max_words // 2:
            inside.append(block)
            continue
        yield _Section(tuple(title for _, title in path), heading, block.start, inside)
        while path and path[-1][0] >= block.level:
            path.pop()
        path.append((block.level, block.title))
        heading, inside = (block.start, block.end), []
    yield _Section(tuple(title for _, title in path), heading, len(text), inside)


@dataclass
class _Cutter:
    """Cuts one section after the other; remembers where the last one ended."""

    text: str
    max_words: int
    language: str
    paragraph: re.Pattern[str]
    page_starts: frozenset[int]
    position: int = 0

    def section(self, section: _Section) -> list[PassageSpan]:
        """The stretches of one section."""
        pieces: list[PassageSpan] = []
        if section.heading:
            start, end = section.heading
            pieces.append(PassageSpan(start, end, count_words(self.text[start:end]), section.headings, bare=True))
            self.position = end
        closed = False  # nothing is joined to the end of what was cut
        for unit in self._with_lead_in(self._units(section)):
            last = pieces[-1] if pieces and not closed else None
            if last and last.words + unit.words <= self.max_words:
                pieces[-1] = last._replace(end=unit.end, words=last.words + unit.words, bare=False)
            elif unit.words <= self.max_words and not (last and last.words < _few(self.max_words)):
                pieces.append(PassageSpan(unit.start, unit.end, unit.words, section.headings))
                closed = False
            else:
                opened = pieces.pop() if last and last.words < _few(self.max_words) else None
                pieces += self._pieces(unit, section.headings, opened)
                closed = True
        self.position = section.end
        return pieces

    def _units(self, section: _Section) -> Iterator[_Unit]:
        """Paragraphs, tables and lists of a section, in their order."""
        for block in section.blocks:
            yield from self._paragraphs(block.start)
            lead = (block.start, block.header) if block.kind == "table" and block.header else None
            known = block if block.kind in ("table", "list") else None
            yield _Unit(block.start, block.end, count_words(self.text[block.start : block.end]), known, lead)
            self.position = block.end
        yield from self._paragraphs(section.end)

    def _paragraphs(self, end: int) -> Iterator[_Unit]:
        last: _Unit | None = None
        for match in self.paragraph.finditer(self.text, self.position, end):
            start, stop = trimmed(self.text, match.start(), match.end())
            if start == stop:
                continue
            unit = _Unit(start, stop, count_words(self.text[start:stop]))
            if last is not None and self._goes_on(last.end, start):
                unit = _Unit(last.start, stop, last.words + unit.words)
            elif last is not None:
                yield last
            last = unit
        if last is not None:
            yield last

    def _goes_on(self, end: int, start: int) -> bool:
        """Whether a page ends in the middle of a sentence."""
        return start in self.page_starts and self.text[start].islower() and self.text[end - 1] not in ".!?:;"

    def _with_lead_in(self, units: Iterable[_Unit]) -> Iterator[_Unit]:
        """The units, lists and tables together with the paragraph that leads them in."""
        before: _Unit | None = None
        for unit in units:
            if before is not None and unit.block and self.text[before.start : before.end].endswith(_LEADS_IN):
                lead = unit.lead or self._last_sentence(before)
                unit = replace(unit, start=before.start, words=before.words + unit.words, lead=lead)
                before = None
            if before is not None:
                yield before
            before = None if unit.block else unit
            if unit.block:
                yield unit
        if before is not None:
            yield before

    def _last_sentence(self, unit: _Unit) -> tuple[int, int]:
        text = self.text[unit.start : unit.end]
        line = text.rfind("\n", 0, len(text) - 1) + 1
        start, end = sentence_spans(text[line:], self.language)[-1]
        return unit.start + line + start, unit.start + line + end

    def _pieces(self, unit: _Unit, headings: tuple[str, ...], opened: PassageSpan | None) -> list[PassageSpan]:
        """A unit that is too long, cut; it goes on with a stretch that is still short."""
        lead, lead_words = unit.lead, 0
        if lead is not None:
            lead_words = count_words(self.text[lead[0] : lead[1]])
            if lead_words > min(_MOST_LEAD, self.max_words // 3):
                lead, lead_words = None, 0
        pieces = [opened] if opened else []
        # Pieces of about the same size: a table is not cut into one that is full and two rows that are left.
        total = unit.words + (opened.words if opened else 0)
        enough = total / math.ceil(total / (self.max_words - lead_words))
        for start, end in self._parts(unit, self.max_words - lead_words):
            words = count_words(self.text[start:end])
            last = pieces[-1] if pieces else None
            if last and last.words + words <= self.max_words and last.words < enough:
                pieces[-1] = last._replace(end=end, words=last.words + words, bare=False)
            elif lead is not None and start >= lead[1]:
                pieces.append(PassageSpan(start, end, words + lead_words, headings, lead))
            else:  # it holds the lead, or comes before it
                pieces.append(PassageSpan(start, end, words, headings))
        return pieces

    def _parts(self, unit: _Unit, most: int) -> Iterator[tuple[int, int]]:
        """What a unit may be cut into: rows or items; sentences of what is neither or too long; words of a sentence."""
        parts: Sequence[int] = ()
        if unit.block:
            header = unit.block.header or 0
            parts = [part for part in unit.block.parts if part > unit.start and not unit.block.start < part < header]
        bounds = [unit.start, *parts, unit.end]
        for begin, stop in zip(bounds, bounds[1:], strict=False):
            start, end = trimmed(self.text, begin, stop)
            if count_words(self.text[start:end]) <= most and parts:
                yield start, end
                continue
            for first, last in self._sentences(start, end):
                yield from _at_most(self.text, first, last, most)

    def _sentences(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The sentences of a stretch; what the segmenter loses stands between them as one of its own."""
        text = self._in_sentences(start, end)
        last = 0
        for begin, stop in _chunks(text):
            for first, after in (*sentence_spans(text[begin:stop], self.language), (stop - begin, stop - begin)):
                gap = trimmed(text, last, begin + first)
                if gap[0] < gap[1]:
                    yield start + gap[0], start + gap[1]
                if text[begin + first : begin + after].strip():
                    yield start + begin + first, start + begin + after
                last = begin + after

    def _in_sentences(self, start: int, end: int) -> str:
        """A stretch as it is, with a space for each line end that is inside of a sentence."""
        text = self.text[start:end]
        if self.paragraph is _LINE:
            return text
        for match in re.finditer(r"\n\n(?=\S)", text) if self.page_starts else ():
            if match.start() and self._goes_on(start + match.start(), start + match.end()):
                text = f"{text[: match.start()]}  {text[match.end() :]}"
        return _INSIDE_SENTENCE.sub(_spaces, text)


def _chunks(text: str) -> Iterator[tuple[int, int]]:
    """A text in parts that end with a sentence: the time that the segmenter takes grows with the square of a length."""
    begin = 0
    while len(text) - begin > 2 * _CHUNK:
        match = _CHUNK_END.search(text, begin + _CHUNK, begin + 2 * _CHUNK)
        stop = match.end() if match else text.rfind(" ", begin + _CHUNK, begin + 2 * _CHUNK) + 1
        stop = stop or begin + 2 * _CHUNK
        yield begin, stop
        begin = stop
    yield begin, len(text)


def _spaces(match: re.Match[str]) -> str:
    return match[1] + " " * (len(match[0]) - len(match[1]))


def _at_most(text: str, start: int, end: int, max_words: int) -> Iterator[tuple[int, int]]:
    """A sentence, cut where it has more words than a passage may have."""
    if count_words(text[start:end]) <= max_words:
        yield start, end
        return
    begin = last = None
    size = 0
    # Scripts without spaces are one long "word" here, which is cut by characters: two of them count as a word.
    for match in re.finditer(rf"\S{{1,{2 * max_words}}}", text[start:end]):
        count = count_words(match[0])
        if begin is not None and last is not None and size + count > max_words:
            yield start + begin, start + last
            begin, size = None, 0
        begin = match.start() if begin is None else begin
        last, size = match.end(), size + count
    if begin is not None and last is not None:
        yield start + begin, start + last


def _join_short(pieces: Sequence[PassageSpan], max_words: int) -> list[PassageSpan]:
    """Joins what is too short to stand alone: inside of a section, then with the next one, then with the one before."""

    def inside(first: PassageSpan, second: PassageSpan) -> bool:
        short = _is_short(first, second, max_words) or _is_short(second, first, max_words)
        return short and first.headings == second.headings

    def to_next(first: PassageSpan, second: PassageSpan) -> bool:
        return _is_short(first, second, max_words)

    def to_last(first: PassageSpan, second: PassageSpan) -> bool:
        return _is_short(second, first, max_words)

    for wanted in (inside, to_next, to_last):
        kept: list[PassageSpan] = []
        for piece in pieces:
            joined = _joined(kept[-1], piece, max_words) if kept and wanted(kept[-1], piece) else None
            if joined:
                kept[-1] = joined
            else:
                kept.append(piece)
        pieces = kept
    return list(pieces)


def _is_short(piece: PassageSpan, other: PassageSpan, max_words: int) -> bool:
    """Whether a piece should not stand alone beside this neighbour."""
    if piece.bare or piece.words < min(MIN_WORDS, max_words // 4):
        return True
    same = _common(piece.headings, other.headings) == min(piece.headings, other.headings, key=len)
    return piece.words < _few(max_words) and (same or other.words < _few(max_words))


def _few(max_words: int) -> int:
    return min(FEW_WORDS, max_words // 2)


def _joined(first: PassageSpan, second: PassageSpan, max_words: int) -> PassageSpan | None:
    """Two neighbours as one; None where they are too long together, have nothing in common, or a lead would be lost."""
    common = _common(first.headings, second.headings)
    related = len(common) >= max(len(first.headings), len(second.headings)) - 1 or common == first.headings
    if not related or first.words + second.words > max_words:
        return None
    if second.lead is not None and second.lead != first.lead and first.start > second.lead[0]:
        return None
    if first.headings != second.headings and first.lead is not None:
        return None  # the lead is that of its own table or list
    words = first.words + second.words
    headings = _shared_headings(first, second, common)
    return PassageSpan(first.start, second.end, words, headings, first.lead, first.bare and second.bare)


def _shared_headings(first: PassageSpan, second: PassageSpan, common: tuple[str, ...]) -> tuple[str, ...]:
    """The path of two neighbours as one: what they share, or that of the longer one where the other says little."""
    longer, shorter = (first, second) if first.words > second.words else (second, first)
    if first.bare:
        return second.headings
    if common == first.headings:
        return longer.headings
    return longer.headings if shorter.words < MIN_WORDS <= longer.words else common


def _common(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """The beginning that two paths share."""
    shared = []
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared.append(one)
    return tuple(shared)
