"""Says which rows are fit to teach a model. Each filter sees one row and keeps it or gives a reason; sees no file.

Order: length, leaked, deictic, overlap, then (batch-wise) the round trip. Duplicates are `dedup.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.rows import Row
from qa_pipeline.generation.types import Rejected
from qa_pipeline.text.words import STOPWORDS, contains_words, count_words, normalised, sentence_at

RowFilter = Callable[[Row], str | None]
"""A reason to refuse the row, or None."""


@dataclass(frozen=True)
class ReaderAnswer:
    """What a trained reader says to a question: text "" for no answer; confidence from 0 to 1."""

    text: str
    start: int | None
    confidence: float


Reader = Callable[[Sequence[Row]], Sequence[ReaderAnswer]]
"""Answers the questions of rows, in their order, without having seen their answers."""


def apply_filters(row: Row, filters: Sequence[tuple[str, RowFilter]]) -> Row | Rejected:
    """The row, marked with what it has passed, or the first reason against it."""
    for _, refuse in filters:
        reason = refuse(row)
        if reason is not None:
            return Rejected(reason, row.passage.id)
    return replace(row, passed=(*row.passed, *(name for name, _ in filters)))


def make_filters(settings: FilterArguments, language: str = "en") -> list[tuple[str, RowFilter]]:
    """The filters that look at one row, in order, by name."""
    skip = set(settings.skip_filters or ())
    filters: list[tuple[str, RowFilter]] = [
        ("length", lambda row: wrong_length(row, settings)),
        ("leaked", leaked),
    ]
    if language.split("-")[0].lower() == "en":  # its words are English
        filters.append(("deictic", deictic))
    if settings.max_overlap is not None:
        most = settings.max_overlap
        filters.append(("overlap", lambda row: "overlap" if overlap(row, language) > most else None))
    return [(name, refuse) for name, refuse in filters if name not in skip]


def wrong_length(row: Row, settings: FilterArguments) -> str | None:
    """Questions that are no more than a word or ramble on, and answers that are paragraphs."""
    size = count_words(row.question)
    if size < settings.min_question_words:
        return "question_too_short"
    if size > settings.max_question_words:
        return "question_too_long"
    if row.answer is not None:
        size = count_words(row.answer)
        if size > settings.max_answer_words:
            return "answer_too_long"
        if not normalised(row.answer):
            return "answer_without_words"
    return None


def leaked(row: Row) -> str | None:
    """The question gives its answer away."""
    return "answer_in_question" if row.answer is not None and contains_words(row.question, row.answer) else None


_THE_TEXT = re.compile(
    r"\b(?:(?:the|this|that|above|following|given|provided|preceding)\s+(?:\w+\s+)?"
    r"(?:passage|text|paragraph|excerpt|context|article|extract|snippet)\b"
    r"|(?:in|of|from|by|to|per)\s+(?:the|this)\s+(?:document|section|sentence|author|writer)\b(?!\s+of)"
    r"|(?:as\s+)?(?:mentioned|stated|described|discussed|listed)\s+(?:above|below|here|earlier)\b)",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"\b(?:(?:he|she|him|himself|herself)\b|(?:do|does|did|is|was|has|had|can|could|will|would|may|should)\s+"
    r"(?:it|this|that|these|those)\s*(?:\?|\b(?!\s+\w+ly\b)))",
    re.IGNORECASE,
)
_DEICTIC_THIS = re.compile(
    r"\b(?:is|was|does|did|has|can|will|would|may|should)\s+(?:this|that|these|those)\s+[a-z]", re.I
)
_NAME = re.compile(r"(?<!^)(?<![.?!]\s)\b(?!I\b)[A-Z][\w'-]+")


def deictic(row: Row) -> str | None:
    """The question points at the text, or at somebody it does not name; asked on its own it means nothing.

    `they`, `we` and `you` stay: policies and manuals are asked about that way.
    """
    if _THE_TEXT.search(row.question):
        return "mentions_the_text"
    bare = _BARE.search(row.question)
    if bare and not _DEICTIC_THIS.search(row.question) and not _NAME.search(row.question):
        return "bare_pronoun"
    return None


def overlap(row: Row, language: str = "en") -> float:
    """Share of the question's content words that stand in the sentence of its answer, from 0 to 1; 0 without answer."""
    if row.start is None:
        return 0.0
    sentence = set(normalised(sentence_at(row.passage.text, row.start, language)).split())
    content = [word for word in normalised(row.question).split() if word not in STOPWORDS]
    return sum(word in sentence for word in content) / len(content) if content else 0.0


def round_trip(rows: Sequence[Row], reader: Reader, least_f1: float) -> list[Row | Rejected]:
    """Asks a trained reader every question; a row stays where the reader's answer is the row's.

    The same means: they share characters in the passage and reach `least_f1` in words, or one lies within the other.
    Rows without answer stay where the reader finds none.

    Returns:
        For each row the row, marked, or why not, in order.
    """
    answers = reader(rows) if rows else []
    if len(answers) != len(rows):
        raise ValueError(f"the reader gave {len(answers)} answers to {len(rows)} questions")
    return [
        replace(row, passed=(*row.passed, "round_trip"))
        if agrees(row, answer, least_f1)
        else Rejected("round_trip", row.passage.id)
        for row, answer in zip(rows, answers, strict=True)
    ]


def agrees(row: Row, found: ReaderAnswer, least_f1: float) -> bool:
    """Whether a reader's answer is that of the row; see `round_trip`."""
    if row.answer is None or row.start is None:
        return not found.text
    if not found.text:
        return False
    if found.start is not None:
        end, found_end = row.start + len(row.answer), found.start + len(found.text)
        if not (found.start < end and row.start < found_end):
            return False
        if (row.start <= found.start and found_end <= end) or (found.start <= row.start and end <= found_end):
            return True
    return _f1(row.answer, found.text) >= least_f1


def _f1(wanted: str, found: str) -> float:
    from collections import Counter

    left, right = normalised(wanted).split(), normalised(found).split()
    common = sum((Counter(left) & Counter(right)).values())
    return 2 * common / (len(left) + len(right)) if common else 0.0


def mean_overlap(rows: Iterable[Row], language: str = "en") -> float | None:
    """Mean of `overlap` over the answerable rows, or None where there are none: how much mere word matching can win."""
    shares = [overlap(row, language) for row in rows if row.start is not None]
    return sum(shares) / len(shares) if shares else None
