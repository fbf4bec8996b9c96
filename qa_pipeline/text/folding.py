"""Folds text so that spellings of the same words become equal, and maps the result back to the source.

Folded away: runs of white space, Unicode compatibility forms (NFKD), case, the many quote and dash characters,
invisible formatting characters, and HTML's character references (`&amp;`). Every folded character knows the source
characters that it came from.
"""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from dataclasses import dataclass

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character, which JSON can write and no file or tokenizer takes."""

_QUOTES = "\"'`\u00ab\u00b4\u00bb\u02b9\u02ba\u02bb\u02bc\u02bd\u02ca\u02cb\u055a\u05f3\u05f4\u2018\u2019\u201a\u201b"
_QUOTES += (
    "\u201c\u201d\u201e\u201f\u2032\u2033\u2034\u2035\u2036\u2039\u203a\u2057\u300c\u300d\u300e\u300f\uff02\uff07"
)
_MINUS = "\u2212\u02d7\u2043"
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
"""A character reference of HTML, such as `&amp;` or `&#39;`."""
# A run of one of these counts as one: "--" for a long dash, `` and '' for quotes in tokenised text.
_RUNS = frozenset(" -'")


@dataclass(slots=True, frozen=True)
class Folded:
    """Folded text with its character map.

    Attributes:
        text: the folded text.
        starts: for each folded character, the first source character of the unit that it came from.
        ends: the same unit's end, exclusive.
    """

    text: str
    starts: array[int]
    ends: array[int]

    def source_span(self, begin: int, end: int) -> tuple[int, int] | None:
        """Source characters of `text[begin:end]`, or None where that would cut a unit such as a ligature in two."""
        if begin > 0 and self.starts[begin - 1] == self.starts[begin]:
            return None
        if end < len(self.text) and self.starts[end] == self.starts[end - 1]:
            return None
        return self.starts[begin], self.ends[end - 1]


def fold(text: str, keep_spaces: bool = True) -> Folded:
    """Folds `text`; with `keep_spaces` a run of white space becomes one space, else it goes. Spaces at the ends go.

    Linear in the text. A unit is one character with the combining marks after it, so that composed and decomposed
    accents agree, or a character reference of HTML. Folding a slice that `source_span` returns gives the folded text of
    that slice.
    """
    units = _units(text)
    pieces = {unit: _fold_unit(unit, keep_spaces) for unit in set(units)}
    out: list[str] = []
    starts, ends = array("l"), array("l")
    position, previous = 0, " "  # as if a space came before, so that a leading one is dropped
    for unit in units:
        piece = pieces[unit]
        end = position + len(unit)
        if piece:
            if piece == previous and piece in _RUNS:
                if ends:
                    ends[-1] = end
            else:
                out.append(piece)
                for _ in piece:
                    starts.append(position)
                    ends.append(end)
            previous = piece
        position = end
    if out and out[-1] == " ":
        out.pop(), starts.pop(), ends.pop()
    return Folded("".join(out), starts, ends)


def fold_case(text: str) -> str:
    r"""The text without case, with each run of white space as one space: what two rows that ask the same share.

    Example:
        >>> fold_case("  When is\n it Open? ")
        'when is it open?'
    """
    return " ".join(text.split()).casefold()


def whole_characters(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, one for one, so that offsets stay."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _units(text: str) -> list[str]:
    """`text` cut before every character that is not a combining mark; a character reference is one unit."""
    marks = "" if text.isascii() else "".join(c for c in set(text) if unicodedata.combining(c))
    marked = f"[{re.escape(marks)}]*" if marks else ""
    references = {found for found in ENTITY.findall(text) if html.unescape(found) != found} if "&" in text else ()
    if not marked and not references:
        return list(text)
    return re.findall("|".join([*map(re.escape, references), f"(?s:.){marked}"]), text)


def _fold_unit(unit: str, keep_spaces: bool) -> str:
    if len(unit) > 2 and unit[0] == "&":
        return "".join(_fold_unit(character, keep_spaces) for character in html.unescape(unit))
    if unit.isspace():
        return " " if keep_spaces else ""
    if unit in _QUOTES:  # before NFKD, which takes some of these apart into a space and a mark
        return "'"
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", unit).casefold())
    return "".join(_fold_character(c) for c in folded)


def _fold_character(character: str) -> str:
    if character in _QUOTES:
        return "'"
    category = unicodedata.category(character)
    if category == "Pd" or character in _MINUS:
        return "-"
    # Cf: zero-width characters, soft hyphens, direction marks. Zs: spaces inside a compatibility form.
    return "" if category in ("Cf", "Zs") else character
