"""What a field mapping is: where in a raw row the canonical fields stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Paths = tuple[str, ...]

PATH_KEYS = {
    "id": "id",
    "title": "title",
    "context": "context",
    "question": "question",
    "answers": "answers",
    "answers.text": "text",
    "answers.start": "start",
    "answers.end": "end",
    "answers.length": "length",
    "answers.span": "span",
    "more_answers": "more_answers",
    "is_impossible": "is_impossible",
    "answerable": "answerable",
    "answer_category": "answer_category",
    "drop_if": "drop_if",
}
"""The keys of a written mapping that hold paths, and the attributes that they fill."""


@dataclass(frozen=True)
class FieldMapping:
    """Where the canonical fields are in a raw row. Each field has paths to try in order; empty means absent.

    Attributes:
        id, context, question, title: paths to texts.
        answers: paths to one value that holds all answers, in any usual shape.
        text, start, end, length, span: paths to the parts of the answers, where they are apart.
        more_answers: paths to further references, all of which are taken, as where each annotator has a column.
        is_impossible: paths to a flag that says "no answer".
        answerable: paths to a flag that says the opposite.
        answer_category: paths to a kind of answer, which may be that none was given, as Haystack's NOT_GIVEN.
        drop_if: paths to a flag that marks a row to leave out, as NewsQA's bad questions.
        metadata: name -> path of further values to keep.
        no_answer_values: texts that stand for "no answer", such as ANSWERNOTFOUND.
        inclusive_end: True where an end is the last unit, not one past it; None where the rows are to show it.
        offset_unit: what offsets count, a key of `offsets.UNITS`; None where the rows are to show it.
        offset_base: the number of the first unit, 0 or 1; None where the rows are to show it.
        name: where the mapping comes from, for the log.
    """

    context: Paths
    question: Paths
    id: Paths = ()
    title: Paths = ()
    answers: Paths = ()
    text: Paths = ()
    start: Paths = ()
    end: Paths = ()
    length: Paths = ()
    span: Paths = ()
    more_answers: Paths = ()
    is_impossible: Paths = ()
    answerable: Paths = ()
    answer_category: Paths = ()
    drop_if: Paths = ()
    metadata: dict[str, str] = field(default_factory=dict)
    no_answer_values: frozenset[str] = frozenset()
    inclusive_end: bool | None = None
    offset_unit: str | None = None
    offset_base: int | None = None
    name: str = "field_mapping"

    @property
    def has_answers(self) -> bool:
        """True where the mapping names any answer field."""
        return bool(self.answers or self.text or self.span or self.start or self.more_answers)

    def to_dict(self) -> dict[str, Any]:
        """The mapping as a user would write it."""
        written: dict[str, Any] = {}
        for key, attribute in PATH_KEYS.items():
            paths = getattr(self, attribute)
            if paths:
                written[key] = paths[0] if len(paths) == 1 else list(paths)
        if self.no_answer_values:
            texts = sorted(self.no_answer_values)
            written["no_answer_value"] = texts[0] if len(texts) == 1 else texts
        for key in ("inclusive_end", "offset_unit", "offset_base"):
            value = getattr(self, key)
            if value is not None and (key != "inclusive_end" or value):
                written[key] = value
        if self.metadata:
            written["metadata"] = dict(self.metadata)
        return written
