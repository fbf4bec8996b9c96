"""EM and F1 as the official SQuAD scripts give them, thresholds, intervals and breakdowns. Pure functions."""

from qa_pipeline.metrics.normalization import normalize_answer
from qa_pipeline.metrics.scores import (
    BestThresholds,
    Scores,
    best_thresholds,
    bootstrap_interval,
    exact_match,
    f1,
    score_rows,
    squad_metrics,
)

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
