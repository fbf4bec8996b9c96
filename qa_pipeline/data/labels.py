"""Tells which labelled spans of a source are the answers, by the names of their labels.

Annotation tools let people mark more than answers: evidence, entities, the words of the question. What a label means is
seen from all rows together: where any is called Answer, spans with other labels are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from qa_pipeline.data.loose import BadRow, Label, LooseExample

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
