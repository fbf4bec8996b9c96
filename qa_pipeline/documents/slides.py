"""The text of PowerPoint slides, through python-pptx, which is imported when needed. Raises DataError only."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from qa_pipeline.documents.blocks import BlockText, DocumentLine, join_lines
from qa_pipeline.documents.formats import library, own_title
from qa_pipeline.documents.table_rows import CELL
from qa_pipeline.errors import DataError
from qa_pipeline.wording import error_in_short

_BREAKS = str.maketrans({"\v": "\n", "\f": "\n", "\r": "\n"})
_MOST_NESTED = 50
_PAGE_NUMBERS = ("SLIDE_NUMBER", "DATE")
_BULLETS = ("BODY", "OBJECT", "VERTICAL_BODY", "VERTICAL_OBJECT")
"""Placeholders whose paragraphs have bullets."""


def read_pptx(content: bytes, name: str) -> tuple[list[BlockText], str | None]:
    """Each slide as a page, and the title.

    The slide's title is its heading, and says that a slide is hidden; then come its texts from top to bottom, tables
    row by row, titles of charts, and the notes. Numbers of slides and dates are left out, footers come once.
    """
    with library(name, "PowerPoint", "python-pptx"):
        import pptx
    try:
        presentation = pptx.Presentation(io.BytesIO(content))
        reader = _SlideReader()
        slides = [join_lines(reader.lines(slide)) for slide in presentation.slides]
        title = own_title(presentation.core_properties.title)
    except Exception as error:  # a damaged file makes the library fail in any way, as with Word
        raise DataError(
            f"{name}: not a readable PowerPoint file, it may be damaged ({error_in_short(error)})"
        ) from error
    return slides, title


class _SlideReader:
    """Reads the slides of one presentation; remembers the footers that were read."""

    def __init__(self) -> None:
        self.footers: set[str] = set()

    def lines(self, slide: Any) -> Iterator[DocumentLine]:
        """All lines of a slide, its title first."""
        title = slide.shapes.title
        heading = " ".join(title.text_frame.text.split()) if title is not None else ""
        hidden = "hidden slide" if slide.element.get("show") in ("0", "false") else ""
        if heading or hidden:
            yield DocumentLine(f"{heading} ({hidden})" if heading and hidden else heading or hidden, "heading", 1)
        for shape in _in_reading_order(slide.shapes):
            if title is None or shape.shape_id != title.shape_id:
                yield from self._shape(shape)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            yield DocumentLine("")
            yield from _paragraphs(slide.notes_slide.notes_text_frame, False)

    def _shape(self, shape: Any) -> Iterator[DocumentLine]:
        kind = shape.placeholder_format.type.name if shape.is_placeholder and shape.placeholder_format.type else ""
        if kind in _PAGE_NUMBERS:
            return
        if getattr(shape, "has_table", False) and shape.has_table:
            yield DocumentLine("")
            yield from _rows(shape.table)
            yield DocumentLine("")
        elif getattr(shape, "has_chart", False) and shape.has_chart:
            if shape.chart.has_title and shape.chart.chart_title.has_text_frame:
                yield from _paragraphs(shape.chart.chart_title.text_frame, False)
        elif shape.has_text_frame:
            if kind == "FOOTER":
                if shape.text_frame.text in self.footers:
                    return
                self.footers.add(shape.text_frame.text)
            yield from _paragraphs(shape.text_frame, kind in _BULLETS)


def _in_reading_order(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """Shapes from top to bottom and from left to right; those of a group together."""
    # A placeholder that stands where the layout has it gives that place; a damaged one none.
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if hasattr(shape, "shapes") and depth < _MOST_NESTED:
            yield from _in_reading_order(shape.shapes, depth + 1)
        else:
            yield shape


def _paragraphs(frame: Any, bullets: bool) -> Iterator[DocumentLine]:
    for paragraph in frame.paragraphs:
        text = paragraph.text.translate(_BREAKS).strip()
        if text:
            yield DocumentLine(text, "item" if bullets else "")


def _rows(table: Any) -> Iterator[DocumentLine]:
    for number, row in enumerate(table.rows):
        cells = [" ".join(cell.text_frame.text.split()) for cell in row.cells]
        if any(cells):
            yield DocumentLine(CELL.join(cells), "header" if table.first_row and number == 0 else "row")
