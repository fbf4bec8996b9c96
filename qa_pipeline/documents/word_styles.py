"""Which paragraphs of a Word document are headings and items of lists, by their styles. Sees XML trees only."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"

_HEADING = re.compile(r"heading ?([1-9])|(title)", re.IGNORECASE)
"""Built-in styles have these names inside the file in every language of Word."""
_MOST_ABOVE = 20
"""Styles that one is based on; a damaged file may go in a circle."""
_LONGEST = 12
"""Words of a paragraph in bold that may be a heading."""


class _Style(NamedTuple):
    """What a style says itself: None where it leaves it to the one it is based on."""

    above: str | None
    level: int | None
    numbered: bool | None
    bold: bool | None


class WordStyles:
    """The styles of one document."""

    def __init__(self, root: Any | None) -> None:
        """Takes the tree of styles.xml; None where there is none."""
        self.styles: dict[str, _Style] = {}
        self.standard = ""
        for style in root.iter(f"{W}style") if root is not None else ():
            if style.get(f"{W}type") not in (None, "paragraph"):
                continue
            identity = str(style.get(f"{W}styleId"))
            if style.get(f"{W}default") in ("1", "true"):
                self.standard = identity
            self.styles[identity] = _Style(
                _value(style.find(f"{W}basedOn")), _level(style), _numbered(style.find(f"{W}pPr")), _bold(style)
            )

    def heading_level(self, paragraph: Any) -> int | None:
        """The level of a paragraph that is a heading, 0 for the title of the whole; None for another.

        Its own outline level comes before its style's, and that before the style's name.
        """
        own = _outline(paragraph.find(f"{W}pPr"))
        level = own if own is not None else self._said(paragraph, "level")
        return level if level is not None and level < 10 else None  # 10 is the body of the text

    def is_item(self, paragraph: Any) -> bool:
        """Whether a paragraph has a bullet or a number before it."""
        own = _numbered(paragraph.find(f"{W}pPr"))
        return bool(own if own is not None else self._said(paragraph, "numbered"))

    def is_bold(self, paragraph: Any) -> bool:
        """Whether all letters of a paragraph are bold, and it is short and ends no sentence."""
        style = bool(self._said(paragraph, "bold"))
        words = []
        for run in paragraph.iter(f"{W}r"):
            text = "".join(node.text or "" for node in run.iter(f"{W}t"))
            if not text.strip():
                continue
            own = _flag(run.find(f"{W}rPr/{W}b"))
            if not (style if own is None else own):
                return False
            words += text.split()
        return 0 < len(words) <= _LONGEST and not words[-1].endswith((".", ",", ";", ":", "?", "!"))

    def _said(self, paragraph: Any, what: str) -> Any:
        """What the style of a paragraph, or one that it is based on, says."""
        name: str | None = _value(paragraph.find(f"{W}pPr/{W}pStyle")) or self.standard
        for _ in range(_MOST_ABOVE):
            style = self.styles.get(name or "")
            if style is None:
                return None
            if (value := getattr(style, what)) is not None:
                return value
            name = style.above
        return None


def _level(style: Any) -> int | None:
    """The level of headings in a style; a style that a built-in one is named for has it without an outline level."""
    match = _HEADING.fullmatch(_value(style.find(f"{W}name")) or "")
    if match:
        return int(match[1]) if match[1] else 0
    return _outline(style.find(f"{W}pPr"))


def _outline(properties: Any | None) -> int | None:
    """An outline level as a level of headings: counted from 1; 10 says that it is none."""
    value = _value(properties.find(f"{W}outlineLvl")) if properties is not None else None
    return int(value) + 1 if value is not None and value.isdigit() else None


def _numbered(properties: Any | None) -> bool | None:
    numbering = properties.find(f"{W}numPr") if properties is not None else None
    if numbering is None:
        return None
    return _value(numbering.find(f"{W}numId")) != "0"  # 0 takes away what the style has


def _bold(style: Any) -> bool | None:
    return _flag(style.find(f"{W}rPr/{W}b"))


def _flag(node: Any | None) -> bool | None:
    return None if node is None else node.get(f"{W}val") not in ("0", "false", "off")


def _value(node: Any | None) -> str | None:
    return None if node is None else node.get(f"{W}val")
