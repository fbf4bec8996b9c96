"""Makes questions that a passage does not answer although they look as if it did: near misses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.answers import Answer, find_answers
from qa_pipeline.generation.questions.cloze.collection import Collection
from qa_pipeline.generation.questions.cloze.spans import AMOUNTS
from qa_pipeline.generation.questions.cloze.words import content_set, cut, normalized
from qa_pipeline.generation.types import Draft

METHODS = ("swapped", "antonym", "neighbour", "random")
WEIGHTS = (0.4, 0.2, 0.35, 0.05)
_SWAPPED_KINDS = lexicon.word_set(
    "person organization place name date year number percent money quantity title century"
)
_BOUND_BEFORE = re.compile(
    r"\b(?:up to|at least|at most|(?:more|less|fewer|other|longer|older|younger|higher|lower|later|earlier) than|over|"
    r"under|below|above|within|before|after|until|since|by|exceeds?|maximum(?: of)?|minimum(?: of)?|first|last|"
    r"next)\W*$",
    re.I,
)
_BOUND_BEHIND = re.compile(
    r"^\W*(?:\w+ )?or (?:more|less|fewer|later|older|younger|above|below|over|under|higher)\b", re.I
)
GREATEST_RATIO = 10
"""Between a number and the one put in its place."""

Asked = Callable[[int], Sequence[Draft]]
"""Passage number -> its answerable drafts."""


def near_miss(
    collection: Collection, number: int, drafts: Sequence[Draft], asked: Asked, rng: np.random.Generator
) -> Draft | None:
    """One unanswerable question about a passage, or None where no way of making one works.

    Args:
        collection: all passages.
        number: the passage.
        drafts: its answerable questions.
        asked: gives those of other passages.
        rng: chooses the way; the others are tried after it, random passages last.
    """
    first = METHODS[int(rng.choice(len(METHODS), p=WEIGHTS))]
    for method in (first, *(m for m in METHODS[:-1] if m != first)):
        made = _MAKERS[method](collection, number, drafts, asked, rng)
        if made is not None:
            question, details = made
            passage = collection.passages[number]
            details = {"answer_type": "none", "unanswerable": method, **details}
            return Draft(passage, question, None, None, None, "cloze", details)
    return None


def _swapped(
    collection: Collection, number: int, drafts: Sequence[Draft], asked: Asked, rng: np.random.Generator
) -> tuple[str, dict[str, Any]] | None:
    """A name or number of the question replaced by one of the same type that the passage does not hold."""
    text = collection.plain[number]
    own = find_answers(text, collection.sentences[number], collection.lower_counts, _SWAPPED_KINDS)
    for i in rng.permutation(len(drafts)):
        question = drafts[i].question
        inside = [answer for answer in own if _holds(question, answer.text) and not _is_bound(question, answer)]
        for j in rng.permutation(len(inside)):
            for _ in range(5):
                other = int(rng.integers(len(collection.passages)))
                theirs = find_answers(
                    collection.plain[other],
                    collection.sentences[other],
                    collection.lower_counts,
                    _SWAPPED_KINDS,
                )
                fitting = [a.text for a in theirs if _fits(inside[j], a) and not _holds(text, a.text)]
                if fitting:
                    new = fitting[int(rng.integers(len(fitting)))]
                    pattern = rf"(?<!\w){re.escape(inside[j].text)}(?!\w)"
                    question = re.sub(pattern, lambda _: new, question, count=1)  # noqa: B023
                    return question[:1].upper() + question[1:], {"swapped": [inside[j].text, new]}
    return None


def _is_bound(question: str, answer: Answer) -> bool:
    """Whether a value is a limit, inside which others are answered too: "up to 50", "Android 10 or later"."""
    at = question.find(answer.text)
    behind = question[at + len(answer.text) :]
    named = answer.span.kind in ("person", "organization", "place", "title")
    return not named and bool(_BOUND_BEFORE.search(question[:at]) or _BOUND_BEHIND.match(behind))


def _fits(old: Answer, new: Answer) -> bool:
    """Whether an answer may stand in another's place: of its type, and an amount of the same unit, size and spelling.

    Spelling, because "two weeks" would be "fourteen days" again.
    """
    if old.span.kind != new.span.kind:
        return False
    if old.span.kind == "name":
        return old.text.isupper() == new.text.isupper()
    if old.span.kind not in AMOUNTS:
        return True
    (before, old_rest), (after, new_rest) = (_split(answer.text) for answer in (old, new))
    if before is None or after is None:
        return before is after and old_rest.split()[1:] == new_rest.split()[1:]
    near = before == after == 0 or 1 / GREATEST_RATIO <= (after + 1e-9) / (before + 1e-9) <= GREATEST_RATIO
    return near and old_rest.rstrip("s") == new_rest.rstrip("s")


def _split(value: str) -> tuple[float | None, str]:
    """The number written in digits, None where there is none, and the words around it in lower case."""
    digits = re.search(r"\d[\d,]*(?:\.\d+)?", value)
    if digits is None:
        return None, value.lower()
    rest = value[: digits.start()] + value[digits.end() :]
    return float(digits.group().replace(",", "")), rest.strip(" -").lower()


def _antonym(
    collection: Collection, number: int, drafts: Sequence[Draft], asked: Asked, rng: np.random.Generator
) -> tuple[str, dict[str, Any]] | None:
    """A word of the question replaced by its opposite, where the passage does not use that too.

    What is allowed answers whether it is forbidden, so that questions for yes or no stay as they are.
    """
    present = set(normalized(collection.passages[number].text).split())
    for i in rng.permutation(len(drafts)):
        words = drafts[i].question.split(" ")
        if words[0].lower() in lexicon.AUXILIARIES:
            continue
        for position, word in enumerate(words):
            opposite = lexicon.ANTONYMS.get(word.lower())
            limit = words[position - 1].lower() == "at" or words[position + 1 : position + 2] == ["than"]
            if opposite is not None and opposite not in present and position > 0 and not limit:
                after_auxiliary = words[position - 1].lower() in lexicon.AUXILIARIES  # "does support end"
                if word.lower() in lexicon.NOUN_VERBS and (after_auxiliary or not _is_verb(drafts[i].question, word)):
                    continue
                question = " ".join([*words[:position], opposite, *words[position + 1 :]])
                return question, {"swapped": [word, opposite]}
    return None


def _is_verb(question: str, word: str) -> bool:
    return any(found.text == word and found.kind == "verb" for found in cut(question))


def _neighbour(
    collection: Collection, number: int, drafts: Sequence[Draft], asked: Asked, rng: np.random.Generator
) -> tuple[str, dict[str, Any]] | None:
    """A question about a similar passage, whose answer this one does not hold."""
    near = collection.index.neighbours(number, content_set(collection.passages[number].text))
    return _borrowed(collection, number, near, asked, rng)


def _random(
    collection: Collection, number: int, drafts: Sequence[Draft], asked: Asked, rng: np.random.Generator
) -> tuple[str, dict[str, Any]] | None:
    """A question about any passage."""
    others = [int(i) for i in rng.permutation(len(collection.passages))[:5] if i != number]
    return _borrowed(collection, number, others, asked, rng)


def _borrowed(
    collection: Collection, number: int, others: Sequence[int], asked: Asked, rng: np.random.Generator
) -> tuple[str, dict[str, Any]] | None:
    text = collection.passages[number].text
    frames = {framed.frame for _, framed in collection.framed(number)}
    for other in others:
        theirs = asked(other)
        for i in rng.permutation(len(theirs)):
            draft = theirs[i]
            frame = str(draft.details.get("template", "")).split("/")[0]
            # The questions of a frame fit every passage that states something of its kind.
            if draft.answer is not None and frame not in frames and not _holds(text, draft.answer):
                return draft.question, {"from_passage": draft.passage.id}
    return None


def _holds(text: str, part: str) -> bool:
    return f" {normalized(part)} " in f" {normalized(text)} "


_MAKERS = {"swapped": _swapped, "antonym": _antonym, "neighbour": _neighbour, "random": _random}
