"""Logits to answers: exact best spans of a batch, merged over windows, with the no-answer decision and a confidence."""

from qa_pipeline.postprocess.answer_sets import (
    LEAST_CONFIDENCE,
    SetFit,
    answer_set,
    distinct,
    fit_sets,
    given_answers,
    spans_at,
)
from qa_pipeline.postprocess.calibration import (
    MIN_QUESTIONS,
    TEMPERATURES,
    Calibration,
    Outcomes,
    calibrate,
    fit_temperature,
    outcomes,
    tune_threshold,
)
from qa_pipeline.postprocess.decoding import Candidates, NonFiniteLogitsError, top_spans
from qa_pipeline.postprocess.postprocess import NO_SPAN_NULL_ODDS, Postprocess, Prediction, Span, from_json, to_json
from qa_pipeline.postprocess.segments import SegmentEvidence, segment_log_sums

__all__ = [
    "LEAST_CONFIDENCE",
    "MIN_QUESTIONS",
    "NO_SPAN_NULL_ODDS",
    "TEMPERATURES",
    "Calibration",
    "Candidates",
    "NonFiniteLogitsError",
    "Outcomes",
    "Postprocess",
    "Prediction",
    "SegmentEvidence",
    "SetFit",
    "Span",
    "answer_set",
    "calibrate",
    "distinct",
    "fit_sets",
    "fit_temperature",
    "from_json",
    "given_answers",
    "outcomes",
    "segment_log_sums",
    "spans_at",
    "to_json",
    "top_spans",
    "tune_threshold",
]
