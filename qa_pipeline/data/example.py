"""The one canonical row that every stage speaks.

Invariant past `qa_pipeline.data`: `context[start:start + len(text)] == text` for every answer, ids are unique,
impossible rows have no answers and answers are never empty. Nobody checks again.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Answers(TypedDict):
    """Parallel lists: the answer texts and where they start in the context (characters)."""

    text: list[str]
    answer_start: list[int]


class Example(TypedDict):
    """One question about one context.

    `merged_ids` are those of rows that ask the same and gave this example further references; they share its
    prediction.
    """

    id: str
    context: str
    question: str
    answers: Answers
    is_impossible: bool
    title: NotRequired[str]
    merged_ids: NotRequired[list[str]]
    metadata: NotRequired[dict[str, Any]]


def ids_of(example: Example) -> list[str]:
    """The ids that share the prediction of an example: its own, and those of the rows merged into it."""
    return [example["id"], *example.get("merged_ids", ())]


def is_labelled(example: Example) -> bool:
    """Whether it has an answer, or is known to have none; of data for prediction some, or all, are neither."""
    return bool(example["answers"]["text"] or example["is_impossible"])
