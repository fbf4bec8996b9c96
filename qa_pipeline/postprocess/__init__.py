"""Logits to answers: exact best spans of a batch, merged over windows, with the no-answer decision and a confidence."""

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

__all__ = [
    "MIN_QUESTIONS",
    "NO_SPAN_NULL_ODDS",
    "TEMPERATURES",
    "Calibration",
    "Candidates",
    "NonFiniteLogitsError",
    "Outcomes",
    "Postprocess",
    "Prediction",
    "Span",
    "calibrate",
    "fit_temperature",
    "from_json",
    "outcomes",
    "to_json",
    "top_spans",
    "tune_threshold",
]
