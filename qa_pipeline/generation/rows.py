"""A draft whose answer has been found in its passage: what filters, the journal and the splits work on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from qa_pipeline.data import Example
from qa_pipeline.documents.passage import Passage

KEY_DIGITS = 20
_INNER = ("document_start", "split", "pages")  # of a passage's metadata: for this package only


@dataclass(frozen=True)
class Row:
    """One question; `passage.text[start:start + len(answer)] == answer` where there is an answer.

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
