"""The text of Word content, through python-docx, which is imported when needed. Raises DataError for what is wrong."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from qa_pipeline.documents.blocks import BlockText, DocumentLine, Role, join_lines
from qa_pipeline.documents.formats import library, own_title
from qa_pipeline.documents.page_furniture import is_page_number
from qa_pipeline.documents.table_rows import CELL
from qa_pipeline.documents.word_styles import W as _W
from qa_pipeline.documents.word_styles import WordStyles
from qa_pipeline.errors import DataError
from qa_pipeline.wording import error_in_short

_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_FORMULA_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_CHARACTERS = {f"{_W}tab": "\t", f"{_W}ptab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_BOX = f"{_W}txbxContent"
_BOLD = 11
"""The level of a paragraph that may be a heading because it is bold."""
_REFERENCES = {f"{_W}footnoteReference": "footnote", f"{_W}endnoteReference": "endnote"}
_LEFT_OUT = {*(f"{_W}{name}" for name in ("pPr", "rPr", "del", "moveFrom", "rt")), _FALLBACK}


def read_docx(content: bytes, name: str) -> BlockText:
    """The text, the title, and the headings, tables and lists.

    Paragraphs and tables in their order, as Word shows them with all changes accepted: with inserted text, links and
    content controls, without deleted text. The text of a box and a footnote or endnote follow the paragraph they belong
    to. Headers come first and footers last, each once and without page numbers. Comments are left out. Headings are
    what styles and outline levels say; where a document has none of them, short paragraphs in bold before others.
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
        lines = list(_Reader(document.part).lines(document.element.body))
        title = document.core_properties.title
    except DataError:
        raise
    except Exception as error:  # as with PDF: BadZipFile, KeyError, XMLSyntaxError ...
        raise DataError(f"{name}: not a readable Word document, it may be damaged ({error_in_short(error)})") from error
    return join_lines(_with_bold_headings(lines), own_title(title))


def _with_bold_headings(lines: list[DocumentLine]) -> Iterator[DocumentLine]:
    """The lines, with bold ones as headings where the document has no others and text follows them."""
    marked = any(line.role == "heading" and line.level < _BOLD for line in lines)
    following = [*lines[1:], DocumentLine("")]
    for line, after in zip(lines, following, strict=True):
        if line.role == "heading" and line.level == _BOLD and (marked or not after.text or after.role == "heading"):
            line = line._replace(role="")
        yield line


class _Reader:
    """Reads the parts of one document. Of python-docx only the trees are used: its own walk skips controls."""

    def __init__(self, part: Any) -> None:
        self.styles = WordStyles(None)
        self.notes: dict[tuple[str, str], Any] = {}
        self.frames: dict[str, list[Any]] = {"header": [], "footer": []}
        for relation in part.rels.values():
            kind = relation.reltype.rsplit("/", 1)[-1]
            if relation.is_external or kind not in ("styles", "footnotes", "endnotes", "header", "footer"):
                continue
            root = _tree(relation.target_part)
            if kind == "styles":
                self.styles = WordStyles(root)
                continue
            if kind in self.frames:
                self.frames[kind].append(root)
                continue
            for note in root:
                if note.get(f"{_W}type") in (None, "normal"):  # the others are lines that separate notes from the text
                    self.notes[kind[:-1], str(note.get(f"{_W}id"))] = note

    def lines(self, body: Any) -> Iterator[DocumentLine]:
        """All lines: headers, the body, footers."""
        yield from self._frame("header")
        yield from self._blocks(body)
        yield from self._frame("footer")

    def _frame(self, kind: str) -> Iterator[DocumentLine]:
        """The lines of all headers or footers: a document has several for its first, left and right pages."""
        lines = [line.text for root in self.frames[kind] for line in self._blocks(root)]
        for line in dict.fromkeys(line for line in lines if line.strip() and not is_page_number(line)):
            yield DocumentLine(line)

    def _blocks(self, parent: Any) -> Iterator[DocumentLine]:
        """A line for each paragraph and each row."""
        for child in parent:
            if child.tag == f"{_W}p":
                yield from self._paragraph(child)
            elif child.tag == f"{_W}tbl":
                yield DocumentLine("")
                yield from self._rows(child)
                yield DocumentLine("")
            elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins", f"{_W}moveTo"):
                yield from self._blocks(child)

    def _rows(self, table: Any) -> Iterator[DocumentLine]:
        role: Role = "header"
        for row in table.iter(f"{_W}tr"):
            if next(row.iterancestors(f"{_W}tbl")) is table:  # rows of a table in a cell come with their cell
                if row.find(f"{_W}trPr/{_W}tblHeader") is None:
                    role = "row"  # headers are the first rows alone
                cells = [cell for cell in row.iter(f"{_W}tc") if next(cell.iterancestors(f"{_W}tr")) is row]
                line = CELL.join(" ".join(each.text for each in self._blocks(cell) if each.text) for cell in cells)
                if line.replace(CELL.strip(), "").strip():
                    yield DocumentLine(line, role)

    def _role(self, paragraph: Any) -> tuple[Role, int]:
        """What a paragraph is, and the level of a heading."""
        level = self.styles.heading_level(paragraph)
        if level is not None:
            return "heading", level
        if self.styles.is_item(paragraph):
            return "item", 0
        return ("heading", _BOLD) if self.styles.is_bold(paragraph) else ("", 0)

    def _paragraph(self, paragraph: Any) -> Iterator[DocumentLine]:
        """Its own text, then what is in boxes and notes."""
        parts: list[str] = []
        beside: list[Any] = []
        stack = list(reversed(paragraph))
        while stack:
            node = stack.pop()
            if node.tag in (f"{_W}t", _FORMULA_TEXT):
                parts.append(node.text or "")
            elif node.tag in _CHARACTERS:
                parts.append(_CHARACTERS[node.tag])
            elif node.tag == _BOX:
                beside.append(node)
            elif node.tag in _REFERENCES:
                # Said once; and a note may refer to itself.
                note = self.notes.pop((_REFERENCES[node.tag], str(node.get(f"{_W}id"))), None)
                if note is not None:
                    beside.append(note)
            elif node.tag not in _LEFT_OUT:
                stack.extend(reversed(node))
        text = "".join(parts).strip()
        if text or not beside:
            yield DocumentLine(text, *(self._role(paragraph) if text else ("", 0)))
        for each in beside:
            yield from self._blocks(each)


def _tree(part: Any) -> Any:
    """The tree of a part; python-docx has parsed those that it knows."""
    from docx.oxml import parse_xml

    element = getattr(part, "element", None)
    return parse_xml(part.blob) if element is None else element
