"""Words that outputs of several rooms share, and what may be shown of the words of others."""

from __future__ import annotations

import re
from typing import Any

# Line ends and tabs stay. Marks of direction stay too, which Arabic and Hebrew need; overrides turn words around.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Text without what a terminal or browser would obey: control characters, and overrides of the direction.

    They come from the data of others, and could move the cursor, change colours or turn words around.
    """
    return _CONTROL.sub("\ufffd", text)


def counted(number: float, noun: str) -> str:
    """A count with its noun: 1 document, 2 documents."""
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def short(text: str, limit: int = 80) -> str:
    """The text, with its end cut off and three dots for it where it has more than `limit` characters.

    >>> short("Regulations of the town library", 20)
    'Regulations of th...'
    """
    return text if len(text) <= limit else text[: limit - 3] + "..."


def error_in_short(error: Exception) -> str:
    """An error of a library in a few words: its kind, and the first line of what it says."""
    return short(f"{type(error).__name__}: {error}".split("\n")[0], 120)


def in_short(value: Any) -> str:
    """A value of any type that was found in place of another, on one short line."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:80]} ... ({type(value).__name__})"


def describe(value: Any) -> str:
    """What a value is, briefly, for messages: `int 17`, `list of 3`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, (list, tuple, dict)):
        return f"{type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} {short(repr(value), 60)}"
