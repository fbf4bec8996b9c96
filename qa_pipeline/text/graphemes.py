"""Moves the ends of an answer off the inside of what a reader sees as one character. Sees a text and two positions.

Tokenizers drop accents, or cut between a letter and its vowel sign: "café" written with a combining accent would be
answered as "cafe", and हिन्दी without its last vowel.
"""

from __future__ import annotations

import unicodedata

import regex

_CLUSTER = regex.compile(r"\X")
_FIRST = "\u0300"
"""No character below it belongs to the one before, but the second half of a line break."""


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
    for cluster in _CLUSTER.finditer(text, begin):
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
