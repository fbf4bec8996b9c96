"""Documents or a prompt in, SQuAD data out: `qa-pipeline generate`."""

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.generation.types import (
    Backend,
    Completion,
    Draft,
    Failure,
    Generator,
    Message,
    Rejected,
    Request,
    UsageSoFar,
)

__all__ = [
    "Backend",
    "Completion",
    "Draft",
    "Failure",
    "Generator",
    "Message",
    "Passage",
    "Rejected",
    "Request",
    "UsageSoFar",
    "passage_id",
]
