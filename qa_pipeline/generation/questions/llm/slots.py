"""What goes into the slots of the templates about one passage: task, examples, kinds of answer, earlier questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.questions.llm.prompts import examples_text, unanswerable_examples_text
from qa_pipeline.generation.types import Draft

_KINDS_AT_ONCE = 3  # of answers; more than that a model forgets
_MOST_FED_BACK = 30  # earlier questions


class Slots:
    """Fills the slots.

    Args:
        answer_types: kinds of answer to prefer, in words.
        language: English name.
        task: in the user's words, or blank.
        examples: canonical rows, with an answer and without.
        examples_per_request: most that one request shows.
    """

    def __init__(
        self,
        answer_types: Sequence[str],
        language: str,
        task: str,
        examples: Sequence[Mapping[str, Any]],
        examples_per_request: int,
    ):
        self.language = language
        self._answer_types = list(answer_types)
        self._task = f"The questions are for this task: {task.strip()}\n" if task.strip() else ""
        self._answered = [example for example in examples if example["answers"]["text"]]
        self._unanswered = [example for example in examples if not example["answers"]["text"]]
        self._most = examples_per_request

    def choices(self, rng: np.random.Generator) -> dict[str, str]:
        """What differs from passage to passage: the kinds of answer and the examples shown."""
        types = ""
        if self._answer_types:
            order = rng.permutation(len(self._answer_types))[:_KINDS_AT_ONCE]
            types = f"\n- Prefer answers of these kinds: {'; '.join(self._answer_types[i] for i in order)}."
        answered = [self._answered[i] for i in sorted(rng.permutation(len(self._answered))[: self._most])]
        unanswered = [self._unanswered[i] for i in sorted(rng.permutation(len(self._unanswered))[: self._most])]
        return {
            "answer_types": types,
            "examples": examples_text(answered),
            "plain_examples": "".join(f"Example question: {example['question']}\n" for example in answered),
            "unanswerable_examples": unanswerable_examples_text(unanswered),
        }

    def values(
        self,
        passage: Passage,
        number: int,
        earlier: Sequence[Draft],
        chosen: Mapping[str, str],
        answers: bool = False,
    ) -> dict[str, str]:
        """The slots that most templates have.

        Args:
            number: of questions or answers that are wanted.
            earlier: drafts that should not come again.
            chosen: as `choices` gives them, or none of them.
            answers: say the earlier drafts' answers, not their questions.
        """
        asked = ""
        if earlier:
            texts = [draft.answer or "" if answers else draft.question for draft in earlier[-_MOST_FED_BACK:]]
            asked = f"\n- These are there already; do not repeat them: {' | '.join(texts)}"
        return {
            "task": self._task,
            "title": f' from "{passage.title}"' if passage.title else "",
            "passage": passage.text,
            "number": str(number),
            "language": self.language,
            "asked": asked,
            "answer_types": chosen.get("answer_types", ""),
            "examples": chosen.get("examples", ""),
        }
