"""From a file in nearly any shape to canonical, verified examples and a report of what was done to them.

`loading` is the main path. On it a row passes through `readers` (any source to rows), `layouts` (nested rows to one a
question), `mapping` (where in a row the question, the context and the answers are), `conventions` (how the whole source
counts its offsets and says "no answer": `offsets`, `marks`) and `verification` (the answer's place in its context:
`alignment`). `example` holds what a row is at each of these stages.
"""

from qa_pipeline.data.alignment import Aligned, Unaligned, align_answer
from qa_pipeline.data.example import Answers, Example, ids_of, is_labelled, needs_all, split_by_document
from qa_pipeline.data.lengths import LengthReport, measure_lengths
from qa_pipeline.data.loading import load_examples, to_squad, write_squad
from qa_pipeline.data.report import DataReport
from qa_pipeline.data.schema import validate

__all__ = [
    "Aligned",
    "Answers",
    "DataReport",
    "Example",
    "LengthReport",
    "Unaligned",
    "align_answer",
    "ids_of",
    "is_labelled",
    "load_examples",
    "measure_lengths",
    "needs_all",
    "split_by_document",
    "to_squad",
    "validate",
    "write_squad",
]
