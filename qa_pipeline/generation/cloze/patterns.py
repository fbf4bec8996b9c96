"""Answers that a pattern finds: dates, years, times, money, telephone numbers, quantities, ordinals, numbers ..."""

from __future__ import annotations

# ruff: noqa: E501 - a pattern on one line reads better
import re
from collections.abc import Iterator

from qa_pipeline.generation.cloze import lexicon
from qa_pipeline.generation.cloze.spans import Span
from qa_pipeline.generation.cloze.words import CLOCK, PHONE

_MONTH = "(?:" + "|".join(month.capitalize() for month in sorted(lexicon.MONTHS)) + ")"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"(?:1\d{3}|20\d{2})"
_WORDS = "(?:" + "|".join(sorted(lexicon.NUMBER_WORDS, key=len, reverse=True)) + ")"
_NUMBER = rf"(?:\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|{_WORDS}(?:[ -]{_WORDS})*)"
_SCALE = r"(?:\s(?:hundred|thousand|million|billion|trillion))?"
_UNIT_WORDS = sorted({unit for units in lexicon.UNITS.values() for unit in units}, key=len, reverse=True)
_UNIT = "(?:square |cubic )?(?:" + "|".join(re.escape(unit) for unit in _UNIT_WORDS) + r")(?!\w)"
_STREET = (
    r"(?-i:\s(?:[A-Z]\w+\s){1,3}(?:Street|St|Lane|Road|Rd|Avenue|Ave|Drive|Way|Close|Square|Court|Place|Boulevard)\b)"
)
"""Behind the number of a house."""
_ORDINAL = "(?:" + "|".join(sorted(lexicon.ORDINALS, key=len, reverse=True)) + r"|\d+(?:st|nd|rd|th))"

# In order: what an earlier pattern has taken a later one leaves alone.
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("date", re.compile(rf"\b{_DAY} {_MONTH}(?:,? {_YEAR})?\b|\b{_MONTH} {_DAY}(?:,? {_YEAR})?\b|\b{_MONTH},? {_YEAR}\b")),
    ("phone", re.compile(rf"(?<![\w.,-])(?:{PHONE})")),
    ("time", re.compile(rf"(?<![\d.,:])(?:{CLOCK})(?:(?: (?:to|until|and|till) |\s?[–-]\s?)(?:{CLOCK}))?")),
    ("century", re.compile(rf"\b(?:(?:early|mid|late)[- ])?{_ORDINAL}[- ]centur(?:y|ies)(?: (?:BC|AD|BCE|CE))?\b", re.I)),
    ("year", re.compile(rf"\b{_YEAR}s\b|\b{_YEAR}(?:[–-](?:{_YEAR}|\d{{2}}))?\b(?![,.]\d|%)|\b\d{{1,4}} (?:BC|AD|BCE|CE)\b")),
    ("percent", re.compile(rf"\b{_NUMBER}\s?(?:%|percent\b|per cent\b|percentage points\b)", re.I)),
    ("money", re.compile(rf"(?:US|A|C)?[$£€]\s?\d[\d,]*(?:\.\d+)?{_SCALE}\b|\b{_NUMBER}{_SCALE} (?:dollars|pounds|euros|cents|pence|yen|francs|rupees)\b")),
    ("quantity", re.compile(rf"\b{_NUMBER}{_SCALE}[ -]?{_UNIT}", re.I)),
    ("ordinal", re.compile(rf"\b{_ORDINAL}\b(?= (?!part)\w)", re.I)),
    ("number", re.compile(rf"(?<![\w.,:/-]){_NUMBER}{_SCALE}\b(?![-–/:]\w|[.,]\d|{_STREET})", re.I)),
)  # fmt: skip
_YEAR_BEFORE = re.compile(
    r"\b(?:in|since|until|by|of|from|to|between|and|during|around|before|after|late|early|mid)\W*$|[(,–-]\s*$", re.I
)
_QUANTITY_TYPE = {unit: wh for wh, units in lexicon.UNITS.items() for unit in units}
_BARE_ONE = lexicon.word_set("one 1 2 3 0")


def pattern_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """Spans of a sentence, none overlapping another.

    Args:
        text: the passage.
        start, end: the sentence in it, in characters, end exclusive.
    """
    taken: list[tuple[int, int]] = []
    sentence = text[start:end]
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(sentence):
            left, right = match.start(), match.end()
            if any(left < high and right > low for low, high in taken):
                continue
            value = match.group().rstrip()
            right = left + len(value)
            if kind == "year" and value.isdigit() and not _YEAR_BEFORE.search(sentence[:left]):
                continue
            if kind in ("number", "ordinal") and (
                value.lower() in _BARE_ONE or value.istitle() and left > 0 and value.isalpha()
            ):
                continue
            taken.append((left, right))
            yield Span(start + left, start + right, kind)


def unit_question(value: str) -> str:
    """The wh-words for a quantity: "how long" for "17 seconds"."""
    for word in reversed(re.findall(r"[^\W\d]+|[^\w\s]\w?", value.lower())):
        if word in _QUANTITY_TYPE:
            return _QUANTITY_TYPE[word]
    return "how much"
