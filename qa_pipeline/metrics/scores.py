"""Exact match and F1 of answers, thresholds and confidence intervals. Pure functions; no torch, no files, no network.

Scores equal those of the official SQuAD scripts, v2.0 by default and v1.1 on request. The two differ only on answers
that normalise to nothing (such as "the"): v2.0 leaves such references out as long as another is there, and gives
F1 1 when both sides are empty; v1.1 keeps them and gives F1 0.
One thing is stricter than the official scripts: a question without a prediction is an error, not a smaller denominator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from qa_pipeline.errors import DataError
from qa_pipeline.metrics.intervals import clustered_means
from qa_pipeline.metrics.normalization import normalize_answer, row_language

__all__ = [
    "BestThresholds",
    "Scores",
    "best_thresholds",
    "bootstrap_interval",
    "exact_match",
    "f1",
    "normalize_answer",
    "score_rows",
    "squad_metrics",
]

Script = Literal["v2.0", "v1.1"]


@dataclass(frozen=True)
class Scores:
    """Per-question scores, in the order of the examples; every array is (num_questions,).

    Attributes:
        ids: question ids.
        exact: 0.0 or 1.0.
        f1: 0.0 to 1.0.
        has_answer: whether the question has reference answers.
        answered: whether the prediction is a text (not "").
    """

    ids: list[str]
    exact: np.ndarray
    f1: np.ndarray
    has_answer: np.ndarray
    answered: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def summary(self) -> dict[str, float]:
        """Percentages 0 to 100 and counts, overall and for the questions with (HasAns) and without (NoAns) answer."""
        metrics = {"exact_match": _percent(self.exact), "f1": _percent(self.f1), "total": len(self)}
        for name, rows in (("HasAns", self.has_answer), ("NoAns", ~self.has_answer)):
            if rows.any():
                metrics[f"{name}_exact"] = _percent(self.exact[rows])
                metrics[f"{name}_f1"] = _percent(self.f1[rows])
                metrics[f"{name}_total"] = int(rows.sum())
        return metrics


@dataclass(frozen=True)
class BestThresholds:
    """The best scores (percent) that a no-answer threshold can give, and the thresholds that give them."""

    best_exact: float
    best_exact_thresh: float
    best_f1: float
    best_f1_thresh: float

    def to_dict(self) -> dict[str, float]:
        """The four numbers under the names of the official script."""
        return asdict(self)


def squad_metrics(
    predictions: Mapping[str, str],
    examples: Sequence[Mapping[str, Any]],
    *,
    normalization: str = "squad",
    language: str | None = None,
    null_odds: Mapping[str, float] | None = None,
    script: Script = "v2.0",
) -> dict[str, float]:
    """The numbers of the official script: exact_match, f1, total, HasAns_*, NoAns_*, in percent.

    Args:
        predictions: question id -> answer text; "" is "no answer". Ids that no example has are ignored.
        examples: canonical rows; of each only `id`, `answers` and `metadata` are read.
        normalization: see `normalize_answer`.
        language: default language of the rows, for "multilingual".
        null_odds: question id -> how strongly the model says "no answer" (odds, logits or probabilities). When given,
            best_exact, best_exact_thresh, best_f1 and best_f1_thresh are added, as the official v2.0 script gives them.
        script: whose treatment of empty texts to follow.

    Raises:
        DataError: a question has no prediction or no odds, or there is no question at all.
    """
    scores = score_rows(predictions, examples, normalization, language=language, script=script)
    metrics = scores.summary()
    if null_odds is not None:
        _require(null_odds, scores.ids, "no-answer score")
        odds = np.array([null_odds[i] for i in scores.ids], dtype=np.float64)
        metrics |= best_thresholds(odds, scores).to_dict()
    return metrics


def score_rows(
    predictions: Mapping[str, str],
    examples: Sequence[Mapping[str, Any]],
    normalization: str = "squad",
    *,
    language: str | None = None,
    script: Script = "v2.0",
) -> Scores:
    """Scores every question against its best reference answer; arguments and errors as in `squad_metrics`."""
    if not examples:
        raise DataError("there are no questions to score")
    ids = [example["id"] for example in examples]
    _require(predictions, ids, "prediction")
    exact, overlap = np.zeros(len(ids)), np.zeros(len(ids))
    for row, example in enumerate(examples):
        row_lang = row_language(example, language)
        predicted = normalize_answer(_text(predictions, ids[row]), normalization, row_lang)
        golds = [normalize_answer(text, normalization, row_lang) for text in example["answers"]["text"]]
        if script == "v2.0":
            golds = [gold for gold in golds if gold]
        golds = golds or [""]
        exact[row] = max(predicted == gold for gold in golds)
        overlap[row] = max(_token_f1(predicted.split(), gold.split(), script) for gold in golds)
    has_answer = np.array([bool(example["answers"]["text"]) for example in examples])
    answered = np.array([bool(predictions[i]) for i in ids])
    return Scores(ids, exact, overlap, has_answer, answered)


def exact_match(prediction: str, gold: str, normalization: str = "squad", language: str | None = None) -> float:
    """1.0 when the two answers are equal once normalised, else 0.0."""
    return float(
        normalize_answer(prediction, normalization, language) == normalize_answer(gold, normalization, language)
    )


def f1(prediction: str, gold: str, normalization: str = "squad", language: str | None = None) -> float:
    """Harmonic mean of precision and recall over the normalised tokens, 0.0 to 1.0."""
    predicted, expected = (normalize_answer(text, normalization, language).split() for text in (prediction, gold))
    return _token_f1(predicted, expected, "v2.0")


def _token_f1(predicted: list[str], gold: list[str], script: Script) -> float:
    if not predicted or not gold:
        return float(predicted == gold and script == "v2.0")
    shared = sum((Counter(predicted) & Counter(gold)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def best_thresholds(null_odds: np.ndarray, scores: Scores, *, attainable: bool = False) -> BestThresholds:
    """The threshold t on the null odds for which "answer unless null_odds > t" scores best.

    By default the result is that of the official v2.0 script, which is written for probabilities and has two quirks:
    of questions with equal odds it may count some as answered and some as not, which no threshold can do, and its
    answer to "never answer" is the threshold 0.0 even where odds are negative. With `attainable` both are mended, so
    that applying the threshold gives the score; it then lies halfway between two questions, where rounding flips none.

    Args:
        null_odds: (num_questions,) in the order of the scores; finite. Larger means "no answer".
        scores: of the predictions as if every question were answered with its best text.
        attainable: False for numbers to compare with others' (evaluation), True for a threshold to use (tuning).

    Raises:
        DataError: a null odds value is NaN, or there is not one for each question.
    """
    odds = np.asarray(null_odds, dtype=np.float64)
    if odds.shape != scores.exact.shape or np.isnan(odds).any():
        raise DataError(f"expected {len(scores)} no-answer scores that are numbers, found {odds.shape} with NaN or not")
    order = np.argsort(odds, kind="stable")
    exact, exact_at = _best_threshold(scores.exact, odds, order, scores, attainable)
    overlap, overlap_at = _best_threshold(scores.f1, odds, order, scores, attainable)
    return BestThresholds(exact, exact_at, overlap, overlap_at)


def _best_threshold(
    values: np.ndarray, odds: np.ndarray, order: np.ndarray, scores: Scores, attainable: bool
) -> tuple[float, float]:
    # Raising the threshold past a question answers it: it gains its score if it has an answer, and loses the point
    # that silence had earned if it has none. A prediction that is "" anyway changes nothing.
    gain = np.where(scores.has_answer, values, np.where(scores.answered, -1.0, 0.0))[order]
    # cumsum adds from left to right, as the official loop does, so that even rounding and ties come out the same.
    running = np.cumsum(np.concatenate([[float(np.sum(~scores.has_answer))], gain]))
    levels = odds[order]
    if not attainable:
        best = int(np.argmax(running))
        return 100.0 * float(running[best]) / len(values), float(levels[best - 1]) if best else 0.0
    ends = np.concatenate([[True], levels[1:] != levels[:-1], [True]])  # whole groups of equal odds only
    best = int(np.argmax(np.where(ends, running, -np.inf)))
    if best == 0:
        threshold = min(float(levels[0]) - 1.0, 0.0)
    elif best == len(levels):
        threshold = float(levels[-1]) + 1.0
    else:
        low, high = float(levels[best - 1]), float(levels[best])
        middle = low + (high - low) / 2
        # Odds that mean "there is no span at all" are huge; halfway to them would be no threshold for other texts.
        threshold = low + 1.0 if high - low > 1e6 else middle if middle < high else low
    return 100.0 * float(running[best]) / len(values), threshold


def bootstrap_interval(
    values: np.ndarray | Sequence[float],
    rng: np.random.Generator,
    samples: int = 1000,
    level: float = 0.95,
    clusters: np.ndarray | None = None,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean (Efron 1979), in the unit of the values.

    Draws `samples` times as many values as there are, with replacement, and takes the quantiles of the means. For two
    systems on the same questions pass the difference of their per-question scores: the pairs are then kept.

    Args:
        values: (num_questions,) per-question scores.
        rng: numpy Generator; the same state gives the same interval. Draws `samples * len(values)` integers from it.
        samples: number of resamples.
        level: probability that the interval covers, 0 to 1.
        clusters: (num_questions,) number of the cluster of each question: clusters are drawn whole, see `resampling`.

    Raises:
        DataError: there are no values, or not one cluster for each.
    """
    values = np.asarray(values, dtype=np.float64)
    if not values.size:
        raise DataError("there are no scores to take an interval of")
    if clusters is not None and len(clusters) != len(values):
        raise DataError(f"expected the cluster of each of {len(values)} scores, found {len(clusters)}")
    # Without clusters every question is one of its own: the same draws, and the same means.
    means = clustered_means(values, np.arange(values.size) if clusters is None else clusters, rng, samples)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _percent(values: np.ndarray) -> float:
    return 100.0 * float(np.sum(values)) / len(values)


def _require(found: Mapping[str, Any], ids: Sequence[str], what: str) -> None:
    missing = [i for i in ids if i not in found]
    if missing:
        shown = ", ".join(f'"{i}"' for i in missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise DataError(
            f"{len(missing)} of {len(ids)} questions have no {what}: {shown}; give one for each question "
            '("" for no answer), or score only the questions that were asked'
        )


def _text(predictions: Mapping[str, str], question_id: str) -> str:
    text = predictions[question_id]
    if not isinstance(text, str):
        raise DataError(f'prediction of question "{question_id}": expected a text, found {type(text).__name__}')
    return text
