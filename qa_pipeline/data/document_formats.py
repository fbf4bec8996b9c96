"""The text of Markdown, HTML, PDF and Word content; the last three through one library each, imported when needed.

Each function takes the content and a name for messages and raises DataError for whatever is wrong with the content.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from qa_pipeline.data.page_furniture import without_furniture
from qa_pipeline.errors import DataError

CELL = " | "
"""Separates the cells of a table's row."""


@contextmanager
def _library(name: str, what: str, package: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DataError(f'{name}: {what} needs {package}: pip install "qa-pipeline[documents]"') from error


# Markdown

_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S)


def read_markdown(text: str) -> tuple[str, str | None]:
    """The text without front matter (the YAML that site generators put first), and the title that it names.

    A rule at the beginning that no YAML mapping follows is text.
    """
    match = _FRONT_MATTER.match(text)
    try:
        fields = yaml.safe_load(match[1]) if match else None
    except (yaml.YAMLError, ValueError, RecursionError):
        fields = None
    if match is None or not isinstance(fields, dict):
        return text, None
    title = fields.get("title")
    return text[match.end() :], title.strip() or None if isinstance(title, str) else None


# HTML

_SILENT = {
    *("script", "style", "noscript", "template", "head", "svg", "canvas", "math", "iframe", "object", "video", "audio"),
    *("nav", "button", "select", "input", "textarea", "dialog", "menu"),
}
_FRAME = {"header", "footer", "aside"}  # of the page, unless they are inside of its content
_CONTENT = {"main", "article"}
_FRAME_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog"}
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt"),
    *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html"),
    *("li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"),
}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "dl", "pre", "blockquote", "section"}


def read_html(markup: str, name: str) -> tuple[str, str | None]:
    """What a reader of the page reads, and its title.

    A line for each block, an empty one between paragraphs; white space as a browser shows it. Left out: scripts,
    styles, hidden elements, forms' controls, navigation, and the page's own header and footer unless they have a
    heading of the first order.
    """
    with _library(name, "HTML", "beautifulsoup4 and lxml"):
        import lxml  # noqa: F401  # the parser that is asked for below
        from bs4 import BeautifulSoup

    # A declaration of the encoding would be in the way: the text is decoded already.
    soup = BeautifulSoup(re.sub(r"^\s*<\?xml[^>]*\?>", "", markup.lstrip("\ufeff")), "lxml")
    title = " ".join(soup.title.get_text().split()) if soup.title else None
    writer = _Writer()
    # With a stack of our own: pages nest deeper than Python's.
    stack: list[tuple[Any, bool]] = [(soup, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.name
        if leaving:
            writer.close(tag)
        elif tag is None:
            if type(node).__name__ == "NavigableString":  # not a comment, a doctype or CDATA
                writer.write(str(node))
        elif not _is_silent(node):
            writer.open(tag)
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.contents))
    return writer.text(), title or None


def _is_silent(node: Any) -> bool:
    if node.name in _SILENT or node.has_attr("hidden") or node.get("aria-hidden") == "true":
        return True
    if re.search(r"display\s*:\s*none|visibility\s*:\s*hidden", str(node.get("style", "")), re.IGNORECASE):
        return True
    if node.name in _FRAME or str(node.get("role", "")).lower() in _FRAME_ROLES:
        return node.find_parent(_CONTENT) is None and node.find("h1") is None
    return False


class _Writer:
    """Gathers text into lines as a browser lays it out."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.breaks = 0  # line ends that are due before the next text
        self.space = False  # a space is due before the next text
        self.preformatted = 0
        self.rows: list[list[int]] = []  # of the open rows: where in `parts` each cell began

    def open(self, tag: str) -> None:
        if tag == "br":
            self.parts.append("\n")
            self.space = False
        elif tag in ("td", "th") and self.rows:
            self._cell(self.rows[-1])
        else:
            self._block(tag)
        if tag == "tr":
            self.rows.append([])
        self.preformatted += tag == "pre"

    def close(self, tag: str) -> None:
        self._block(tag)
        self.preformatted -= tag == "pre"
        if tag == "tr":
            self.rows.pop()

    def _cell(self, cells: list[int]) -> None:
        """Goes on in the same line after a cell that has one line; other cells are the page's layout, not data."""
        if cells and not any("\n" in part for part in self.parts[cells[-1] + 1 :]):
            if len(self.parts) == cells[-1] and self.parts and self.breaks:  # an empty cell at the row's beginning
                self.parts.append("\n" * self.breaks)
            self.parts.append(CELL)
            self.breaks = 0
        elif cells:
            self.breaks = max(self.breaks, 1)
        self.space = False
        cells.append(len(self.parts))

    def _block(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.breaks = max(self.breaks, 2 if tag in _PARAGRAPHS and not self.rows else 1)
            self.space = False

    def write(self, text: str) -> None:
        if self.preformatted:
            shown = text
        else:
            shown = re.sub(r"[ \t\r\n\f]+", " ", text)
            if shown.startswith(" "):
                self.space, shown = True, shown[1:]
        if not shown:
            return
        if self.breaks and self.parts and self.parts[-1] != CELL:
            self.parts.append("\n" * self.breaks)
        elif self.space and self.parts and not self.parts[-1].endswith(("\n", " ")):
            self.parts.append(" ")
        self.breaks, self.space = 0, False
        if not self.preformatted and shown.endswith(" "):
            self.space, shown = True, shown[:-1]
        self.parts.append(shown)

    def text(self) -> str:
        return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", "".join(self.parts))).strip("\n")


# PDF

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\0": " "})


def read_pdf(content: bytes, name: str) -> tuple[list[str], str | None]:
    """The text of each page ("" for a page without), less headers and footers, and the title."""
    with _library(name, "PDF", "pypdf"):
        import pypdf
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of every small fault that it mends
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError(f"{name}: is protected by a password; save it without one, for example with qpdf --decrypt")
        pages = [_page_text(page.extract_text()) for page in reader.pages]
        title = reader.metadata.title if reader.metadata else None
    except DataError:
        raise
    except pypdf.errors.DependencyError as error:
        raise DataError(
            f'{name}: is encrypted with AES, which needs one more package: pip install "pypdf[crypto]"'
        ) from error
    except Exception as error:  # a damaged file makes the library fail in any way: KeyError, TypeError, recursion ...
        raise DataError(f"{name}: not a readable PDF, it may be damaged or cut short ({_short(error)})") from error
    return without_furniture(pages), " ".join(title.split()) or None if isinstance(title, str) else None


def _page_text(text: str) -> str:
    """One page: ligatures as letters, words hyphenated at a line's end joined, no trailing space."""
    text = text.translate(_LIGATURES).encode("utf-8", "replace").decode("utf-8")
    text = re.sub(r"[ \t\r]+\n", "\n", text)
    text = re.sub(r"\xad\n?", "", text)
    # Only between small letters: "EU-\nLaw" keeps its hyphen.
    return re.sub(r"(?<=[^\W\d_])-\n(?=[^\W\d_])", _joined, text).strip()


def _joined(match: re.Match[str]) -> str:
    before, after = match.string[match.start() - 1], match.string[match.end()]
    return "" if before.islower() and after.islower() else match[0]


# Word

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def read_docx(content: bytes, name: str) -> tuple[str, str | None]:
    """Paragraphs and tables in their order, and the title.

    Read as Word shows it with all changes accepted: with inserted text, links, content controls and text boxes, without
    deleted text. Headers, footers, footnotes and comments are left out.
    """
    with _library(name, "Word", "python-docx"):
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
        raise DataError(f"{name}: not a readable Word document, it may be damaged ({_short(error)})") from error
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n"), title or None


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


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:120]
