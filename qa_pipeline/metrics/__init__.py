"""EM and F1 as the official SQuAD scripts give them, thresholds, intervals, breakdowns, comparisons: pure functions."""

from qa_pipeline.metrics.intervals import (
    CalibrationCurve,
    PairedDifference,
    Resampling,
    RiskCoverage,
    calibration_error,
    paired_bootstrap,
    resampling_of,
    risk_coverage,
)
from qa_pipeline.metrics.multi_span import MultiSpanScores, distinct_texts, exact_hits, multi_span_scores
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
    "CalibrationCurve",
    "MultiSpanScores",
    "PairedDifference",
    "Resampling",
    "RiskCoverage",
    "Scores",
    "best_thresholds",
    "bootstrap_interval",
    "calibration_error",
    "distinct_texts",
    "exact_hits",
    "exact_match",
    "f1",
    "multi_span_scores",
    "normalize_answer",
    "paired_bootstrap",
    "resampling_of",
    "risk_coverage",
    "score_rows",
    "squad_metrics",
]
