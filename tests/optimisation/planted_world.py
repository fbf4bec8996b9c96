"""Makes up domains whose every fact is known: documents, the questions that people ask of them, and a reader's worth.

A document is a few sentences. Each holds five facts (when, who, how much, why, on what condition), each fact two
questions (in the sentence's words, in other words) and three answers (the shortest, a phrase, a clause). So any row can
be judged without knowing which prompt it came from: `judge` says what it teaches, `answer_scores` what a reader trained
on such rows would score. Domains differ in what people ask and in how long the answers are that they mark. Knows no
prompt and no server.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.generation.types import Row
from qa_pipeline.text.words import STOPWORDS, normalised
from tests.optimisation.planted_domains import (
    FIRST_NAMES,
    KINDS,
    LAST_NAMES,
    SPANS,
    TOWN_ENDS,
    TOWN_PARTS,
    Domain,
)

SENTENCES = 4
"""Of a document."""


@dataclass(frozen=True)
class Fact:
    """Something that a sentence says.

    Attributes:
        answers: by length (SPANS), each a quote of the sentence.
        copied: the question in the sentence's own words.
        own: the question in other words.
        yes_no: a question about it that is answered with yes or no.
        careless: a quote that answers nothing and stands in every sentence of the document.
    """

    kind: str
    sentence: str
    answers: Mapping[str, str]
    copied: str
    own: str
    yes_no: str
    careless: str


@dataclass(frozen=True)
class Reading:
    """What a reader answers: text "" and start None where it finds nothing."""

    text: str
    start: int | None


class World:
    """One domain's documents and all that is true in them.

    Args:
        domain: what they are about.
        documents: how many; every one has SENTENCES sentences of its own.
        seed: the same seed gives the same documents.

    Example:
        >>> from tests.optimisation.planted_domains import DOMAINS
        >>> world = World(DOMAINS[0], documents=3, seed=1)
        >>> fact = world.facts_in(world.passages[0].text)[0]
        >>> fact.kind, fact.answers["phrase"].split()[0], fact.copied[:13]
        ('when', 'in', 'In which year')
    """

    def __init__(self, domain: Domain, documents: int, seed: int):
        self.domain, self.seed = domain, seed
        rng = random.Random(f"{domain.name} {seed}")
        towns = [a + b + c for a in TOWN_PARTS[0] for b in TOWN_PARTS[1] for c in TOWN_ENDS]
        if documents * SENTENCES > len(towns):
            raise ValueError(f"documents: expected at most {len(towns) // SENTENCES}, found {documents}")
        rng.shuffle(towns)
        self.passages: list[Passage] = []
        self._of_sentence: dict[str, list[Fact]] = {}
        self._of_question: dict[str, Fact] = {}
        self._yes_no: set[str] = set()
        for number in range(documents):
            own = towns[number * SENTENCES : (number + 1) * SENTENCES]
            sentences = [self._sentence(town, rng) for town in own]
            name, text = f"{domain.name}{number:03}.txt", " ".join(sentences)
            self.passages.append(Passage(passage_id(name, text), name, text, name, {"document_start": 0}))

    def _sentence(self, town: str, rng: random.Random) -> str:
        domain = self.domain
        thing, other = rng.choice(list(domain.things.items()))
        year, amount = rng.randint(1700, 1999), rng.randint(11, 99)
        person = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        reason, condition = rng.choice(list(domain.reasons)), rng.choice(list(domain.conditions))
        made = f"The {town} {thing} was {domain.verb} in {year} by {person}"
        takes = f"it takes {amount} {domain.unit} if {condition}"
        sentence = f"{made} because {reason}, and {takes}."
        short = {"why": " ".join(reason.split()[-2:]), "condition": " ".join(condition.split()[-2:])}
        answers = {
            "when": (str(year), f"in {year}", f"was {domain.verb} in {year}"),
            "who": (person.split()[-1], person, f"by {person}"),
            "amount": (str(amount), f"{amount} {domain.unit}", takes),
            "why": (short["why"], reason, f"because {reason}"),
            "condition": (short["condition"], condition, f"if {condition}"),
        }
        asked = {
            "when": (f"In which year was the {town} {thing} {domain.verb}?", f"How old is the {other} of {town}?"),
            "who": (f"Who was the {town} {thing} {domain.verb} by?", f"Whose work is the {other} of {town}?"),
            "amount": (
                f"How many {domain.unit} does it take at the {town} {thing} if all is as said?",
                f"What must people reckon with at the {other} of {town}?",
            ),
            "why": (f"Why was the {town} {thing} {domain.verb}?", f"What led to the {other} of {town}?"),
            "condition": (
                f"If what does it take so many {domain.unit} at the {town} {thing}?",
                f"On what occasion does that rule of the {other} of {town} hold?",
            ),
        }
        facts = []
        for kind in KINDS:
            yes_no = f"Has the {town} {thing} anything special as to its {kind}?"
            quotes = dict(zip(SPANS, answers[kind], strict=True))
            fact = Fact(kind, sentence, quotes, *asked[kind], yes_no, f"was {domain.verb}")
            facts.append(fact)
            for question in (fact.copied, fact.own, fact.yes_no):
                self._of_question[normalised(question)] = fact
            self._yes_no.add(normalised(fact.yes_no))
        self._of_sentence[sentence] = facts
        return sentence

    def facts_in(self, text: str) -> list[Fact]:
        """The facts of a text's sentences, in order; none where it is no text of this world."""
        pieces = [piece if piece.endswith(".") else f"{piece}." for piece in text.strip().split(". ")]
        return [fact for piece in pieces for fact in self._of_sentence.get(piece, ())]

    def fact_of(self, question: str) -> Fact | None:
        """What a question asks for; None where it is none of this world's."""
        return self._of_question.get(normalised(question))

    def is_yes_no(self, question: str) -> bool:
        """Whether it is answered with yes or no."""
        return normalised(question) in self._yes_no

    def questions_of_people(self, number: int, rng: random.Random) -> list[dict[str, Any]]:
        """Canonical rows as people would mark them here: in their own words, of the kinds and lengths of the domain.

        Args:
            number: of rows, at most a fifth of all facts; each asks for a fact of its own.
            rng: draws them.
        """
        told = [(passage, fact) for passage in self.passages for fact in self.facts_in(passage.text)]
        # Drawn without return, by weight: Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir".
        drawn = sorted(told, key=lambda one: -(rng.random() ** (1.0 / self.domain.kinds[one[1].kind])))[:number]
        rows = []
        for passage, fact in drawn:
            answer = fact.answers[self.domain.span]
            start = passage.text.index(fact.sentence) + fact.sentence.index(answer)
            rows.append(
                {
                    "id": f"people-{self.domain.name}-{len(rows)}",
                    "title": passage.document,
                    "context": passage.text,
                    "question": fact.own,
                    "answers": {"text": [answer], "answer_start": [start]},
                    "is_impossible": False,
                }
            )
        return rows

    # --- what rows are worth -----------------------------------------------------------------------------------------

    def judge(self, example: Mapping[str, Any]) -> Lesson:
        """What one canonical row teaches a reader: of which kind, how right, and how little by mere word matching."""
        fact = self.fact_of(example["question"])
        if fact is None or not example["answers"]["text"]:
            return Lesson("", 0.0, 0.0)
        answer, begin = example["answers"]["text"][0], example["answers"]["answer_start"][0]
        place = example["context"].find(fact.sentence)
        inside = 0 <= place <= begin and begin + len(answer) <= place + len(fact.sentence)
        right = inside and not self.is_yes_no(example["question"]) and _touches(fact, begin - place, len(answer))
        likeness = _f1(answer, fact.answers[self.domain.span]) if right else 0.0
        return Lesson(fact.kind, likeness, 1.0 - _shared(example["question"], fact.sentence))

    def read(self, rows: Sequence[Row]) -> list[Reading]:
        """A frozen reader: finds what is asked for nine times in ten, and not what is no question about a fact."""
        found = []
        for row in rows:
            fact = self.fact_of(row.question)
            luck = stable_random("reader", row.question, row.passage.id).random()
            if fact is None or fact.sentence not in row.passage.text or self.is_yes_no(row.question) or luck > 0.9:
                found.append(Reading("", None))
                continue
            text = fact.answers["phrase"]
            found.append(Reading(text, row.passage.text.index(fact.sentence) + fact.sentence.index(text)))
        return found


@dataclass(frozen=True)
class Lesson:
    """What a row teaches: the kind asked for, how like the answer is to what people mark (0 to 1: 0 is wrong), and
    the share of the question that no word matching answers."""

    kind: str
    likeness: float
    own_words: float

    @cached_property
    def weight(self) -> float:
        """How much it counts: a question in the sentence's own words teaches a third."""
        return (0.33 + 0.67 * self.own_words) if self.kind else 0.0


def chances(lessons: Sequence[Lesson], strength: float = 12.0) -> dict[str, float]:
    """For each kind the F1 (0 to 1) of a reader that learned these lessons.

    It rises with the number of right lessons of the kind and falls with the share of wrong ones among all.

    Args:
        lessons: of all rows.
        strength: right lessons of a kind after which 63% of what can be won is won.
    """
    right = [lesson for lesson in lessons if lesson.likeness > 0]
    purity = len(right) / len(lessons) if lessons else 0.0
    result = {}
    for kind in KINDS:
        own = [lesson for lesson in right if lesson.kind == kind]
        learned = sum(lesson.weight for lesson in own)
        likeness = float(np.mean([lesson.likeness for lesson in own])) if own else 0.0
        result[kind] = 0.1 + 0.85 * likeness * purity**1.5 * (1.0 - float(np.exp(-learned / strength)))
    return result


def answer_scores(
    world: World, rows: Sequence[Mapping[str, Any]], questions: Sequence[Mapping[str, Any]], seed: int
) -> np.ndarray:
    """F1 (0 to 1) of each question by a reader trained on rows; stands in for a training, which takes minutes.

    Args:
        world: that the rows were asked about.
        rows: to train on, canonical.
        questions: of people, canonical.
        seed: of the training: shifts all chances together, as trainings of other seeds do.
    """
    by_kind = chances([world.judge(row) for row in rows])
    names = ",".join(sorted(row["id"] for row in rows))
    shift = float(np.clip(stable_random("training", seed, names).gauss(0.0, 0.015), -0.04, 0.04))
    scores = []
    for question in questions:
        fact = world.fact_of(str(question["question"]))
        chance = (by_kind[fact.kind] if fact else 0.0) + shift
        luck = stable_random("question", question["question"]).random()  # an easy question is easy for every reader
        wobble = stable_random("answer", question["question"], seed, names).gauss(0.0, 0.12)
        scores.append(1.0 if luck + wobble < chance else 0.0)
    return np.array(scores)


def expected_f1(world: World, rows: Sequence[Mapping[str, Any]]) -> float:
    """F1 (0 to 100) over what people ask in the domain, without luck: what `answer_scores` tends to."""
    by_kind = chances([world.judge(row) for row in rows])
    return 100.0 * sum(world.domain.kinds[kind] * by_kind[kind] for kind in KINDS)


def stable_random(*parts: object) -> random.Random:
    """A generator whose seed is the parts: the same in every process."""
    return random.Random(hashlib.sha256("\0".join(map(str, parts)).encode()).digest())


def _touches(fact: Fact, begin: int, length: int) -> bool:
    """Whether a stretch of the fact's sentence is, holds, or lies in one of its answers."""
    end = begin + length
    for text in fact.answers.values():
        first = fact.sentence.index(text)
        if (first <= begin and end <= first + len(text)) or (begin <= first and first + len(text) <= end):
            return True
    return False


def _shared(question: str, sentence: str) -> float:
    """The share of a question's content words that its sentence has."""
    known = set(normalised(sentence).split())
    content = [word for word in normalised(question).split() if word not in STOPWORDS]
    return sum(word in known for word in content) / len(content) if content else 0.0


def _f1(left: str, right: str) -> float:
    a, b = normalised(left).split(), normalised(right).split()
    common = sum((Counter(a) & Counter(b)).values())
    return 2 * common / (len(a) + len(b)) if common else 0.0
