"""Finds a draft's quotes in its passage: the evidence first, then the answer inside it.

Offsets come from `qa_pipeline.data.align_answer` alone, which forgives white space, Unicode forms, case, quotes and
dashes; what is written back is always the passage's own slice. A quote that is there twice is refused: nobody knows
which one was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qa_pipeline.data.alignment import AS_GIVEN, INSIDE_WORD, LOCATED, Aligned, align_answer
from qa_pipeline.data.example import LooseAnswer
from qa_pipeline.generation.rows import Row
from qa_pipeline.generation.types import Draft, Rejected
from qa_pipeline.text.edges import is_whole

EMPTY_QUESTION = "empty_question"
EMPTY_ANSWER = "empty_answer"
EVIDENCE_NOT_VERBATIM = "evidence_not_verbatim"
EVIDENCE_AMBIGUOUS = "evidence_ambiguous"
NOT_VERBATIM = "answer_not_verbatim"
AMBIGUOUS = "answer_ambiguous"
MISPLACED = "answer_misplaced"
"""The generator named a place, and the answer is not there."""
CUTS_WORD = "answer_cuts_word"


def place(draft: Draft) -> Row | Rejected:
    """The draft as a row with the answer's place in the passage, or the reason why there is none."""
    question = " ".join(draft.question.split())
    text = draft.passage.text

    def row(answer: str | None, start: int | None, evidence: str | None) -> Row:
        return Row(
            draft.passage, question, answer, start, draft.generator, evidence, dict(draft.details), ("verbatim",)
        )

    if not question:
        return Rejected(EMPTY_QUESTION, draft.passage.id)
    if draft.answer is None:
        return row(None, None, None)
    if not draft.answer.strip():
        return Rejected(EMPTY_ANSWER, draft.passage.id)
    if draft.start is not None:
        given = align_answer(text, LooseAnswer(text=draft.answer, start=draft.start))
        if not isinstance(given, Aligned) or given.how not in AS_GIVEN:
            return Rejected(MISPLACED, draft.passage.id)
        return row(given.text, given.start, _slice(text, draft.evidence))
    begin, end = 0, len(text)
    if draft.evidence is not None and draft.evidence.strip():
        found = _only(text, draft.evidence, whole=False)
        if isinstance(found, str):
            reason = {NOT_VERBATIM: EVIDENCE_NOT_VERBATIM, AMBIGUOUS: EVIDENCE_AMBIGUOUS}.get(found, found)
            return Rejected(reason, draft.passage.id)
        begin, end = found.start, found.start + len(found.text)
    answer = _only(text, draft.answer, whole=True, begin=begin, end=end)
    if isinstance(answer, str):
        return Rejected(answer, draft.passage.id)
    evidence = text[begin:end] if (begin, end) != (0, len(text)) else None
    return row(answer.text, answer.start, evidence)


def _slice(text: str, quote: str | None) -> str | None:
    found = align_answer(text, LooseAnswer(text=quote)) if quote and quote.strip() else None
    return found.text if isinstance(found, Aligned) else None


def _only(text: str, quote: str, *, whole: bool, begin: int = 0, end: int | None = None) -> Aligned | str:
    """The one place of a quote in `text[begin:end]`, or the reason why there is not exactly one.

    A quote that is there once as written counts as found once, however often it is there in another case.
    """
    hits: list[Aligned] = []
    cut = False
    for hit in _hits(text[begin:end], quote):
        hit = Aligned(hit.text, begin + hit.start, hit.how)
        if whole and not is_whole(text, hit.start, hit.start + len(hit.text)):
            cut = True
            continue
        if hits and hit.how != hits[0].how:
            break
        hits.append(hit)
        if len(hits) == 2:
            return AMBIGUOUS
    return hits[0] if hits else CUTS_WORD if cut else NOT_VERBATIM


def _hits(text: str, quote: str) -> Iterator[Aligned]:
    """Every place of a quote, as `align_answer` sees it: the places as written first, else the tolerant ones.

    The quote is looked for again in what follows and what comes before each hit. One that is there inside words alone
    gives the places inside them.
    """
    first = align_answer(text, LooseAnswer(text=quote))
    if not isinstance(first, Aligned):
        core = quote.strip()
        for match in re.finditer(re.escape(core), text) if first.reason == INSIDE_WORD else ():
            yield Aligned(core, match.start(), LOCATED)
        return
    yield first
    for offset, rest in (
        (first.start + len(first.text), text[first.start + len(first.text) :]),
        (0, text[: first.start]),
    ):
        while rest.strip():
            hit = align_answer(rest, LooseAnswer(text=quote))
            if not isinstance(hit, Aligned):
                break
            yield Aligned(hit.text, offset + hit.start, hit.how)
            offset, rest = offset + hit.start + len(hit.text), rest[hit.start + len(hit.text) :]
