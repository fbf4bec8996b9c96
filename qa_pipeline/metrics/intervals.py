"""Says how sure a mean is, how two systems differ beyond chance, and how far a confidence can be trusted.

Pure functions of rows and arrays. Three questions, each with its method: is B better than A (paired bootstrap), does a
confidence of 80% mean right in 80% of the cases (calibration error), and how wrong are the answers when only the surest
are given (risk-coverage).

Questions about one text are not independent: a model that misreads the text misses several of them. Drawing single
questions then gives intervals that are too narrow, so whole clusters are drawn with all their questions (Davison &
Hinkley 1997, "Bootstrap Methods and their Application", section 3.8; Field & Welsh 2007, "Bootstrapping clustered
data"; for reading comprehension Miller 2024, "Adding Error Bars to Evals", arXiv:2411.00640). With few clusters the
method itself is too sure (Cameron, Gelbach & Miller 2008, "Bootstrap-based improvements for inference with clustered
errors"), so the widest unit is drawn of which there are enough. What lies above it counts as given: intervals then say
what more texts of the same documents would give, or more questions about the same texts, and nothing beyond.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from qa_pipeline.errors import ConfigError, DataError

Unit = Literal["document", "context", "question"]
UNITS: tuple[Unit, ...] = ("document", "context", "question")

FEWEST = 30
"""Clusters from which on they are drawn; below 20 to 50, the literature says, the cluster bootstrap is unreliable."""


@dataclass(frozen=True)
class Resampling:
    """What is drawn with replacement.

    Attributes:
        unit: "document" (rows of one title; without a title, of one context), "context", or "question".
        clusters: (num_questions,) int64 number of the unit that each row belongs to; None for single questions.
        num_documents: how many documents the rows are about.
    """

    unit: Unit
    clusters: np.ndarray | None
    num_documents: int


def resampling_of(rows: Sequence[Mapping[str, Any]], unit: str = "auto") -> Resampling:
    """The unit to draw for these rows.

    Args:
        rows: with "context", and "title" where there is one.
        unit: one of UNITS, or "auto" for the widest of which there are FEWEST or more, else "question".

    Raises:
        ConfigError: no unit has that name.
    """
    if unit not in (*UNITS, "auto"):
        raise ConfigError("resampling", f'expected "auto", {", ".join(map(repr, UNITS))}, found {unit!r}')
    documents = _numbered([("title", row["title"]) if row.get("title") else ("", row["context"]) for row in rows])
    contexts = _numbered([row["context"] for row in rows])
    sizes = {"document": _count(documents), "context": _count(contexts), "question": len(rows)}
    if unit == "auto":
        unit = next((name for name in UNITS if sizes[name] >= FEWEST), "question")
        # Where every document is one context, or every context has one question, the plainer name says all.
        unit = next(name for name in reversed(UNITS) if sizes[name] == sizes[unit])
    clusters = {"document": documents, "context": contexts, "question": None}[unit]
    return Resampling(unit, clusters, sizes["document"])  # type: ignore[arg-type]  # checked above


def clustered_means(values: np.ndarray, clusters: np.ndarray, rng: np.random.Generator, samples: int) -> np.ndarray:
    """(samples,) means over the questions of as many clusters as there are, drawn with replacement.

    Args:
        values: (num_questions,) scores.
        clusters: (num_questions,) number of the cluster of each, from 0 without a gap.
        rng: numpy Generator.
        samples: number of resamples.
    """
    sums, sizes = np.bincount(clusters, values), np.bincount(clusters)
    means = np.empty(samples)
    rows = max(1, 2_000_000 // len(sums))  # resamples at a time: 16 MB of indices
    for begin in range(0, samples, rows):
        drawn = rng.integers(0, len(sums), (min(rows, samples - begin), len(sums)))
        questions = sizes[drawn].sum(axis=1) if len(sums) < len(values) else len(values)
        means[begin : begin + len(drawn)] = sums[drawn].sum(axis=1) / questions
    return means


def _numbered(keys: Sequence[Any]) -> np.ndarray:
    """(len(keys),) int64: equal keys get one number, in order of appearance."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _count(clusters: np.ndarray) -> int:
    return int(clusters.max(initial=-1)) + 1


MOST_POINTS = 101
"""How many points a risk-coverage curve keeps: one a percent is all that a chart shows."""


@dataclass(frozen=True)
class PairedDifference:
    """How much higher the mean of B is than that of A, in the unit of the scores.

    Attributes:
        difference: mean(b) - mean(a).
        low, high: its interval.
        p_value: two-sided, 0 to 1: the interval of level 1 - p is the first that reaches 0, so that an interval of 95%
            is beside 0 exactly where p < 0.05.
    """

    difference: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    a: np.ndarray,
    b: np.ndarray,
    rng: np.random.Generator,
    samples: int = 10_000,
    level: float = 0.95,
    clusters: np.ndarray | None = None,
) -> PairedDifference:
    """Compares two systems on the same questions by resampling the questions (Efron 1979; Koehn 2004).

    Both systems are scored on every resample of the questions, so that hard questions are hard for both. The interval
    is that of the percentiles of the resampled differences. The p-value asks the same resamples (Efron & Tibshirani
    1993, section 15.4): twice the share of those in which the difference is not on the side of 0 where most are; the
    observed one counts as one of the resamples, so that p is never 0. Equal scores on all questions give p = 1.

    Args:
        a, b: (num_questions,) scores of the two systems, rows of the same questions.
        rng: numpy Generator; the same state gives the same numbers.
        samples: number of resamples. With fewer than 2 / (1 - level), p is never below 1 - level, and the interval is
            the range of the resamples.
        level: probability that the interval covers, 0 to 1.
        clusters: (num_questions,) number of the cluster of each question: clusters are drawn whole, see `resampling`.

    Raises:
        DataError: the arrays are empty, of different lengths, or hold something that is no number.
    """
    a, b = _numbers(a, "scores of the first system"), _numbers(b, "scores of the second system")
    _same_length(a, b, "scores of two systems")
    differences = b - a
    observed = float(differences.mean())
    if clusters is None:
        means = _resampled_means(differences, rng, samples)
    else:
        _same_length(differences, clusters, "scores and clusters")
        means = clustered_means(differences, clusters, rng, samples)
    # Sums in another order round otherwise: a resample without a difference must count as one.
    slack = 1e-12 * max(1.0, float(np.abs(differences).max()))
    means = np.sort(np.where(np.abs(means) <= slack, 0.0, means))
    beyond = int(min(np.sum(means <= 0), np.sum(means >= 0)))
    p_value = min(1.0, 2 * (1 + beyond) / (1 + samples))
    # The most resamples that may be beyond 0 with p < 1 - level: as many are beyond each end of the interval.
    most = max(0, math.ceil(round((1 - level) * (1 + samples) / 2, 9)) - 2)
    return PairedDifference(observed, float(means[most]), float(means[-1 - most]), p_value)


@dataclass(frozen=True)
class CalibrationCurve:
    """A reliability curve.

    Attributes:
        ece: expected calibration error, 0 to 1.
        bins: by rising confidence; each has `low` and `high` (the least and greatest confidence in it), `count`, and
            the means `confidence` and `accuracy`, all 0 to 1.
    """

    ece: float
    bins: list[dict[str, float]]


FEWEST_A_BIN = 20
"""Answers that a bin of a reliability curve holds at least: a share of fewer is mostly chance."""


def calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = 15, fewest: int = FEWEST_A_BIN
) -> CalibrationCurve:
    """How far the confidence is from the share of right answers, over bins of equal mass.

    The expected calibration error is the mean of |accuracy - confidence| over bins, weighted by their size (Guo et al.
    2017, "On Calibration of Modern Neural Networks"). Bins hold equally many questions and not equally wide ranges
    (Nguyen & O'Connor 2015; "adaptive" in Nixon et al. 2019, "Measuring Calibration in Deep Learning",
    arXiv:1904.01685), since a model whose confidences crowd at one end would else be judged by one bin.
    Equal confidences are never parted, so that the order of the questions does not matter; bins may then be fewer.
    A bin of few answers is far from any confidence by chance alone, which would add to the error of an honest model:
    few answers have fewer bins.

    Args:
        confidence: (num_questions,) 0 to 1.
        correct: (num_questions,) 0 or 1 (or bool): whether the answer was right.
        bins: how many at most.
        fewest: questions that a bin holds at least, but for the only bin where there are fewer in all.

    Raises:
        DataError: the arrays are empty, of different lengths, or outside 0 to 1.
    """
    confidence, correct = _shares(confidence, "confidence"), _shares(correct, "correctness")
    _same_length(confidence, correct, "confidence and correctness")
    order = np.argsort(confidence, kind="stable")
    confidence, correct = confidence[order], correct[order]
    begins = _bin_begins(confidence, bins, fewest)
    ends = np.append(begins[1:], len(confidence))
    counts = ends - begins
    confidences = np.add.reduceat(confidence, begins) / counts
    accuracies = np.add.reduceat(correct, begins) / counts
    rows = [
        {"low": float(low), "high": float(high), "count": int(n), "confidence": float(said), "accuracy": float(was)}
        for low, high, n, said, was in zip(
            confidence[begins], confidence[ends - 1], counts, confidences, accuracies, strict=True
        )
    ]
    return CalibrationCurve(float(np.sum(counts * np.abs(accuracies - confidences)) / len(confidence)), rows)


def _bin_begins(confidence: np.ndarray, bins: int, fewest: int) -> np.ndarray:
    """(num_bins,) where each of at most `bins` bins of rising confidences begins; each holds `fewest` or more.

    An edge inside of a run of equal values moves to the run's begin, and is left out where that leaves too few.
    """
    size = len(confidence)
    bins = max(1, min(bins, size // fewest))
    edges = np.arange(1, bins) * size // bins
    begins = [0]
    for begin in np.searchsorted(confidence, confidence[edges]):
        if begin - begins[-1] >= fewest and size - begin >= fewest:
            begins.append(int(begin))
    return np.array(begins)


@dataclass(frozen=True)
class RiskCoverage:
    """How wrong the answers are when only the surest ones are given.

    Attributes:
        coverage: share of the questions that are answered, rising, 0 to 1; at most MOST_POINTS of them.
        risk: 1 - mean score of the answered ones, 0 to 1.
        aurc: area under the whole curve: the mean risk over all coverages. Lower is better.
    """

    coverage: list[float]
    risk: list[float]
    aurc: float


def risk_coverage(confidence: np.ndarray, score: np.ndarray) -> RiskCoverage:
    """The risk-coverage curve of selective answering (Geifman & El-Yaniv 2017).

    Answers are given from the surest down. Of equally sure ones none is surer: each counts with their mean score, so
    that the curve does not depend on the order of the questions.

    Args:
        confidence: (num_questions,) any numbers; greater is surer.
        score: (num_questions,) exact match or F1, 0 to 1.

    Raises:
        DataError: the arrays are empty or of different lengths, a confidence is NaN, a score is outside 0 to 1.
    """
    confidence, score = _numbers(confidence, "confidence"), _shares(score, "scores")
    _same_length(confidence, score, "confidence and scores")
    _, group, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    means = np.bincount(group, score) / sizes
    answered = np.arange(1, len(score) + 1)
    risk = np.clip(1 - np.cumsum(np.repeat(means, sizes)) / answered, 0.0, 1.0)
    kept = np.unique(np.round(np.linspace(0, len(score) - 1, min(MOST_POINTS, len(score)))).astype(np.int64))
    return RiskCoverage((answered[kept] / len(score)).tolist(), risk[kept].tolist(), float(risk.mean()))


def _resampled_means(values: np.ndarray, rng: np.random.Generator, samples: int) -> np.ndarray:
    """(samples,) means of as many values as there are, drawn with replacement.

    Few scores are different ones (exact match has three differences), and a mean needs no more than how often each was
    drawn: one multinomial draw instead of one index a question. Where most differ, they are drawn by index.
    """
    distinct, counts = np.unique(values, return_counts=True)
    means = np.empty(samples)
    by_count = len(distinct) <= values.size // 4
    columns = len(distinct) if by_count else values.size
    rows = max(1, 2_000_000 // columns)  # resamples at a time: 16 MB of counts or indices
    for begin in range(0, samples, rows):
        size = min(rows, samples - begin)
        if by_count:
            drawn = rng.multinomial(values.size, counts / values.size, size) @ distinct / values.size
        else:
            drawn = values[rng.integers(0, values.size, (size, values.size))].mean(axis=1)
        means[begin : begin + size] = drawn
    return means


def _numbers(values: np.ndarray, what: str) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise DataError(f"{what}: expected a row of numbers, one a question, found an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise DataError(f"{what}: expected numbers, found {values[~np.isfinite(values)][0]} in row {_first(values)}")
    return values


def _first(values: np.ndarray) -> int:
    return int(np.nonzero(~np.isfinite(values))[0][0])


def _shares(values: np.ndarray, what: str) -> np.ndarray:
    values = _numbers(values, what)
    if values.min() < 0 or values.max() > 1:
        raise DataError(f"{what}: expected values from 0 to 1, found {values.min():g} to {values.max():g}")
    return values


def _same_length(first: np.ndarray, second: np.ndarray, what: str) -> None:
    if len(first) != len(second):
        raise DataError(f"{what}: expected rows of the same questions, found {len(first)} and {len(second)}")
