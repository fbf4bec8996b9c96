"""Cuts a text into the words, numbers and signs that a quotation must share with its source. Knows no quotation.

Words are folded (case, Unicode forms, quotes), a hyphen inside a word or at the end of a line is left out, and a number
is one token with the points and commas inside it. In scripts without spaces between words every character is a token.
Other punctuation is none.
"""

from __future__ import annotations

import unicodedata
from array import array
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from qa_pipeline.text.folding import Folded, fold

_HYPHENS = "-\u2010\u2011\u00ad\ufe63\uff0d"
# Those of `text.edges`: Thai, Lao, Myanmar, Hangul, Khmer, kana, Han.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u30ff\u3130-\u318f\u31f0-\ua4cf\uac00-\ud7ff"
    r"\uf900-\ufaff\uff65-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_NUMBER = r"(?:(?<![\p{L}\p{N}])\.)?\p{Nd}+(?:[.,:/'\u2044]\p{Nd}+)*"
_WORD = rf"[[\p{{L}}\p{{M}}]--[{_UNSPACED}]]+(?:'[[\p{{L}}\p{{M}}]--[{_UNSPACED}]]+)*"
_SIGN = r"(?<![\p{L}\p{N}\p{M})'%\]])-(?=\.?\p{Nd})|(?<=\p{Nd})\x20?-\x20?(?=\p{Nd})"
_SYMBOL = r"[%\u2030$\u20ac\u00a3\u00a5\u20b9\u00b0+=<>\u00b1\u2264\u2265\u00d7\u00f7\u221a\u221e]\p{M}*"


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text.

    Attributes:
        texts: folded.
        starts, ends: characters of the text that they came from, end exclusive.
    """

    texts: list[str] = field(default_factory=list)
    starts: array[int] = field(default_factory=lambda: array("l"))
    ends: array[int] = field(default_factory=lambda: array("l"))

    def __len__(self) -> int:
        return len(self.texts)


def tokens_of(text: str) -> Tokens:
    r"""The tokens of a text, in order.

    >>> tokens_of("The well-known tenant's fee: \u221210.5\u00a0%, see 3.2").texts
    ['the', 'wellknown', "tenant's", 'fee', '-', '10.5', '%', 'see', '3.2']
    """
    folded = fold(text)
    tokens = Tokens()
    end_of_last = 0
    last_is_word = False
    for match in _pattern().finditer(folded.text):
        begin, end = match.span()
        piece, kind = match[0], match.lastgroup
        start, stop = folded.starts[begin], folded.ends[end - 1]
        is_word = kind == "word"
        if is_word and last_is_word and _is_hyphen(text, folded, end_of_last, begin):
            tokens.texts[-1] += piece
            tokens.ends[-1] = stop
        else:
            tokens.texts.append(_number(piece, text, folded, begin) if kind == "number" else piece.strip())
            tokens.starts.append(start)
            tokens.ends.append(stop)
        end_of_last, last_is_word = end, is_word
    return tokens


@cache
def _pattern() -> Any:
    import regex

    parts = {"number": _NUMBER, "unspaced": rf"[{_UNSPACED}]", "word": _WORD, "sign": _SIGN, "symbol": _SYMBOL}
    return regex.compile("|".join(f"(?P<{name}>{part})" for name, part in parts.items()), regex.VERSION1)


def _is_hyphen(text: str, folded: Folded, end: int, begin: int) -> bool:
    """Whether nothing but a hyphen, or one at the end of a line, stands between two pieces of a word."""
    gap = folded.text[end:begin]
    if gap not in ("-", "- ", " "):
        return False
    written = text[folded.ends[end - 1] : folded.starts[begin]]
    if not written or written[0] not in _HYPHENS:
        return False
    if gap == "-":
        return True
    return any(mark in written for mark in "\n\r\u2028") and not text[folded.starts[begin]].isupper()


def _number(piece: str, text: str, folded: Folded, begin: int) -> str:
    """A number in ASCII digits; what is raised or a fraction stands apart (10\u00b2 is not 102)."""
    if piece.isascii() and text[folded.starts[begin] : folded.ends[begin + len(piece) - 1]] == piece:
        return piece
    made, last = "", -1
    for place, character in enumerate(piece, begin):
        source = folded.starts[place]
        if source != last and made and unicodedata.category(text[source]) == "No":
            made += " "
        last = source
        made += str(unicodedata.decimal(character, character))
    return made
