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
_NUMBER = re.compile(r"(?![12]\d{3}[.,][12]\d{3}$)(?:\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?|\d+[.,]\d+)")
_UNIT = re.compile(
    r"(?:[kmcdn\u00b5\u03bc]?[mglLst]|[kM]?W|k[Whm]+|[kMG](?:Hz|B|bit)|Hz|ha|min|h|pm|am|EUR|USD|mph|kmh|bn|mn|px|pt)(?![^\W_])"
)
"""A unit that is written right behind its number, as in 5kg."""
_LONGEST_NUMBER = 40
# A run of one of these counts as one: "--" for a long dash, `` and '' for quotes in tokenised text.
_RUNS = frozenset(" -'")

# Scripts that do not put spaces between words, or that glue particles on (Korean): any cut may be a word's edge.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul jamo
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x30FF),  # kana
    (0x3130, 0x318F),  # Hangul compatibility jamo
    (0x31F0, 0xA4CF),  # Han, Yi
    (0xAC00, 0xD7FF),  # Hangul
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF65, 0xFFDC),  # half-width kana and Hangul
    (0x1B000, 0x1B16F),  # kana supplement
    (0x20000, 0x3FFFF),  # Han extensions
)


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


def is_whole(text: str, begin: int, end: int) -> bool:
    """Whether `text[begin:end]` cuts no word of a script that writes spaces between words, and no number."""
    return not (cuts_word(text, begin) or cuts_word(text, end))


def cuts_word(text: str, place: int) -> bool:
    """Whether a word or a number such as 3,100 goes on from before `text[place]` to behind it.

    In scripts without spaces between words any cut may be a word's edge.
    """
    if not 0 < place < len(text):
        return False
    left, right = text[place - 1], text[place]
    if unicodedata.category(right) in ("Mn", "Mc"):  # an accent or a vowel sign belongs to the letter before it
        return True
    if left == "_" or right == "_":  # within an identifier, not around an emphasised word
        before, after = text[place - 2 : place - 1] if left == "_" else left, text[place + 1 : place + 2]
        return _in_word(before) and _in_word(after if right == "_" else right)
    if _in_word(left) and _in_word(right):
        return not _unspaced(left) and not _unspaced(right) and not (left.isdigit() and _UNIT.match(text, place))
    return (left in ".," or right in ".,") and _cuts_number(text, place)


def _in_word(character: str) -> bool:
    """A letter, an accent or a digit, but no superscript: a footnote's number is no part of its word."""
    return (
        bool(character)
        and (character.isalnum() or unicodedata.category(character) in ("Mn", "Mc"))
        and (unicodedata.category(character) != "No")
    )


def _cuts_number(text: str, place: int) -> bool:
    """A date such as 1.1.1957, a section such as 2.3.1 or a list such as 1,2,3 is no number: its parts are words."""
    begin = end = place
    while begin > 0 and place - begin < _LONGEST_NUMBER and (text[begin - 1].isdigit() or text[begin - 1] in ".,"):
        begin -= 1
    while end < len(text) and end - place < _LONGEST_NUMBER and (text[end].isdigit() or text[end] in ".,"):
        end += 1
    run = text[begin:end]
    inside = begin + len(run) - len(run.lstrip(".,")) < place < begin + len(run.rstrip(".,"))
    return inside and _NUMBER.fullmatch(run.strip(".,")) is not None


def _unspaced(character: str) -> bool:
    code = ord(character)
    return code >= 0x0E00 and any(low <= code <= high for low, high in _UNSPACED)


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
