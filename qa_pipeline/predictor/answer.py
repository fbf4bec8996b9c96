"""What a predictor says to one question. Plain data; never sees a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeVar

from qa_pipeline.postprocess import Prediction, Span

AnySpan = TypeVar("AnySpan")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question, in characters of the caller's own context.

    Attributes:
        id: the row's own id, else the row's number.
        question: as asked.
        text: `context[start:end]`; "" for no answer.
        start, end: characters of the context, end exclusive; None for no answer.
        confidence: of this answer (of there being none, where there is none), 0 to 1. Comparable across contexts.
        no_answer_confidence: of there being no answer, 0 to 1; 0.0 for a model that always answers.
        null_odds: how far "no answer" is above the best span, in logits; where it exceeds the threshold, text is "".
        score: how far the answer is above "no answer" in its window, in logits; 0 for no answer.
        num_windows: into how many windows the context was cut.
        nbest: the best spans, best first, whether or not the answer is one of them; no two have the same characters.
    """

    id: str
    question: str
    text: str
    start: int | None
    end: int | None
    confidence: float
    no_answer_confidence: float
    null_odds: float
    score: float
    num_windows: int
    nbest: list[Span] = field(default_factory=list)

    @classmethod
    def from_prediction(cls, prediction: Prediction, question: str) -> Answer:
        """The same with the question beside it."""
        return cls(
            id=prediction.id,
            question=question,
            text=prediction.text,
            start=prediction.start,
            end=prediction.end,
            confidence=prediction.confidence,
            no_answer_confidence=prediction.null_confidence,
            null_odds=prediction.null_odds,
            score=prediction.score,
            num_windows=prediction.num_windows,
            nbest=prediction.nbest,
        )

    def above(self, confidence: float) -> list[Span]:
        """Every answer of a context that has several: spans of at least this confidence, none overlapping another.

        Of spans that overlap, the best stays. Where "no answer" won, the list is empty. The list is complete if n-best
        had room for `1 / confidence` spans, since confidences add up to at most 1 (see `spans_needed`).

        Returns:
            Best first.
        """
        if self.start is None:
            return []
        return distinct(span for span in self.nbest if span.confidence >= confidence)


def distinct(
    spans: Iterable[AnySpan], place: Callable[[AnySpan], tuple[int, int]] = attrgetter("start", "end")
) -> list[AnySpan]:
    """The spans that do not overlap an earlier one.

    Args:
        spans: best first.
        place: gives a span's start and end (exclusive).
    """
    kept: list[AnySpan] = []
    taken: list[tuple[int, int]] = []
    for span in spans:
        start, end = place(span)
        if all(end <= first or last <= start for first, last in taken):
            kept.append(span)
            taken.append((start, end))
    return kept


def spans_needed(confidence: float, most: int = 1000) -> int:
    """How many spans n-best must hold so that none of this confidence or more is missing, `most` at the most."""
    return most if confidence * most <= 1 else math.ceil(1 / confidence)
