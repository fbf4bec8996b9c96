"""Asks a model one question about several documents and ranks what it says. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from qa_pipeline.documents.reading import Document
from qa_pipeline.predictor.answer import Answer, distinct, spans_needed

ROOM_FOR_DISTINCT = 40
"""Spans of n-best for each answer that is wanted: most of the best ones overlap the very best."""


@dataclass(frozen=True)
class Found:
    """One answer.

    Attributes:
        text: `context[start:end]`; "" for no answer.
        start, end: characters of the context, end exclusive; None for no answer.
        confidence: 0 to 1.
        context: the document's text.
        document: where it was found; None for a context that is not a document.
    """

    text: str
    start: int | None
    end: int | None
    confidence: float
    context: str
    document: Document | None = None

    @property
    def page(self) -> int | None:
        """The page on which the answer begins, where the document has pages."""
        return self.document.page_at(self.start) if self.document and self.start is not None else None


@dataclass(frozen=True)
class Reply:
    """The answers to one question.

    Attributes:
        question: as asked.
        answers: best first, "no answer" before them where it won everywhere; empty where none has the confidence that
            was asked for.
        no_answer_confidence: of there being no answer in any of the texts, 0 to 1; 0 for a model that always answers.
    """

    question: str
    answers: list[Found]
    no_answer_confidence: float = 0.0

    @property
    def none_likelier(self) -> bool:
        """Whether "no answer" is likelier than the best answer, or won everywhere."""
        if not self.answers:
            return self.no_answer_confidence > 0.5
        return self.answers[0].start is None or self.no_answer_confidence > self.answers[0].confidence

    @property
    def spans(self) -> list[Found]:
        """The answers that are words of a text."""
        return [found for found in self.answers if found.start is not None]


def ask_all(
    predictor: Any,
    question: str,
    documents: Sequence[Document],
    *,
    top_k: int = 1,
    all_answers: bool = False,
    min_confidence: float = 0.0,
) -> Reply:
    """Asks every document and ranks the answers of all by confidence, as `QAPredictor.ask_documents` makes it.

    "No answer" comes first where it won in every document, and with top_k above 1 the best spans follow. Where it won
    in some documents only, those are left out.

    Args:
        predictor: a QAPredictor.
        question: not blank.
        documents: at least one; a source of "" is a context that is not a document.
        top_k: most answers, none overlapping a better one; not with all_answers.
        all_answers: every answer of at least min_confidence instead.
        min_confidence: answers below are left out.

    Raises:
        DataError, ModelError: as `predictor.predict`.
    """
    # Every span of this confidence has a place in n-best of this size: confidences add up to 1 at most.
    needed = spans_needed(min_confidence) if all_answers else min(ROOM_FOR_DISTINCT * top_k, 1000) if top_k > 1 else 1
    options = {"n_best_size": max(needed, predictor.settings.n_best_size)}
    rows = ({"question": question, "context": document.text} for document in documents)
    given: list[Found] = []
    silent: list[Found] = []
    runners_up: list[Found] = []
    answers = predictor.together(list(predictor.predict(rows, **options)))
    for document, answer in zip(documents, answers, strict=True):
        place = document if document.source else None
        best = answer.above(min_confidence) if all_answers else distinct(answer.nbest)[:top_k]
        spans = [Found(span.text, span.start, span.end, span.confidence, document.text, place) for span in best]
        if answer.start is None:
            silent.append(Found("", None, None, answer.confidence, document.text, place))
            runners_up += spans
        else:
            given += spans
    most = len(given) if all_answers else top_k
    if len(silent) == len(documents):
        none = silent[0] if len(documents) == 1 else replace(silent[0], context="", document=None)
        return Reply(question, [none, *_ranked(runners_up, min_confidence)[: top_k - 1]], none.confidence)
    return Reply(question, _ranked(given, min_confidence)[:most], answers[0].no_answer_confidence)


def best_of_documents(
    predictor: Any, questions: Iterable[Mapping[str, Any]], documents: Sequence[Document], skip: int = 0
) -> Iterator[tuple[Answer, Document | None]]:
    """Asks every document every question, many at a time; gives the best answer to each question, as `ask_all`.

    Args:
        predictor: a QAPredictor.
        questions: rows with "id" and "question".
        documents: at least one.
        skip: leave out the answers to so many questions at the front, see `QAPredictor.predict`.

    Returns:
        Each answer, with the confidences of all documents together, and the document it is from; None for no answer in
        any of several.

    Raises:
        DataError, ModelError: as `predictor.predict`.
    """
    rows = (
        {"id": row["id"], "question": row["question"], "context": document.text}
        for row in questions
        for document in documents
    )
    replies = predictor.predict(rows, skip=skip * len(documents))
    while given := list(islice(replies, len(documents))):
        answers = predictor.together(given)
        spoken = [place for place, answer in enumerate(answers) if answer.start is not None]
        place = max(spoken or range(len(answers)), key=lambda place: (answers[place].confidence, -place))
        yield answers[place], documents[place] if spoken or len(documents) == 1 else None


def _ranked(spans: Iterable[Found], min_confidence: float) -> list[Found]:
    return sorted((found for found in spans if found.confidence >= min_confidence), key=lambda found: -found.confidence)
