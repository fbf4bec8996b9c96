"""Puts the cells of a table's row on one line. Sees two texts of one page only: as it was drawn, and as it looks."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import accumulate
from typing import NamedTuple

CELL = " | "
"""Separates the cells of a table's row."""

_CELL = re.compile(r"[^\s](?:[^\s]| {1,2}(?! ))*")  # three blanks end a cell; words of a line have two at most
_MARKER = re.compile(r"[^\w\s]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,4})[.)]")
"""A bullet or a number before an item of a list."""
_MOST_LINES, _MOST_CELLS = 2000, 60
_PROSE = 35
"""Characters of a line in a column of prose; a cell of a table has fewer."""
_BETWEEN = 3
"""Lines of one cell in a row that a table may hold: longer cells go on below."""


class _Piece(NamedTuple):
    """A cell, or what stands on one of its lines: the line and column it begins at, and its text."""

    line: int
    column: int
    text: str


def with_rows(drawn: str, shown: str) -> str:
    """The text as it was drawn, with tables row by row: cells of a row joined by CELL.

    Where a page's text as it looks has a table, the same characters are looked for in the text as drawn, and only there
    lines are joined. So nothing is lost or said twice, and columns of prose are not mixed. A table that is drawn row by
    row keeps long cells whole; one that is drawn in another order becomes the lines that are seen.

    Args:
        drawn: the lines in the order in which the file holds them, each cell on its own.
        shown: the same page as a grid of characters, with three blanks or more between cells.
    """
    lines = [line for line in drawn.split("\n") if line.strip()]
    grid = [_pieces(number, line) for number, line in enumerate(shown.split("\n")[:_MOST_LINES])]
    if len(lines) > _MOST_LINES:
        return drawn
    for first, last in reversed(_tables(grid)):
        place = _place(lines, grid, first, last)
        if place is not None:
            begin, end, block = place
            lines[begin:end] = _by_row(lines[begin:end], block)
    return "\n".join(lines)


def _pieces(number: int, line: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    for match in _CELL.finditer(line):
        text = " ".join(match[0].split())
        if pieces and _MARKER.fullmatch(pieces[-1].text):
            pieces[-1] = pieces[-1]._replace(text=f"{pieces[-1].text} {text}")
        else:
            pieces.append(_Piece(number, match.start(), text))
    return pieces


def _tables(grid: list[list[_Piece]]) -> list[tuple[int, int]]:
    """The first and last line of each run of lines with several cells, prose in columns left out."""
    runs: list[tuple[int, int]] = []
    for number, pieces in enumerate(grid):
        if len(pieces) < 2:
            continue
        if runs and number - runs[-1][1] <= _BETWEEN + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return [run for run in runs if not _is_prose([row for row in grid[run[0] : run[1] + 1] if len(row) > 1])]


def _is_prose(rows: list[list[_Piece]]) -> bool:
    """Whether the lines are columns of text: most have two long cells."""
    return sum(sum(len(piece.text) >= _PROSE for piece in row) >= 2 for row in rows) * 2 > len(rows)


def _place(
    lines: list[str], grid: list[list[_Piece]], first: int, last: int
) -> tuple[int, int, list[list[_Piece]]] | None:
    """Where the characters of a table, or of it and a few lines around it, stand together in the lines as drawn."""
    sums = list(accumulate(map(_signature, lines), initial=0))
    for around in range(2 * _BETWEEN + 1):
        for before in range(max(0, around - _BETWEEN), min(around, _BETWEEN) + 1):
            begin, end = first - before, last + 1 + around - before
            if begin < 0 or end > len(grid):
                continue
            block = grid[begin:end]
            span = _span(sums, sum(_signature(piece.text) for row in block for piece in row))
            if span:
                return *span, block
    return None


def _signature(text: str) -> int:
    """The same for the same characters in any order, blanks aside; that others have it too is out of the question."""
    return sum(hash(character) for character in text if not character.isspace())


def _span(sums: list[int], wanted: int) -> tuple[int, int] | None:
    """The first run of lines whose signatures add up to this."""
    begins: dict[int, int] = {}
    for end, total in enumerate(sums):
        if total - wanted in begins:
            return begins[total - wanted], end
        begins[total] = end
    return None


def _by_row(lines: list[str], block: list[list[_Piece]]) -> list[str]:
    """The lines of a table, each cell's own, joined to rows."""
    rows = [row for row in block if row]
    if max(map(len, rows)) > _MOST_CELLS:
        return lines
    pieces = _in_drawn_order(lines, rows)
    if pieces is None:
        return lines  # the two texts cut the cells in different ways
    pairs = list(zip(pieces, pieces[1:], strict=False))
    beside = sum(here.line == after.line and here.column < after.column for here, after in pairs)
    if beside * 2 < sum(len(row) - 1 for row in rows):  # drawn column by column, or in no order
        long_cells = any(len(row) < 2 for row in rows[1:])
        return lines if long_cells else [CELL.join(piece.text for piece in row) for row in rows]
    text, above, here = pieces[0].text, -1, pieces[0]
    row_end = here.line
    for after in pieces[1:]:
        # Right of the last cell, and below the row before: a cell whose neighbour is longer may begin above its end.
        same = after.line == here.line or above < after.line < here.line
        if after.column > here.column + 1 and same:
            text += CELL
        else:
            text += "\n"
            if after.column < here.column - 1:
                above, row_end = row_end, after.line
        text, here, row_end = text + after.text, after, max(row_end, after.line)
    return text.split("\n")


def _in_drawn_order(lines: list[str], rows: list[list[_Piece]]) -> list[_Piece] | None:
    """The pieces that the lines are; a line may be several cells of a row. None where a line is none of them."""
    places: defaultdict[str, list[_Piece]] = defaultdict(list)
    for row in reversed(rows):
        for start in reversed(range(len(row))):
            key = text = ""
            for piece in row[start:]:
                key += "".join(piece.text.split())
                text += f"{CELL if text else ''}{piece.text}"
                places[key].append(row[start]._replace(text=text))
    found = []
    for line in lines:
        known = places["".join(line.split())]
        if not known:
            return None
        found.append(known.pop())
    return found
