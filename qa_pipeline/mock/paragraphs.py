"""Writes one paragraph: a few entities of one topic, some of their attributes, sentences in a shuffled order.

Knows which attribute of which entity is stated and at which characters. Knows nothing of questions and files.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from qa_pipeline.mock.domain import Attribute, Topic
from qa_pipeline.mock.grammar import Grammar

PLACEHOLDER = re.compile(r"\{(e2|v2|e|v)\}")

STATED = 0.7
"""Share of (entity, attribute) pairs that a paragraph states; the others are what near misses ask for."""
PAIRED = 0.3
"""How often two entities share a sentence about the same attribute."""
PRONOUN = 0.25
"""How often a sentence that may go on speaking of the entity before it does so without its name."""


@dataclass
class Fact:
    """One attribute of one entity; once written, `context[start:start + len(value)] == value`."""

    entity: str
    attribute: Attribute
    value: str
    start: int = -1


@dataclass
class WrittenSentence:
    """Text with the facts it states, their starts relative to the sentence."""

    text: str
    facts: list[Fact] = field(default_factory=list)


@dataclass
class Paragraph:
    """A context and what it says.

    Args:
        context: the text.
        entities: everything it speaks of.
        attributes: the attributes that it states for at least one entity.
        facts: what is stated, in the order of the text.
        absent: entities of the same sort that it does not mention.
    """

    context: str
    topic: Topic
    entities: list[str]
    attributes: list[Attribute]
    facts: list[Fact]
    absent: list[str]


def write_paragraph(topic: Topic, grammar: Grammar, rng: random.Random) -> Paragraph:
    """Writes a paragraph of roughly 60 to 150 words.

    Several entities get the same attribute with different values, so that neither the kind of the value nor a word of
    the question leads to the answer alone.
    """
    names = grammar.distinct(topic.entities, rng.choice([2, 3]) + 2)
    entities, absent = names[:-2], names[-2:]
    attributes = _draw_attributes(topic, 3 if len(entities) == 3 else 4, rng)
    facts = _draw_facts(entities, attributes, grammar, rng)

    blocks = _write_blocks(topic, facts, grammar, rng)
    for pattern in rng.sample(topic.fillers, 1 if rng.random() < 0.6 else 2):
        blocks.insert(rng.randrange(len(blocks) + 1), [WrittenSentence(_capitalised(grammar.expand(pattern)))])
    if rng.random() < 0.5:
        *others, last = rng.sample(entities, len(entities))
        opening = grammar.choose(topic.openings).replace("{all}", f"{', '.join(others)} and {last}")
        blocks.insert(0, [WrittenSentence(_capitalised(opening))])

    context, facts = _join([sentence for block in blocks for sentence in block])
    stated = [attribute for attribute in attributes if any(fact.attribute is attribute for fact in facts)]
    return Paragraph(context, topic, entities, stated, facts, absent)


def _draw_attributes(topic: Topic, count: int, rng: random.Random) -> list[Attribute]:
    """Distinct attributes; two of them have answers of one kind where the first drawn has such a rival."""
    first, *rest = rng.sample(topic.attributes, len(topic.attributes))
    rivals = [attribute for attribute in rest if attribute.kind == first.kind][:1]
    others = [attribute for attribute in rest if attribute not in rivals]
    return [first, *rivals, *others][:count]


def _draw_facts(entities: list[str], attributes: list[Attribute], grammar: Grammar, rng: random.Random) -> list[Fact]:
    """Decides what is stated; every entity and every attribute has at least one fact, no attribute repeats a value."""
    chosen = {(e, a) for e in range(len(entities)) for a in range(len(attributes)) if rng.random() < STATED}
    for a in range(len(attributes)):
        if not any((e, a) in chosen for e in range(len(entities))):
            chosen.add((rng.randrange(len(entities)), a))
    for e in range(len(entities)):
        if not any((e, a) in chosen for a in range(len(attributes))):
            chosen.add((e, rng.randrange(len(attributes))))
    facts = []
    for a, attribute in enumerate(attributes):
        holders = [e for e in range(len(entities)) if (e, a) in chosen]
        values = grammar.distinct(attribute.values, len(holders))
        facts += [Fact(entities[e], attribute, value) for e, value in zip(holders, values, strict=True)]
    return facts


def _write_blocks(topic: Topic, facts: list[Fact], grammar: Grammar, rng: random.Random) -> list[list[WrittenSentence]]:
    """Groups facts into runs of sentences that must stay together, in a random order."""
    facts = facts.copy()
    rng.shuffle(facts)
    blocks: list[list[WrittenSentence]] = []
    single: list[Fact] = []
    while facts:
        fact = facts.pop()
        partner = next((other for other in facts if other.attribute is fact.attribute), None)
        if partner is not None and rng.random() < PAIRED:
            facts.remove(partner)
            blocks.append([_pair(fact, partner, grammar)])
        else:
            single.append(fact)

    by_entity: dict[str, list[Fact]] = {}
    for fact in single:
        by_entity.setdefault(fact.entity, []).append(fact)
    for group in by_entity.values():
        run: list[WrittenSentence] = []
        for fact in group:
            # A pronoun needs its entity in the sentence just before; otherwise the name starts a new run.
            if run and rng.random() < PRONOUN:
                run.append(_state(fact, topic.pronouns, grammar, rng))
            else:
                run = [_state(fact, (fact.entity,), grammar, rng)]
                blocks.append(run)
    rng.shuffle(blocks)
    return blocks


def _state(fact: Fact, mentions: tuple[str, ...], grammar: Grammar, rng: random.Random) -> WrittenSentence:
    pattern = grammar.choose(fact.attribute.sentences)
    # "It" reads well as a subject only, hence never the first of several mentions further into a sentence.
    usable = mentions if pattern.startswith("{e}") or len(mentions) == 1 else mentions[1:]
    return _fill(pattern, {"e": rng.choice(usable), "v": fact.value}, {"v": fact})


def _pair(first: Fact, second: Fact, grammar: Grammar) -> WrittenSentence:
    pattern = grammar.choose(first.attribute.pairs)
    texts = {"e": first.entity, "v": first.value, "e2": second.entity, "v2": second.value}
    return _fill(pattern, texts, {"v": first, "v2": second})


def _fill(pattern: str, texts: dict[str, str], facts: dict[str, Fact]) -> WrittenSentence:
    """Puts names and values into the pattern and notes where each value starts."""
    pieces: list[str] = []
    length = end = 0
    for match in PLACEHOLDER.finditer(pattern):
        pieces += [pattern[end : match.start()], texts[match[1]]]
        length += len(pieces[-2])
        if match[1] in facts:
            facts[match[1]].start = length
        length += len(pieces[-1])
        end = match.end()
    return WrittenSentence(_capitalised("".join(pieces) + pattern[end:]), list(facts.values()))


def _join(sentences: list[WrittenSentence]) -> tuple[str, list[Fact]]:
    """The context, and the facts with their values as written there (a value may have opened a sentence)."""
    context, facts = "", []
    for sentence in sentences:
        base = len(context) + (1 if context else 0)
        context += (" " if context else "") + sentence.text
        for fact in sentence.facts:
            fact.start += base
            facts.append(fact)
    for fact in facts:
        fact.value = context[fact.start : fact.start + len(fact.value)]
    return context, sorted(facts, key=lambda fact: fact.start)


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]
