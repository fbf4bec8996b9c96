"""Documents or a prompt in, SQuAD data out: `qa-pipeline generate`."""

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.generation.backends.protocol import Backend, Completion, Failure, Message, Request, UsageTotals
from qa_pipeline.generation.types import Draft, Generator, Rejected

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
    "UsageTotals",
    "passage_id",
]
