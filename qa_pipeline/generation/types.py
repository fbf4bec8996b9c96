"""The words of the ladder: passages come in, drafts are made of them, and rows come out.

A generator turns passages into drafts; alignment and filters turn drafts into rows, or reject them with a reason.
Neither files nor requests to a model are known here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from qa_pipeline.data import Example
from qa_pipeline.documents.passage import Passage

MOST_UNANSWERABLE = 0.9
"""The greatest share of unanswerable questions: above it a data set has hardly an answer to learn from."""
KEY_DIGITS = 20
_INNER = ("document_start", "split", "pages")  # of a passage's metadata: for this package only


@dataclass(frozen=True)
class Draft:
    """A question and its answer before the answer is aligned with the passage and the filters have seen it."""

    passage: Passage
    question: str
    answer: str | None  # a verbatim quote of the passage; None: the passage does not answer the question
    evidence: str | None  # a longer verbatim quote that holds the answer
    start: int | None  # character of the answer in the passage where the generator knows it, else None
    generator: str  # "cloze", "llm"
    details: dict[str, Any] = field(
        default_factory=dict
    )  # goes into the row's metadata: answer_type, prompt, model ...


@dataclass(frozen=True)
class Rejected:
    """A draft that came to nothing inside the generator; counted by reason (`reasons.MEANINGS`).

    `outage` says in words what failed where asking again may help: then the passage is not done.
    """

    reason: str
    passage_id: str
    outage: str = ""


@dataclass(frozen=True)
class Row:
    """A draft that has been aligned: where it has an answer, `passage.text[start:start + len(answer)] == answer`.

    Attributes:
        answer, start: None where the passage does not answer the question.
        evidence: the slice of the passage that holds the answer, as the generator quoted it, or None.
        passed: names of the filters that looked at the row and let it through.
    """

    passage: Passage
    question: str
    answer: str | None
    start: int | None
    generator: str
    evidence: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    passed: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """Names the row by its content; the same for the same passage, question, answer and place."""
        content = json.dumps([self.passage.id, self.question, self.answer, self.start])
        return hashlib.sha256(content.encode("utf-8")).hexdigest()[:KEY_DIGITS]

    @property
    def is_impossible(self) -> bool:
        """Whether the passage does not answer the question."""
        return self.answer is None

    def to_example(self) -> Example:
        """The canonical row, with where it comes from in its metadata."""
        metadata: dict[str, Any] = {"document": self.passage.document, "passage": self.passage.id}
        metadata |= {name: value for name, value in self.passage.metadata.items() if name not in _INNER}
        metadata |= {"generator": self.generator, **self.details}
        if self.evidence is not None:
            metadata["evidence"] = self.evidence
        metadata["filters_passed"] = list(self.passed)
        found = self.answer is not None
        return {
            "id": f"{self.generator}-{self.key}",
            "title": self.passage.title or self.passage.document,
            "context": self.passage.text,
            "question": self.question,
            "answers": {
                "text": [self.answer] if self.answer is not None else [],
                "answer_start": [self.start] if found and self.start is not None else [],
            },
            "is_impossible": not found,
            "metadata": metadata,
        }

    def to_json(self) -> dict[str, Any]:
        """Everything but the passage, of which only the id."""
        return {
            "passage": self.passage.id,
            "question": self.question,
            "answer": self.answer,
            "start": self.start,
            "generator": self.generator,
            "evidence": self.evidence,
            "details": self.details,
            "passed": list(self.passed),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], passages: Mapping[str, Passage]) -> Row:
        """The row again. Raises KeyError where the passage is not known."""
        rest = {name: value[name] for name in ("question", "answer", "start", "generator", "evidence", "details")}
        return cls(passage=passages[value["passage"]], passed=tuple(value["passed"]), **rest)


class Generator(Protocol):
    """Turns passages into drafts, in any order; for one seed the drafts of a passage are always the same."""

    def drafts(self, passages: Sequence[Passage]) -> Iterator[Draft | Rejected]:
        """Drafts of all passages, as they come."""
        ...
