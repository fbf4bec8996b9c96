"""Makes a whole data set: documents of several paragraphs with questions, in three splits that share no document.

A document depends on the seed, the domains, the split, the unanswerable fraction and its number alone: asking for more
examples adds documents and leaves the earlier ones as they are. Writes no files.
"""

from __future__ import annotations

import random
from typing import Any

from qa_pipeline.arguments.config_files import nearest
from qa_pipeline.errors import ConfigError
from qa_pipeline.mock.builtin import DOMAINS
from qa_pipeline.mock.domain import Domain
from qa_pipeline.mock.grammar import Grammar
from qa_pipeline.mock.names import SPLITS
from qa_pipeline.mock.paragraphs import write_paragraph
from qa_pipeline.mock.questions import ask

DEFAULT_EXAMPLES = 2000
DEFAULT_UNANSWERABLE = 0.2
HELD_OUT = 0.1
"""Share of all examples in validation, and again in test."""


def make_dataset(
    domain: str | Domain | None = None,
    num_examples: int = DEFAULT_EXAMPLES,
    unanswerable_fraction: float = DEFAULT_UNANSWERABLE,
    seed: int = 0,
    validation_fraction: float = HELD_OUT,
    test_fraction: float = HELD_OUT,
) -> dict[str, dict[str, Any]]:
    """Makes train, validation and test splits of extractive questions.

    Args:
        domain: a domain, a name in `DOMAINS`, or None for all of these in equal parts.
        num_examples: questions over all three splits.
        unanswerable_fraction: share of questions without an answer in their context, from 0 to 1; honoured in each
            split up to rounding. They ask for an attribute that is not stated, or about something not mentioned.
        seed: the same arguments give the same data.
        validation_fraction, test_fraction: shares of all examples; above 0 at least one, the rest is train.

    Returns:
        split name -> SQuAD 2.0 nested value. Titles, contexts and names of people, places and things are never shared
        between splits.

    Raises:
        ConfigError: an argument is out of range or the domain is unknown.

    >>> [document] = make_dataset("transport", num_examples=12)["test"]["data"]
    >>> document["title"]
    'Kestrelton Travel Handbook'
    """
    problems = argument_problems(domain, num_examples, unanswerable_fraction)
    if problems:
        raise ConfigError("mock dataset", problems)
    domains = list(DOMAINS.values())
    if domain is not None:
        domains = [DOMAINS[domain] if isinstance(domain, str) else domain]
    held_out = {"validation": validation_fraction, "test": test_fraction}
    sizes = {split: max(1, round(num_examples * share)) if share else 0 for split, share in held_out.items()}
    sizes["train"] = num_examples - sum(sizes.values())
    return {split: _make_split(domains, split, sizes[split], unanswerable_fraction, seed) for split in SPLITS}


def argument_problems(domain: str | Domain | None, num_examples: int, unanswerable_fraction: float) -> list[str]:
    """One line for each argument that `make_dataset` would refuse."""
    problems = []
    if isinstance(domain, str) and domain not in DOMAINS:
        near = nearest(domain, DOMAINS)
        hint = f'did you mean "{near}"? ' if near else ""
        problems.append(f'domain: "{domain}" is unknown; {hint}Known: {", ".join(DOMAINS)}')
    if num_examples < len(SPLITS):
        problems.append(f"num_examples: must be at least {len(SPLITS)}, one for each split, found {num_examples}")
    if not 0.0 <= unanswerable_fraction <= 1.0:
        problems.append(f"unanswerable_fraction: must be from 0 to 1, found {unanswerable_fraction}")
    return problems


def _make_split(domains: list[Domain], split: str, size: int, fraction: float, seed: int) -> dict[str, Any]:
    documents: list[dict[str, Any]] = []
    titles: set[str] = set()
    count = count_impossible = 0
    while count < size:
        number = len(documents)
        domain = domains[number % len(domains)]
        rng = random.Random(f"{seed}/{domain.name}/{split}/{number}")
        grammar = Grammar(rng, split, domain.pools)
        paragraphs: list[dict[str, Any]] = []
        document = {"title": _new_title(grammar.choose(domain.titles), titles), "paragraphs": paragraphs}
        for _ in range(rng.choice([2, 3, 4])):
            wanted = min(rng.choice([4, 5, 6]), size - count)
            # The share of near misses is held over the whole split, so that it is exact up to rounding.
            impossible = max(0, min(wanted, round((count + wanted) * fraction) - count_impossible))
            if wanted == 0:
                break
            paragraph = write_paragraph(rng.choice(domain.topics), grammar, rng)
            questions = ask(
                paragraph,
                grammar,
                rng,
                answerable=wanted - impossible,
                impossible=impossible,
                several_references=split != "train",
            )
            for question in questions:
                question["id"] = f"{domain.name}-{question['id']}"
            paragraphs.append({"context": paragraph.context, "qas": questions})
            count += len(questions)
            count_impossible += sum(question["is_impossible"] for question in questions)
        documents.append(document)
    return {"version": "v2.0", "data": documents}


def _new_title(title: str, titles: set[str]) -> str:
    """The title, numbered where the split already has it; notes it as taken."""
    numbered, number = title, 1
    while numbered in titles:
        number += 1
        numbered = f"{title}, part {number}"
    titles.add(numbered)
    return numbered
