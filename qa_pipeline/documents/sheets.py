"""The text of Excel workbooks, through openpyxl, which is imported when needed. Raises DataError for what is wrong."""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from qa_pipeline.documents.blocks import BlockText, DocumentLine, join_lines
from qa_pipeline.documents.formats import library, own_title
from qa_pipeline.documents.number_formats import shown
from qa_pipeline.documents.table_rows import CELL
from qa_pipeline.errors import DataError
from qa_pipeline.wording import counted, error_in_short

logger = logging.getLogger(__name__)

_UNSAVED = re.compile(rb"</f>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>|<f[^>]*/>\s*</c>")
"""A formula without the value that it had when the file was saved."""
_MOST_MERGED = 100_000
"""Cells that ranges of joined cells may fill."""
_MOST_SPLITS = 8
_LONGEST_TITLE = 15
"""Words of a line above a table that is its heading."""


class _Cell(NamedTuple):
    """What a cell shows, and whether its letters are bold."""

    text: str
    bold: bool


_Grid = dict[int, dict[int, _Cell]]
"""Rows by their number, each with its cells that are not empty, by their column."""


def read_xlsx(content: bytes, name: str) -> tuple[list[BlockText], str | None]:
    """Each sheet as a page, and the title.

    The sheet's name is its heading, and says that a sheet is hidden. Tables, which empty rows and columns separate,
    come one after the other, row by row, a line above one as its heading. Values are as they are shown, those of
    formulas as they were saved; cells that are joined downwards are in each of their rows. A warning counts formulas
    without a value.
    """
    with library(name, "Excel", "openpyxl"):
        import openpyxl
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
        sheets = [join_lines(_lines(sheet)) for sheet in book.worksheets]
        title = own_title(book.properties.title)
    except Exception as error:  # a damaged file makes the library fail in any way, as with Word
        raise DataError(
            f"{name}: not a readable Excel workbook, it may be damaged ({error_in_short(error)})"
        ) from error
    unsaved = _count_unsaved(content)
    if unsaved:
        logger.warning(
            "%s: %s without a saved value left out; open the file in a spreadsheet program and save it",
            name,
            counted(unsaved, "formula"),
        )
    return sheets, title


def _count_unsaved(content: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [each for each in archive.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", each)]
        return sum(len(_UNSAVED.findall(archive.read(each))) for each in names)


def _lines(sheet: Any) -> Iterator[DocumentLine]:
    hidden = sheet.sheet_state != "visible"
    grid = _grid(sheet)
    if grid:
        yield DocumentLine(f"{sheet.title} (hidden sheet)" if hidden else sheet.title, "heading", 1)
    for table in _tables(grid):
        yield DocumentLine("")
        yield from _table_lines(table)


def _grid(sheet: Any) -> _Grid:
    grid: _Grid = {}
    for row in sheet.iter_rows():
        for cell in row:
            text = shown(cell.value, cell.number_format) if cell.value is not None else ""
            if text:
                grid.setdefault(cell.row, {})[cell.column] = _Cell(text, bool(cell.font and cell.font.bold))
    filled = 0
    for area in sheet.merged_cells.ranges:
        first = grid.get(area.min_row, {}).get(area.min_col)
        filled += area.max_row - area.min_row
        if first is not None and filled <= _MOST_MERGED:
            for number in range(area.min_row + 1, area.max_row + 1):
                grid.setdefault(number, {}).setdefault(area.min_col, first)
    return {number: grid[number] for number in sorted(grid)}


def _tables(grid: _Grid, depth: int = 0) -> Iterator[_Grid]:
    """The parts of a sheet between empty rows and columns, from top to bottom and from left to right."""
    if not grid:
        return
    bands = [
        {number: grid[number] for _, number in run}
        for _, run in groupby(enumerate(grid), key=lambda pair: pair[1] - pair[0])
    ]
    for band in bands:
        columns = sorted({column for row in band.values() for column in row})
        runs = [
            {column for _, column in run} for _, run in groupby(enumerate(columns), key=lambda pair: pair[1] - pair[0])
        ]
        if len(runs) == 1 or depth >= _MOST_SPLITS:
            yield band
            continue
        for run in runs:
            part = {number: {c: cell for c, cell in row.items() if c in run} for number, row in band.items()}
            yield from _tables({number: row for number, row in part.items() if row}, depth + 1)


def _table_lines(table: _Grid) -> Iterator[DocumentLine]:
    """The lines above a table, then its rows."""
    rows = list(table.values())
    columns = sorted({column for row in rows for column in row})
    above = next((number for number, row in enumerate(rows) if len(row) > 1), len(rows))
    for number, row in enumerate(rows[:above]):
        text = " ".join(cell.text for cell in row.values())
        is_title = above < len(rows) and number == above - 1 and len(text.split()) <= _LONGEST_TITLE
        yield DocumentLine(text, *(("heading", 2) if is_title else ("", 0)))
    body = rows[above:]
    headers = _headers(body, columns)
    for number, row in enumerate(body):
        cells = [row[column].text if column in row else "" for column in columns if column <= max(row)]
        yield DocumentLine(CELL.join(cells), "header" if number < headers else "row")


def _headers(rows: Sequence[dict[int, _Cell]], columns: Sequence[int]) -> int:
    """How many of the first rows are in bold, where the others are not; 0 leaves it to how they look."""
    bold = [all(cell.bold for cell in row.values()) for row in rows]
    count = bold.index(False) if False in bold else 0
    return count if count <= 3 and len(columns) > 1 else 0
