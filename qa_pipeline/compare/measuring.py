"""Measures one model or two: scores with intervals, how they differ, and how long single questions take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from qa_pipeline.compare.results import Difference, ModelResult, Score, Versus
from qa_pipeline.metrics import Scores, bootstrap_interval
from qa_pipeline.metrics.intervals import calibration_error, paired_bootstrap, risk_coverage

UNTUNED = {"temperature": 1.0, "null_score_diff_threshold": 0.0}
"""What a model is decoded with whose own settings were fitted on the questions that it is asked."""

_WARM_UP = 3  # questions; the first ones pay for caches and thread pools
_LATENCY_SECONDS = 60.0  # for all models together; very long texts are timed on fewer questions


class ModelUnderTest(Protocol):
    """What is asked of a model; `qa_pipeline.QAPredictor` has it.

    Attributes:
        settings: has `temperature`, `null_score_diff_threshold`, `version_2_with_negative`, `answer_normalization` and
            `tuned_on`.
        size_mb: weights in memory.
    """

    name: str
    settings: Any
    num_parameters: int
    size_mb: float
    device: Any

    def predict(self, examples: Iterable[Mapping[str, Any]], **decoding: Any) -> Iterator[Any]:
        """Answers in the order of the examples."""

    def ask(self, question: str, context: str, /) -> Any:
        """One answer."""


@dataclass(frozen=True)
class Asked:
    """A model and all that it gave.

    Attributes:
        answers: in the order of the examples; each has `text`, `start`, `end` and `confidence`.
        scores: of the answers.
        seconds: for all questions in batches.
        milliseconds: of single questions.
        fitted_here: its settings were fitted on these questions and it was decoded with UNTUNED instead.
    """

    model: ModelUnderTest
    label: str
    answers: Sequence[Any]
    scores: Scores
    seconds: float
    milliseconds: Sequence[float]
    fitted_here: bool


def measure(asked: Asked, rng: np.random.Generator, samples: int, clusters: np.ndarray | None) -> ModelResult:
    """All figures of one model.

    Args:
        asked: the model with its answers.
        rng: draws the resamples.
        samples: resamples of each interval.
        clusters: of the questions; None: questions are drawn one by one.
    """
    model, scores = asked.model, asked.scores
    settings = model.settings
    confidence = np.array([answer.confidence for answer in asked.answers], dtype=np.float64)
    calibration = calibration_error(confidence, scores.exact)
    ranking = risk_coverage(confidence, scores.exact)
    summary = scores.summary()
    kinds = {
        kind: {
            "exact_match": summary[f"{kind}_exact"],
            "f1": summary[f"{kind}_f1"],
            "total": summary[f"{kind}_total"],
        }
        for kind in ("HasAns", "NoAns")
        if f"{kind}_total" in summary and summary[f"{kind}_total"] < len(scores)
    }
    decoding = UNTUNED if asked.fitted_here else {name: float(getattr(settings, name)) for name in UNTUNED}
    silent = bool(settings.version_2_with_negative)
    head_untrained = bool(getattr(model, "head_untrained", False))
    notes = []
    if head_untrained:
        notes.append(
            "Its question-answering head was never trained: its answers are noise, and its scores only show where "
            "training begins."
        )
    if asked.fitted_here:
        notes.append(
            "Its temperature and no-answer threshold were fitted on these very questions, so they are not used here: "
            "it is judged as if untuned (temperature 1, threshold 0)."
            if silent
            else "Its temperature was fitted on these very questions, so it is not used here (temperature 1)."
        )
    if kinds and not silent:
        notes.append("It always answers, so it cannot be right on the questions whose text has no answer.")
    return ModelResult(
        label=asked.label,
        name=str(model.name),
        exact_match=score_of(scores.exact, rng, samples, clusters),
        f1=score_of(scores.f1, rng, samples, clusters),
        kinds=kinds,
        answered=int(scores.answered.sum()),
        temperature=decoding["temperature"],
        null_score_diff_threshold=decoding["null_score_diff_threshold"] if silent else None,
        fitted_here=asked.fitted_here,
        ece=float(calibration.ece),
        reliability=[{name: float(value) for name, value in part.items()} for part in calibration.bins],
        aurc=float(ranking.aurc),
        coverage=[float(value) for value in ranking.coverage],
        risk=[float(value) for value in ranking.risk],
        num_parameters=int(model.num_parameters),
        size_mb=float(model.size_mb),
        device=str(getattr(model, "device", "")),
        questions_per_second=len(scores) / asked.seconds,
        latency_p50_ms=float(np.percentile(asked.milliseconds, 50)) if asked.milliseconds else None,
        latency_p95_ms=float(np.percentile(asked.milliseconds, 95)) if asked.milliseconds else None,
        notes=notes,
        head_untrained=head_untrained,
    )


def score_of(values: np.ndarray, rng: np.random.Generator, samples: int, clusters: np.ndarray | None) -> Score:
    """The mean of (num_questions,) values from 0 to 1 in percent, with its interval; the rest as in `measure`."""
    low, high = bootstrap_interval(100.0 * values, rng, samples, clusters=clusters)
    return Score(100.0 * float(values.mean()), low, high)


def versus(
    asked: Sequence[Asked],
    model: int,
    against: int,
    rng: np.random.Generator,
    samples: int,
    clusters: np.ndarray | None,
) -> Versus:
    """How `asked[model]` differs from `asked[against]`; rng, samples and clusters as in `measure`."""
    new, old = asked[model].scores, asked[against].scores
    drawing = (rng, samples, clusters)
    return Versus(
        model=model,
        against=against,
        exact_match=difference_of(old.exact, new.exact, *drawing),
        f1=difference_of(old.f1, new.f1, *drawing),
        wins=int((new.f1 > old.f1).sum()),
        losses=int((new.f1 < old.f1).sum()),
        ties=int((new.f1 == old.f1).sum()),
        changed=sum(a.text != b.text for a, b in zip(asked[model].answers, asked[against].answers, strict=True)),
    )


def difference_of(
    before: np.ndarray, after: np.ndarray, rng: np.random.Generator, samples: int, clusters: np.ndarray | None
) -> Difference:
    """How far the mean of `after` is above that of `before`, each from 0 to 1, in points; the rest as in `measure`."""
    found = paired_bootstrap(100.0 * before, 100.0 * after, rng, samples, clusters=clusters)
    return Difference(float(found.difference), float(found.low), float(found.high), float(found.p_value))


def latencies(ask: Callable[[int, int], Any], num_models: int, num_questions: int, count: int) -> list[list[float]]:
    """Milliseconds of single questions, as many for each model.

    The models take turns on every question, so that whatever else the machine does falls on all of them alike.

    Args:
        ask: asks a model, by its place, one question, by its place.
        num_models, num_questions: how many there are.
        count: how many of the questions are asked, from all over.
    """
    rows = np.unique(np.linspace(0, num_questions - 1, min(max(count, 0), num_questions)).astype(int)).tolist()
    times: list[list[float]] = [[] for _ in range(num_models)]
    if rows:
        for model in range(num_models):
            for row in rows[:_WARM_UP]:
                ask(model, row)
    deadline = time.perf_counter() + _LATENCY_SECONDS
    for row in rows:
        for model, found in enumerate(times):
            begin = time.perf_counter()
            ask(model, row)
            found.append(1000 * (time.perf_counter() - begin))
        if time.perf_counter() > deadline:
            break
    return times
