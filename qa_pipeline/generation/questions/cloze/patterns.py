"""Answers that a pattern finds: dates, years, times, money, telephone numbers, quantities, ordinals, numbers ..."""

from __future__ import annotations

# ruff: noqa: E501 - a pattern on one line reads better
import re
from collections.abc import Iterator

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.spans import Span
from qa_pipeline.generation.questions.cloze.words import CLOCK, PHONE

_MONTH = "(?:" + "|".join(month.capitalize() for month in sorted(lexicon.MONTHS)) + ")"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"(?:1\d{3}|20\d{2})"
_WORDS = "(?:" + "|".join(sorted(lexicon.NUMBER_WORDS, key=len, reverse=True)) + ")"
_NUMBER = rf"(?:\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|{_WORDS}(?:[ -]{_WORDS})*)"
_SCALE = r"(?:\s(?:hundred|thousand|million|billion|trillion))?"
_RANGE = rf"(?:(?:one|{_NUMBER})(?: to | or | ?[–-] ?))?{_NUMBER}"
"""One number, or two that are one answer: "one to two"."""
_CODE = "(?:" + "|".join(sorted(lexicon.CURRENCY_CODES)) + ")"
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
    ("percent", re.compile(rf"\b{_RANGE}\s?(?:%|percent\b|per cent\b|percentage points\b)", re.I)),
    ("money", re.compile(rf"(?:\b(?-i:US|A|C))?[$£€]\s?\d[\d,]*(?:\.\d+)?{_SCALE}\b|\b{_CODE}\s?\d[\d,]*(?:\.\d+)?{_SCALE}\b|\b{_RANGE}{_SCALE} (?:{_CODE}\b|(?:dollars|pounds|euros|cents|pence|yen|francs|rupees)\b)")),
    ("quantity", re.compile(rf"\b{_RANGE}{_SCALE}[ -]?{_UNIT}", re.I)),
    ("ordinal", re.compile(rf"\b{_ORDINAL}\b(?= (?!part)\w)", re.I)),
    ("number", re.compile(rf"(?<![\w.,:/-]){_RANGE}{_SCALE}\b(?![-–/:]\w|[.,]\d|{_STREET})", re.I)),
)  # fmt: skip
_YEAR_BEFORE = re.compile(
    r"\b(?:in|since|until|by|of|from|to|between|and|during|around|before|after|late|early|mid)\W*$|[(,–-]\s*$", re.I
)
_QUANTITY_TYPE = {unit: wh for wh, units in lexicon.UNITS.items() for unit in units}
_BARE_ONE = lexicon.word_set("one 1 2 3 0")
_LABELLED = re.compile(
    r"\b(?:room|version|port|building|gate|page|chapter|section|article|part|level|step|line|platform|number|no\.|figure|"
    r"table|floor|unit|block|type|class|stage|phase|grade|group|route|bus|flight|track|zone|item|question|clause|"
    r"paragraph|appendix|annex|schedule|model|series|form|rule|act|title|volume|issue|box|bay|lane|channel|mode|key)\s$",
    re.I,
)
_COUNTING = lexicon.word_set("nearly around approximately exactly roughly altogether")
_NAME_BEFORE = re.compile(r"(?:^|\s)([A-Z][\w.-]*)\s$")
_NOUN_BEHIND = re.compile(r"[ -][a-z]{3,}")
_FIRST_WORD = re.compile(r"\s(\w+)")
_TWO_BEHIND = re.compile(r"\s([a-z]+)(?:[ -]([a-z]+))?")


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
            if kind == "ordinal" and _word_behind(sentence, right) in lexicon.CLOSED:
                continue  # "first the crew"
            if kind == "number" and _is_label(sentence, left, right):
                continue
            if kind == "quantity" and "-" in value and _NOUN_BEHIND.match(sentence, right):
                continue  # "a 25-metre pool"
            taken.append((left, right))
            yield Span(start + left, start + right, kind)


def _word_behind(sentence: str, right: int) -> str:
    match = _FIRST_WORD.match(sentence, right)
    return match[1].lower() if match is not None else ""


def _is_label(sentence: str, left: int, right: int) -> bool:
    """Whether a number counts nothing but names: "room 12", "Android 10"."""
    if _LABELLED.search(sentence[:left]):
        return True
    name, behind = _NAME_BEFORE.search(sentence[:left]), _TWO_BEHIND.match(sentence[right:])
    if name is None or name[1].lower() in lexicon.CLOSED or (name.start() == 0 and name[1].lower() in _COUNTING):
        return False
    words = [word for word in behind.groups() if word] if behind is not None else []
    return not any(word in lexicon.PLURALS or word.endswith("s") and not _is_no_noun(word) for word in words)


def _is_no_noun(word: str) -> bool:
    return word in lexicon.CLOSED or (
        word in lexicon.VERB_FORMS and lexicon.VERB_FORMS[word][0] not in lexicon.NOUN_VERBS
    )


def unit_question(value: str) -> str:
    """The wh-words for a quantity: "how long" for "17 seconds"."""
    for word in reversed(re.findall(r"[^\W\d]+|[^\w\s]\w?", value.lower())):
        if word in _QUANTITY_TYPE:
            return _QUANTITY_TYPE[word]
    return "how much"
