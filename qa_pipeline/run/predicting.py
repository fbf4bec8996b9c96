"""The stage of a run that answers the test questions, in blocks that a journal keeps, so that a kill loses one at most.

The answers are made with the settings of the model; where the file has answers too, they are scored.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_pipeline import artifacts, modeling
from qa_pipeline.arguments.limits import WINDOW_LIMITS, decoding_limits
from qa_pipeline.data import Example, is_labelled, needs_all
from qa_pipeline.data.example import fingerprint
from qa_pipeline.metrics import calibration_error, score_rows
from qa_pipeline.postprocess import (
    Postprocess,
    Prediction,
    from_json,
    outcomes,
    to_json,
)
from qa_pipeline.preprocess import Preprocess
from qa_pipeline.process import Process
from qa_pipeline.run.answer_sets import confidence_of, score_sets
from qa_pipeline.run.evaluating import evaluation_of, from_main_process, write_predictions
from qa_pipeline.run.folder import RunFolder, write_results
from qa_pipeline.run.splits import Split

logger = logging.getLogger(__name__)

BLOCK_QUESTIONS, BLOCK_CHARACTERS = 2048, 2_000_000
"""Most questions, and characters of their contexts, whose windows are held at once and share batches by length."""

_COMPUTED_WITH = (
    *("eval_batch_tokens", "per_device_eval_batch_size", "world_size"),
    *("bf16", "fp16", "bf16_full_eval", "fp16_full_eval"),
)


@dataclass(frozen=True)
class Task:
    """What is asked, and how answers are decoded and scored.

    Attributes:
        test: the questions.
        preprocess: one that keeps every window.
        postprocess: with the no-answer threshold and the temperature of the model.
        scoring: how answers are normalised before they are scored.
        tuned_on: fingerprint of the questions that these two were fitted on; None: on none.
    """

    test: Split
    preprocess: Preprocess
    postprocess: Postprocess
    scoring: dict[str, Any]
    tuned_on: str | None


def predict(folder: RunFolder, process: Process, task: Task) -> dict[str, Any]:
    """Answers the test questions, writes the predictions, and scores those whose answers the file has."""
    examples = task.test.examples
    with artifacts.Journal(folder.path / artifacts.PREDICT_JOURNAL) as journal:
        metrics = _answer(folder, process, task, journal)
        if folder.is_main:
            metrics |= _write(folder, task, journal)
            journal.remove()
    metrics = from_main_process(process, metrics) | {"predict_samples": len(examples)}
    folder.stage("predict", questions=len(examples))
    write_results(folder, "predict", metrics)
    return metrics


def _answer(folder: RunFolder, process: Process, task: Task, journal: artifacts.Journal) -> dict[str, Any]:
    """Answers what the journal of the main process lacks; returns how long that took."""
    examples = task.test.examples
    if folder.is_main:
        if changed := journal.begin(_identity(process, task), (example["id"] for example in examples)):
            logger.warning("%s is of another run (%s changed): starting over", journal.path, ", ".join(changed))
        elif len(journal):
            logger.info("Going on after %s of %s test questions.", f"{len(journal):,}", f"{len(examples):,}")
    done = from_main_process(process, len(journal))
    scored = any(map(is_labelled, examples))
    seconds, num_windows = 0.0, 0
    for first, block in blocks(examples):
        if first + len(block) <= done:
            continue
        windows = task.preprocess.windows(block)
        evaluation = evaluation_of(block, windows, task.postprocess, temperatures=(1.0,))
        taken, candidates = process.evaluate(evaluation, prefix="predict")
        seconds += taken["predict_runtime"]
        num_windows += len(windows)
        if not folder.is_main:
            continue
        plain = [0.0] * len(block)  # confidence at temperature 1, for the calibration error
        if scored:
            found = outcomes(task.postprocess, block, windows, candidates, (1.0,), **task.scoring)
            plain = found.confidence(task.postprocess.settings.null_score_diff_threshold)[:, 0].tolist()
        predictions = task.postprocess.predictions(block, windows, candidates)
        for row in range(max(done - first, 0), len(block)):
            journal.append(to_json(predictions[row]) | {"plain": plain[row]})
    return {
        "predict_runtime": round(seconds, 3),
        "predict_windows_per_second": round(num_windows / max(seconds, 1e-9), 2),
    }


def blocks(examples: Sequence[Example]) -> Iterator[tuple[int, Sequence[Example]]]:
    """The examples in blocks, each with the number of its first, counted from 0."""
    first, size = 0, 0
    for number, example in enumerate(examples, 1):
        size += len(example["context"])
        if number - first >= BLOCK_QUESTIONS or size >= BLOCK_CHARACTERS or number == len(examples):
            yield first, examples[first:number]
            first, size = number, 0


def _identity(process: Process, task: Task) -> dict[str, Any]:
    """What the predictions hang on, down to their last bits."""
    trainer, args = process.trainer, process.args
    model = trainer.accelerator.unwrap_model(trainer.model, keep_torch_compile=False)
    cut = task.preprocess
    return {
        "the model": modeling.weights_fingerprint(model, cut.tokenizer),
        "windows": [getattr(cut.settings, name) for name in WINDOW_LIMITS],
        "decoding": decoding_limits(task.postprocess.settings),
        "batches or device": [str(args.device.type), trainer.pad_to, *(getattr(args, name) for name in _COMPUTED_WITH)],
        "the questions": fingerprint(task.test.examples),
    }


def _write(folder: RunFolder, task: Task, journal: artifacts.Journal) -> dict[str, Any]:
    """Writes the predictions of the journal; returns the scores of the questions whose answers the file has."""
    test, texts, plain, stated = task.test, dict[str, str](), array("d"), array("d")
    sets: list[Prediction] = []

    def predictions() -> Iterator[tuple[Example, Prediction]]:
        for example, value in zip(test.examples, journal, strict=True):
            found = from_json(Prediction, value)
            if is_labelled(example):
                texts[found.id] = found.text
                if needs_all(example):
                    sets.append(found)
                plain.append(value["plain"])
                stated.append(found.confidence)
            yield example, found

    with_null = task.postprocess.settings.version_2_with_negative
    write_predictions(folder, "predict", predictions(), with_null, test.report.without_context)
    if not texts:
        return {}
    labelled = [example for example in test.examples if is_labelled(example)]
    scores = score_rows(texts, labelled, **task.scoring)
    metrics: dict[str, Any] = {f"predict_{name}": value for name, value in scores.summary().items()}
    in_sets = score_sets(labelled, sets, confidence_of(task.postprocess.settings), **task.scoring)
    metrics |= {f"predict_{name}": value for name, value in in_sets.items()}
    if len(labelled) < len(test.examples):
        metrics["predict_unlabelled"] = len(test.examples) - len(labelled)
    metrics["predict_ece"] = calibration_error(np.array(plain), scores.exact).ece
    if task.tuned_on is not None and task.tuned_on == fingerprint(labelled):
        logger.warning(
            "%s: the threshold and temperature stored with the model were fitted on these very questions, so that "
            "these scores flatter it; its own validation results do not.",
            test.source,
        )
    else:
        metrics["predict_ece_calibrated"] = calibration_error(np.array(stated), scores.exact).ece
        metrics["predict_temperature"] = task.postprocess.settings.temperature
    return metrics
