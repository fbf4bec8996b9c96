"""Asks a trained model: questions and contexts in, answers with offsets and confidences out."""

from qa_pipeline.predictor.answer import Answer
from qa_pipeline.predictor.documents import DocumentAnswer, Reply
from qa_pipeline.predictor.excerpts import Excerpt, Highlight
from qa_pipeline.predictor.pipeline import QuestionAnsweringPipeline, pipeline
from qa_pipeline.predictor.predictor import QAPredictor
from qa_pipeline.predictor.questions import QuestionError

__all__ = [
    "Answer",
    "DocumentAnswer",
    "Excerpt",
    "Highlight",
    "QAPredictor",
    "QuestionAnsweringPipeline",
    "QuestionError",
    "Reply",
    "pipeline",
]
