"""The stages of a run that measure: the model before training, and on validation.

Validation is also where the no-answer threshold and the temperature of the confidences are fitted. They are stored with
the model and used on test questions; nothing that is reported of validation was made with them.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from qa_pipeline import artifacts
from qa_pipeline.arguments import Arguments
from qa_pipeline.arguments.limits import decoding_limits
from qa_pipeline.data import Example, ids_of
from qa_pipeline.data.example import fingerprint
from qa_pipeline.metrics import bootstrap_interval, calibration_error, resampling_of, score_rows, squad_metrics
from qa_pipeline.metrics.breakdown import breakdowns
from qa_pipeline.modeling import StoredSettings
from qa_pipeline.postprocess import (
    MIN_QUESTIONS,
    NO_SPAN_NULL_ODDS,
    TEMPERATURES,
    Calibration,
    Candidates,
    Outcomes,
    Postprocess,
    Prediction,
    calibrate,
    outcomes,
    tune_threshold,
)
from qa_pipeline.preprocess import Preprocess
from qa_pipeline.preprocess.windows import Windows
from qa_pipeline.process import Evaluation, Process
from qa_pipeline.run.answer_sets import confidence_of, fit_confidence, score_sets, wants_several
from qa_pipeline.run.folder import RunFolder, write_results

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Evaluator:
    """Scores one labelled split: gives `Process` its evaluation, and turns candidates into predictions.

    Args:
        keep_settings: threshold and temperature are those of the model; what fits these examples is only reported.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        preprocess: Preprocess,
        postprocess: Postprocess,
        arguments: Arguments,
        keep_settings: bool = False,
    ):
        self.keep_settings, self.tuned_elsewhere = keep_settings, True
        self.examples, self.postprocess, self.data = examples, postprocess, arguments.data
        self.trained = bool(arguments.training.do_train)
        self.scoring = scoring_settings(arguments)
        self.windows = preprocess.labelled_windows(examples, None)
        self.evaluation = evaluation_of(self.examples, self.windows, postprocess, self.score)

    def evaluation_at(self, temperatures: Sequence[float]) -> Evaluation:
        """The same evaluation, whose candidates also have what `fit` needs; takes longer."""
        return evaluation_of(self.examples, self.windows, self.postprocess, self.score, temperatures)

    def predictions(self, candidates: Candidates) -> list[Prediction]:
        """One prediction a question, in the order of the examples."""
        return self.postprocess.predictions(self.examples, self.windows, candidates)

    def score(self, candidates: Candidates) -> dict[str, float]:
        """exact_match, f1, total, and HasAns_/NoAns_ where questions without an answer exist; percent."""
        texts = {p.id: p.text for p in self.predictions(candidates)}
        metrics = squad_metrics(texts, self.examples, **self.scoring)
        if not self.data.version_2_with_negative:
            metrics = {name: value for name, value in metrics.items() if not name.startswith(("HasAns_", "NoAns_"))}
        return metrics

    def full_report(self, predictions: list[Prediction]) -> dict[str, Any]:
        """95% bootstrap intervals, over what (see `metrics.intervals`), and breakdowns."""
        scores = score_rows({p.id: p.text for p in predictions}, self.examples, **self.scoring)
        drawn = resampling_of(self.examples)

        def interval(values: np.ndarray) -> tuple[float, float]:
            return bootstrap_interval(100 * values, np.random.default_rng(0), clusters=drawn.clusters)

        return {
            "exact_match_interval": interval(scores.exact),
            "f1_interval": interval(scores.f1),
            "interval_over": drawn.unit,
            "breakdown": breakdowns(
                scores, self.examples, num_windows={p.id: p.num_windows for p in predictions}, **self.scoring
            ),
        }

    def fit(self, predictions: list[Prediction], candidates: Candidates, settings: StoredSettings) -> dict[str, Any]:
        """Fits threshold and temperature and puts them into the settings.

        Args:
            predictions: of these candidates.
            candidates: reduced at TEMPERATURES.
            settings: changed where something was fitted; a threshold that the user gave stays, and with
                `keep_settings` all of it.

        Returns:
            The best thresholds (v2 only), threshold_reason (where the best one was not taken), temperature, ece and,
            where it could be measured, ece_calibrated.
        """
        if self.keep_settings:
            settings = replace(settings)
        metrics: dict[str, Any] = {}
        given = self.data.null_score_diff_threshold
        tuned_on = fingerprint(self.examples)
        self.tuned_elsewhere = settings.tuned_on != tuned_on
        if self.data.version_2_with_negative:
            tuned = tune_threshold(predictions, self.examples, **self.scoring)
            metrics |= tuned
            settings.best_f1_threshold = tuned["best_f1_thresh"]
            settings.best_exact_threshold = tuned["best_exact_thresh"]
            if given is None and len(self.examples) >= MIN_QUESTIONS:
                settings.null_score_diff_threshold = tuned["best_f1_thresh"]
                settings.tuned_on = tuned_on
            elif given is None:
                metrics["threshold_reason"] = self._leave_threshold(settings, tuned["best_f1_thresh"])
        found = outcomes(self.postprocess, self.examples, self.windows, candidates, **self.scoring)
        calibration = self._calibrate(found, tune=given is None)
        if calibration.temperature is not None:
            settings.temperature, settings.tuned_on = calibration.temperature, tuned_on
        if calibration.reason is not None:
            logger.info("Calibration: temperature %g; %s.", settings.temperature, calibration.reason)
        metrics |= {"temperature": settings.temperature, "ece": calibration.ece}
        if calibration.ece_calibrated is not None:
            metrics["ece_calibrated"] = calibration.ece_calibrated
        return metrics | self._fit_sets(predictions, found, settings)

    def _calibrate(self, found: Outcomes, tune: bool) -> Calibration:
        """Fits the temperature on questions of one answer: several share the confidence, however sure the model is."""
        rows = np.array([row for row, one in enumerate(self.examples) if not wants_several(one)], dtype=np.int64)
        threshold = self.postprocess.settings.null_score_diff_threshold
        if not len(rows):
            ece = calibration_error(found.confidence(threshold)[:, 0], found.correct(threshold)).ece
            return Calibration(None, ece, None, "all questions want several answers, which share the confidence")
        texts = [self.examples[row]["context"] for row in rows]
        return calibrate(found.of(rows), texts, threshold=threshold, tune=tune, rng=np.random.default_rng(0))

    def _fit_sets(self, predictions: list[Prediction], found: Outcomes, settings: StoredSettings) -> dict[str, Any]:
        """Scores of questions whose answers are sets; as the model gives them where its confidence is kept."""
        if self.keep_settings and settings.all_answers_confidence is not None and self.tuned_elsewhere:
            return score_sets(self.examples, predictions, confidence_of(settings), **self.scoring)
        least = 1 / self.postprocess.settings.n_best_size
        return fit_confidence(self.examples, predictions, found, settings, least=least, **self.scoring)

    def _leave_threshold(self, settings: StoredSettings, best: float) -> str:
        """Keeps the threshold from following chance; one that an earlier training stored does not outlive this one."""
        if self.trained:
            settings.null_score_diff_threshold, settings.tuned_on = 0.0, None
        reason = (
            f"{settings.null_score_diff_threshold:g}: {len(self.examples)} validation questions are too few to fit it "
            f"(it takes {MIN_QUESTIONS}; the best on these would be {best:.2f})"
        )
        logger.warning("No-answer threshold %s.", reason)
        return reason


def scoring_settings(arguments: Arguments) -> dict[str, Any]:
    """How answers are normalised before they are scored."""
    return {"normalization": arguments.data.answer_normalization, "language": arguments.data.answer_language}


def evaluation_of(
    examples: Sequence[Example],
    windows: Windows,
    postprocess: Postprocess,
    score: Any = None,
    temperatures: Sequence[float] = (),
) -> Evaluation:
    """Joins windows and decoding; a logit that is no number is reported with its question."""
    reduce = functools.partial(postprocess.reduce, windows=windows, examples=examples, temperatures=temperatures)
    return Evaluation(windows=windows, reduce=reduce, join=Candidates.concatenate, score=score)


# Stages


def evaluate_base(folder: RunFolder, process: Process, validation: Evaluator, new_head: bool) -> dict[str, Any]:
    """Scores the model before training, once a run folder; `new_head`: its head was made at random."""
    known = from_main_process(process, folder.finished_stage("base"))
    if known is None:
        metrics, _ = process.evaluate(validation.evaluation, prefix="base")
        metrics["base_untrained_head"] = new_head
        folder.stage("base", measured_on=measured_on(validation), **metrics)
    else:
        metrics = {name: value for name, value in known.items() if name != "measured_on"}
    write_results(folder, "base", metrics)
    return metrics


def forget_other_base(folder: RunFolder, validation: Evaluator) -> None:
    """Removes a base score that was measured on other questions, or in another way, than the tuned model will be."""
    known = folder.finished_stage("base") or {}
    if known.get("measured_on") != measured_on(validation):
        folder.forget("base")


def measured_on(validation: Evaluator) -> dict[str, Any]:
    """What a score hangs on beside the model."""
    decoding = decoding_limits(validation.postprocess.settings)
    return {"questions": fingerprint(validation.examples), **validation.scoring, **decoding}


def evaluate(folder: RunFolder, process: Process, validation: Evaluator, settings: StoredSettings) -> dict[str, Any]:
    """Scores the trained model, fits threshold and temperature, and writes results and predictions."""
    metrics, candidates = process.evaluate(validation.evaluation_at(TEMPERATURES))
    predictions = validation.predictions(candidates)
    metrics |= {f"eval_{k}": v for k, v in validation.full_report(predictions).items()}
    metrics["eval_samples"] = len(validation.examples)
    metrics |= {f"eval_{k}": v for k, v in validation.fit(predictions, candidates, settings).items()}
    pairs = zip(validation.examples, predictions, strict=True)
    write_predictions(folder, "eval", pairs, validation.data.version_2_with_negative)
    folder.stage("eval", exact_match=metrics["eval_exact_match"], f1=metrics["eval_f1"])
    write_results(folder, "eval", metrics)
    return metrics


def write_predictions(
    folder: RunFolder,
    split: str,
    predictions: Iterable[tuple[Example, Prediction]],
    with_null: bool,
    without_context: Iterable[str] = (),
) -> None:
    """Writes predictions, n-best lists with offsets and confidences and, for v2, the no-answer odds, one by one.

    Every id of the file has its prediction, those of rows that were merged into another as well, and those
    `without_context`, whose prediction is "".
    """
    if not folder.is_main:
        return
    names = (artifacts.predictions_name(split), artifacts.nbest_name(split), artifacts.null_odds_name(split))
    texts, nbest, null_odds = (folder.path / name for name in names)

    def members() -> Iterator[tuple[str, dict[Path, Any]]]:
        nowhere = dict.fromkeys(without_context)
        for example, found in predictions:
            spans = [asdict(span) for span in found.nbest]
            for name in ids_of(example):
                nowhere.pop(name, None)
                yield name, {texts: found.text, nbest: spans, null_odds: found.null_odds}
        for name in nowhere:
            yield name, {texts: "", nbest: [], null_odds: NO_SPAN_NULL_ODDS}

    artifacts.write_objects([texts, nbest, *[null_odds] * with_null], members())


def from_main_process(process: Process, value: T) -> T:
    """What the main process has, on every process."""
    if process.args.world_size == 1:
        return value
    import torch.distributed

    held = [value]
    torch.distributed.broadcast_object_list(held)
    return held[0]
