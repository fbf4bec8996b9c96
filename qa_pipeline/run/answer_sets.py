"""What a run does for questions whose answers are sets: says how they are trained on, scores them, fits a confidence.

On other data it does nothing, and its metrics are {}.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from qa_pipeline.arguments import DataArguments, QASettings
from qa_pipeline.data import Example, needs_all
from qa_pipeline.data.example import fingerprint
from qa_pipeline.metrics import multi_span_scores
from qa_pipeline.modeling import StoredSettings
from qa_pipeline.postprocess import LEAST_CONFIDENCE, Outcomes, Prediction, Span, fit_sets, given_answers, spans_at
from qa_pipeline.wording import counted

logger = logging.getLogger(__name__)


def wants_several(example: Example) -> bool:
    """Whether several answers are required, all of them."""
    return needs_all(example) and len(example["answers"]["text"]) > 1


def note_on_sets(examples: Sequence[Example], data: DataArguments) -> str | None:
    """What the user should know who trains on one answer of each set; None where all is well."""
    sets = sum(map(wants_several, examples))
    if not sets or data.answer_choice == "all":
        return None
    return (
        f"{counted(sets, 'training question')} want several answers, all of them, of which answer_choice="
        f"{data.answer_choice} trains on one; answer_choice: all trains on each"
    )


def confidence_of(settings: QASettings) -> float:
    """From which confidence an answer of a set is given: as is stored with the model, else LEAST_CONFIDENCE."""
    stored = settings.all_answers_confidence if isinstance(settings, StoredSettings) else None
    return LEAST_CONFIDENCE if stored is None else stored


def score_sets(
    examples: Sequence[Example], predictions: Iterable[Prediction], confidence: float, **scoring: Any
) -> dict[str, float]:
    """Scores of the questions whose answers are sets; {} without any.

    Args:
        examples: rows of any kind.
        predictions: of them, in any order.
        confidence: from which an answer is given.
        scoring: normalization and language.
    """
    sets = [example for example in examples if needs_all(example)]
    if not sets:
        return {}
    wanted = {example["id"] for example in sets}
    given = {found.id: given_answers(found, confidence) for found in predictions if found.id in wanted}
    return multi_span_scores(given, sets, **scoring).summary()


def fit_confidence(
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    found: Outcomes,
    settings: StoredSettings,
    **options: Any,
) -> dict[str, Any]:
    """Fits from which confidence an answer of a set is given, and puts it into the settings.

    Args:
        examples: all rows of the split.
        predictions, found: of them, in their order.
        settings: whose threshold and temperature are final.
        options: of `fit_sets`.

    Returns:
        Scores with the confidence fitted on other texts, all_answers_confidence or all_answers_reason.
    """
    rows = [row for row, example in enumerate(examples) if needs_all(example)]
    if not rows:
        return {}
    silent = found.silent(settings.null_score_diff_threshold)
    column = np.flatnonzero(found.temperatures == settings.temperature)
    spans: list[Sequence[Span]] = []
    for row in rows:
        if silent[row]:
            spans.append([])
        elif len(column):
            spans.append(spans_at(predictions[row], settings.temperature, found.log_totals[row, column[0]]))
        else:
            spans.append(predictions[row].nbest)
    fit = fit_sets(spans, [examples[row] for row in rows], rng=np.random.default_rng(0), **options)
    if fit.confidence is None:
        logger.info("Answers that are sets are given from a confidence of %g: %s.", LEAST_CONFIDENCE, fit.reason)
        return {**fit.metrics, "all_answers_reason": fit.reason}
    settings.all_answers_confidence, settings.tuned_on = fit.confidence, fingerprint(examples)
    return {**fit.metrics, "all_answers_confidence": fit.confidence}
