"""A search without a model: what a prompt is worth is a hidden function of its factors, with interactions and noise."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from qa_pipeline.generation.questions.llm.recipes import FACTOR_VALUES, Factors, factor_grid, recipe_of
from qa_pipeline.optimisation.budget import TokenBudget
from qa_pipeline.optimisation.evaluations import PromptCandidate, PromptEvaluation
from qa_pipeline.optimisation.neighbours import Neighbours
from qa_pipeline.optimisation.search import SearchResult, SearchSettings, random_search, search

TOKENS = (1_000, 2_000, 3_000)
"""That a rung takes beyond the one below."""
QUESTIONS = 80
BASE = 50.0


class Landscape:
    """What every prompt is worth, and what the rungs say of it.

    Args:
        seed: of the hidden weights.
        effect: standard deviation of the effect of one value of one factor, in points.
        together: that of two values of two factors together.
        noises: standard deviation over prompts of what a rung says wrongly, in points.
        tokens: that a rung takes.
    """

    def __init__(
        self,
        seed: int,
        effect: float = 2.0,
        together: float = 1.0,
        noises: tuple[float, ...] = (5.0, 2.5, 0.7),
        tokens: tuple[int, ...] = TOKENS,
    ):
        rng = np.random.default_rng([seed, 1])
        self.seed, self.noises, self.tokens = seed, noises, tokens
        self._alone = {
            (name, value): rng.normal(0, effect) for name, values in FACTOR_VALUES.items() for value in values[1:]
        }
        self._pairs = {
            (one, two): rng.normal(0, together)
            for one, two in itertools.combinations(self._alone, 2)
            if one[0] != two[0]
        }
        self.evaluated: list[tuple[str, int]] = []

    def worth(self, factors: Factors) -> float:
        """The true value of a prompt, in points; the baseline's is BASE."""
        chosen = [(name, getattr(factors, name)) for name in FACTOR_VALUES]
        there = [one for one in chosen if one in self._alone]
        alone = sum(self._alone[one] for one in there)
        return BASE + alone + sum(self._pairs.get(pair, 0.0) for pair in itertools.combinations(there, 2))

    def evaluate(self, candidate: PromptCandidate, rung: int) -> PromptEvaluation:
        """What a rung says; the same for the same prompt."""
        self.evaluated.append((candidate.hash, rung))
        questions = np.random.default_rng([self.seed, 2]).normal(0, 10, QUESTIONS)  # hard ones are hard for all
        rng = np.random.default_rng([self.seed, 3, rung, int(candidate.hash, 16)])
        mean = self.worth(candidate.factors or Factors()) + rng.normal(0, self.noises[rung])
        values = mean + questions - questions.mean() + rng.normal(0, 3, QUESTIONS)
        error = float(values.std(ddof=1) / QUESTIONS**0.5)
        # That of a mean over three seeds is as much less than that over seeds.
        noise = self.noises[rung] * 3**0.5 if rung == 2 else error
        score = float(values.mean())
        numbers = (score, score - 2 * error, score + 2 * error, noise, 16 * 3**rung, 60)
        return PromptEvaluation(candidate.hash, "hills", rung, *numbers, self.tokens[rung], values=tuple(values))

    def forecast(self, candidate: PromptCandidate, rung: int) -> int:
        """As it comes."""
        name = candidate.hash
        done = [rung for known, rung in self.evaluated if known == name]
        return sum(self.tokens[max(done, default=-1) + 1 : rung + 1])

    def best(self) -> float:
        """What the best prompt of the grid is worth."""
        return max(self.worth(factors) for factors in factor_grid())


def population(seed: int, number: int = 60) -> list[PromptCandidate]:
    """The baseline, and prompts of the grid in random order."""
    grid = list(factor_grid())
    order = 1 + np.random.default_rng([seed, 4]).permutation(len(grid) - 1)[:number]
    return [_candidate(grid[i]) for i in (0, *order)]


@functools.cache
def _candidate(factors: Factors) -> PromptCandidate:
    return PromptCandidate(recipe_of(factors), factors)


def searched(landscape: Landscape, tokens: int, **settings: int | None) -> SearchResult:
    """A search by halving, with neighbours of the best as later rounds."""
    return search(
        population(landscape.seed),
        landscape.evaluate,
        Neighbours(),
        budget=TokenBudget(tokens),
        forecast=landscape.forecast,
        settings=SearchSettings(**{"rounds": 4, **settings}),
        rng=np.random.default_rng([landscape.seed, 5]),
    )


def by_chance(landscape: Landscape, tokens: int) -> PromptCandidate:
    """The best of as many random prompts as the tokens allow, each measured on the last rung at once."""

    def evaluate(candidate: PromptCandidate, rung: int) -> PromptEvaluation:
        return replace(landscape.evaluate(candidate, rung), tokens=sum(landscape.tokens))

    return random_search(
        population(landscape.seed, 300),
        evaluate,
        budget=TokenBudget(tokens),
        forecast=landscape.forecast,
        top_rung=2,
    )[0][0]


def worth_of(landscape: Landscape, find: Callable[[], PromptCandidate]) -> float:
    """The true value of what a method finds."""
    candidate = find()
    assert candidate.factors is not None
    return landscape.worth(candidate.factors)
