"""The text of Word content, through python-docx, which is imported when needed. Raises DataError for what is wrong."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from qa_pipeline.documents.formats import library, own_title
from qa_pipeline.documents.page_furniture import is_page_number
from qa_pipeline.documents.table_rows import CELL
from qa_pipeline.errors import DataError
from qa_pipeline.wording import error_in_short

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_FORMULA_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_LEFT_OUT = {*(f"{_W}{name}" for name in ("pPr", "rPr", "del", "moveFrom", "rt")), _FALLBACK}

_MOST_XML, _MOST = 100 * 2**20, 2**30
"""Bytes of an unpacked document: of its texts, which take ten times as much when they are read, and of all of it."""
_MOST_FOLDED = 200
"""Unpacked size by packed size: of real documents it is below 50."""


def read_docx(content: bytes, name: str) -> tuple[str, str | None]:
    """The text and the title.

    Paragraphs and tables in their order, as Word shows them with all changes accepted: with inserted text, links and
    content controls, without deleted text. The text of a box and a footnote or endnote follow the paragraph they belong
    to. Headers come first and footers last, each once and without page numbers. Comments are left out.
    """
    with library(name, "Word", "python-docx"):
        import docx
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if "[Content_Types].xml" not in archive.namelist() or "word/document.xml" not in archive.namelist():
                raise DataError(
                    f"{name}: expected a Word document (.docx), found another zip archive; save it as .docx"
                )
            _refuse_folded(archive.infolist(), name)
        document = docx.Document(io.BytesIO(content))
        lines = _Reader(document.part).lines(document.element.body)
        title = document.core_properties.title
    except DataError:
        raise
    except Exception as error:  # as with PDF: BadZipFile, KeyError, XMLSyntaxError ...
        raise DataError(f"{name}: not a readable Word document, it may be damaged ({error_in_short(error)})") from error
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n"), own_title(title)


def _refuse_folded(entries: list[zipfile.ZipInfo], name: str) -> None:
    """Raises DataError for an archive that would fill the memory."""
    texts = [entry for entry in entries if entry.filename.endswith((".xml", ".rels"))]
    total, packed = sum(entry.file_size for entry in texts), sum(entry.compress_size for entry in texts)
    everything = sum(entry.file_size for entry in entries)
    if total > _MOST_XML or everything > _MOST or total > max(10 * 2**20, _MOST_FOLDED * packed):
        raise DataError(
            f"{name}: unfolds to {max(total, everything) / 2**20:,.0f} MiB, more than a document does; if it is one, "
            "save it as text (.txt) or in parts"
        )


class _Reader:
    """Reads the parts of one document. Of python-docx only the trees are used: its own walk skips controls."""

    def __init__(self, part: Any) -> None:
        self.notes: dict[tuple[str, str], Any] = {}
        self.frames: dict[str, list[Any]] = {"header": [], "footer": []}
        for relation in part.rels.values():
            kind = relation.reltype.rsplit("/", 1)[-1]
            if relation.is_external or kind not in ("footnotes", "endnotes", "header", "footer"):
                continue
            root = _tree(relation.target_part)
            if kind in self.frames:
                self.frames[kind].append(root)
                continue
            for note in root:
                if note.get(f"{_W}type") in (None, "normal"):  # the others are lines that separate notes from the text
                    self.notes[kind[:-1], str(note.get(f"{_W}id"))] = note

    def lines(self, body: Any) -> list[str]:
        """All lines: headers, the body, footers."""
        return [*self._frame("header"), *self._blocks(body), *self._frame("footer")]

    def _frame(self, kind: str) -> list[str]:
        """The lines of all headers or footers: a document has several for its first, left and right pages."""
        lines = [line for root in self.frames[kind] for line in self._blocks(root)]
        return list(dict.fromkeys(line for line in lines if line.strip() and not is_page_number(line)))

    def _blocks(self, parent: Any) -> Iterator[str]:
        """A line for each paragraph and each row."""
        for child in parent:
            if child.tag == f"{_W}p":
                yield from self._paragraph(child)
            elif child.tag == f"{_W}tbl":
                yield ""
                yield from self._rows(child)
                yield ""
            elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins", f"{_W}moveTo"):
                yield from self._blocks(child)

    def _rows(self, table: Any) -> Iterator[str]:
        for row in table.iter(f"{_W}tr"):
            if next(row.iterancestors(f"{_W}tbl")) is table:  # rows of a table in a cell come with their cell
                cells = [cell for cell in row.iter(f"{_W}tc") if next(cell.iterancestors(f"{_W}tr")) is row]
                line = CELL.join(" ".join(text for text in self._blocks(cell) if text) for cell in cells)
                if line.replace(CELL.strip(), "").strip():
                    yield line

    def _paragraph(self, paragraph: Any) -> Iterator[str]:
        """Its own text, then what is in boxes and notes."""
        parts: list[str] = []
        beside: list[Any] = []
        stack = list(reversed(paragraph))
        while stack:
            node = stack.pop()
            if node.tag in (f"{_W}t", _FORMULA_TEXT):
                parts.append(node.text or "")
            elif node.tag in (f"{_W}tab", f"{_W}ptab"):
                parts.append("\t")
            elif node.tag in (f"{_W}br", f"{_W}cr"):
                parts.append("\n")
            elif node.tag == f"{_W}noBreakHyphen":
                parts.append("-")
            elif node.tag == f"{_W}txbxContent":
                beside.append(node)
            elif node.tag in (f"{_W}footnoteReference", f"{_W}endnoteReference"):
                kind = node.tag.removeprefix(_W).removesuffix("Reference")
                note = self.notes.pop((kind, str(node.get(f"{_W}id"))), None)  # said once; and it may refer to itself
                if note is not None:
                    beside.append(note)
            elif node.tag not in _LEFT_OUT:
                stack.extend(reversed(node))
        text = "".join(parts).strip()
        if text or not beside:
            yield text
        for each in beside:
            yield from self._blocks(each)


def _tree(part: Any) -> Any:
    """The tree of a part; python-docx has parsed those that it knows."""
    from docx.oxml import parse_xml

    element = getattr(part, "element", None)
    return parse_xml(part.blob) if element is None else element
