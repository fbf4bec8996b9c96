"""Asks a model one question about several documents and ranks what it says. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qa_pipeline.data.documents import Document
from qa_pipeline.predictor.answer import spans_needed


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
    """The answers to one question, best first; empty where none has the confidence that was asked for."""

    question: str
    answers: list[Found]


def ask_all(
    predictor: Any,
    question: str,
    documents: Sequence[Document],
    *,
    top_k: int = 1,
    all_answers: bool = False,
    min_confidence: float = 0.0,
) -> Reply:
    """Asks every document and ranks the answers of all by confidence.

    "No answer" comes first where it won in every document, with the lowest confidence that any of them gave it, and
    with top_k above 1 the best spans follow. Where it won in some documents only, those are left out.

    Args:
        predictor: a QAPredictor.
        question: not blank.
        documents: at least one; a source of "" is a context that is not a document.
        top_k: most answers, spans that overlap included; not with all_answers.
        all_answers: every answer instead, none overlapping a better one.
        min_confidence: answers below are left out.

    Raises:
        DataError, ModelError: as `predictor.predict`.
    """
    # Every span of this confidence has a place in n-best of this size: confidences add up to 1 at most.
    needed = spans_needed(min_confidence) if all_answers else top_k
    options = {"n_best_size": max(needed, predictor.settings.n_best_size)}
    rows = ({"question": question, "context": document.text} for document in documents)
    given: list[Found] = []
    silent: list[Found] = []
    runners_up: list[Found] = []
    for document, answer in zip(documents, predictor.predict(rows, **options), strict=True):
        place = document if document.source else None
        best = answer.above(min_confidence) if all_answers else answer.nbest[:top_k]
        spans = [Found(span.text, span.start, span.end, span.confidence, document.text, place) for span in best]
        if answer.start is None:
            silent.append(Found("", None, None, answer.confidence, document.text, place))
            runners_up += spans
        else:
            given += spans
    most = len(given) if all_answers else top_k
    if len(silent) == len(documents):
        none = min(silent, key=lambda found: found.confidence)
        if len(documents) > 1:
            none = replace(none, context="", document=None)
        return Reply(question, [none, *_ranked(runners_up, min_confidence)[: top_k - 1]])
    return Reply(question, _ranked(given, min_confidence)[:most])


def _ranked(spans: Iterable[Found], min_confidence: float) -> list[Found]:
    return sorted((found for found in spans if found.confidence >= min_confidence), key=lambda found: -found.confidence)
