"""Questions and answers from documents alone, without a language model."""

from qa_pipeline.generation.questions.cloze.engine import ClozeGenerator
from qa_pipeline.generation.questions.cloze.passages import Collection, ReadPassage
from qa_pipeline.generation.questions.cloze.plugins import Plugin
from qa_pipeline.generation.questions.cloze.spans import GROUPS, TYPES

__all__ = ["GROUPS", "TYPES", "ClozeGenerator", "Collection", "Plugin", "ReadPassage"]
