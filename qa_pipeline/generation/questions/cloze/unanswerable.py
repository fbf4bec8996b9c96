"""Makes questions that a passage does not answer although they look as if it did: near misses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.answers import AnswerChoice, find_answers
from qa_pipeline.generation.questions.cloze.passages import GENERATOR, Collection, ReadPassage
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


@dataclass(frozen=True)
class Case:
    """What near misses of a passage are made of.

    Attributes:
        collection: all passages.
        number: the passage.
        drafts: its answerable questions.
        asked: gives those of another passage, by its number.
        topics: first parts of templates whose questions the passage answers, whichever passage they were made for.
    """

    collection: Collection
    number: int
    drafts: Sequence[Draft]
    asked: Callable[[int], Sequence[Draft]]
    topics: frozenset[str] = frozenset()

    @property
    def passage(self) -> ReadPassage:
        """The passage."""
        return self.collection.passages[self.number]


Made = tuple[str, dict[str, Any]]
"""A question and its details."""


def near_miss(case: Case, rng: np.random.Generator) -> Draft | None:
    """One unanswerable question about a passage, or None where no way of making one works.

    Args:
        case: the passage and what is around it.
        rng: chooses the way; the others are tried after it, random passages last.
    """
    first = METHODS[int(rng.choice(len(METHODS), p=WEIGHTS))]
    for method in (first, *(m for m in METHODS[:-1] if m != first)):
        made = _MAKERS[method](case, rng)
        if made is not None:
            question, details = made
            details = {"answer_type": "none", "unanswerable": method, **details}
            return Draft(case.passage.source, question, None, None, None, GENERATOR, details)
    return None


def _swapped(case: Case, rng: np.random.Generator) -> Made | None:
    """A name or number of the question replaced by one of the same type that the passage does not hold."""
    own = _swappable(case.passage)
    for i in rng.permutation(len(case.drafts)):
        question = case.drafts[i].question
        inside = [answer for answer in own if _holds(question, answer.text) and not _is_bound(question, answer)]
        for j in rng.permutation(len(inside)):
            for _ in range(5):
                other = case.collection.passages[int(rng.integers(len(case.collection.passages)))]
                fitting = [a.text for a in _swappable(other) if _fits(inside[j], a)]
                fitting = [value for value in fitting if not _holds(case.passage.text, value)]
                if fitting:
                    new = fitting[int(rng.integers(len(fitting)))]
                    pattern = rf"(?<!\w){re.escape(inside[j].text)}(?!\w)"
                    question = re.sub(pattern, lambda _: new, question, count=1)  # noqa: B023
                    return question[:1].upper() + question[1:], {"swapped": [inside[j].text, new]}
    return None


def _swappable(passage: ReadPassage) -> list[AnswerChoice]:
    return find_answers(passage.text, passage.sentences, passage.lower_counts, _SWAPPED_KINDS)


def _is_bound(question: str, answer: AnswerChoice) -> bool:
    """Whether a value is a limit, inside which others are answered too: "up to 50", "Android 10 or later"."""
    at = question.find(answer.text)
    behind = question[at + len(answer.text) :]
    named = answer.span.kind in ("person", "organization", "place", "title")
    return not named and bool(_BOUND_BEFORE.search(question[:at]) or _BOUND_BEHIND.match(behind))


def _fits(old: AnswerChoice, new: AnswerChoice) -> bool:
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


def _antonym(case: Case, rng: np.random.Generator) -> Made | None:
    """A word of the question replaced by its opposite, where the passage does not use that too.

    What is allowed answers whether it is forbidden, so that questions for yes or no stay as they are.
    """
    present = set(normalized(case.passage.source.text).split())
    for i in rng.permutation(len(case.drafts)):
        asked = case.drafts[i].question
        words = asked.split(" ")
        if words[0].lower() in lexicon.AUXILIARIES:
            continue
        for position, word in enumerate(words):
            opposite = lexicon.ANTONYMS.get(word.lower())
            limit = words[position - 1].lower() == "at" or words[position + 1 : position + 2] == ["than"]
            if opposite is not None and opposite not in present and position > 0 and not limit:
                after_auxiliary = words[position - 1].lower() in lexicon.AUXILIARIES  # "does support end"
                if word.lower() in lexicon.NOUN_VERBS and (after_auxiliary or not _is_verb(asked, word)):
                    continue
                question = " ".join([*words[:position], opposite, *words[position + 1 :]])
                return question, {"swapped": [word, opposite]}
    return None


def _is_verb(question: str, word: str) -> bool:
    return any(found.text == word and found.kind == "verb" for found in cut(question))


def _neighbour(case: Case, rng: np.random.Generator) -> Made | None:
    """A question about a similar passage, whose answer this one does not hold."""
    near = case.collection.index.neighbours(case.number, content_set(case.passage.source.text))
    return _borrowed(case, near, rng)


def _random(case: Case, rng: np.random.Generator) -> Made | None:
    """A question about any passage."""
    others = [int(i) for i in rng.permutation(len(case.collection.passages))[:5] if i != case.number]
    return _borrowed(case, others, rng)


def _borrowed(case: Case, others: Sequence[int], rng: np.random.Generator) -> Made | None:
    text = case.passage.source.text
    for other in others:
        theirs = case.asked(other)
        for i in rng.permutation(len(theirs)):
            draft = theirs[i]
            topic = str(draft.details.get("template", "")).split("/")[0]
            if draft.answer is not None and topic not in case.topics and not _holds(text, draft.answer):
                return draft.question, {"from_passage": draft.passage.id}
    return None


def _holds(text: str, part: str) -> bool:
    return f" {normalized(part)} " in f" {normalized(text)} "


_MAKERS = {"swapped": _swapped, "antonym": _antonym, "neighbour": _neighbour, "random": _random}
