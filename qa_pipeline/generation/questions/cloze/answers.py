"""Finds the answers of a passage: everything that a question could be asked about, with its type.

Dates, amounts and the like by patterns, names by their capitals and cues; phrases and clauses come from `phrases`.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern on one line reads better
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.phrases import clause_spans, phrase_spans
from qa_pipeline.generation.questions.cloze.sentences import Sentence
from qa_pipeline.generation.questions.cloze.spans import TypedSpan
from qa_pipeline.generation.questions.cloze.words import CLOCK, PHONE, Word, runs


@dataclass(frozen=True, slots=True)
class AnswerChoice:
    """A span together with its text and the index of its sentence in the passage."""

    span: TypedSpan
    text: str
    sentence: int


def find_answers(
    text: str, sentences: Sequence[Sentence], lower_counts: Counter[str], kinds: frozenset[str]
) -> list[AnswerChoice]:
    """Answers of the general kinds (patterns, names, phrases, clauses) in the order of the passage.

    Args:
        text: the passage.
        sentences: all of it.
        lower_counts: how often each word stands in lower case in all passages.
        kinds: the types wanted.
    """
    answers = []
    for index, sentence in enumerate(sentences):
        if not sentence.askable:
            continue
        fixed = [span for span in pattern_spans(text, sentence.start, sentence.end)]
        fixed += _apart(name_spans(text, sentence, lower_counts), fixed)
        spans = fixed + list(_apart(phrase_spans(sentence), fixed)) + list(clause_spans(sentence))
        answers += [AnswerChoice(span, text[span.start : span.end], index) for span in spans if span.kind in kinds]
    return sorted(answers, key=lambda answer: (answer.span.start, answer.span.end, answer.span.kind))


def _apart(spans: Iterable[TypedSpan], fixed: Sequence[TypedSpan]) -> list[TypedSpan]:
    """Those that overlap none of `fixed`: a date is a date and not also a name."""
    return [span for span in spans if not any(span.start < other.end and span.end > other.start for other in fixed)]


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


def pattern_spans(text: str, start: int, end: int) -> Iterator[TypedSpan]:
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
            yield TypedSpan(start + left, start + right, kind)


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


MOST_NAME_WORDS = 7
_LINKS = lexicon.word_set("of the de la von van del and for")
_QUOTED = re.compile(r"[“\"]([^“”\"\n]{3,60})[”\"]")
_BY_PEOPLE = lexicon.word_set(
    "led taught written directed designed painted composed chaired headed invented discovered hosted edited born sung "
    "coached married played"
)
_IN_PLACE = lexicon.word_set("in at near from to into across throughout around")


def name_spans(text: str, sentence: Sentence, lower_counts: Counter[str]) -> Iterator[TypedSpan]:
    """Names in a sentence.

    Args:
        text: the passage.
        sentence: one of its sentences.
        lower_counts: how often each word stands in lower case, and with a capital inside a sentence, in all passages: a
            word that does not need its capital is no name.
    """
    words = sentence.words
    opening = next((i for i, word in enumerate(words) if word.kind != "punct"), 0)
    for i, j in runs(words, lambda i: _starts_name(words, i, lower_counts), lambda i, first: _goes_on(words, i)):
        sequence = words[i:j]
        # The first word of a sentence has a capital in any case.
        common = i == opening and len(sequence) == 1 and not lower_counts[sequence[0].text]
        if common and sequence[0].lower not in lexicon.GIVEN_NAMES:
            continue
        if len(sequence) <= MOST_NAME_WORDS and (kind := _type(words, i, j)) is not None:
            yield TypedSpan(sequence[0].start, sequence[-1].end, kind)
    for match in _QUOTED.finditer(text, sentence.start, sentence.end):
        inner = match.group(1)
        if inner[0].isupper() and len(inner.split()) <= 8 and inner[-1].isalnum():
            yield TypedSpan(match.start(1), match.end(1), "title")


def _is_capital(word: Word) -> bool:
    return word.text[0].isupper() and word.text[0].isalpha()


def _starts_name(words: Sequence[Word], i: int, lower_counts: Counter[str]) -> bool:
    word = words[i]
    if (
        not _is_capital(word)
        or word.lower in lexicon.CLOSED
        or word.lower in lexicon.MONTHS | lexicon.WEEKDAYS
        or len(word.text) < 2
    ):
        return False
    return lower_counts[word.lower] == 0 or (
        i + 1 < len(words) and _is_capital(words[i + 1]) and words[i + 1].lower not in lexicon.CLOSED and i > 0
    )


def _goes_on(words: Sequence[Word], j: int) -> bool:
    word = words[j]
    if word.start - words[j - 1].end > 1 or (word.kind == "punct" and word.text not in ".&"):
        return False
    if word.text == ".":
        return len(words[j - 1].text) == 1 and j + 1 < len(words) and _is_capital(words[j + 1])
    if _is_capital(word):
        numeral = word.text == "I" and (j + 1 == len(words) or words[j + 1].kind not in ("aux", "verb"))
        return numeral or word.lower not in lexicon.MONTHS | lexicon.WEEKDAYS | lexicon.PRONOUNS
    if word.lower in _LINKS - {"and", "for"} or word.text == "&":
        return (
            j + 1 < len(words)
            and _is_capital(words[j + 1])
            and words[j + 1].lower not in lexicon.CLOSED | lexicon.MONTHS
        )
    return word.kind == "num" and j + 1 - len(words) < 0 and word.text.isdigit() and len(word.text) < 3


def _type(words: Sequence[Word], i: int, j: int) -> str | None:
    lowers = [word.lower.rstrip(".") for word in words[i:j]]
    before = words[i - 1].lower.rstrip(".") if i else ""
    if before in lexicon.TITLES or lowers[0] in lexicon.TITLES:
        return "person" if len(lowers) > 1 or before in lexicon.TITLES else None
    if any(lower in lexicon.ORGANIZATION_CUES for lower in lowers):
        return "organization"
    if any(lower in lexicon.PLACE_CUES for lower in lowers):
        return "place"
    if lowers[0] in lexicon.GIVEN_NAMES and (len(lowers) > 1 or words[i].lower in lexicon.GIVEN_NAMES):
        return "person"
    if before in _IN_PLACE and not words[i].text.isupper():
        return "place"
    if j < len(words) and words[j].lower in ("who", "whose"):
        return "person"
    made_by = before == "by" and i > 1 and words[i - 2].lower in _BY_PEOPLE
    if made_by and len(lowers) <= 4 and all(word.text[0].isupper() or word.lower in _LINKS for word in words[i:j]):
        return "person" if not any(word.text.isupper() and len(word.text) > 2 for word in words[i:j]) else "name"
    if 1 < len(lowers) <= 3 and all(word.text.istitle() for word in words[i:j]) and not set(lowers) & _LINKS:
        follows = words[j].lower if j < len(words) else ""
        form = lexicon.VERB_FORMS.get(follows)
        if form is not None and form[0] in (
            "write",
            "say",
            "argue",
            "design",
            "invent",
            "discover",
            "win",
            "play",
            "bear",
            "die",
            "become",
        ):
            return "person"
    return "name"
