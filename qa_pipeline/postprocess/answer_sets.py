"""Gives every answer of a question whose answer is a set, and fits the confidence from which an answer is given.

Sees predictions and reference answers; never a model or a file.

A model that points at the two answers of "Ulm and Lindau" gives a share to both their beginnings and both their ends,
and so to "Ulm and Lindau" as well, which begins with one answer and ends with the other. Its confidence is often the
highest of the three, though both answers together are surer. So the set that is given is the one whose confidences add
up to most, of spans that do not overlap. Spans with nothing but white space between them are pieces of one answer, and
are no two answers.

Confidences add up to 1 over all spans: the more answers a question has, the lower is that of each. Which is enough is
fitted on questions that have such sets. What is fitted flatters on the same questions, so the scores that are reported
come from cross-fitting, as with the temperature (see `calibration`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from qa_pipeline.metrics import distinct_texts, exact_hits, multi_span_scores
from qa_pipeline.postprocess.calibration import MIN_QUESTIONS, folds
from qa_pipeline.postprocess.postprocess import Prediction, Span

AnySpan = TypeVar("AnySpan")

LEAST_CONFIDENCE = 0.05
"""The confidence from which an answer of a set is given, where none was fitted."""

STEPS = 40
"""Confidences that are tried, in equal ratios from the least to 1."""


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


def answer_set(spans: Sequence[Span], confidence: float) -> list[Span]:
    """Of the spans of at least a confidence those that are given together: none overlaps another, see the module.

    Returns:
        Best first. Every span of this confidence is one of them, or overlaps or touches one.

    >>> whole, one, two = Span("a or b", 0, 6, 2.0, 0.4), Span("a", 0, 1, 1.9, 0.3), Span("b", 5, 6, 1.8, 0.2)
    >>> [span.text for span in answer_set([whole, one, two], 0.1)]
    ['a', 'b']
    >>> [span.text for span in answer_set([whole, one, two], 0.25)]
    ['a or b']
    """
    sure = sorted((span for span in spans if span.confidence >= confidence), key=lambda span: (span.end, -span.start))
    totals: list[float] = []
    chains: list[tuple[int, ...]] = []  # the best set that ends with each span
    for number, span in enumerate(sure):
        before = [i for i in range(number) if sure[i].end <= span.start and not _is_one(sure[i], span, spans)]
        best = max(before, key=lambda i: totals[i], default=None)
        totals.append(span.confidence + (0.0 if best is None else totals[best]))
        chains.append((*(() if best is None else chains[best]), number))
    if not totals:
        return []
    chosen = [sure[number] for number in chains[int(np.argmax(totals))]]
    return sorted(chosen, key=lambda span: -span.confidence)


def _is_one(left: Span, right: Span, spans: Sequence[Span]) -> bool:
    """Whether two spans are pieces of one: nothing but white space is between them, as a span with both shows."""
    if left.end == right.start:
        return True
    whole = next((one for one in spans if one.start <= left.start and right.end <= one.end), None)
    return whole is not None and not whole.text[left.end - whole.start : right.start - whole.start].strip()


def given_answers(prediction: Prediction, confidence: float) -> list[str]:
    """The texts of the answers that are given to a question as a set; none where "no answer" won."""
    return [] if prediction.start is None else [span.text for span in answer_set(prediction.nbest, confidence)]


def spans_at(prediction: Prediction, temperature: float, log_total: float) -> list[Span]:
    """The best spans with the confidences of another temperature.

    Args:
        prediction: with gaps of its spans.
        temperature, log_total: see `Postprocess.log_totals`.
    """
    gaps = np.array([span.score for span in prediction.nbest])
    with np.errstate(under="ignore"):
        sure = np.minimum(np.exp(gaps / temperature - log_total), 1.0).tolist()
    return [replace(span, confidence=one) for span, one in zip(prediction.nbest, sure, strict=True)]


@dataclass(frozen=True)
class SetFit:
    """The confidence from which answers of a set are given.

    Attributes:
        confidence: fitted on all questions; None where they were too few.
        metrics: scores, the confidence of every question fitted on other texts; the default where none was fitted.
        reason: why none was fitted; None where one was.
    """

    confidence: float | None
    metrics: dict[str, float]
    reason: str | None = None


def fit_sets(
    spans: Sequence[Sequence[Span]],
    examples: Sequence[Mapping[str, Any]],
    *,
    least: float,
    default: float = LEAST_CONFIDENCE,
    rng: np.random.Generator,
    **scoring: Any,
) -> SetFit:
    """Fits the confidence from which answers are given, for the best exact F1 of the sets.

    Args:
        spans: of each example, best first; none where "no answer" won.
        examples: rows whose answers are sets, with "context": questions about one text stay in one fold.
        least: no lower confidence is tried, above 0: below 1 / n_best_size answers may be missing.
        default: used where none is fitted.
        rng: deals the texts into folds.
        scoring: normalization and language.
    """

    def scores(confidences: Sequence[float]) -> dict[str, float]:
        pairs = zip(examples, spans, confidences, strict=True)
        given = {one["id"]: [span.text for span in answer_set(found, sure)] for one, found, sure in pairs}
        return multi_span_scores(given, examples, **scoring).summary()

    dealt = folds([example["context"] for example in examples], rng)
    reason = None
    if len(examples) < MIN_QUESTIONS:
        reason = f"{len(examples)} questions with several required answers are too few (it takes {MIN_QUESTIONS})"
    elif dealt.max() == 0:
        reason = "all questions are about one text: nothing is left to measure it on"
    if reason is not None:
        return SetFit(None, scores([default] * len(examples)), reason)
    tried = np.geomspace(least, 1.0, STEPS)
    counts = np.array([_counts(*pair, tried, scoring) for pair in zip(examples, spans, strict=True)])

    def fitted_on(rows: np.ndarray) -> float:
        predicted, references, right = counts[rows].sum(axis=0).T
        f1 = 2 * right / (predicted + references)
        best = np.flatnonzero(np.isclose(f1, f1.max()))
        return float(tried[best[len(best) // 2]])  # in the middle of those that are equally good

    chosen = np.zeros(len(examples))
    for fold in range(dealt.max() + 1):
        chosen[dealt == fold] = fitted_on(np.flatnonzero(dealt != fold))
    return SetFit(fitted_on(np.arange(len(examples))), scores(chosen.tolist()))


def _counts(
    example: Mapping[str, Any], spans: Sequence[Span], tried: np.ndarray, scoring: Mapping[str, Any]
) -> list[tuple[float, float, float]]:
    """Of each confidence that is tried: predictions, references and exact hits of one question."""
    golds = distinct_texts(example["answers"]["text"], example, **scoring)
    rows = []
    for confidence in tried.tolist():
        found = distinct_texts([span.text for span in answer_set(spans, confidence)], example, **scoring)
        rows.append((float(max(len(found), 1)), float(max(len(golds), 1)), exact_hits(golds, found)))
    return rows
