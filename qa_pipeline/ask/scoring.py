"""Follows answers on their way into a file: what scores need of them, and under which ids they are written."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from qa_pipeline.ask.answer_journal import Answers
from qa_pipeline.data import Example, ids_of, is_labelled


@dataclass
class ScoredAnswers:
    """The answers to labelled questions, as far as scores need them.

    Attributes:
        texts: id -> answer.
        confidence: in the order of the questions.
    """

    texts: dict[str, str] = field(default_factory=dict)
    confidence: array[float] = field(default_factory=lambda: array("d"))

    def collect(self, examples: Sequence[Example], answers: Answers) -> Answers:
        """Hands the answers through, one for each example, and keeps what scores need of each."""
        for example, (answer, place) in zip(examples, answers, strict=True):
            if is_labelled(example):
                self.texts[example["id"]] = answer.text
                self.confidence.append(answer.confidence)
            yield answer, place


def with_every_id(examples: Sequence[Example], answers: Answers, without_context: Mapping[str, str]) -> Answers:
    """The answers under the ids of all rows, those that were merged into another as well.

    Args:
        examples: one for each answer.
        answers: of the examples.
        without_context: id -> question of rows that nothing could be found for; they stand last.
    """
    from qa_pipeline.predictor import Answer

    nowhere = dict(without_context)
    for example, (answer, place) in zip(examples, answers, strict=True):
        for name in ids_of(example):
            nowhere.pop(name, None)
            yield (answer if name == answer.id else replace(answer, id=name)), place
    for name, question in nowhere.items():
        yield Answer.of_nothing(name, question), {}
