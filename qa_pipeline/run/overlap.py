"""Finds what stands in the training data and in held-out data alike, however white space and case are written.

Whoever copies a text from a page changes its line ends and spaces, and most small encoders do not see case: to a reader
these are the same questions, and a score on them says nothing of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qa_pipeline.data import Example
from qa_pipeline.text.folding import fold_case


class Contexts:
    """Contexts, compared folded; each is folded once, however many questions are asked about it."""

    def __init__(self, examples: Iterable[Example] = ()):
        self._folded: dict[str, str] = {}
        self._held = {self.folded(example["context"]) for example in examples}

    def folded(self, context: str) -> str:
        """The folded context."""
        if context not in self._folded:
            self._folded[context] = fold_case(context)
        return self._folded[context]

    def __contains__(self, context: str) -> bool:
        return self.folded(context) in self._held


def asked_in_both(train: Sequence[Example], held_out: Sequence[Example]) -> list[Example]:
    """The held-out rows whose question is asked of the same context in the training data too."""
    questions = [fold_case(example["question"]) for example in held_out]
    wanted = set(questions)
    contexts = Contexts()  # only those of questions that are asked on both sides are folded
    asked = {
        (question, contexts.folded(example["context"]))
        for example in train
        if (question := fold_case(example["question"])) in wanted
    }
    names = {question for question, _ in asked}
    return [
        example
        for question, example in zip(questions, held_out, strict=True)
        if question in names and (question, contexts.folded(example["context"])) in asked
    ]
