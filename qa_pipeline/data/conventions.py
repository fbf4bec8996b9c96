"""The conventions of one source, found out from all its rows before the first is verified.

How its offsets count, which words it uses for "no answer", which labels of marked spans are the answers', and which of
its rows are one question. No row decides any of these for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from qa_pipeline.data.field_mapping import FieldMapping
from qa_pipeline.data.labels import answer_labels
from qa_pipeline.data.loose import Label, LooseExample
from qa_pipeline.data.marks import Marks, marks_in, suspects_in
from qa_pipeline.data.offsets import CHARACTERS, PLAIN, UNITS, UTF16, Counting, Evidence, weigh
from qa_pipeline.errors import DataError


class Merge(Enum):
    """Which rows with the same question and context are one question with several references."""

    ALWAYS = "all of them"
    OVERLAPPING = "those without ids of their own, and those whose answers overlap or are missing"
    SAME_ID = "those without ids of their own"
    NEVER = "none"


_COUNTED_BY_TOOL = {"label_studio": Counting(UTF16)}
"""What the tools behind a layout are known to count."""
_MARKED_IN = frozenset({"label_studio", "prodigy", "label", "labels", "entities", "spans"})
"""Layouts and fields whose labels may name anything, not only kinds of answers."""
_MERGED_IN = {
    "side_by_side": Merge.SAME_ID,  # a dialogue may ask "why?" twice and mean two things
    **dict.fromkeys(("squad", "mrqa", "cmrc", "newsqa", "haystack", "natural_questions", "tydi"), Merge.OVERLAPPING),
}
"""Where a question has a list of its answers, the same words under another id may be another question."""


@dataclass(frozen=True)
class Conventions:
    """What holds for every row of a source.

    Attributes:
        evidence: how offsets count, and how well that fits.
        marks: words that stand for "no answer" or for yes and no, by `marks.word_of`.
        labels: the labels of the answers, where spans have labels.
        marks_anything: True where labels may name anything, not only kinds of answers.
        merge: which rows are one question.
        suspects: answers that may be a word for "no answer" which nobody knows.
    """

    evidence: Evidence = Evidence()
    marks: Marks = field(default_factory=dict)
    labels: frozenset[Label] = frozenset()
    marks_anything: bool = False
    merge: Merge = Merge.ALWAYS
    suspects: frozenset[str] = frozenset()

    @property
    def counting(self) -> Counting:
        """How offsets are to be read."""
        return self.evidence.counting


def find_conventions(
    rows: Sequence[LooseExample], mapping: FieldMapping, layout: str, source: str, require_answers: bool = True
) -> Conventions:
    """The conventions that the rows of a source show.

    Args:
        rows: all of them, or the first.
        mapping: by which they were read; what it says of offsets is taken as it is.
        layout: the format that was found, such as "squad" or "csv".
        source: name for messages.
        require_answers: False for a source that is only predicted on.

    Raises:
        DataError: most spans without a text cut words however they are counted.
    """
    marks_anything = layout in _MARKED_IN or any(path.split(".")[-1] in _MARKED_IN for path in mapping.answers)
    labels = answer_labels(rows, marks_anything)
    evidence = _weigh(rows, mapping, layout, source, require_answers, labels)
    return Conventions(
        evidence,
        marks_in(rows, evidence.counting),
        labels,
        marks_anything,
        _MERGED_IN.get(layout, Merge.ALWAYS),
        suspects_in(rows),
    )


def with_conventions(mapping: FieldMapping, conventions: Conventions) -> FieldMapping:
    """The mapping with what was found out of offsets, so that it can be pasted and gives the same again."""
    counting = conventions.counting
    return replace(
        mapping,
        offset_unit=mapping.offset_unit if counting.is_plain else counting.unit,
        offset_base=mapping.offset_base if counting.is_plain else counting.base,
        inclusive_end=mapping.inclusive_end or counting.inclusive,
    )


def _weigh(
    rows: Sequence[LooseExample],
    mapping: FieldMapping,
    layout: str,
    source: str,
    require_answers: bool,
    labels: frozenset[Label],
) -> Evidence:
    """How offsets count: as the mapping says, as the rows show, or as the tool behind them does."""
    prior = _COUNTED_BY_TOOL.get(layout, PLAIN)
    said = mapping.offset_unit is not None or mapping.offset_base is not None
    if said:
        prior = Counting(mapping.offset_unit or CHARACTERS, mapping.offset_base or 0)
    evidence = weigh(rows, prior, fixed=said, ends_known=mapping.inclusive_end is not None, labels=labels)
    if said or not evidence.doubtful:
        return evidence
    if not require_answers:
        return replace(evidence, counting=replace(evidence.counting, trusted=False))
    raise DataError(
        f"{source}: {evidence.answers - evidence.fitting:,} of {evidence.answers:,} answer spans cut words, are empty "
        f"or lie outside the context, and no other count makes them fit; add the answers' texts, or say what the "
        f'offsets count in a field mapping: "offset_unit" ({", ".join(UNITS)}), "offset_base" (0 or 1) and '
        '"inclusive_end" (true or false)'
    )
