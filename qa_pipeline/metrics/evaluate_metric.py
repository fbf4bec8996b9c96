"""The scores of `qa_pipeline.metrics` as an `evaluate.Metric`, for code that had `evaluate.load("squad")`.

Needs no network: nothing is fetched from the Hub. Inputs and outputs are those of the Hub's "squad" and "squad_v2":

    metric = SquadMetric("squad_v2")
    metric.compute(
        predictions=[{"id": "1", "prediction_text": "Paris", "no_answer_probability": 0.1}],
        references=[{"id": "1", "answers": {"text": ["Paris"], "answer_start": [0]}}],
    )
"""

from __future__ import annotations

import dataclasses
from typing import Any

import datasets
import evaluate
import numpy as np

from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.metrics.scores import best_thresholds, score_rows

_DESCRIPTION = "Exact match and F1 of extractive answers, equal to the official SQuAD scripts."
_INPUTS = """
Args:
    predictions: dicts with id and prediction_text, and for squad_v2 no_answer_probability.
    references: dicts with id and answers (text and answer_start).
    no_answer_threshold: squad_v2 only: above this probability the answer counts as "".
    normalization: "squad" or "multilingual".
    language: code such as "de", for "multilingual".
"""
_CITATION = "Rajpurkar et al. 2016 (SQuAD), Rajpurkar et al. 2018 (SQuAD 2.0)"


class SquadMetric(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Metric "squad" (v1.1, the default) or "squad_v2"."""

    def __init__(self, config_name: str = "squad", **kwargs: Any):
        if config_name not in ("squad", "squad_v2"):
            raise ConfigError("SquadMetric", f'"{config_name}" is unknown; choose "squad" or "squad_v2"')
        super().__init__(config_name=config_name, **kwargs)

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        prediction = {"id": text, "prediction_text": text}
        if self.config_name == "squad_v2":
            prediction["no_answer_probability"] = datasets.Value("float64")
        answers = {"text": datasets.Sequence(text), "answer_start": datasets.Sequence(datasets.Value("int32"))}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": prediction, "references": {"id": text, "answers": answers}}),
        )

    def _compute(
        self,
        predictions: list[dict[str, Any]],
        references: list[dict[str, Any]],
        no_answer_threshold: float = 1.0,
        normalization: str = "squad",
        language: str | None = None,
    ) -> dict[str, float]:
        texts = {row["id"]: row["prediction_text"] for row in predictions}
        if len(texts) < len(predictions):
            raise DataError(f"{len(predictions) - len(texts)} predictions repeat an id; give one for each question")
        examples = [{"id": row["id"], "answers": row["answers"]} for row in references]
        if self.config_name == "squad":
            scores = score_rows(texts, examples, normalization, language=language, script="v1.1")
            return {name: scores.summary()[name] for name in ("exact_match", "f1")}

        scores = score_rows(texts, examples, normalization, language=language)
        by_id = {row["id"]: row["no_answer_probability"] for row in predictions}
        odds = np.array([by_id[i] for i in scores.ids])
        silent = odds > no_answer_threshold
        decided = dataclasses.replace(
            scores,
            exact=np.where(silent, ~scores.has_answer, scores.exact),
            f1=np.where(silent, ~scores.has_answer, scores.f1),
        ).summary()
        return {"exact": decided.pop("exact_match"), **decided, **best_thresholds(odds, scores).to_dict()}
