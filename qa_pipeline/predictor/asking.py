"""Asks documents: one question or many; finds the passages to read, reads them, and ranks all spans as one competition.

`QAPredictor.ask` and `ask_many` are the way in. Prints nothing.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from qa_pipeline.arguments.limits import as_python, check_limits, checked_bounds
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.postprocess import LEAST_CONFIDENCE, NO_SPAN_NULL_ODDS, answer_set
from qa_pipeline.predictor.answer import Answer, spans_needed
from qa_pipeline.predictor.batches import Progress
from qa_pipeline.predictor.documents import DocumentAnswer, Reply
from qa_pipeline.predictor.fusion import RETRIEVAL_WEIGHT, evidence
from qa_pipeline.predictor.questions import chunks
from qa_pipeline.predictor.sources import NUM_PASSAGES, Reading, ReadingSources, sources_of
from qa_pipeline.wording import in_short

if TYPE_CHECKING:
    from qa_pipeline.postprocess import Span
    from qa_pipeline.predictor.documents import Documents

ROOM_FOR_DISTINCT = 40
"""Spans of n-best for each answer that is wanted: most of the best ones overlap the very best."""


def ask(
    predictor: Any,
    question: str,
    documents: Documents,
    *,
    top_k: int = 1,
    num_passages: int | None = NUM_PASSAGES,
    all_answers: bool = False,
    min_confidence: float | None = None,
    retrieval_weight: float | None = None,
    **overrides: Any,
) -> Reply:
    """The answers of all documents to one question; see `QAPredictor.ask`."""
    wanted = _wanted(predictor, top_k, all_answers, min_confidence, retrieval_weight, overrides)
    sources = sources_of(documents, num_passages, predictor.embedder)
    return next(_answered(predictor, [question], sources, wanted, many=False))


def ask_many(
    predictor: Any,
    questions: Iterable[str | Mapping[str, Any]],
    documents: Documents,
    *,
    top_k: int = 5,
    num_passages: int | None = NUM_PASSAGES,
    retrieval_weight: float | None = None,
    skip: int = 0,
) -> Iterator[Reply]:
    """The same for many questions; see `QAPredictor.ask_many`."""
    wanted = _wanted(predictor, top_k, False, None, retrieval_weight, {})
    return _answered(
        predictor, questions, sources_of(documents, num_passages, predictor.embedder), wanted, many=True, skip=skip
    )


# One competition


@dataclass(frozen=True)
class _Wanted:
    """What the caller wants of the answers, checked."""

    top_k: int
    all_answers: bool
    least: float
    weight: float
    threshold: float
    temperature: float
    overrides: dict[str, Any]


def _wanted(
    predictor: Any,
    top_k: int,
    all_answers: bool,
    min_confidence: float | None,
    weight: float | None,
    overrides: dict[str, Any],
) -> _Wanted:
    top_k = checked_bounds(top_k=top_k)["top_k"] or 1
    enough = predictor.settings.all_answers_confidence
    enough = (LEAST_CONFIDENCE if enough is None else enough) if all_answers else 0.0
    least = _checked_number("min_confidence", min_confidence, enough, most=1)
    stored = predictor.settings.retrieval_weight
    weight = _checked_number("retrieval_weight", weight, RETRIEVAL_WEIGHT if stored is None else stored)
    check_limits(overrides)
    # Every span of this confidence has a place in n-best of this size: confidences add up to 1 at most.
    needed = spans_needed(least) if all_answers else min(ROOM_FOR_DISTINCT * top_k, 1000) if top_k > 1 else 1
    limits = {**vars(predictor.settings), **{name: value for name, value in overrides.items() if value is not None}}
    return _Wanted(
        top_k=top_k,
        all_answers=all_answers,
        least=least,
        weight=weight,
        threshold=limits["null_score_diff_threshold"] if limits["version_2_with_negative"] else math.inf,
        temperature=limits["temperature"],
        overrides={**overrides, "n_best_size": max(needed, limits["n_best_size"])},
    )


def _checked_number(name: str, value: Any, default: float, most: float = math.inf) -> float:
    value = default if value is None else as_python(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or math.isinf(value):
        bounds = f"from 0 to {most:g}" if math.isfinite(most) else "0 or more"
        raise ConfigError("settings of the predictor", f"{name} must be a number, {bounds}, found {in_short(value)}")
    return float(value)


def _answered(
    predictor: Any,
    questions: Iterable[str | Mapping[str, Any]],
    sources: ReadingSources,
    wanted: _Wanted,
    *,
    many: bool,
    skip: int = 0,
) -> Iterator[Reply]:
    """A reply to each question after the first `skip`; passages share batches as if all were asked."""
    rows = (({"question": one} if isinstance(one, str) else one) for one in questions)
    progress = Progress(None if many else False, operator.length_hint(questions) or None)
    try:
        # Checked, and gathered into chunks, as questions that come with their contexts are.
        for chunk in chunks({**row, "context": "-"} if isinstance(row, Mapping) else row for row in rows):
            if skip >= len(chunk):
                skip -= len(chunk)
                progress.add(len(chunk))
                continue
            found = [sources.readings(row["question"]) for row in chunk]
            contexts = (
                {**row, "context": reading.text}
                for row, readings in zip(chunk, found, strict=True)
                for reading in readings
            )
            answers = predictor.predict(
                contexts,
                progress=False if many else None,
                skip=sum(map(len, found[:skip])),
                **wanted.overrides,
            )
            for row, readings in list(zip(chunk, found, strict=True))[skip:]:
                given = list(islice(answers, len(readings)))
                yield _reply(predictor, row, sources, readings, given, wanted)
                progress.add(1)
            skip = 0
    finally:
        progress.close()


class _Candidate(NamedTuple):
    """A span of what was read, and its characters in the document."""

    reading: Reading
    span: Span
    start: int
    end: int

    @property
    def confidence(self) -> float:
        return self.span.confidence


def _reply(
    predictor: Any,
    row: Mapping[str, str],
    sources: ReadingSources,
    readings: Sequence[Reading],
    answers: Sequence[Answer],
    wanted: _Wanted,
) -> Reply:
    """The reply that the answers of all readings make together."""
    hits = [reading.hit for reading in readings if reading.hit is not None]
    if not readings:  # no passage has anything to do with the question
        return Reply(row["question"], [DocumentAnswer("", None, None, 1.0, "")], 1.0, id=row["id"])
    shifts = wanted.weight * wanted.temperature * evidence(hits) if hits else None
    joint = predictor.together(answers, shifts=shifts, **wanted.overrides)
    spoken: list[_Candidate] = []
    guesses: list[_Candidate] = []
    best_of_each: list[_Candidate] = []
    all_silent = True
    for reading, answer in zip(readings, joint, strict=True):
        placed = [_Candidate(reading, span, *place) for span in answer.nbest if (place := reading.place(span))]
        best_of_each += placed[:1]
        silent = answer.start is None or not placed or -placed[0].span.score > wanted.threshold
        all_silent &= silent
        if wanted.all_answers:
            surest = {(one.start, one.end) for one in answer_set([one.span for one in placed], wanted.least)}
            placed = [one for one in placed if (one.span.start, one.span.end) in surest]
        (guesses if silent else spoken).extend(placed)
    nothing = joint[0].no_answer_confidence
    found = [_answer(one, sources) for one in _best(spoken, wanted, wanted.top_k)]
    if all_silent:
        none = DocumentAnswer("", None, None, nothing, "")
        if len(readings) == 1 and not hits:
            document = sources.document(readings[0])
            none = replace(none, context=document.text, document=document if document.source else None)
        more = [] if wanted.all_answers else _best(guesses, wanted, wanted.top_k - 1)
        found = [none, *(_answer(one, sources) for one in more)]
    names = [name for one in _ranked(best_of_each) for name in (one.reading.name, *one.reading.copies)]
    return Reply(
        question=row["question"],
        answers=found,
        no_answer_confidence=nothing,
        null_odds=min((-one.span.score for one in best_of_each), default=NO_SPAN_NULL_ODDS),
        hits=hits,
        id=row["id"],
        near=max((hit.meaning for hit in hits if hit.meaning is not None), default=None),
        documents=list(dict.fromkeys(names)),
    )


def _best(candidates: Iterable[_Candidate], wanted: _Wanted, most: int) -> list[_Candidate]:
    """The best candidates that are sure enough, of which none overlaps a better one of its document."""
    kept: dict[object, list[_Candidate]] = {}
    chosen: list[_Candidate] = []
    for one in _ranked(one for one in candidates if one.confidence >= wanted.least):
        if len(chosen) >= most and not wanted.all_answers:
            break
        before = kept.setdefault(one.reading.key, [])
        if all(one.end <= other.start or other.end <= one.start for other in before):
            before.append(one)
            chosen.append(one)
    return chosen


def _ranked(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """The likeliest first; of equal ones that of what is nearer to the question."""
    return sorted(candidates, key=lambda one: -one.confidence)


def _answer(found: _Candidate, sources: ReadingSources) -> DocumentAnswer:
    """A candidate with its document.

    Raises:
        DataError: the document is not the one that the passage was cut from.
    """
    reading, span, start, end = found
    document = sources.document(reading)
    if document.text[start:end] != span.text:
        raise DataError(
            f"{reading.name}: passage {start}-{end} of the index does not stand there in the document as the index has "
            "it; build the index again"
        )
    return DocumentAnswer(
        text=span.text,
        start=start,
        end=end,
        confidence=span.confidence,
        context=document.text,
        document=document if document.source else None,
        passage=sources.passage(reading, start),
        score=span.score,
        copies=reading.copies,
    )
