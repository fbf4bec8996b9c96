"""Where a text may be cut: not inside a word, a number, or what a reader sees as one character.

Sees a text and positions in it. Tokenizers drop accents, or cut between a letter and its vowel sign: "café" written
with a combining accent would be answered as "cafe", and हिन्दी without its last vowel.
"""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"(?![12]\d{3}[.,][12]\d{3}$)(?:\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?|\d+[.,]\d+)")
_UNIT = re.compile(
    r"(?:[kmcdn\u00b5\u03bc]?[mglLst]|[kM]?W|k[Whm]+|[kMG](?:Hz|B|bit)|Hz|ha|min|h|pm|am|EUR|USD|mph|kmh|bn|mn|px|pt)(?![^\W_])"
)
"""A unit that is written right behind its number, as in 5kg."""
_LONGEST_NUMBER = 40
_FIRST = "\u0300"
"""No character below it belongs to the one before, but the second half of a line break."""

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


def whole_graphemes(text: str, start: int, end: int) -> tuple[int, int]:
    """The smallest stretch of whole grapheme clusters around `text[start:end]`, which begins with no white space.

    Args:
        text: any text.
        start, end: of a stretch that is not empty, end exclusive.
    """
    if text.isascii():
        return start, end
    first = _borders(text, start)[0]
    return start if text[first].isspace() else first, _borders(text, end)[1]


def _borders(text: str, place: int) -> tuple[int, int]:
    """The two borders of the cluster that `place` lies inside; twice `place` where it lies between two."""
    begin = place
    while begin > 0 and begin < len(text) and _may_join(text[begin - 1], text[begin]):
        begin -= 1
    if begin == place:
        return place, place
    import regex

    for cluster in regex.finditer(r"\X", text, pos=begin):
        if cluster.end() >= place:
            return (place, place) if cluster.end() == place else cluster.span()
    return place, place


def _may_join(before: str, after: str) -> bool:
    """Whether two neighbours may be one cluster: False only where they never are."""
    if after < _FIRST:
        return False
    kind = unicodedata.category(after)[0]
    return (
        kind in "MSC"  # marks; skin tones and flags are symbols, joiners are controls
        or unicodedata.category(before) == "Cf"  # a joiner
        or unicodedata.combining(before) == 9  # a virama binds the next letter
        or after in "\u0e33\u0eb3"  # vowels of Thai and Lao that stand behind their consonant
        or "\u1100" <= after <= "\u11ff"  # parts of Korean syllables
        or "\ua960" <= after <= "\ud7fb"  # the same, and whole syllables, to which parts may be added
    )
