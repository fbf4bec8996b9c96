"""From a file in nearly any shape to canonical, verified examples and a report of what was done to them."""

from qa_pipeline.data.alignment import Aligned, Rejected, align_answer
from qa_pipeline.data.example import Answers, Example, ids_of, is_labelled
from qa_pipeline.data.lengths import LengthReport, measure_lengths
from qa_pipeline.data.loading import load_examples, to_squad, write_squad
from qa_pipeline.data.report import DataReport
from qa_pipeline.data.schema import validate
from qa_pipeline.data.splitting import split_by_document

__all__ = [
    "Aligned",
    "Answers",
    "DataReport",
    "Example",
    "LengthReport",
    "Rejected",
    "align_answer",
    "ids_of",
    "is_labelled",
    "load_examples",
    "measure_lengths",
    "split_by_document",
    "to_squad",
    "validate",
    "write_squad",
]
