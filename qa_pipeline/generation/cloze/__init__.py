"""Questions and answers from documents alone, without a language model."""

from qa_pipeline.generation.cloze.collection import Collection
from qa_pipeline.generation.cloze.engine import ClozeGenerator
from qa_pipeline.generation.cloze.options import ClozeOptions
from qa_pipeline.generation.cloze.rows import example_of
from qa_pipeline.generation.cloze.self_training import RoundReport, self_train
from qa_pipeline.generation.cloze.spans import GROUPS, TYPES

__all__ = ["GROUPS", "TYPES", "ClozeGenerator", "ClozeOptions", "Collection", "RoundReport", "example_of", "self_train"]
