"""Makes questions that a passage does not answer although they look as if it did: near misses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from qa_pipeline.generation.cloze import lexicon
from qa_pipeline.generation.cloze.answers import find_answers
from qa_pipeline.generation.cloze.collection import Collection
from qa_pipeline.generation.cloze.words import content_set, normalized
from qa_pipeline.generation.types import Draft

METHODS = ("swapped", "antonym", "neighbour", "random")
WEIGHTS = (0.4, 0.2, 0.35, 0.05)
_SWAPPED_KINDS = lexicon.word_set(
    "person organization place name date year number percent money quantity title century"
)

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
        inside = [answer for answer in own if _holds(question, answer.text)]
        for j in rng.permutation(len(inside)):
            for _ in range(5):
                other = int(rng.integers(len(collection.passages)))
                theirs = find_answers(
                    collection.plain[other],
                    collection.sentences[other],
                    collection.lower_counts,
                    _SWAPPED_KINDS,
                )
                fitting = [a.text for a in theirs if a.span.kind == inside[j].span.kind and not _holds(text, a.text)]
                if fitting:
                    new = fitting[int(rng.integers(len(fitting)))]
                    pattern = rf"(?<!\w){re.escape(inside[j].text)}(?!\w)"
                    return re.sub(pattern, lambda _: new, question, count=1), {"swapped": [inside[j].text, new]}  # noqa: B023
    return None


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
            if opposite is not None and opposite not in present and position > 0:
                question = " ".join([*words[:position], opposite, *words[position + 1 :]])
                return question, {"swapped": [word, opposite]}
    return None


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
