"""Headings, tables and lists of plain text, by how it is written. A heading is a line that is marked as one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from qa_pipeline.documents.blocks import DocumentBlock, heading_block, list_block, table_block
from qa_pipeline.documents.table_rows import CELL

_LINE = re.compile(r"([^\r\n]*)(?:\r\n?|\n|\Z)")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_HASHES = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*")
_EQUALS = re.compile(r"(={1,6})[ \t]+([^\s=].*?)[ \t]*=*[ \t]*")  # AsciiDoc
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+_])\1{2,}[ \t]*")
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?[ \t]+[^\W\d_]")
_NAMED = re.compile(
    r"(?:article|section|chapter|part|annex|appendix|schedule|artikel|abschnitt|kapitel|teil|anhang|art[ií]culo|"
    r"secci[oó]n|cap[ií]tulo|anexo|chapitre|titre|annexe|§)\s?(?:\d{1,3}[a-z]?|[ivxl]{1,6}|[a-z])(?=[\s.:–-]|$)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"[ \t]*(?:[-*+•‣▪◦●○■–][ \t]+\S|[•‣▪◦●○■][ \t]*$|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)][ \t]+\S)")
_ENDS_SENTENCE = tuple(".;:,?!…。；：，？！")
_MOST_WORDS = 12
"""A numbered line with more words is a clause or an item of a list."""
_MOST_CHARACTERS = 400
"""A longer line is no heading."""
_LEAST_ALONE, _LEAST_BELOW = 3, 15
"""Lines that stand alone before they are taken for headings, and words that each of them stands above."""
_MOST_BETWEEN = 12
"""Lines of one item of a list; what is longer is no list."""


class WrittenLine(NamedTuple):
    """A line: its characters without the line end, and its text."""

    start: int
    end: int
    text: str


def plain_blocks(text: str) -> tuple[DocumentBlock, ...]:
    r"""The blocks of a text that has no format: what is marked as in Markdown, reStructuredText or AsciiDoc.

    Headings begin with "#" or "=" signs, are underlined, or stand alone between blank lines with a number ("2.1 Fees",
    "Article 5") and are no item of a list. Where nothing is marked so, they are short lines that stand alone again and
    again, each above a longer paragraph or a list. Nothing inside of fences is one.

    Example:
        >>> [(block.title, block.level) for block in plain_blocks("Fees\n====\n\nBoats are 4 EUR.\n")]
        [('Fees', 1)]
    """
    lines = _unfenced(written_lines(text))
    headings = list(_headings(text, lines)) or _standing_alone(text, lines)
    rest = without_blocks(lines, headings)
    return in_order([*headings, *line_tables(text, rest), *line_lists(text, rest)])


def in_order(blocks: Sequence[DocumentBlock]) -> tuple[DocumentBlock, ...]:
    """The blocks by their place, those left out that begin inside of another."""
    kept: list[DocumentBlock] = []
    for block in sorted(blocks, key=lambda block: (block.start, -block.end)):
        if not kept or block.start >= kept[-1].end:
            kept.append(block)
    return tuple(kept)


def without_blocks(lines: Sequence[WrittenLine], blocks: Sequence[DocumentBlock]) -> list[WrittenLine]:
    """The lines, those of the blocks without their text."""
    inside = iter(blocks)
    block = next(inside, None)
    kept = []
    for line in lines:
        while block is not None and block.end <= line.start:
            block = next(inside, None)
        kept.append(line._replace(text="") if block is not None and block.start < line.end else line)
    return kept


def written_lines(text: str) -> list[WrittenLine]:
    """All lines of a text, with their places."""
    return [WrittenLine(match.start(), match.end(1), match[1]) for match in _LINE.finditer(text)]


def line_tables(text: str, lines: Sequence[WrittenLine]) -> Iterator[DocumentBlock]:
    """Tables: lines that follow each other and have several cells each."""
    for has_cells, run in groupby(lines, key=lambda line: CELL in line.text.strip("| ") or _is_rule(line.text)):
        if has_cells:
            # The line below the header, of dashes and bars, is no row.
            rows = [(line.start, line.end) for line in run if not _is_rule(line.text)]
            block = table_block(text, rows)
            if block is not None:
                yield block


def _is_rule(line: str) -> bool:
    return "|" in line and "-" in line and not line.strip("|:-+ \t")


@dataclass
class _OpenList:
    """A list that is being read: where its items begin, where it ends so far, and lines since its last item."""

    items: list[int] = field(default_factory=list)
    end: int = 0
    lines: int = 0
    blank: bool = False


def line_lists(text: str, lines: Sequence[WrittenLine]) -> Iterator[DocumentBlock]:
    """Lists: lines that begin with a bullet or a number, and the lines between them.

    A list ends before a paragraph that is not indented. Of the lines below its last item those are in it that are
    indented or go on with a small letter.
    """
    found: list[_OpenList] = [_OpenList()]
    for line in lines:
        last = found[-1]
        last.lines += 1
        if _ITEM.match(line.text):
            if last.lines > _MOST_BETWEEN:
                last = _OpenList()
                found.append(last)
            last.items.append(line.start)
            last.end, last.lines, last.blank = line.end, 0, False
        elif not line.text.strip():
            last.blank = True
        elif line.text[0].isspace() or not last.blank and line.text[0].islower() and line.start - last.end <= 2:
            last.end = line.end  # indented, or the sentence of the line above goes on
        elif last.blank and last.items:
            found.append(_OpenList())
    for each in found:
        block = list_block(text, each.items[0], each.end, each.items) if each.items else None
        if block is not None:
            yield block


def _unfenced(lines: Sequence[WrittenLine]) -> list[WrittenLine]:
    """The lines, those between fences without their text."""
    kept = list(lines)
    fence, opened = "", 0
    for number, line in enumerate(lines):
        match = _FENCE.match(line.text)
        if match and not fence and (match[1] == "```" or not number or not lines[number - 1].text.strip()):
            fence, opened = match[1], number  # tildes below a line underline it
        elif match and match[1] == fence:
            kept[opened : number + 1] = [each._replace(text="") for each in lines[opened : number + 1]]
            fence = ""
    return kept


def _headings(text: str, lines: Sequence[WrittenLine]) -> Iterator[DocumentBlock]:
    signs: list[str] = []  # that underline, in the order in which they come: the first is the outermost
    skip = -1
    for number, line in enumerate(lines):
        before = lines[number - 1].text.strip() if number else ""
        after = lines[number + 1] if number + 1 < len(lines) else None
        block = None
        if not line.text.strip() or number == skip or len(line.text) > _MOST_CHARACTERS:
            continue
        if match := _HASHES.fullmatch(line.text) or _EQUALS.fullmatch(line.text):
            block = heading_block(text, line.start, line.end, len(match[1]), match[2])
        elif not before or number - 1 == skip or _UNDERLINE.fullmatch(before):
            if after is not None and (mark := _underline(line.text, after.text)):
                if mark not in signs:
                    signs.append(mark)
                block, skip = heading_block(text, line.start, after.end, signs.index(mark) + 1, line.text), number + 1
            elif after is None or not after.text.strip():
                block = _numbered(text, lines, number)
        if block is not None:
            yield block


def _standing_alone(text: str, lines: Sequence[WrittenLine]) -> list[DocumentBlock]:
    """Short lines between blank ones that begin with a capital and end no sentence; none where they are few."""
    paragraphs: list[list[WrittenLine]] = []
    for filled, group in groupby(lines, key=lambda line: bool(line.text.strip())):
        if filled:
            paragraphs.append(list(group))
    found = []
    for paragraph, following in zip(paragraphs, paragraphs[1:], strict=False):
        line, below = paragraph[0], " ".join(each.text for each in following)
        if len(paragraph) == 1 and _may_stand_alone(line.text) and len(below.split()) >= _LEAST_BELOW:
            found.append(heading_block(text, line.start, line.end, 1))
    kept = [block for block in found if block is not None]
    return kept if len(kept) >= _LEAST_ALONE else []


def _may_stand_alone(line: str) -> bool:
    line = line.strip()
    letters = [character for character in line if character.isalpha()]
    return (
        len(line.split()) <= _MOST_WORDS
        and len(line) <= _MOST_CHARACTERS // 4
        and bool(letters)
        and line[0].isalpha()
        and not line[0].islower()
        and not line.endswith(_ENDS_SENTENCE)
        and CELL not in line
    )


def _underline(line: str, below: str) -> str:
    """The sign that underlines a line; "" where it is not underlined."""
    match = _UNDERLINE.fullmatch(below)
    long_enough = match and 2 * len(below.strip()) >= len(line.strip())
    return below[0] if match and long_enough and any(map(str.isalpha, line)) and CELL not in line else ""


def _numbered(text: str, lines: Sequence[WrittenLine], number: int) -> DocumentBlock | None:
    """The line as a heading, where its number says so and what follows is not another like it."""
    line = lines[number]
    level = _numbered_level(line.text)
    following = next((each.text for each in lines[number + 1 :] if each.text.strip()), "")
    if not level or not following or _numbered_level(following) == level:
        return None  # the last line of a text, or an item of a list
    return heading_block(text, line.start, line.end, level)


def _numbered_level(line: str) -> int:
    """How deep the number of a line is; 0 where it is no short line with a number before its words."""
    line = line.strip()
    if len(line.split()) > _MOST_WORDS or line.endswith(_ENDS_SENTENCE):
        return 0
    if _NAMED.match(line):
        return 1
    match = _NUMBERED.match(line)
    return match[1].count(".") + 2 if match and not line[match.end() - 1].islower() else 0
