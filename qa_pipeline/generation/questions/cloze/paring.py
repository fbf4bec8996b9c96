"""Takes from the words around an answer what a question about it need not say, or must not."""

from __future__ import annotations

from collections.abc import Sequence

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.spans import AMOUNTS, THINGS
from qa_pipeline.generation.questions.cloze.words import Word, begins_predicate, is_content

_RELATIVE = lexicon.word_set("who which whose where")


def pared(before: list[Word], after: list[Word], kind: str) -> tuple[list[Word], list[Word]]:
    """The words before and after an answer without its article, its company, asides and a second statement.

    Args:
        before, after: words of the clause; the lists stay as they are.
        kind: the answer's type.
    """
    before, after = list(before), list(after)
    while before and (before[-1].kind == "det" or before[-1].text in '“"(‘$,'):
        before.pop()
    after = _without_aside(before, after)
    adjunct = bool(before) and before[0].kind == "prep" and any(is_content(word) for word in before)
    adjunct &= not any(word.kind in ("aux", "punct") for word in before)
    while after and after[0].text in ('”")’' if adjunct else '”")’,'):
        after.pop(0)
    if len(after) > 1 and after[0].kind == "pron" and after[1].kind in ("verb", "aux") and kind in THINGS:
        after = []  # "one point for every [euro] they spend"
    before, after = _without_company(before, after, kind)
    return before, _without_second_predicate(before, after)


def is_half(before: Sequence[Word], after: Sequence[Word]) -> bool:
    """Whether the answer between these words is one end of "between ... and ..."."""
    pair = next((i for i in range(len(before) - 1, -1, -1) if before[i].lower == "between"), None)
    if pair is None:
        return False
    inside = before[pair + 1 :]
    closed = any(word.kind in ("aux", "verb") or word.text in ",;" for word in inside)
    joined = [word.lower in ("and", "to") for word in inside]
    first = not any(joined) and any(word.lower in ("and", "to") for word in after[:6])
    second = sum(joined) == 1
    return not closed and (first or second)


def _without_aside(before: list[Word], after: list[Word]) -> list[Word]:
    """`after` without what only says more of the answer: ", which ...", ", a customer in Bergen,"."""
    if len(after) < 2 or after[0].text != "," or not any(word.kind in ("aux", "verb") for word in before):
        return after
    if after[1].lower not in _RELATIVE and after[1].lower not in ("a", "an", "the"):
        return after
    end = next((i for i in range(2, len(after)) if after[i].text == ","), len(after))
    said = any(word.kind in ("aux", "verb") for word in after[1:end])
    return after[end + 1 :] if after[1].lower in _RELATIVE or not said else after


def _without_company(before: list[Word], after: list[Word], kind: str) -> tuple[list[Word], list[Word]]:
    """Without what the answer is named together with: "the bed and the [food]", "a [parent] or guardian"."""
    verb = next((i for i, word in enumerate(before) if word.kind in ("aux", "verb")), None)
    if verb is None:
        return before, after
    joined = bool(before) and before[-1].lower in ("and", "or")
    if kind == "time":  # "open on Mondays from 9:00 to 12:00, and on Fridays from [10:00]": only the last of the list
        other = max((i for i, word in enumerate(before) if word.kind == "num"), default=len(before))
        last = next((i for i in range(other, len(before)) if before[i].lower == "and"), len(before))
        end = verb + 1
        while end < len(before) and before[end].kind in ("word", "verb", "adv"):
            end += 1
        listed = end <= last + 1 < len(before) and before[last + 1].kind == "prep"
        return (before[:end] + before[last + 1 :] if listed else before), after
    if joined and kind in AMOUNTS:
        before = before[: next((i for i, word in enumerate(before) if i > verb and word.kind == "num"), len(before))]
    elif joined and kind in THINGS:
        end = len(before)
        while end > verb + 1 and before[end - 1].kind not in ("aux", "verb", "prep", "ing"):
            end -= 1
        before = before[:end]
    if after and after[0].lower in ("and", "or") and kind in THINGS:
        end = 1
        while end < len(after) and after[end].kind in ("det", "word", "cap", "num"):
            end += 1
        new_clause = end < len(after) and after[end].kind in ("aux", "verb", "pron")
        after = [] if new_clause else after[end:]
    return before, after


def _without_second_predicate(before: list[Word], after: list[Word]) -> list[Word]:
    """`after` up to "and" with a verb, which says a second thing: "pay [$35] and need to show a card"."""
    told = bool(before) and lexicon.is_base(before[0].lower)
    if not told and not any(word.kind in ("aux", "verb") for word in before):
        return after
    for i in range(len(after) - 1):
        if after[i].lower not in ("and", "but", "or"):
            continue
        at = i + 2 if after[i + 1].kind == "adv" and i + 2 < len(after) else i + 1
        if begins_predicate(after, at) or (told and lexicon.is_base(after[at].lower)):
            return after[:i]
    return after
