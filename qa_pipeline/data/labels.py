"""Tells which of a row's labelled spans are the answers, by the names of their labels.

Annotation tools let people mark more than answers: evidence, entities, the words of the question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ANSWER = re.compile(
    r"answer|\bans\b|antwort|r[ée]ponse|respuesta|resposta|risposta|antwoord|\bsvar\b|vastaus|odpowied|odpov[eě]d"
    r"|ответ|відповід|απάντηση|إجابة|جواب|תשובה|उत्तर|答案|回答|答え|정답|답변|คำตอบ|cevap|yanıt|trả lời",
    re.IGNORECASE,
)
_NOT_ANSWER = re.compile(
    r"evidence|support|rationale|context|question|query|title|topic|keyword|passage|reference|source|reason"
    r"|no[ _-]?answer|unanswer|wrong|incorrect|false|bad|distractor|plausible",
    re.IGNORECASE,
)


class LabelsError(ValueError):
    """Spans with several labels, none of which is said to be the answer's."""


def are_answers(labels: Sequence[str | None]) -> list[bool]:
    """For each span of a row, whether it is an answer.

    Where a label is called answer (in one of many languages), only its spans are; else all but those whose labels name
    something else, such as evidence.

    Args:
        labels: the label of each span, and what else names it, such as the tool's control tag; None for no label.

    Raises:
        LabelsError: several labels are left, so that nothing says which of them are answers.

    Example:
        >>> are_answers(["Evidence", "Answer"])
        [False, True]
    """
    named = [label is not None and bool(_ANSWER.search(label)) and not _NOT_ANSWER.search(label) for label in labels]
    if any(named):
        return named
    kept = [label is None or not _NOT_ANSWER.search(label) for label in labels]
    left = {label for label, keep in zip(labels, kept, strict=True) if keep}
    if len(left) > 1:
        names = ", ".join(sorted(f'"{label}"' for label in left if label))
        raise LabelsError(f"spans with several labels, {names}; call the label of the answers Answer, or keep one")
    return kept
