"""Fits on labelled questions what decoding leaves open: the no-answer threshold and the temperature of the confidences.

Sees predictions, candidates and reference answers; never a model or a file.

Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks"): all gaps are divided by one number,
the one with the lowest log loss of "the answer given is an exact match". It changes no answer, only how sure the model
says it is. Confidence is thus the probability of an exact match, not of an overlap: a model with a high F1 and a low
exact match is rightly unsure.

What is fitted on questions flatters on the same questions. So the error that is reported comes from cross-fitting: each
question's confidence (and threshold) is fitted on questions about other texts. What is stored is fitted on all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_pipeline.metrics import Scores, best_thresholds, calibration_error, score_rows
from qa_pipeline.postprocess.decoding import Candidates
from qa_pipeline.postprocess.postprocess import NO_SPAN_NULL_ODDS, Postprocess, Prediction, WindowTable

TEMPERATURES = tuple(round(10 ** (step / 15), 3) for step in range(-10, 16))
"""Those that are tried: 0.215 to 10 in steps of 17%, 1 among them. The log loss is flat around its minimum."""

MIN_QUESTIONS = 100
"""With fewer questions a temperature, and a no-answer threshold, follows chance."""

FOLDS = 5
_CERTAIN = 1e-7  # confidences are held this far from 0 and 1, where one wrong answer would cost without limit


@dataclass(frozen=True)
class Calibration:
    """What was fitted, and how far confidences are from the share of exact matches before and after.

    Attributes:
        temperature: fitted on all questions; None where none could be.
        ece: expected calibration error at temperature 1, 0 to 1.
        ece_calibrated: the same with every question's temperature fitted on other texts; None where that was not done.
        reason: why something was not fitted; None where everything was.
    """

    temperature: float | None
    ece: float
    ece_calibrated: float | None
    reason: str | None = None


def tune_threshold(
    predictions: Sequence[Prediction],
    examples: Sequence[Mapping[str, Any]],
    normalization: str = "squad",
    language: str | None = None,
) -> dict[str, float]:
    """Finds the `null_score_diff_threshold` with the best exact match and the one with the best F1.

    Every threshold is judged on what it would have answered: the best span, whatever `text` says now. Applying a
    threshold to the same predictions gives exactly the score that is returned with it.

    Returns:
        best_exact, best_exact_thresh, best_f1, best_f1_thresh; scores in percent, thresholds in logits.

    Raises:
        DataError: a question has no prediction.
    """
    best_text = {p.id: p.nbest[0].text if p.nbest else "" for p in predictions}
    odds = {p.id: p.null_odds for p in predictions}
    scores = score_rows(best_text, examples, normalization, language=language)
    return best_thresholds(np.array([odds[i] for i in scores.ids]), scores, attainable=True).to_dict()


@dataclass(frozen=True)
class Outcomes:
    """What the model says of each question, and whether that is right, whatever the threshold and the temperature.

    Attributes:
        gap: (num_questions,) of the best span, in logits; -inf without any span.
        log_totals: (num_questions, num_temperatures) see `Postprocess.log_totals`.
        temperatures: (num_temperatures,)
        best: scores of the best spans.
        silence_exact: (num_questions,) 0.0 or 1.0: whether no answer would be right.
        with_null: whether no answer is an answer.
    """

    gap: np.ndarray
    log_totals: np.ndarray
    temperatures: np.ndarray
    best: Scores
    silence_exact: np.ndarray
    with_null: bool

    def __len__(self) -> int:
        return len(self.gap)

    def of(self, rows: np.ndarray) -> Outcomes:
        """Those of some questions, by their numbers."""
        best = self.best
        some = Scores(
            [best.ids[i] for i in rows], best.exact[rows], best.f1[rows], best.has_answer[rows], best.answered[rows]
        )
        return Outcomes(
            self.gap[rows], self.log_totals[rows], self.temperatures, some, self.silence_exact[rows], self.with_null
        )

    def silent(self, threshold: float | np.ndarray) -> np.ndarray:
        """(num_questions,) whether the answer is withheld, as `Postprocess` decides it."""
        without = np.isneginf(self.gap)
        return without | (-self.gap > threshold) if self.with_null else without

    def correct(self, threshold: float | np.ndarray) -> np.ndarray:
        """(num_questions,) 0.0 or 1.0: whether the answer given is an exact match."""
        return np.where(self.silent(threshold), self.silence_exact, self.best.exact)

    def confidence(self, threshold: float | np.ndarray) -> np.ndarray:
        """(num_questions, num_temperatures) of the answer given."""
        silence = 0.0 if self.with_null else -np.inf
        gap = np.where(self.silent(threshold), silence, self.gap)[:, None] / self.temperatures
        total = np.where(np.isneginf(gap), 0.0, self.log_totals)  # without a span the total is -inf as well
        with np.errstate(under="ignore"):
            confidence: np.ndarray = np.minimum(np.exp(gap - total), 1.0)
        return confidence

    def best_threshold(self, rows: np.ndarray) -> float:
        """The no-answer threshold with the best F1 on some rows."""
        some = self.of(rows)
        return best_thresholds(_odds(some.gap), some.best, attainable=True).best_f1_thresh


def outcomes(
    postprocess: Postprocess,
    examples: Sequence[Mapping[str, Any]],
    windows: WindowTable,
    candidates: Candidates,
    temperatures: Sequence[float] = TEMPERATURES,
    normalization: str = "squad",
    language: str | None = None,
) -> Outcomes:
    """Gathers outcomes from candidates that were reduced with these temperatures.

    Raises:
        ValueError: the candidates were reduced with another number of temperatures.
    """
    predictions = postprocess.predictions(examples, windows, candidates)
    texts = {p.id: p.nbest[0].text if p.nbest else "" for p in predictions}
    return Outcomes(
        gap=np.array([p.nbest[0].score if p.nbest else -np.inf for p in predictions]),
        log_totals=postprocess.log_totals(windows, candidates, len(examples), temperatures),
        temperatures=np.array(temperatures),
        best=score_rows(texts, examples, normalization, language=language),
        silence_exact=score_rows(dict.fromkeys(texts, ""), examples, normalization, language=language).exact,
        with_null=postprocess.settings.version_2_with_negative,
    )


def fit_temperature(
    confidence: np.ndarray, correct: np.ndarray, temperatures: Sequence[float] | np.ndarray = TEMPERATURES
) -> float:
    """The temperature whose confidences have the lowest log loss; of equal ones that closest to 1.

    Args:
        confidence: (num_questions, num_temperatures) of the answer given, at each temperature.
        correct: (num_questions,) 0 or 1: whether it is an exact match.
        temperatures: (num_temperatures,)
    """
    temperatures, right = np.asarray(temperatures, dtype=np.float64), np.asarray(correct, dtype=np.float64)[:, None]
    said = np.clip(confidence, _CERTAIN, 1 - _CERTAIN)
    loss = -(right * np.log(said) + (1 - right) * np.log1p(-said)).mean(axis=0)
    return float(temperatures[np.lexsort((np.abs(np.log(temperatures)), loss))[0]])


def calibrate(
    found: Outcomes, texts: Sequence[str], *, threshold: float, tune: bool, rng: np.random.Generator
) -> Calibration:
    """Fits the temperature and measures what it mends.

    Args:
        found: outcomes at TEMPERATURES, or at any others that have 1 among them.
        texts: (num_questions,) the text that each question is about: questions about one text stay in one fold.
        threshold: the no-answer threshold, in logits, that was fitted on none of these questions.
        tune: where no answer is an answer: use the threshold with the best F1 instead, fitted with the temperature
            (in cross-fitting on the same other texts, before and after alike).
        rng: deals the texts into folds.
    """
    tune = tune and found.with_null
    plain = int(np.argmin(np.abs(np.log(found.temperatures))))
    unfitted_ece = calibration_error(found.confidence(threshold)[:, plain], found.correct(threshold)).ece
    final = found.best_threshold(np.arange(len(found))) if tune else threshold
    correct, confidence = found.correct(final), found.confidence(final)
    reason = _why_not(correct)
    if reason is not None:
        return Calibration(None, unfitted_ece, None, reason)
    temperature = fit_temperature(confidence, correct, found.temperatures)
    dealt = folds(texts, rng)
    if dealt.max() == 0:
        reason = "all questions are about one text: nothing is left to measure it on"
        return Calibration(temperature, unfitted_ece, None, reason)

    before, after, right = np.empty(len(found)), np.empty(len(found)), np.empty(len(found))
    for fold in range(dealt.max() + 1):
        others, held_out = np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)
        if tune:
            others_threshold = found.best_threshold(others)
            correct, confidence = found.correct(others_threshold), found.confidence(others_threshold)
        column = plain
        if _why_not(correct[others], fewest=1) is None:
            fitted = fit_temperature(confidence[others], correct[others], found.temperatures)
            column = int(np.flatnonzero(found.temperatures == fitted)[0])
        before[held_out], after[held_out] = confidence[held_out, plain], confidence[held_out, column]
        right[held_out] = correct[held_out]
    return Calibration(temperature, calibration_error(before, right).ece, calibration_error(after, right).ece)


def _why_not(correct: np.ndarray, fewest: int = MIN_QUESTIONS) -> str | None:
    """Why no temperature can be fitted; None where one can."""
    if len(correct) < fewest:
        return f"{len(correct)} questions are too few (it takes {fewest})"
    if correct.min() == correct.max():
        return f"all {len(correct)} answers are {'exact matches' if correct[0] else 'wrong'}"
    return None


def _odds(gap: np.ndarray) -> np.ndarray:
    """Null odds as predictions have them."""
    odds: np.ndarray = np.minimum(-gap, NO_SPAN_NULL_ODDS)
    return odds


def folds(texts: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """(num_questions,) fold of each question: texts in random order, each to the fold with the fewest questions."""
    groups, group, sizes = np.unique(np.array(texts, dtype=object), return_inverse=True, return_counts=True)
    fold_of_group, filled = np.zeros(len(groups), dtype=np.int64), np.zeros(min(FOLDS, len(groups)), dtype=np.int64)
    for number in rng.permutation(len(groups)):
        fold_of_group[number] = np.argmin(filled)
        filled[fold_of_group[number]] += sizes[number]
    return fold_of_group[group]
