"""Joins words that are hyphenated at the end of a line. Sees text only."""

from __future__ import annotations

import re

_BREAK = re.compile(r"([^\W\d_]{1,60})-\n([^\W\d_]{1,60})")
_WORD = re.compile(r"[^\W\d_]{1,60}(?:-[^\W\d_]{1,60})?")
_TENS = frozenset(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
_ONES = frozenset(
    [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
    ]
)
_PARTS = frozenset(
    [
        "self",
        "non",
        "well",
        "half",
        "cross",
        "ex",
        "all",
        "quasi",
        "high",
        "low",
        "long",
        "short",
        "full",
        "part",
        "mid",
        "ill",
        "so",
    ]
)
"""First halves of compounds that are written with a hyphen."""


def join_hyphenated(pages: list[str]) -> list[str]:
    """The pages with words that a line's end cuts in two joined, of small letters only: "EU-", "Law" stays as it is.

    The hyphen of a compound is kept ("thirty-five"). What the word is, the document's own other words say: as one word,
    with a hyphen, or each half a word of its own; then the usual compounds of English. A word that nothing is known of
    is taken to be hyphenated by the page.
    """
    if not any("-\n" in page for page in pages):
        return pages
    words = {word.lower() for page in pages for word in _WORD.findall(_BREAK.sub(" ", page))}
    broken = [match for page in pages for match in _BREAK.finditer(page)]
    cuts_words = any((match[1] + match[2]).lower() in words for match in broken)

    def joined(match: re.Match[str]) -> str:
        first, second = match.groups()
        if not (first[-1].islower() and second[0].islower()):
            return match[0]
        before, after = first.lower(), second.lower()
        if before in _TENS and after in _ONES or f"{before}-{after}" in words:
            return f"{first}-{second}"
        if before + after in words:
            return first + second
        # Where a page cuts words at all, two words in one ("some", "thing") are no sign of a compound.
        both = not cuts_words and before in words and after in words and min(len(before), len(after)) >= 4
        return f"{first}-{second}" if both or before in _PARTS and len(after) >= 4 else first + second

    return [_BREAK.sub(joined, page) for page in pages]
