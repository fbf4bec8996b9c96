"""Questions and answers from documents alone, without a language model."""

from qa_pipeline.generation.questions.cloze.collection import Collection
from qa_pipeline.generation.questions.cloze.engine import ClozeGenerator
from qa_pipeline.generation.questions.cloze.options import ClozeOptions
from qa_pipeline.generation.questions.cloze.rows import example_of
from qa_pipeline.generation.questions.cloze.self_training import RoundReport, self_train
from qa_pipeline.generation.questions.cloze.spans import GROUPS, TYPES

__all__ = ["GROUPS", "TYPES", "ClozeGenerator", "ClozeOptions", "Collection", "RoundReport", "example_of", "self_train"]
