"""What a predictor says to one question. Plain data; never sees a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qa_pipeline.postprocess import NO_SPAN_NULL_ODDS, Prediction, Span, answer_set
from qa_pipeline.postprocess import distinct as distinct  # answers of several texts are kept apart in the same way


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question, in characters of the caller's own context.

    Attributes:
        id: the row's own id, else the row's number.
        question: as asked.
        text: `context[start:end]`; "" for no answer.
        start, end: characters of the context, end exclusive; None for no answer.
        confidence: of this answer (of there being none, where there is none), 0 to 1, among all that the model could
            have answered from the contexts that were asked together. Contexts that were asked one by one do not
            compare: of a text of one word it may well be 1. `QAPredictor.together` makes them comparable.
        no_answer_confidence: of there being no answer, 0 to 1; 0.0 for a model that always answers.
        null_odds: how far "no answer" is above the best span, in logits; where it exceeds the threshold, text is "".
        score: how far the answer is above "no answer" in its window, in logits; 0 for no answer.
        num_windows: into how many windows the context was cut.
        nbest: the best spans, best first, whether or not the answer is one of them; no two have the same characters.

    Example:
        >>> context = "We charge a fee of 25 euros."
        >>> answer = Answer("1", "How high is the fee?", "25 euros", 19, 27, 0.9, 0.05, -3.0, 3.0, 1)
        >>> context[answer.start : answer.end] == answer.text
        True
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

    @classmethod
    def of_nothing(cls, id: str, question: str) -> Answer:
        """That an empty context holds no answer, which takes no model to say."""
        return cls(id, question, "", None, None, 1.0, 1.0, NO_SPAN_NULL_ODDS, 0.0, 0)

    def above(self, confidence: float) -> list[Span]:
        """Every answer of a context that has several: spans of at least this confidence, none overlapping another.

        Of spans that overlap, those stay whose confidences add up to most (see `postprocess.answer_set`). Where "no
        answer" won, the list is empty. The list is complete if n-best had room for `1 / confidence` spans, since
        confidences add up to at most 1 (see `spans_needed`).

        Returns:
            Best first.
        """
        if self.start is None:
            return []
        return answer_set(self.nbest, confidence)


def together(
    answers: Sequence[Answer], temperature: float, with_null: bool, shifts: Sequence[float] | np.ndarray | None = None
) -> list[Answer]:
    """Answers to one question from several contexts, with the confidences of one competition.

    Every span of every context takes part, each with its gap above "no answer" in its own window, and "no answer" once,
    where that is an answer. The confidences of all spans of all contexts then add up to 1 at most. Texts stay, and so
    does the order within a context.

    Args:
        answers: one for each context, as they were given one by one.
        temperature: that they were given with.
        with_null: whether "no answer" was an answer.
        shifts: (num_contexts,) logits that are added to the score of every span of a context; None: 0.
    """
    shifts = np.zeros(len(answers)) if shifts is None else np.asarray(shifts, dtype=np.float64)
    totals = np.array([_log_total(answer, temperature) for answer in answers])
    with np.errstate(under="ignore", divide="ignore"):
        # "No answer" is in the total of each context, and is to count once.
        shares = totals + np.log(-np.expm1(-np.maximum(totals, 0.0))) if with_null else totals
        shares = shares + shifts / temperature
        grand = float(np.logaddexp.reduce([*shares, 0.0 if with_null else -np.inf]))
        factors = np.exp(np.where(np.isneginf(totals), 0.0, totals - grand + shifts / temperature))
    nothing = min(math.exp(-grand), 1.0) if with_null else 0.0
    joint = []
    for answer, factor, shift in zip(answers, factors.tolist(), shifts.tolist(), strict=True):
        nbest = [
            replace(span, score=span.score + shift, confidence=min(span.confidence * factor, 1.0))
            for span in answer.nbest
        ]
        silent = answer.start is None
        joint.append(
            replace(
                answer,
                confidence=nothing if silent else min(answer.confidence * factor, 1.0),
                score=answer.score if silent else answer.score + shift,
                no_answer_confidence=nothing,
                null_odds=answer.null_odds - shift if answer.nbest else answer.null_odds,
                nbest=nbest,
            )
        )
    return joint


def _log_total(answer: Answer, temperature: float) -> float:
    """Log of the sum of exp(gap / temperature) over all that competed for an answer."""
    if answer.no_answer_confidence > 0.5 or not answer.nbest:
        return -math.log(answer.no_answer_confidence) if answer.no_answer_confidence > 0 else -math.inf
    best = answer.nbest[0]
    return best.score / temperature - math.log(best.confidence)


def spans_needed(confidence: float, most: int = 1000) -> int:
    """How many spans n-best must hold so that none of this confidence or more is missing, `most` at the most."""
    return most if confidence * most <= 1 else math.ceil(1 / confidence)
