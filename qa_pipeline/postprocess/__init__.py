"""Logits to answers: exact best spans of a batch, merged over windows, with the no-answer decision and a confidence."""

from qa_pipeline.postprocess.decoding import Candidates, NonFiniteLogitsError, top_spans
from qa_pipeline.postprocess.postprocess import NO_SPAN_NULL_ODDS, Postprocess, Prediction, Span, tune_threshold

__all__ = [
    "NO_SPAN_NULL_ODDS",
    "Candidates",
    "NonFiniteLogitsError",
    "Postprocess",
    "Prediction",
    "Span",
    "top_spans",
    "tune_threshold",
]
