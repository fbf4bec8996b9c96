"""The text of HTML, through Beautiful Soup, which is imported when needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from qa_pipeline.documents.blocks import (
    BlockText,
    DocumentBlock,
    heading_block,
    list_block,
    surplus_lines,
    table_block,
    without,
)
from qa_pipeline.documents.formats import library, own_title
from qa_pipeline.documents.plain import in_order
from qa_pipeline.documents.table_rows import CELL

_SILENT = {
    *("script", "style", "noscript", "template", "head", "iframe", "object", "canvas", "video", "audio", "nav"),
    *("annotation", "annotation-xml"),  # of a formula: its source
    *("defs", "desc", "metadata", "symbol", "title"),  # of a drawing; a page's own title is in its head
}
_FRAME = {"header", "footer"}  # of the page, unless they are inside of its content
_CONTENT = ("main", "article")
_FRAME_ROLES = {"banner", "contentinfo"}
_LINKS = {"a", "button"}
_NAVIGATION_ROLES = {"navigation", "menu", "menubar"}
_BETWEEN = {"mfrac": "/", "msup": "^", "msub": "_"}
"""What a formula shows by where it puts its second part."""
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt"),
    *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html"),
    *("li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    *("button", "dialog", "legend", "menu", "optgroup", "option", "select", "textarea"),
}
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_LISTS = {"ul", "ol"}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "dl", "pre", "blockquote", "section"}


def read_html(markup: str, name: str) -> BlockText:
    """What a reader of the page can read, its title, and the headings, tables and lists.

    A line for each block, an empty one between paragraphs; white space as a browser shows it. What is closed or hidden
    is read, because a reader can open it: answers behind questions, tabs, menus of choices. Left out: scripts, styles,
    templates and navigation; the page's own header and footer are navigation where all their words are links, none of
    them with a number. Where all of this leaves nothing, only scripts, styles and templates are left out.
    """
    with library(name, "HTML", "beautifulsoup4", "lxml"):
        import lxml  # noqa: F401  # the parser that is asked for below
        from bs4 import BeautifulSoup

    # A declaration of the encoding would be in the way: the text is decoded already.
    soup = BeautifulSoup(re.sub(r"^\s*<\?xml[^>]*\?>", "", markup.lstrip("\ufeff")), "lxml")
    title = own_title(soup.title.get_text()) if soup.title else None
    text, blocks = _shown(soup, _is_silent)
    if not text:
        text, blocks = _shown(soup, _is_no_text)
    return BlockText(text, title, blocks)


def _shown(soup: Any, is_silent: Callable[[Any, bool], bool]) -> tuple[str, tuple[DocumentBlock, ...]]:
    """The text of a page without the elements that are silent, and its blocks."""
    writer = _Writer()
    # With a stack of our own: pages nest deeper than Python's. "framed": a header or footer around it is read.
    stack: list[tuple[Any, bool, bool]] = [(soup, False, False)]
    while stack:
        node, leaving, framed = stack.pop()
        if isinstance(node, str) and type(node).__name__ == "str":
            writer.write(node)
            continue
        tag = node.name
        if leaving:
            writer.close(tag)
        elif tag is None:
            if type(node).__name__ == "NavigableString":  # not a comment, a doctype or CDATA
                writer.write(str(node))
        elif not is_silent(node, framed):
            writer.open(tag, node)
            children = list(node.contents)
            if tag in _BETWEEN:
                children = [child for child in children if child.name]
                children[1:1] = [_BETWEEN[tag]] * (len(children) > 1)
            stack.append((node, True, framed))
            framed = framed or _is_frame(node)
            stack.extend((child, False, framed) for child in reversed(children))
    return writer.content()


def _is_no_text(node: Any, framed: bool) -> bool:
    return node.name in ("script", "style", "template", "head")


def _is_silent(node: Any, framed: bool) -> bool:
    if node.name in _SILENT or str(node.get("role", "")).lower() in _NAVIGATION_ROLES:
        return True
    # Libraries for formulas give them twice: as MathML, and drawn.
    if node.get("aria-hidden") == "true" and (node.find_previous_sibling() or node.find_next_sibling()):
        around = [*node.find_previous_siblings(limit=2), *node.find_next_siblings(limit=2)]
        if any(each.name == "math" or each.find("math") is not None for each in around):
            return True
    if framed or not _is_frame(node) or node.find_parent(_CONTENT) is not None or node.find("h1") is not None:
        return False
    return _is_all_links(node)


def _is_all_links(node: Any) -> bool:
    """Whether a header or footer has no words but those of links and buttons, and no number: an address is content."""
    stack = [(child, False) for child in node.children]
    while stack:
        child, linked = stack.pop()
        if child.name is None:
            if type(child).__name__ == "NavigableString" and any(
                c.isdigit() or c.isalpha() and not linked for c in child
            ):
                return False
        elif child.name not in _SILENT and str(child.get("role", "")).lower() not in _NAVIGATION_ROLES:
            stack.extend((one, linked or child.name in _LINKS) for one in child.children)
    return True


def _is_frame(node: Any) -> bool:
    return node.name in _FRAME or str(node.get("role", "")).lower() in _FRAME_ROLES


@dataclass
class _Element:
    """A heading, a table or a list: where in the parts of the text it begins and ends, and its rows or items begin."""

    tag: str
    begin: int
    end: int = 0
    parts: list[int] = field(default_factory=list)
    headers: int = 0
    is_layout: bool = False


class _Writer:
    """Gathers text into lines as a browser lays it out."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.breaks = 0  # line ends that are due before the next text
        self.space = False  # a space is due before the next text
        self.preformatted = 0
        self.rows: list[list[int]] = []  # of the open rows: where in `parts` each cell began
        self.elements: list[_Element] = []  # headings, tables and lists, in the order in which they begin
        self.opened: list[_Element] = []  # those that are open

    def open(self, tag: str, node: Any) -> None:
        self._begin(tag, node)
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
        if self.opened and self.opened[-1].tag == tag:
            self.opened.pop().end = len(self.parts)
        self.preformatted -= tag == "pre"
        if tag == "tr":
            self.rows.pop()

    def _begin(self, tag: str, node: Any) -> None:
        """Remembers where headings, tables, lists, and their rows and items begin."""
        inner = self.opened[-1] if self.opened else None
        place = len(self.parts)
        if tag in _HEADINGS or tag == "table" or tag in _LISTS:
            for each in self.opened:
                # What holds a heading or a table is the layout of the page; lists in lists are items.
                each.is_layout |= tag in _HEADINGS or tag == "table"
            element = _Element(tag, place)
            self.opened.append(element)
            self.elements.append(element)
        elif tag == "tr" and inner and inner.tag == "table":
            inner.parts.append(place)
            cells = node.find_all(["th", "td"], limit=100)
            inner.headers += (
                bool(cells) and all(cell.name == "th" for cell in cells) and inner.headers + 1 == len(inner.parts)
            )
        elif tag == "li" and inner and inner.tag in _LISTS:
            inner.parts.append(place)

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

    def content(self) -> tuple[str, tuple[DocumentBlock, ...]]:
        """The text, and its blocks: those that are not the layout of the page."""
        raw = "".join(self.parts)
        begins = list(accumulate(map(len, self.parts), initial=0))
        lines = [(match.start() + len(match[0].rstrip(" \t")), match.end()) for match in re.finditer(r"[^\n]+", raw)]
        stripped, first = without(raw, [(start, end) for start, end in lines if start < end])
        text, second = without(stripped, surplus_lines(stripped))
        blocks = []
        for element in self.elements:
            places = [second(first(begins[place])) for place in (element.begin, *element.parts, element.end)]
            block = None if element.is_layout and element.tag not in _HEADINGS else _block(text, element, places)
            if block is not None:
                blocks.append(block)
        return text, in_order(blocks)


def _block(text: str, element: _Element, places: list[int]) -> DocumentBlock | None:
    """An element as a block.

    Args:
        text: of the page.
        element: which one.
        places: where it begins, where each of its rows or items begins, and where it ends.
    """
    start, *parts, end = places
    if element.tag in _HEADINGS:
        return heading_block(text, start, end, _HEADINGS[element.tag])
    if element.tag in _LISTS:
        return list_block(text, start, end, parts)
    if CELL not in text[start:end]:
        return None
    return table_block(text, list(zip(parts, [*parts[1:], end], strict=True)), element.headers or None)
