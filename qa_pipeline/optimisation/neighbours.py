"""Makes new prompts of good ones without asking anybody: other values of their factors, and mixes of two.

Prompts that no factors describe (rewrites) are left to other proposers. Also mixes what several proposers make.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.optimisation.evaluations import PromptCandidate, PromptEvaluation

if TYPE_CHECKING:
    from qa_pipeline.generation.questions.llm.recipes import Factors
    from qa_pipeline.optimisation.search import Proposer

MIXED = 0.3
"""Share of proposals that begin with factors of two prompts."""
CHANGED_TWICE = 0.3
"""Share of proposals in which two factors change, so that a pair that only works together can be found."""
SURPLUS = 3
"""Proposals for each that is wanted, since some are known already."""
DRAWN = 10
"""Neighbours drawn for each that is wanted, of which a line through what was measured chooses."""
PARENTS = 4
"""Prompts whose neighbours are drawn; the others only teach which factors are good."""
FEWEST_TO_FIT = 8
"""Measured prompts from which on factors are told apart; with fewer neighbours come as they are drawn."""
_RIDGE = 1.0
_TRIES = 20


class Neighbours:
    """Changes a factor or two of the prompts that did best; a better prompt is changed more often.

    Of many such neighbours it proposes those that a linear model of the factors expects most of, with weights drawn
    from what the measured prompts leave open (Thompson sampling; Chapelle and Li 2011, "An Empirical Evaluation of
    Thompson Sampling"). It learns from places in the ranking, since scores of different rungs do not compare.

    Args:
        fixed: factors that are left as they are, since they change nothing here (few_shot where nothing can be shown).

    Example:
        >>> from qa_pipeline.generation.questions.llm.recipes import Factors, recipe_of
        >>> good = PromptCandidate(recipe_of(Factors(few_shot=4)), Factors(few_shot=4))
        >>> score = PromptEvaluation(good.hash, "library", 2, 61.0, 58.0, 64.0, 1.0, 96, 300, 0)
        >>> new = Neighbours().propose([(good, score)], 4, np.random.default_rng(0))
        >>> len(new) >= 4, all(one.recipe.parent == good.hash for one in new)
        (True, True)
    """

    def __init__(self, fixed: Collection[str] = ()):
        from qa_pipeline.generation.questions.llm.recipes import FACTOR_VALUES

        self._values = {name: values for name, values in FACTOR_VALUES.items() if name not in fixed}

    def propose(
        self, parents: Sequence[tuple[PromptCandidate, PromptEvaluation]], number: int, rng: np.random.Generator
    ) -> list[PromptCandidate]:
        """See `search.Proposer`; several times as many as wanted, since it cannot know which are tried already."""
        known = [candidate for candidate, _ in parents if candidate.factors is not None]
        seen = {candidate.hash for candidate, _ in parents}
        found: list[PromptCandidate] = []
        for _ in range(_TRIES * number):
            if len(found) == DRAWN * number or not known:
                break
            new = self._one(known[:PARENTS], rng)
            if new.hash not in seen:
                seen.add(new.hash)
                found.append(new)
        if len(known) < FEWEST_TO_FIT or not found:
            return found[: SURPLUS * number]
        return self._chosen(found, known, SURPLUS * number, rng)

    def _chosen(
        self,
        drawn: Sequence[PromptCandidate],
        known: Sequence[PromptCandidate],
        number: int,
        rng: np.random.Generator,
    ) -> list[PromptCandidate]:
        """Of what was drawn the most promising, each by weights of its own draw, so that they differ."""
        x, new = self._features(known), self._features(drawn)
        y = -np.arange(len(known)) / len(known)
        y = (y - y.mean()) / max(float(y.std()), 1e-9)
        spread = np.linalg.inv(x.T @ x + _RIDGE * np.eye(x.shape[1]))
        mean = spread @ x.T @ y
        left = y - x @ mean
        weights = rng.multivariate_normal(mean, spread * float(left @ left) / len(y), size=number)
        expected = new @ weights.T  # (num_drawn, number)
        order: dict[int, None] = {}
        for column in range(number):
            order.setdefault(
                next(int(i) for i in np.argsort(-expected[:, column], kind="stable") if int(i) not in order)
            )
            if len(order) == len(drawn):
                break
        return [drawn[place] for place in order]

    def _features(self, candidates: Sequence[PromptCandidate]) -> np.ndarray:
        """(num_candidates, 1 + num_values) 1 for each value but a factor's first that a prompt has, and a constant."""
        return np.array(
            [
                [1.0]
                + [
                    float(getattr(one.factors, name) == value)
                    for name, values in self._values.items()
                    for value in values[1:]
                ]
                for one in candidates
            ]
        )

    def _one(self, parents: Sequence[PromptCandidate], rng: np.random.Generator) -> PromptCandidate:
        from qa_pipeline.generation.questions.llm.recipes import recipe_of

        weights = 1 / (1 + np.arange(len(parents)))
        first, second = rng.choice(len(parents), size=2, p=weights / weights.sum())
        parent = parents[first]
        factors = parent.factors
        assert factors is not None  # only such are parents here
        other = parents[second].factors
        if other is not None and rng.random() < MIXED:
            factors = _mixed(factors, other, self._values, rng)
        for _ in range(2 if rng.random() < CHANGED_TWICE else 1):
            factors = _changed(factors, self._values, rng)
        recipe = replace(recipe_of(factors, made_by="grid"), parent=parent.hash)
        return PromptCandidate(recipe, factors)


class Mixture:
    """Several proposers that take turns.

    Args:
        proposers: the first has the first turn. One that makes few leaves its turns to the others.
    """

    def __init__(self, proposers: Sequence[Proposer]):
        self.proposers = tuple(proposers)

    def propose(
        self, parents: Sequence[tuple[PromptCandidate, PromptEvaluation]], number: int, rng: np.random.Generator
    ) -> list[PromptCandidate]:
        """See `search.Proposer`; each is asked for its share."""
        share = -(-number // len(self.proposers))
        own = rng.spawn(len(self.proposers))  # what one draws changes nothing for the next
        made = [one.propose(parents, share, mine) for one, mine in zip(self.proposers, own, strict=True)]
        return [one for one in chain.from_iterable(zip_longest(*made)) if one is not None]


def _mixed(first: Factors, second: Factors, values: Mapping[str, Any], rng: np.random.Generator) -> Factors:
    """Each factor from the one or the other."""
    return replace(first, **{name: getattr(second, name) for name in values if rng.random() < 0.5})


def _changed(factors: Factors, values: Mapping[str, Any], rng: np.random.Generator) -> Factors:
    """One factor with another value."""
    name = list(values)[rng.integers(len(values))]
    others = [value for value in values[name] if value != getattr(factors, name)]
    return replace(factors, **{name: others[rng.integers(len(others))]})
