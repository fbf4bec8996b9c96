"""What a document is made of: headings, tables and lists in characters of its text. Knows no format and no file.

Readers give lines with what they are (`DocumentLine`); `join_lines` makes the text of them and its blocks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import Literal, NamedTuple

from qa_pipeline.documents.table_rows import CELL

Kind = Literal["heading", "table", "list"]
Role = Literal["", "heading", "row", "header", "item"]

LONGEST_HEADING = 30
"""Words; what a style calls a heading and is longer is a paragraph."""


class DocumentBlock(NamedTuple):
    """A heading, a table or a list of a document.

    Attributes:
        kind: which of them.
        start, end: characters of the document's text, end exclusive, without space around them.
        level: of a heading: the smaller, the further out; 0 for the title of the whole.
        title: the words of a heading, on one line, without markup.
        parts: where each row or item begins, the first at `start`; empty for a heading.
        header: of a table, where its header row or rows end; None where it has none.
    """

    kind: Kind
    start: int
    end: int
    level: int = 0
    title: str = ""
    parts: tuple[int, ...] = ()
    header: int | None = None


class DocumentLine(NamedTuple):
    """A line of a document as its reader gives it: a text (in a few lines where it has breaks), and what it is.

    Rows that follow each other are one table, items that do one list; any other line ends them, a blank one too.
    """

    text: str
    role: Role = ""
    level: int = 0


class BlockText(NamedTuple):
    """What a reader gives: the text, the document's own title or None, and the blocks in their order."""

    text: str
    title: str | None
    blocks: tuple[DocumentBlock, ...]


def join_lines(lines: Iterable[DocumentLine], title: str | None = None) -> BlockText:
    r"""The lines as one text, with one blank line at most between them, and its blocks.

    Example:
        >>> rows = [DocumentLine("Craft | Fee", "header"), DocumentLine("Boat | 4 EUR", "row")]
        >>> content = join_lines([DocumentLine("Fees", "heading", 1), *rows])
        >>> [(block.kind, content.text[block.start : block.end]) for block in content.blocks]
        [('heading', 'Fees'), ('table', 'Craft | Fee\nBoat | 4 EUR')]
    """
    lines = list(lines)
    raw = "\n".join(line.text for line in lines)
    text, moved = without(raw, surplus_lines(raw))
    begins = list(accumulate((len(line.text) + 1 for line in lines), initial=0))
    spans = [(line, moved(begin), moved(begin + len(line.text))) for line, begin in zip(lines, begins, strict=False)]
    return BlockText(text, title, tuple(_blocks(text, spans)))


def join_texts(texts: Iterable[BlockText], title: str | None = None, between: str = "\n\n") -> BlockText:
    """Texts one after the other as one, blank ones left out."""
    kept = [each for each in texts if each.text.strip()]
    blocks: list[DocumentBlock] = []
    position = 0
    for each in kept:
        blocks += (moved_block(block, position) for block in each.blocks)
        position += len(each.text) + len(between)
    return BlockText(between.join(each.text for each in kept), title, tuple(blocks))


def moved_block(block: DocumentBlock, by: int) -> DocumentBlock:
    """A block of a text that has come to stand so many characters further on."""
    return block._replace(
        start=block.start + by,
        end=block.end + by,
        parts=tuple(part + by for part in block.parts),
        header=None if block.header is None else block.header + by,
    )


def surplus_lines(text: str) -> list[tuple[int, int]]:
    """Line ends that a text does not need: at its beginning and end, and beyond one blank line."""
    begin, end = len(text) - len(text.lstrip("\n")), len(text.rstrip("\n"))
    if begin >= end:
        return [(0, len(text))]
    middle = [(match.start() + 2, match.end()) for match in re.finditer(r"\n{3,}", text[:end]) if match.start() > begin]
    return [(0, begin), *middle, (end, len(text))]


def without(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, Callable[[int], int]]:
    """The text without these stretches, and a function from its old places to its new ones.

    Args:
        text: any.
        spans: characters, end exclusive, in order and not overlapping.
    """
    begins = [start for start, _ in spans]
    gone = list(accumulate((end - start for start, end in spans), initial=0))
    kept, last = [], 0
    for start, end in spans:
        kept.append(text[last:start])
        last = end

    def moved(place: int) -> int:
        number = bisect_right(begins, place)
        if number == 0:
            return place
        start, end = spans[number - 1]
        return start - gone[number - 1] if place < end else place - gone[number]

    return "".join([*kept, text[last:]]), moved


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch without white space around it; empty where there is nothing else."""
    core = text[start:end]
    start += len(core) - len(core.lstrip())
    return start, max(start, start + len(core.strip()))


def heading_block(text: str, start: int, end: int, level: int, title: str | None = None) -> DocumentBlock | None:
    """A heading of these characters; None where they are blank or too many words for one."""
    start, end = trimmed(text, start, end)
    words = (text[start:end] if title is None else title).split()
    if start == end or not 0 < len(words) <= LONGEST_HEADING:
        return None
    return DocumentBlock("heading", start, end, level, " ".join(words))


def table_block(text: str, rows: Sequence[tuple[int, int]], headers: int | None = None) -> DocumentBlock | None:
    """A table of these rows; None where there are less than two.

    Args:
        text: the document's.
        rows: the characters of each.
        headers: how many of the first rows name what is in the columns; None: the first does where it looks like it.
    """
    rows = [row for row in (trimmed(text, *row) for row in rows) if row[0] < row[1]]
    if len(rows) < 2:
        return None
    if headers is None:
        headers = int(_names_columns([text[start:end] for start, end in rows[:20]]))
    header = rows[headers - 1][1] if 0 < headers < len(rows) else None
    return DocumentBlock("table", rows[0][0], rows[-1][1], parts=tuple(start for start, _ in rows), header=header)


def list_block(text: str, start: int, end: int, items: Sequence[int]) -> DocumentBlock | None:
    """A list whose items begin at these places; None where there are less than two."""
    begins = sorted({trimmed(text, item, end)[0] for item in items if text[item:end].strip()})
    end = trimmed(text, start, end)[1]
    return DocumentBlock("list", begins[0], end, parts=tuple(begins)) if len(begins) > 1 else None


def _names_columns(rows: Sequence[str]) -> bool:
    """Whether the first row looks like the header of those below it.

    It has no figure and no empty cell, and there are three columns or more, or figures in what it stands above.
    """
    first = [cell.strip() for cell in rows[0].split(CELL.strip())]
    if len(first) < 2 or not all(first) or any(map(str.isdigit, rows[0])):
        return False
    return len(first) > 2 or any(any(map(str.isdigit, row.partition(CELL.strip())[2])) for row in rows[1:])


def _blocks(text: str, spans: Sequence[tuple[DocumentLine, int, int]]) -> Iterator[DocumentBlock]:
    for kind, group in groupby(spans, key=lambda span: _kind(span[0])):
        run = list(group)
        found: Sequence[DocumentBlock | None] = ()
        if kind == "heading":
            found = [heading_block(text, start, end, line.level) for line, start, end in run]
        elif kind == "table":
            headers = sum(line.role == "header" for line, _, _ in run)
            found = [table_block(text, [(start, end) for _, start, end in run], headers or None)]
        elif kind == "list":
            found = [list_block(text, run[0][1], run[-1][2], [start for _, start, _ in run])]
        yield from (block for block in found if block is not None)


def _kind(line: DocumentLine) -> Kind | None:
    kinds: dict[Role, Kind] = {"heading": "heading", "row": "table", "header": "table", "item": "list"}
    return kinds.get(line.role)
