"""The text of Word content, through python-docx, which is imported when needed. Raises DataError for what is wrong."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from qa_pipeline.data.document_formats import library, own_title, short
from qa_pipeline.data.table_rows import CELL
from qa_pipeline.errors import DataError

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def read_docx(content: bytes, name: str) -> tuple[str, str | None]:
    """Paragraphs and tables in their order, and the title.

    Read as Word shows it with all changes accepted: with inserted text, links, content controls and text boxes, without
    deleted text. Headers, footers, footnotes and comments are left out.
    """
    with library(name, "Word", "python-docx"):
        import docx
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if "[Content_Types].xml" not in archive.namelist() or "word/document.xml" not in archive.namelist():
                raise DataError(
                    f"{name}: expected a Word document (.docx), found another zip archive; save it as .docx"
                )
        document = docx.Document(io.BytesIO(content))
        text = "\n".join(_blocks(document.element.body))
        title = document.core_properties.title
    except DataError:
        raise
    except Exception as error:  # as with PDF: BadZipFile, KeyError, XMLSyntaxError ...
        raise DataError(f"{name}: not a readable Word document, it may be damaged ({short(error)})") from error
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n"), own_title(title)


def _blocks(parent: Any) -> Iterator[str]:
    """A line for each paragraph and each row. Of python-docx only the tree is used: its own walk skips controls."""
    for child in parent:
        if child.tag == f"{_W}p":
            yield _paragraph(child)
        elif child.tag == f"{_W}tbl":
            yield ""
            yield from _rows(child)
            yield ""
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins"):
            yield from _blocks(child)


def _rows(table: Any) -> Iterator[str]:
    for row in table.iter(f"{_W}tr"):
        if next(row.iterancestors(f"{_W}tbl")) is table:  # rows of a table in a cell come with their cell
            cells = [cell for cell in row.iter(f"{_W}tc") if next(cell.iterancestors(f"{_W}tr")) is row]
            line = CELL.join(" ".join(text for text in _blocks(cell) if text) for cell in cells)
            if line.replace(CELL.strip(), "").strip():
                yield line


def _paragraph(paragraph: Any) -> str:
    parts: list[str] = []
    stack = list(reversed(paragraph))
    while stack:
        node = stack.pop()
        if node.tag == f"{_W}t":
            parts.append(node.text or "")
        elif node.tag == f"{_W}tab":
            parts.append("\t")
        elif node.tag in (f"{_W}br", f"{_W}cr"):
            parts.append("\n")
        elif node.tag == f"{_W}noBreakHyphen":
            parts.append("-")
        elif node.tag not in (f"{_W}pPr", f"{_W}rPr", f"{_W}del", f"{_W}moveFrom", _FALLBACK):
            stack.extend(reversed(node))
    return "".join(parts).strip()
