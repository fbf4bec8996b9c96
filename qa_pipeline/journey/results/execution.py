"""Answers the test questions with a trained model: predictions, n-best lists, and how far a confidence can be trusted.

Trains nothing and fits nothing: the temperature and the no-answer threshold are those that training fitted on the
validation questions. After a kill the same call goes on from the answers that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.data import Example, is_labelled
from qa_pipeline.data.example import fingerprint
from qa_pipeline.metrics import calibration_error, risk_coverage, score_rows
from qa_pipeline.predictor.files.answering import ScoredAnswers, answer_file
from qa_pipeline.predictor.files.question_lists import read_data

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

PREDICTIONS = "predictions.json"
"""Question id -> answer; beside it predictions_nbest.json with places and confidences, and, for models that may say
that there is no answer, predictions_null_odds.json."""


@dataclass(frozen=True)
class Execution:
    """What `execute` wrote and found.

    Attributes:
        files: name -> file.
        facts: rows; answered (answers other than "no answer"); seconds of the answers that were computed now, and
            questions_per_second; calibration, see `calibration_facts`. All of it JSON.
    """

    files: dict[str, Path]
    facts: dict[str, Any]


def execute(model: QAPredictor | str | Path, test_file: str | Path, folder: str | Path) -> Execution:
    """Answers all test questions and writes the answers with their confidences.

    Args:
        model: a predictor, or the folder of a trained model.
        test_file: labelled questions in any shape that `load_examples` reads.
        folder: where the predictions go; other files in it stay.

    Raises:
        ModelError: the model cannot be loaded or asked.
        DataError: the questions cannot be read, or a file cannot be written.
        ConfigError: another process answers into the same folder.
    """
    predictor = load(model)
    data = read_data(str(test_file))
    output = Path(folder) / PREDICTIONS
    done = answer_file(predictor, data, output)
    files = {path.stem: path for path in done.files}
    rate = round(done.computed / done.seconds, 2) if done.computed and done.seconds else None
    facts = {
        "rows": len(data.examples),
        "answered": sum(bool(text) for text in done.scored.texts.values()),
        "seconds": round(done.seconds, 3),
        "questions_per_second": rate,
        "calibration": calibration_facts(predictor.settings, data.examples, done.scored),
    }
    return Execution(files, facts)


def load(model: QAPredictor | str | Path, allow_new_head: bool = False) -> QAPredictor:
    """The model, loaded if it is not: raises ModelError where it cannot be."""
    if not isinstance(model, str | Path):
        return model
    from qa_pipeline.predictor import QAPredictor

    return QAPredictor.from_pretrained(model, allow_new_head=allow_new_head)


def calibration_facts(settings: Any, examples: Sequence[Example], scored: ScoredAnswers) -> dict[str, Any]:
    """How far stated confidences are from the share of exact matches on these questions.

    Returns:
        temperature: that confidences were made with, 1 where none was fitted.
        fitted_on: "validation", "test" (then the figures flatter) or None for a temperature that nothing was fitted on.
        ece: expected calibration error, 0 to 1; None without a question that has reference answers.
        aurc: area under the risk-coverage curve, 0 to 1; lower is better.
        reliability: bins, see `metrics.calibration_error`.
    """
    asked = [example for example in examples if is_labelled(example)]
    facts: dict[str, Any] = {
        "temperature": float(settings.temperature),
        "fitted_on": _fitted_on(settings, asked),
        "ece": None,
        "aurc": None,
        "reliability": [],
    }
    if asked:
        how = {"normalization": settings.answer_normalization, "language": settings.answer_language}
        exact = score_rows(scored.texts, asked, **how).exact
        confidence = np.array(scored.confidence)
        curve = calibration_error(confidence, exact)
        facts |= {
            "ece": round(curve.ece, 4),
            "aurc": round(risk_coverage(confidence, exact).aurc, 4),
            "reliability": [{name: round(float(value), 4) for name, value in part.items()} for part in curve.bins],
        }
    return facts


def _fitted_on(settings: Any, asked: Sequence[Example]) -> str | None:
    if getattr(settings, "tuned_on", None) is None:
        return None
    return "test" if settings.tuned_on == fingerprint(asked) else "validation"
