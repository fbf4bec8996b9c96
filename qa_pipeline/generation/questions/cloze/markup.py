"""Tells a passage's running text from its marks and its lay-out, without moving a character.

`plain` gives a text of the same length in which marks (Markdown) are spaces and lines that were only wrapped are
joined, so that offsets in it are offsets in the passage. `lines` cuts it into headings, rows of tables and text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONG_LINE = 50
"""Characters from which a line without a stop may have been wrapped where it ends."""
LONGEST_ROW = 300
"""Characters to which a line with " | " in it, but none in front, is a row of a table; a longer one is text."""
_INLINE = re.compile(
    r"!\[[^\]\n]{0,1000}\]\([^()\s]*\)"  # a picture
    r"|(?P<link>\[)[^\[\]\n]+(?P<target>\]\([^()\s]*(?:\s\"[^\"\n]*\")?\))"
    r"|(?P<single>(?<![\w*_])(?P<mark>[*_])(?=[^\s*_])[^*_\n]+?(?<=\S)(?P=mark)(?![\w*]))"
    r"|\*\*+|(?<!\w)__|__(?!\w)|~~|`+|<br\s*/?>"
)
_LINE_START = re.compile(r"\s*(?:>\s?)*(?:#{1,6}\s+|(?:[-*+•▪◦‣·]|\d{1,3}[.)]|\(?[a-z]\))\s+(?:\[[ xX]\]\s+)?)?")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_RULE = re.compile(r"\s*(?:[-=*_]\s*){3,}$")
_SEPARATOR = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_ROW = re.compile(r"\s*\|.*\|\s*$|.*\S \| ?\S?.*")
_ABBREVIATED = re.compile(r"\b(?:Dr|Mrs?|Ms|Prof|St|Rev|No|approx)\.$")
_FENCE = re.compile(r"\s*(?:```|~~~)")


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of a passage that no sentence crosses.

    Attributes:
        start, end: characters, end exclusive.
        kind: "text", "heading", "row" of a table, "separator" below a table's header, or "code".
    """

    start: int
    end: int
    kind: str


def plain(text: str) -> str:
    """The text with marks as spaces and wrapped lines joined; the same length, other characters unchanged."""
    characters = ["\n" if c == "\n" else " " if c.isspace() else c for c in text]
    for line in _raw_lines(text):
        if line.kind == "code":
            continue
        opening = _LINE_START.match(text, line.start, line.end)
        if opening is not None:
            _blank(characters, line.start, opening.end())
        if line.kind == "heading":
            _blank(characters, line.start + len(text[line.start : line.end].rstrip("# ")), line.end)
        for match in _INLINE.finditer(text, line.start, line.end):
            if match["link"]:
                _blank(characters, match.start("link"), match.end("link"))
                _blank(characters, *match.span("target"))
            elif match["single"]:
                _blank(characters, match.start(), match.start() + 1)
                _blank(characters, match.end() - 1, match.end())
            else:
                _blank(characters, *match.span())
    for before, after in _wrapped(text):
        _blank(characters, before.end, after.start)
    return "".join(characters)


def lines(text: str) -> list[Line]:
    """The lines of a passage in order, wrapped ones as one; blank ones are left out."""
    joined: list[Line] = []
    wrapped = {after.start for _, after in _wrapped(text)}
    for line in _raw_lines(text):
        if line.start in wrapped:
            joined[-1] = Line(joined[-1].start, line.end, joined[-1].kind)
        else:
            joined.append(line)
    return joined


def _raw_lines(text: str) -> list[Line]:
    found: list[Line] = []
    code = False
    for match in re.finditer(r"[^\n]+", text):
        written = match.group()
        if not written.strip():
            continue
        kind = "text"
        if _FENCE.match(written):
            code, kind = not code, "code"
        elif code:
            kind = "code"
        elif "|" in written and _SEPARATOR.match(" ".join(written.split())):  # long blanks would take quadratic time
            kind = "separator"
        elif _HEADING.match(written) or _RULE.match(written):
            kind = "heading"
        elif (written.lstrip().startswith("|") or len(written) <= LONGEST_ROW) and _ROW.match(written):
            kind = "row"
        found.append(Line(match.start(), match.end(), kind))
    return found


def _wrapped(text: str) -> list[tuple[Line, Line]]:
    """Pairs of lines of which the second goes on where the first had to end."""
    found = []
    rows = _raw_lines(text)
    for before, after in zip(rows, rows[1:], strict=False):
        if before.kind != "text" or after.kind != "text" or text.count("\n", before.end, after.start) != 1:
            continue
        opening = _LINE_START.match(text, after.start, after.end)
        if opening is not None and opening.group().strip():
            continue  # an item of a list
        first, last = text[after.start : after.end].lstrip()[0], text[before.start : before.end].rstrip()
        goes_on = last[-1] not in ".!?:;" and (first.islower() or len(last) >= LONG_LINE)
        if goes_on or _ABBREVIATED.search(last):
            found.append((before, after))
    return found


def _blank(characters: list[str], start: int, end: int) -> None:
    characters[start:end] = " " * (end - start)
