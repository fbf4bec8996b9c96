"""The conventions of one source, found out from all its rows before the first is verified.

How its offsets count, which words it uses for "no answer", which labels of marked spans are the answers', and which of
its rows are one question. No row decides any of these for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from qa_pipeline.data.example import BadRow, Label, LooseExample
from qa_pipeline.data.mapping.field_mapping import FieldMapping
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


# Which labels are the answers'. Annotation tools let people mark more than answers: evidence, entities, the question's
# words. Where any label of the source is called Answer, spans with other labels are none.

_ANSWER = re.compile(
    r"answer|\bans\b|antwort|r[ée]ponse|respuesta|resposta|risposta|antwoord|\bsvar\b|vastaus|odpowied|odpov[eě]d"
    r"|ответ|відповід|απάντηση|إجابة|جواب|תשובה|उत्तर|答案|回答|答え|정답|답변|คำตอบ|cevap|yanıt|trả lời",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r"no[ _-]?answer|not[ _-]?(?:an[ _-]?)?answer|unanswer|wrong|incorrect|distractor|plausible", re.IGNORECASE
)
_OTHER = re.compile(
    r"evidence|support|rationale|context|question|query|title|topic|keyword|passage|reference|source|reason",
    re.IGNORECASE,
)
_NAMED, _BY_CONTROL, _UNNAMED, _OF_OTHER, _AGAINST = 4, 3, 2, 1, 0


def answer_labels(rows: Iterable[LooseExample], marks_anything: bool) -> frozenset[Label]:
    """The labels whose spans are the answers of a source.

    Those called answer, in one of many languages; else those of a control tag called so; else all that do not name
    something else, such as evidence; else all.

    Args:
        rows: all rows of a source, or its first.
        marks_anything: True for a tool that marks anything with labels; False where each label is a kind of answer, so
            that only "answer" itself makes a difference.

    Returns:
        Labels as the rows have them, each the control tag's name ("" where there is none) and the label's.
    """
    found = {answer.label for row in rows for answer in row.answers if answer.label is not None}
    best = max(map(_rank, found), default=_AGAINST)
    least = best if marks_anything or best == _NAMED else _OF_OTHER
    return frozenset(label for label in found if least <= _rank(label) and _rank(label) > _AGAINST)


def keep_answers(row: LooseExample, labels: frozenset[Label], marks_anything: bool) -> LooseExample | BadRow:
    """The row with the spans of these labels alone; without any it has no answer.

    Args:
        row: as the mapping reads it.
        labels: from `answer_labels`.
        marks_anything: as there; several labels in one row then leave open which is the answer's.

    Returns:
        The row itself, or a BadRow where several labels leave it open which of them are answers.
    """
    if all(answer.label is None for answer in row.answers):
        return row
    kept = [answer for answer in row.answers if answer.label is None or answer.label in labels]
    names = {answer.label for answer in kept if answer.label is not None}
    if marks_anything and len(names) > 1 and max(map(_rank, names)) < _BY_CONTROL:
        listed = ", ".join(sorted(f'"{name}"' for _, name in names))
        detail = f"spans with several labels, {listed}; call the label of the answers Answer, or keep one"
        return BadRow(row.where, "several labels, none of them the answer's", detail, row.id)
    if not kept and row.is_impossible is None:
        row.is_impossible = True
    row.answers = kept
    return row


def _rank(label: Label) -> int:
    """How much a label says that its spans are answers."""
    control, name = label
    if _NO_ANSWER.search(name):
        return _AGAINST
    if _ANSWER.search(name):
        return _NAMED
    if _ANSWER.search(control) and not _OTHER.search(name) and not _NO_ANSWER.search(control):
        return _BY_CONTROL
    return _OF_OTHER if _OTHER.search(name) or _OTHER.search(control) else _UNNAMED
