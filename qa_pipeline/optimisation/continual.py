"""Keeps some measured prompts of every domain, so that a model that learns new domains can be shown the old ones again.

Each domain has a reservoir of its own (Vitter 1985, "Random sampling with a reservoir"): a domain with many prompts
does not push another out. Of a domain that is full, the best prompt is always kept, since it is the positive that the
others are told from. Never sees a weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.optimisation.domain_scores import DomainScores
from qa_pipeline.optimisation.prompt_heads import RankedDomain

CAPACITY = 32
"""Prompts that are kept of a domain."""


@dataclass(frozen=True)
class KeptDomain:
    """What is kept of a domain.

    Attributes:
        recipes: its prompts.
        ranked: their vectors and scores, in the same order.
        seen: how many prompts of the domain were measured in all.
    """

    recipes: tuple[Recipe, ...]
    ranked: RankedDomain
    seen: int


class ReplayMemory:
    """A reservoir of measured prompts a domain.

    Args:
        capacity: prompts of a domain that are kept, 1 or more.
        kept: what an earlier memory held.

    Example:
        >>> memory = ReplayMemory(capacity=8)
        >>> len(memory), [domain.name for domain in memory.domains()]
        (0, [])
    """

    def __init__(self, capacity: int = CAPACITY, kept: Iterable[KeptDomain] = ()):
        self.capacity = capacity
        self._kept = {domain.ranked.name: domain for domain in kept}

    def __len__(self) -> int:
        """How many domains there are."""
        return len(self._kept)

    def __iter__(self) -> Iterator[KeptDomain]:
        """The domains in the order in which they came."""
        return iter(self._kept.values())

    def domains(self, without: Iterable[str] = ()) -> list[RankedDomain]:
        """The domains as heads see them, but for those of these names."""
        left_out = set(without)
        return [kept.ranked for name, kept in self._kept.items() if name not in left_out]

    def add(self, domain: DomainScores, features: np.ndarray, rng: np.random.Generator) -> None:
        """Takes in what was measured of a domain, new or known.

        Args:
            domain: a prompt that is kept already is replaced by what was measured now.
            features: (num_prompts, num_features) of its prompts.
            rng: draws what stays where there are more than `capacity`.
        """
        earlier = self._kept.get(domain.domain)
        rows = _rows(domain.recipes, features, domain.scores, domain.noise)
        reservoir = _rows_of(earlier) if earlier else []
        newer = {row[0].hash: row for row in rows}
        known = {row[0].hash for row in reservoir}
        reservoir = [newer.get(row[0].hash, row) for row in reservoir]
        best = max([*reservoir, *rows], key=lambda row: row[2])
        seen = earlier.seen if earlier else 0
        for row in rows:
            if row[0].hash in known:
                continue
            seen += 1
            if len(reservoir) < self.capacity:
                reservoir.append(row)
            elif (place := int(rng.integers(seen))) < self.capacity:
                reservoir[place] = row
        if best[0].hash not in {row[0].hash for row in reservoir}:
            reservoir[int(rng.integers(len(reservoir)))] = best
        self._kept[domain.domain] = KeptDomain(
            tuple(row[0] for row in reservoir),
            RankedDomain(
                domain.domain,
                np.asarray(domain.domain_vector, dtype=np.float32),
                np.stack([row[1] for row in reservoir]),
                np.array([row[2] for row in reservoir]),
                np.array([row[3] for row in reservoir]),
            ),
            seen,
        )


_Row = tuple[Recipe, np.ndarray, float, float]
"""A prompt, its features, its score and its noise."""


def _rows(recipes: Iterable[Recipe], features: np.ndarray, scores: np.ndarray, noise: np.ndarray) -> list[_Row]:
    return [
        (recipe, row, float(score), float(error))
        for recipe, row, score, error in zip(recipes, features, scores, noise, strict=True)
    ]


def _rows_of(kept: KeptDomain) -> list[_Row]:
    return _rows(kept.recipes, kept.ranked.features, kept.ranked.scores, kept.ranked.noise)
