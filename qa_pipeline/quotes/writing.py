"""Reads how a quotation is written: its words, the dots that leave words out, the brackets that change some.

Sees the quotation only.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from qa_pipeline.quotes.tokens import Tokens, tokens_of
from qa_pipeline.text.folding import whole_characters

WORD, GAP, BRACKET = "word", "gap", "bracket"

_DOTS = r"\[\s*(?:\.{2,}|\u2026)\s*\]|\(\s*(?:\.{2,}|\u2026)\s*\)|\.{3,}|\.(?:[ \u00a0]\.){2,}|[\u2026\u22ef\u2025]+"
_MARK = r"\[(?:\d{1,3}|[a-z]|sic!?|emphasis added|emphasis mine|Hervorhebung[^\[\]]{0,30}|citation needed)\]"
_BRACKET = r"\[[^\[\]\n]{0,80}\]"
_PARTS = re.compile(
    f"(?P<gap>{_DOTS})|(?P<mark>(?<!\\w){_MARK}(?!\\w)|{_MARK}(?=\\W|$))|(?P<bracket>{_BRACKET})", re.IGNORECASE
)
_AROUND = re.compile(
    r"""(?s)(?:["'`\u2018\u201c\u201e\u00ab\u00bb\u2039\u203a\u300c\u300e\u201a]+\s*)(.+?)(?:\s*["'`\u2019\u201d\u201c\u2018\u00bb\u00ab\u203a\u2039\u300d\u300f]+)"""
)


@dataclass(frozen=True)
class Item:
    """One piece of a quotation.

    Attributes:
        kind: WORD, GAP (dots) or BRACKET.
        text: of a word folded; of a bracket what stands in it.
        start, end: characters of the quotation that was read.
    """

    kind: str
    text: str
    start: int
    end: int


def plain_quote(quote: str) -> str:
    """The quotation without white space around it, and with HTML's character references as characters."""
    text = whole_characters(quote)
    return (html.unescape(text) if "&" in text else text).strip()


def without_marks_around(quote: str) -> str | None:
    """What stands between the quotation marks around all of it; None where there are none."""
    match = _AROUND.fullmatch(quote)
    return match[1].strip() if match and match[1].strip() else None


def items_of(quote: str) -> list[Item]:
    """Words, dots and brackets of a quotation, in order; dots at its ends leave nothing out and are none.

    A bracket that touches a letter, as in "[T]he" and "pay[s]", belongs to the word. Marks such as [1] and [sic] are
    left out.

    >>> [(item.kind, item.text) for item in items_of("[T]he fee ... is due [in May] [1]")]
    [('word', 'the'), ('word', 'fee'), ('gap', '...'), ('word', 'is'), ('word', 'due'), ('bracket', 'in May')]
    """
    items: list[Item] = []
    blank = list(quote)
    parts: list[tuple[str, int, int]] = []
    for match in _PARTS.finditer(quote):
        start, end = match.span()
        kind = str(match.lastgroup)
        if kind == "bracket" and _touches(quote, start, end):
            blank[start] = blank[end - 1] = "\u200b"
            continue
        parts.append((kind, start, end))
        blank[start:end] = "\n" * (end - start)
    text = "".join(blank)
    position = 0
    for kind, start, end in [*parts, ("end", len(text), len(text))]:
        items += _words(tokens_of(text[position:start]), position)
        if kind == "gap" and items and items[-1].kind != GAP:
            items.append(Item(GAP, quote[start:end], start, end))
        elif kind == "bracket" and quote[start + 1 : end - 1].strip():
            items.append(Item(BRACKET, quote[start + 1 : end - 1].strip(), start, end))
        position = end
    while items and items[-1].kind == GAP:
        items.pop()
    return items


def _words(tokens: Tokens, position: int) -> list[Item]:
    return [
        Item(WORD, text, position + start, position + end)
        for text, start, end in zip(tokens.texts, tokens.starts, tokens.ends, strict=True)
    ]


def _touches(quote: str, start: int, end: int) -> bool:
    """Whether a letter stands right before or after a bracket that holds only letters."""
    inside = quote[start + 1 : end - 1]
    before, after = quote[start - 1 : start], quote[end : end + 1]
    return inside.isalpha() and (before.isalpha() or after.isalpha()) and inside.isascii()
