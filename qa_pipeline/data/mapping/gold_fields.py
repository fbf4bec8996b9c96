"""Finds what a table of questions without contexts says is right: the answers, and the document that each is in.

Names decide, and where they are vague ("label", "output") nothing is taken: a wrong guess would score a model against
categories. Never sees a document.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from qa_pipeline.data.mapping.field_mapping import FieldMapping, Paths
from qa_pipeline.data.mapping.fields import Fields, are_choices, numbered, speaks_of_answers
from qa_pipeline.data.mapping.inference import sentinel_of

_FLAGS = ("is_impossible", "answerable", "answer_category")
# Beside the word answer: what a column of right answers may say of them.
_RIGHT = frozenset({"gold", "golden", "right", "correct", "true", "expected", "reference", "target", "ideal", "known"})


@dataclass(frozen=True)
class GoldFields:
    """Where a row says what is right.

    Attributes:
        mapping: reads the answers of a row; its context is the question, since the rows need have none, and its title
            the document. Without `answers` nothing is said to be right.
        document: the field with the document's name; None where there is none.
        is_document: that field is named for documents or was mapped, so that what is in it must be one; else (a title,
            a source) it may be anything.
    """

    mapping: FieldMapping
    document: str | None = None
    is_document: bool = False

    @property
    def answers(self) -> Paths:
        """The fields of the answers."""
        mapping = self.mapping
        return (*mapping.answers, *mapping.text, *mapping.span, *mapping.more_answers)


def gold_fields(fields: Fields, question: str, given: FieldMapping | None = None) -> GoldFields:
    """The fields of the right answers and of their documents, by the mapping that was given and then by their names.

    >>> rows = [RawRow({"question": "How high is the fee?", "answer": "25 euros", "file": "fees.pdf"}, "row 1")]
    >>> found = gold_fields(Fields(rows), "question")
    >>> found.answers, found.document, found.is_document
    (('answer',), 'file', True)

    Args:
        fields: of the rows, all or the first.
        question: the field of the question.
        given: what the user wrote; what it names is taken as it is, what it does not name is looked for.
    """
    mapping = FieldMapping((question,), (question,)) if given is None else given
    mapped = [path for path in mapping.title if path in fields.values]
    names = mapped or [path for path in fields.candidates("document") if path != question]
    document = names[0] if names else None
    sure = bool(mapped) and not mapping.name.startswith("preset") or document in fields.by_tier("document", 0)
    if not mapping.has_answers:
        answers, more = _answers(fields, [question, *names])
        flags: dict[str, Any] = {
            role: tuple(fields.candidates(role)[:1]) for role in _FLAGS if not getattr(mapping, role)
        }
        mapping = replace(mapping, answers=answers, more_answers=more, **flags)
    if not mapping.no_answer_values and (sentinel := sentinel_of(mapping, fields.rows)):
        mapping = replace(mapping, no_answer_values=frozenset({sentinel}))
    return GoldFields(replace(mapping, context=(question,), question=(question,)), document, sure)


def _answers(fields: Fields, taken: Sequence[str]) -> tuple[Paths, Paths]:
    """The field of the answers, and those of further references beside it, as where each annotator has a column."""
    columns = [path for path in fields.values if "." not in path and path not in taken]
    plain = [*fields.by_tier("answers", 0), *fields.by_tier("answers", 1)]
    plain += [*fields.by_tier("answers.text", 0), *fields.by_tier("answers.text", 1)]
    found = [path for path in dict.fromkeys(plain) if path not in taken] or [
        path for path in columns if _is_right(path)
    ]
    groups = [group for group in numbered(columns) if all(map(speaks_of_answers, group)) and group[-1][-1].isdigit()]
    if groups and (not found or found[0] in groups[0]):
        return (groups[0][0],), tuple(groups[0][1:])
    if found and groups and are_choices(fields.rows, found[0]):
        return (), ()  # the number of one of several answers to choose from
    return tuple(found[:1]), ()


def _is_right(path: str) -> bool:
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", path).lower())
    others = [word for word in words if not speaks_of_answers(word)]
    return len(others) < len(words) and _RIGHT.issuperset(others)
