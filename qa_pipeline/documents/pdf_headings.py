"""Finds the headings of a PDF: lines that are larger or bolder than the body of the text, and those of its outline.

Sees the runs of characters that pypdf gives, with their fonts, and the text that was made of the pages. Knows no file.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, NamedTuple

from qa_pipeline.documents.blocks import DocumentBlock, heading_block
from qa_pipeline.documents.plain import in_order, line_lists, line_tables, without_blocks, written_lines
from qa_pipeline.documents.table_rows import CELL

_BOLD = re.compile(r"bold|black|heavy|demi|semibd|[-,]bd|-medi$|(?:^|\+)(?:cmbx|sfbx|cmssbx)", re.IGNORECASE)
_FORCE_BOLD = 1 << 18
_LARGER = 1.12
"""Times the size of the body: what is less is a rounding, or a font that is cut larger."""
_WORDS, _LINES = 20, 3
"""Of a heading; what is longer is a paragraph in large letters."""
_LINE_HEIGHT = 1.35
"""Times the size: lines of one heading are not further apart."""
_MOST_SHARE = 0.4
"""Of the characters of a document. Where more stands in lines that look like headings, they are its body."""
_NUMBER = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s")
_MOST_ENTRIES = 5000
_LEVEL = 10
"""From one level of headings to the next; numbers ("2.1") and styles that the outline does not know lie between."""


class LineStyle(NamedTuple):
    """What the letters of a line look like: their size in points, and whether all are bold."""

    size: float
    bold: bool


@dataclass
class StyledLine:
    """A line as it was drawn.

    Attributes:
        text: as it stands there.
        style: of most of its characters.
        height: where it stands on the page, in points from the bottom.
    """

    text: str
    style: LineStyle
    height: float

    @property
    def key(self) -> str:
        """What makes it known again: its characters without white space."""
        return "".join(self.text.split())


class OutlineEntry(NamedTuple):
    """A bookmark: the number of its page from 0, its depth from 0, and its words."""

    page: int
    depth: int
    title: str


@dataclass
class RunCollector:
    """Takes the runs of one page: what pypdf calls a visitor of text."""

    lines: list[StyledLine] = field(default_factory=list)
    sizes: Counter[tuple[float, bool]] = field(default_factory=Counter)
    text: str = ""
    height: float = 0.0

    def __call__(self, text: str, outer: Any, inner: Any, font: Any, size: Any) -> None:
        """One run: its text with the ends of lines in it, two matrices, its font and its size."""
        for number, part in enumerate(text.split("\n")):
            if number:
                self._end_line()
            if part.strip():
                points = round(2 * abs(float(size)) * _scale(inner) * _scale(outer)) / 2
                if not self.text.strip():
                    self.height = float(inner[5]) * float(outer[3]) + float(outer[5])
                self.sizes[points, _is_bold(font)] += len("".join(part.split()))
            self.text += part

    def finish(self, clean: Callable[[str], str]) -> list[StyledLine]:
        """All lines of the page, cleaned as its text is."""
        self._end_line()
        return [replace(line, text=clean(line.text)) for line in self.lines]

    def _end_line(self) -> None:
        if self.sizes:
            (size, _), _ = self.sizes.most_common(1)[0]
            bold = all(bold for _, bold in self.sizes)
            self.lines.append(StyledLine(self.text.strip(), LineStyle(size, bold), self.height))
        self.sizes, self.text = Counter(), ""


def _scale(matrix: Any) -> float:
    """How much a matrix stretches letters upwards."""
    return float((float(matrix[2]) ** 2 + float(matrix[3]) ** 2) ** 0.5)


def _is_bold(font: Any) -> bool:
    if not hasattr(font, "get"):
        return False
    inner = font.get("/DescendantFonts")
    described = [font, *(each.get_object() for each in (inner.get_object() if inner is not None else ()))]
    for each in described:
        descriptor = each.get("/FontDescriptor")
        values = descriptor.get_object() if descriptor is not None else {}
        weight, flags = values.get("/FontWeight", 0), values.get("/Flags", 0)
        if _BOLD.search(str(each.get("/BaseFont", ""))) or isinstance(weight, (int, float)) and weight >= 600:
            return True
        if isinstance(flags, int) and flags & _FORCE_BOLD:
            return True
    return False


def read_outline(reader: Any) -> list[OutlineEntry]:
    """The bookmarks of a file, in their order; none where they are damaged."""
    entries: list[OutlineEntry] = []
    try:
        stack: list[tuple[Any, int]] = [(reader.outline, -1)]
        while stack and len(entries) < _MOST_ENTRIES:
            node, depth = stack.pop()
            if isinstance(node, list):
                stack.extend((each, depth + 1) for each in reversed(node))
            elif (page := reader.get_destination_page_number(node)) is not None and isinstance(node.title, str):
                entries.append(OutlineEntry(page, depth, node.title))
    except Exception:  # the text is read; bookmarks are a help only
        return []
    return entries


def pdf_blocks(
    text: str,
    pages: Sequence[tuple[int, int]],
    styled: Sequence[Sequence[StyledLine]],
    outline: Sequence[OutlineEntry],
) -> tuple[DocumentBlock, ...]:
    """The headings, tables and lists of a text that was made of pages.

    Args:
        text: of all pages.
        pages: the characters of each in the text.
        styled: the lines of each page as they were drawn.
        outline: see `read_outline`.
    """
    known = [_in_outline(lines, number, outline) for number, lines in enumerate(styled)]
    if sum(map(len, known)) * 2 < len(outline):  # another text than that of the lines
        known = [{} for _ in styled]
    chosen = _Body(styled)
    lines = written_lines(text)
    starts = [line.start for line in lines]
    headings: list[DocumentBlock] = []
    levels = chosen.levels(known)
    for (start, end), drawn, depths in zip(pages, styled, known, strict=True):
        inside = lines[bisect_left(starts, start) : bisect_left(starts, max(end, start + 1))]
        headings += _page_headings(text, [line for line in inside if line.text], drawn, depths, chosen, levels)
    blocks = list(in_order(headings))
    rest = without_blocks(lines, blocks)
    return in_order([*blocks, *line_tables(text, rest), *line_lists(text, rest)])


class _Body:
    """What most of a document's letters look like, and what stands out from them."""

    def __init__(self, pages: Sequence[Sequence[StyledLine]]) -> None:
        self.pages = pages
        sizes: Counter[LineStyle] = Counter()
        for line in (line for page in pages for line in page):
            sizes[line.style] += len(line.key)
        by_size: Counter[float] = Counter()
        for style, count in sizes.items():
            by_size[style.size] += count
        self.size = max(by_size, key=lambda size: (by_size[size], -size)) if by_size else 0.0
        bold = sizes[LineStyle(self.size, True)]
        self.is_bold = bold * 3 > by_size[self.size]
        found = sum(len(line.key) for page in pages for run in self.runs(page) for line in run)
        self.stands_out = found <= _MOST_SHARE * sum(sizes.values())

    def runs(self, page: Sequence[StyledLine]) -> Iterator[list[StyledLine]]:
        """The lines of each heading of a page, by how they look."""
        for looks, group in groupby(page, key=lambda line: (self._looks(line), line.style)):
            if looks[0]:
                parts: list[list[StyledLine]] = []
                for line in group:
                    if parts and _goes_on(parts[-1][-1], line):
                        parts[-1].append(line)
                    else:
                        parts.append([line])
                yield from (part for part in parts if self._is_heading(part))

    def levels(self, known: Sequence[dict[int, int]]) -> dict[LineStyle, int]:
        """The level of each style: as the outline has it, else between those of the styles around it."""
        told: defaultdict[LineStyle, list[int]] = defaultdict(list)
        for page, depths in zip(self.pages, known, strict=True):
            for number, depth in depths.items():
                told[page[number].style].append((depth + 1) * _LEVEL)
        styles = {run[0].style for page in self.pages for run in self.runs(page)} if self.stands_out else set()
        levels: dict[LineStyle, int] = {}
        last = 0
        for style in sorted(styles | told.keys(), reverse=True):
            last = min(told[style]) if style in told else last + (_LEVEL // 2 if told else _LEVEL)
            levels[style] = last
        return levels

    def _looks(self, line: StyledLine) -> bool:
        style = line.style
        return style.size >= _LARGER * self.size or (
            style.bold and not self.is_bold and style.size >= 0.95 * self.size and not line.text.endswith(":")
        )

    @staticmethod
    def _is_heading(run: Sequence[StyledLine]) -> bool:
        text = " ".join(line.text for line in run)
        return (
            len(run) <= _LINES
            and 0 < len(text.split()) <= _WORDS
            and sum(map(str.isalpha, text)) >= 2
            and not text.endswith((".", ",", ";"))
            and CELL not in text
        )


def _goes_on(above: StyledLine, line: StyledLine) -> bool:
    """Whether two lines of one style are one heading."""
    near = 0 < above.height - line.height <= _LINE_HEIGHT * line.style.size
    return near and not _NUMBER.match(line.text)


def _in_outline(lines: Sequence[StyledLine], page: int, outline: Sequence[OutlineEntry]) -> dict[int, int]:
    """The lines of a page that are in the outline, each with its depth."""
    places = {line.key: number for number, line in reversed(list(enumerate(lines)))}
    unnumbered = {_unnumbered(line.text): number for number, line in reversed(list(enumerate(lines)))}
    found = {}
    for entry in outline:
        if entry.page == page:
            number = places.get("".join(entry.title.split()), unnumbered.get(_unnumbered(entry.title)))
            if number is not None:
                found[number] = entry.depth
    return found


def _unnumbered(title: str) -> str:
    return "".join(_NUMBER.sub("", title.strip(), count=1).split())


def _page_headings(
    text: str,
    inside: Sequence[Any],
    drawn: Sequence[StyledLine],
    depths: dict[int, int],
    body: _Body,
    levels: dict[LineStyle, int],
) -> Iterator[DocumentBlock]:
    """The headings of one page, where its text has their lines as they were drawn.

    Args:
        text: of the document.
        inside: the written lines of the page.
        drawn: its lines as they were drawn.
        depths: those that are in the outline.
        body: of the document.
        levels: of its styles.
    """
    order = {id(line): number for number, line in enumerate(drawn)}
    runs = {order[id(run[0])]: run for run in (body.runs(drawn) if body.stands_out else ())}
    for number in depths:
        runs.setdefault(number, [drawn[number]])
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, line in enumerate(inside):
        places["".join(line.text.split())].append(place)
    last = -1
    for number, run in sorted(runs.items()):
        first = next((place for place in places[run[0].key] if place > last), None)
        if first is None:
            continue
        final = first
        for line in run[1:]:
            if final + 1 < len(inside) and "".join(inside[final + 1].text.split()) == line.key:
                final += 1
        level = (depths[number] + 1) * _LEVEL if number in depths else levels[run[0].style]
        match = _NUMBER.match(run[0].text)
        level += match[1].count(".") if match and number not in depths else 0
        block = heading_block(text, inside[first].start, inside[final].end, level)
        if block is not None:
            last = final
            yield block
