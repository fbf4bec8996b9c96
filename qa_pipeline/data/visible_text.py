"""Makes of HTML the text that a reader sees, and says where each of its characters then stands.

Annotation tools that show HTML count offsets in the text between the tags, with character references decoded and
nothing put in for the tags ("global offsets").
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure",
     "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
     "section", "table", "td", "th", "tr", "ul")
)  # fmt: skip
_TAG = re.compile(r"<(?:!--|/?[a-zA-Z][^<>]*>)")


def has_tags(text: str) -> bool:
    """True where the text has tags of HTML."""
    return _TAG.search(text) is not None


def visible_text(html: str) -> tuple[str, str, list[int]]:
    r"""The text of an HTML page, with a line break for each block, and the place of each counted character in it.

    Returns:
        The text; the text that global offsets count in, which has no such line breaks; and for each of its characters,
        and for its end, the place in the first text.

    Example:
        >>> visible_text("<p>A &amp; B</p><p>C</p>")
        ('A & B\nC', 'A & BC', [0, 1, 2, 3, 4, 6, 7])
    """
    parser = _Text()
    parser.feed(html)
    parser.close()
    text = parser.text.rstrip("\n")
    return text, parser.counted, [*parser.places, len(text)]


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = self.counted = ""
        self.places: list[int] = []

    def handle_data(self, data: str) -> None:
        self.places += range(len(self.text), len(self.text) + len(data))
        self.text += data
        self.counted += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS and self.text and not self.text.endswith("\n"):
            self.text += "\n"
