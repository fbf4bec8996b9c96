"""Asks questions about one written paragraph: some it answers, and near misses that it does not.

Both sorts use the same wordings, entities of the same pools and the same attributes, so only reading tells them apart.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any

from qa_pipeline.mock.domain import Attribute
from qa_pipeline.mock.grammar import Grammar
from qa_pipeline.mock.paragraphs import Fact, Paragraph

OPTIONAL_STARTS = ("Dr ", "Professor ", "Captain ", "because ")
"""Words that a second reference answer leaves out."""


def ask(
    paragraph: Paragraph,
    grammar: Grammar,
    rng: random.Random,
    *,
    answerable: int,
    impossible: int,
    several_references: bool,
) -> list[dict[str, Any]]:
    """SQuAD 2.0 questions in a random order.

    Args:
        paragraph: what is asked about.
        grammar: expands the wordings.
        rng: source of every choice.
        answerable: how many questions with an answer; fewer come back where the paragraph states less.
        impossible: how many near misses.
        several_references: also accept an answer without its title or conjunction, as evaluation sets do.
    """
    asked = [
        _answerable(paragraph, fact, grammar, several_references) for fact in _sample(paragraph.facts, answerable, rng)
    ]
    asked += [
        _impossible(paragraph, entity, attribute, grammar, rng)
        for entity, attribute in _near_misses(paragraph, impossible, rng)
    ]
    rng.shuffle(asked)
    return asked


def _sample(facts: list[Fact], count: int, rng: random.Random) -> list[Fact]:
    return rng.sample(facts, min(count, len(facts)))


def _answerable(paragraph: Paragraph, fact: Fact, grammar: Grammar, several_references: bool) -> dict[str, Any]:
    answers = [{"text": fact.value, "answer_start": fact.start}]
    skipped = next((len(start) for start in OPTIONAL_STARTS if fact.value.startswith(start)), 0)
    if several_references and skipped:
        answers.append({"text": fact.value[skipped:], "answer_start": fact.start + skipped})
    return {**_worded(paragraph, fact.entity, fact.attribute, grammar), "answers": answers, "is_impossible": False}


def _impossible(
    paragraph: Paragraph, entity: str, attribute: Attribute, grammar: Grammar, rng: random.Random
) -> dict[str, Any]:
    rivals = [fact for fact in paragraph.facts if fact.attribute is attribute]
    plausible = [{"text": fact.value, "answer_start": fact.start} for fact in rng.sample(rivals, min(1, len(rivals)))]
    question = {**_worded(paragraph, entity, attribute, grammar), "answers": [], "is_impossible": True}
    return {**question, "plausible_answers": plausible}


def _worded(paragraph: Paragraph, entity: str, attribute: Attribute, grammar: Grammar) -> dict[str, Any]:
    """The question with an id that depends on its text and context alone."""
    text = grammar.choose(attribute.questions).replace("{e}", entity)
    text = text[0].upper() + text[1:]
    metadata = {"topic": paragraph.topic.name, "attribute": attribute.name, "answer_kind": attribute.kind}
    digest = hashlib.sha256(f"{paragraph.context}\n{text}".encode()).hexdigest()[:20]
    return {"id": digest, "question": text, "metadata": metadata}


def _near_misses(paragraph: Paragraph, count: int, rng: random.Random) -> list[tuple[str, Attribute]]:
    """Distinct (entity, attribute) pairs that the paragraph does not state, of three sorts in turn.

    An attribute that it states for another entity; an attribute that it states for nobody; an attribute that it states,
    of an entity that it does not mention.
    """
    stated = {(fact.entity, fact.attribute.name) for fact in paragraph.facts}
    others = [attribute for attribute in paragraph.topic.attributes if attribute not in paragraph.attributes]
    missing = [(e, a) for e in paragraph.entities for a in paragraph.attributes if (e, a.name) not in stated]
    unstated = [(e, a) for e in paragraph.entities for a in others]
    elsewhere = [(e, a) for e in paragraph.absent for a in paragraph.attributes]
    for sort in (missing, unstated, elsewhere):
        rng.shuffle(sort)
    chosen: list[tuple[str, Attribute]] = []
    while len(chosen) < count:
        left = [sort for sort in (missing, missing, unstated, elsewhere) if sort]
        if not left:
            break
        chosen.append(rng.choice(left).pop())
    return chosen
