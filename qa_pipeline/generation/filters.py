"""Turns drafts into rows: finds a draft's quotes in its passage, then says whether the row is fit to teach a model.

Offsets come from `qa_pipeline.data.align_answer` alone, which forgives white space, Unicode forms, case, quotes and
dashes; what is written back is always the passage's own slice. A quote that is there twice is refused: nobody knows
which one was meant. Each filter sees one row and keeps it or gives a reason; order: length, leaked, deictic, overlap,
then (batch-wise) the round trip. Duplicates are `dedup.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from qa_pipeline.data.alignment import AS_GIVEN, INSIDE_WORD, LOCATED, Aligned, align_answer
from qa_pipeline.data.example import LooseAnswer
from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.types import Draft, Rejected, Row
from qa_pipeline.text.edges import is_whole
from qa_pipeline.text.words import STOPWORDS, contains_words, count_words, normalised, sentence_at

EMPTY_QUESTION = "empty_question"
EMPTY_ANSWER = "empty_answer"
EVIDENCE_NOT_VERBATIM = "evidence_not_verbatim"
EVIDENCE_AMBIGUOUS = "evidence_ambiguous"
NOT_VERBATIM = "answer_not_verbatim"
AMBIGUOUS = "answer_ambiguous"
MISPLACED = "answer_misplaced"
"""The generator named a place, and the answer is not there."""
CUTS_WORD = "answer_cuts_word"

RowFilter = Callable[[Row], str | None]
"""A reason to refuse the row, or None."""


class FoundText(Protocol):
    """What a trained reader says to a question, as `predictor.Answer` has it: text "" and start None for no answer."""

    @property
    def text(self) -> str:
        """The answer."""

    @property
    def start(self) -> int | None:
        """Its first character in the passage."""


Reader = Callable[[Sequence[Row]], Sequence[FoundText]]
"""Answers the questions of rows, in their order, without having seen their answers."""


def make_reader(name: str) -> Reader:
    """A trained model as a function from rows to its answers. Raises ModelError where it cannot be loaded."""
    from qa_pipeline.predictor import QAPredictor

    predictor = QAPredictor.from_pretrained(name)

    def read(rows: Sequence[Row]) -> Sequence[FoundText]:
        asked = [{"id": row.key, "question": row.question, "context": row.passage.text} for row in rows]
        return list(predictor.predict(asked, progress=False))

    return read


def check(draft: Draft, filters: Sequence[tuple[str, RowFilter]]) -> Row | Rejected:
    """The draft as an aligned row that has passed the filters, or why not."""
    row = place(draft)
    return row if isinstance(row, Rejected) else apply_filters(row, filters)


def place(draft: Draft) -> Row | Rejected:
    """The draft as a row with the answer's place in the passage, or the reason why there is none."""
    question = " ".join(draft.question.split())
    text = draft.passage.text

    def row(answer: str | None, start: int | None, evidence: str | None) -> Row:
        return Row(
            draft.passage, question, answer, start, draft.generator, evidence, dict(draft.details), ("verbatim",)
        )

    if not question:
        return Rejected(EMPTY_QUESTION, draft.passage.id)
    if draft.answer is None:
        return row(None, None, None)
    if not draft.answer.strip():
        return Rejected(EMPTY_ANSWER, draft.passage.id)
    if draft.start is not None:
        given = align_answer(text, LooseAnswer(text=draft.answer, start=draft.start))
        if not isinstance(given, Aligned) or given.how not in AS_GIVEN:
            return Rejected(MISPLACED, draft.passage.id)
        return row(given.text, given.start, _slice(text, draft.evidence))
    begin, end = 0, len(text)
    if draft.evidence is not None and draft.evidence.strip():
        found = _only(draft.passage, draft.evidence, whole=False)
        if isinstance(found, Rejected):
            reason = {NOT_VERBATIM: EVIDENCE_NOT_VERBATIM, AMBIGUOUS: EVIDENCE_AMBIGUOUS}.get(
                found.reason, found.reason
            )
            return Rejected(reason, draft.passage.id)
        begin, end = found.start, found.start + len(found.text)
    answer = _only(draft.passage, draft.answer, whole=True, begin=begin, end=end)
    if isinstance(answer, Rejected):
        return answer
    evidence = text[begin:end] if (begin, end) != (0, len(text)) else None
    return row(answer.text, answer.start, evidence)


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


def agrees(row: Row, found: FoundText, least_f1: float) -> bool:
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
    left, right = normalised(wanted).split(), normalised(found).split()
    common = sum((Counter(left) & Counter(right)).values())
    return 2 * common / (len(left) + len(right)) if common else 0.0


def mean_overlap(rows: Iterable[Row], language: str = "en") -> float | None:
    """Mean of `overlap` over the answerable rows, or None where there are none: how much mere word matching can win."""
    shares = [overlap(row, language) for row in rows if row.start is not None]
    return sum(shares) / len(shares) if shares else None


def _slice(text: str, quote: str | None) -> str | None:
    found = align_answer(text, LooseAnswer(text=quote)) if quote and quote.strip() else None
    return found.text if isinstance(found, Aligned) else None


def _only(passage: Passage, quote: str, *, whole: bool, begin: int = 0, end: int | None = None) -> Aligned | Rejected:
    """The one place of a quote in `passage.text[begin:end]`, or the reason why there is not exactly one.

    A quote that is there once as written counts as found once, however often it is there in another case.
    """
    text = passage.text
    hits: list[Aligned] = []
    cut = False
    for hit in _hits(text[begin:end], quote):
        hit = Aligned(hit.text, begin + hit.start, hit.how)
        if whole and not is_whole(text, hit.start, hit.start + len(hit.text)):
            cut = True
            continue
        if hits and hit.how != hits[0].how:
            break
        hits.append(hit)
        if len(hits) == 2:
            return Rejected(AMBIGUOUS, passage.id)
    return hits[0] if hits else Rejected(CUTS_WORD if cut else NOT_VERBATIM, passage.id)


def _hits(text: str, quote: str) -> Iterator[Aligned]:
    """Every place of a quote, as `align_answer` sees it: the places as written first, else the tolerant ones.

    The quote is looked for again in what follows and what comes before each hit. One that is there inside words alone
    gives the places inside them.
    """
    first = align_answer(text, LooseAnswer(text=quote))
    if not isinstance(first, Aligned):
        core = quote.strip()
        for match in re.finditer(re.escape(core), text) if first.reason == INSIDE_WORD else ():
            yield Aligned(core, match.start(), LOCATED)
        return
    yield first
    for offset, rest in (
        (first.start + len(first.text), text[first.start + len(first.text) :]),
        (0, text[: first.start]),
    ):
        while rest.strip():
            hit = align_answer(rest, LooseAnswer(text=quote))
            if not isinstance(hit, Aligned):
                break
            yield Aligned(hit.text, offset + hit.start, hit.how)
            offset, rest = offset + hit.start + len(hit.text), rest[hit.start + len(hit.text) :]
