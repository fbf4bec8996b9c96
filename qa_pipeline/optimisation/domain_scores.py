"""The measured prompts of a domain, and which of them are better than which beyond noise. Never sees a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_pipeline.errors import DataError
from qa_pipeline.generation.questions.llm.recipes import Recipe


@dataclass(frozen=True)
class PromptPair:
    """Two prompts of a domain of which one is better.

    Attributes:
        domain: its name.
        winner, loser: hashes of the prompts.
        difference: of their scores, above 0.
        noise: standard error of the difference.
        weight: what the difference exceeds the noise by, 0 or more; what a pair of weight 0 says is not learned.
    """

    domain: str
    winner: str
    loser: str
    difference: float
    noise: float
    weight: float


@dataclass(frozen=True)
class DomainScores:
    """What prompts scored in a domain.

    Attributes:
        domain: its name.
        domain_vector: (dim,) of a sample of its passages, see `PromptFeatures.of_domain`.
        recipes: the prompts, each once.
        scores: (num_prompts,) greater is better; only differences within the domain count.
        noise: (num_prompts,) standard error of each score, in its unit.

    Raises:
        DataError: the lengths differ, a prompt is there twice, or a number is none.

    Example:
        >>> from qa_pipeline.generation.questions.llm.recipes import Factors, recipe_of
        >>> recipes = [recipe_of(Factors()), recipe_of(Factors(few_shot=0))]
        >>> one = DomainScores("leaflets", np.eye(1, 384)[0], recipes, np.array([61.0, 55.0]), np.array([0.9, 1.2]))
        >>> [(pair.difference, pair.noise, pair.weight) for pair in one.pairs()]
        [(6.0, 1.5, 4.5)]
    """

    domain: str
    domain_vector: np.ndarray
    recipes: Sequence[Recipe]
    scores: np.ndarray
    noise: np.ndarray

    def __post_init__(self) -> None:
        where = f"domain {self.domain!r}"
        count = len(self.recipes)
        if not count or np.shape(self.scores) != (count,) or np.shape(self.noise) != (count,):
            raise DataError(
                f"{where}: expected one or more prompts with a score and a noise each, found {count} prompts, scores "
                f"of shape {np.shape(self.scores)} and noise of shape {np.shape(self.noise)}"
            )
        if not all(np.isfinite(values).all() for values in (self.scores, self.noise, self.domain_vector)):
            raise DataError(f"{where}: expected numbers as scores, noise and vector, found some that are none")
        if np.min(self.noise) < 0:
            raise DataError(f"{where}: expected a noise of 0 or more for each score, found {np.min(self.noise):g}")
        if len({recipe.hash for recipe in self.recipes}) < count:
            raise DataError(f"{where}: expected each prompt once, found one twice; give the mean of its scores")

    def pairs(self) -> list[PromptPair]:
        """All pairs of prompts whose scores differ, those of the best winner first."""
        found = []
        order = sorted(range(len(self.recipes)), key=lambda place: (-self.scores[place], self.recipes[place].hash))
        weights = excess(np.asarray(self.scores), np.asarray(self.noise))
        for position, winner in enumerate(order):
            for loser in order[position + 1 :]:
                difference = float(self.scores[winner] - self.scores[loser])
                if difference > 0:
                    noise = float(np.hypot(self.noise[winner], self.noise[loser]))
                    names = self.recipes[winner].hash, self.recipes[loser].hash
                    weight = float(weights[winner, loser])
                    found.append(PromptPair(self.domain, *names, difference, noise, weight))
        return found


def excess(scores: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(n, n) by how much prompt i is better than prompt j beyond the noise of their difference; 0 where it is not.

    The noise of a difference is the root of the sum of the squared standard errors of the two.

    Example:
        >>> excess(np.array([60.0, 50.0, 59.0]), np.array([3.0, 4.0, 0.0])).tolist()
        [[0.0, 5.0, 0.0], [0.0, 0.0, 0.0], [0.0, 5.0, 0.0]]
    """
    difference = scores[:, None] - scores[None, :]
    return np.asarray(np.maximum(0.0, difference - np.hypot(noise[:, None], noise[None, :])))
