"""Finds the sentence around an answer. Sees a text and two positions; works without a model of the language."""

from __future__ import annotations

import re

MOST = 240
"""Characters shown on each side of an answer; a longer sentence is cut at white space."""

# Ends of sentences: a mark, closing quotes and white space before a capital, a digit or a script without capitals; a
# blank line; the marks of scripts that put no space between sentences.
_END = re.compile(r"""[.!?…؟۔।][)\]"'”’»]*\s+(?=[^\s\w]*[^\W_a-zà-öø-ÿ])|\n[^\S\n]*\n\s*|[。！？]["'”’」』)]*\s*""")
# A full stop after one letter ("J. Smith", "e.g.") or one of these words ends no sentence.
_WORDS = "mr|mrs|ms|dr|prof|st|no|nos|art|arts|sec|para|par|vs|cf|al|fig|inc|ltd|co|etc|approx|ca|bzw|nr|abs"
_ABBREVIATION = re.compile(rf"(?:^|[\s(.])(?:[^\W\d]|{_WORDS})\.$", re.IGNORECASE)


def sentence_around(text: str, start: int, end: int, most: int = MOST) -> tuple[int, int]:
    """The characters of the sentence, or sentences, that hold `text[start:end]`; end exclusive, no space around.

    Args:
        text: any text.
        start, end: of the answer, in characters.
        most: characters on each side that are looked at; what is further is cut off, at white space if there is any.
    """
    low, high = max(0, start - most), min(len(text), end + most)
    begin = low if low == 0 else _after_space(text, low, start)
    for match in _END.finditer(text, low, start + 4):  # what follows a mark decides whether it ends a sentence
        if match.end() <= start and not _goes_on(text, match):
            begin = match.end()
    finish = high if high == len(text) else _before_space(text, high, end)
    # An answer that has the sentence's own mark is its end, so the search begins one character before.
    for match in _END.finditer(text, max(start, end - 1), high):
        if match.start() + 1 >= end and not _goes_on(text, match):
            finish = match.end()
            break
    begin += len(text[begin:start]) - len(text[begin:start].lstrip())
    return begin, max(end, len(text[:finish].rstrip()))


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether the full stop belongs to an abbreviation."""
    return match[0][0] == "." and bool(_ABBREVIATION.search(text[max(0, match.start() - 12) : match.start() + 1]))


def _after_space(text: str, low: int, start: int) -> int:
    match = re.compile(r"\s+").search(text, low, start)
    return match.end() if match else low


def _before_space(text: str, high: int, end: int) -> int:
    place = high
    while place > end and not text[place].isspace():
        place -= 1
    return place if place > end else high
