"""Names what of the spelling has to be looked past for a quotation to be the words of a source."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from qa_pipeline.quotes import check
from qa_pipeline.text.folding import fold

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\u061c\u202a-\u202e]")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010\u2011\u00ad]\s*(?=[^\W\d_])")
_LONGEST = 20_000  # characters; of longer texts the naming is by equality alone


def spelling_repairs(quote: str, found: str) -> list[str]:
    r"""What makes a quotation and the words that were found more alike, of the repairs of spelling, in their order.

    >>> spelling_repairs("the \u201cFee\u201d is due", "the 'fee' is\ndue")
    ['quotes', 'white_space', 'case']
    """
    named: list[str] = []
    for kind, change in _CHANGES:
        if quote == found:
            break
        ours, theirs = change(quote), change(found)
        # What case hides is no reason to miss another change; and the other way round.
        as_seen = str if kind == check.CASE else str.casefold
        if (ours, theirs) != (quote, found) and _apart(*map(as_seen, (ours, theirs))) < _apart(
            *map(as_seen, (quote, found))
        ):
            named.append(kind)
        quote, found = ours, theirs
    return named


def _apart(one: str, other: str) -> int:
    if len(one) + len(other) > _LONGEST:
        return int(one != other)
    return int(Levenshtein.distance(one, other))


def _unicode(text: str) -> str:
    text = html.unescape(text) if "&" in text else text
    # Quotes and dashes stay as they are, which have names of their own, and so does white space.
    return "".join(
        character if _stands_for(character) or character.isspace() else unicodedata.normalize("NFKD", character)
        for character in unicodedata.normalize("NFD", _INVISIBLE.sub("", text))
    )


@lru_cache(maxsize=4096)
def _stands_for(character: str) -> str:
    """The plain quote or hyphen that a character folds to; "" for others."""
    if unicodedata.category(character)[0] not in "PSLM":
        return ""
    folded = fold(character).text
    return folded if folded in ("'", "-") else ""


def _quotes(text: str) -> str:
    return "".join("'" if _stands_for(character) == "'" else character for character in text).replace("''", "'")


def _dashes(text: str) -> str:
    changed = "".join("-" if _stands_for(character) == "-" else character for character in text)
    return re.sub("-+", "-", changed)


def _hyphenation(text: str) -> str:
    return _HYPHEN.sub("", text)


def _white_space(text: str) -> str:
    return "".join(text.split())  # scripts without spaces, and 5kg, may have one or none


def _punctuation(text: str) -> str:
    kept = (
        character if character.isalnum() or unicodedata.category(character)[0] in "MS" else " " for character in text
    )
    return "".join("".join(kept).split())


_CHANGES: tuple[tuple[str, Callable[[str], str]], ...] = (
    (check.UNICODE, _unicode),
    (check.QUOTES, _quotes),
    (check.DASHES, _dashes),
    (check.HYPHENATION, _hyphenation),
    (check.WHITE_SPACE, _white_space),
    (check.CASE, str.casefold),
    (check.PUNCTUATION, _punctuation),
)
