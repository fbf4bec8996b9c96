"""What the search speaks of: a prompt that is tried, the rows it made, and what a rung found of them. Only data.

Nothing here asks a model, trains, or reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.generation.types import Row
from qa_pipeline.metrics import bootstrap_interval

if TYPE_CHECKING:
    from qa_pipeline.generation.questions.llm.recipes import Factors, Recipe

RUNGS = (0, 1, 2)
"""Validity, round trip, trained reader: each dearer and nearer to the truth than the one before."""
RUNG_NAMES = ("validity", "round trip", "trained reader")
BOOTSTRAP_SAMPLES = 1_000


@dataclass(frozen=True)
class PromptCandidate:
    """One prompt in the search.

    Attributes:
        recipe: all that decides what a model is asked.
        factors: what it was made from where it is one of the grid; None for rewrites.
        round: the round that it came in; 0 for baseline and grid.
    """

    recipe: Recipe
    factors: Factors | None = None
    round: int = 0

    @property
    def hash(self) -> str:
        """The hash of its recipe: 16 hex digits."""
        return self.recipe.hash


@dataclass(frozen=True)
class Synthesis:
    """The rows that one prompt made of some passages.

    Attributes:
        prompt_hash: of the recipe.
        rows: accepted, in the order of the passages given and within one in the order of the drafts.
        rejected: what came to nothing, counted by reason.
        tokens: prompt and completion tokens of its requests as the backend counted them; a completion from the cache
            counts as when it was asked for.
        requests: completions that it took, those from the cache included.
        passage_tokens: the tokens by passage id; every passage is in it.
        passage_requests: the requests by passage id.
    """

    prompt_hash: str
    rows: tuple[Row, ...]
    rejected: Mapping[str, int]
    tokens: int
    requests: int
    passage_tokens: Mapping[str, int] = field(default_factory=dict)
    passage_requests: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PromptEvaluation:
    """What one rung found of one prompt.

    Attributes:
        prompt_hash: of the recipe.
        domain: what the passages are about.
        rung: 0, 1 or 2; see RUNG_NAMES.
        score: 0 to 100, the more the better; scores of different rungs do not compare.
        low, high: its 95% bootstrap interval, over passages or over check questions.
        noise: its standard error over passages (rungs 0 and 1); standard deviation over seeds (rung 2).
        passages: how many were asked about, those of the rungs below included.
        rows: how many the score is of.
        tokens: that this evaluation needed beyond earlier ones of the same prompt, which asked about some of the same
            passages. The sum over all evaluations is what the completions of the search have taken, or more: one that
            two prompts share counts for both, and is asked for once.
        rejected: what came to nothing on all these passages, by reason.
        parts: what the score is made of, by name.
        values: the score of each passage (rungs 0 and 1) or check question (rung 2), in one order for all prompts;
            their mean is the score. What a paired comparison of two prompts needs.
    """

    prompt_hash: str
    domain: str
    rung: int
    score: float
    low: float
    high: float
    noise: float
    passages: int
    rows: int
    tokens: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    values: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return asdict(self) | {"values": list(self.values)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PromptEvaluation:
        """The evaluation again. Raises KeyError or TypeError where the value is none."""
        return cls(**{**value, "values": tuple(value["values"])})


@dataclass(frozen=True)
class MeanEstimate:
    """A mean, its 95% bootstrap interval and its standard error, in the unit of the values."""

    mean: float
    low: float
    high: float
    standard_error: float


def estimate_mean(
    values: Sequence[float] | np.ndarray, rng: np.random.Generator, clusters: np.ndarray | None = None
) -> MeanEstimate:
    """How sure a mean is.

    Args:
        values: (num_values,) at least one.
        rng: draws the resamples.
        clusters: (num_values,) number of the cluster of each value; clusters are drawn whole.

    Raises:
        DataError: there are no values.

    >>> estimate_mean([2.0, 2.0, 2.0], np.random.default_rng(0))
    MeanEstimate(mean=2.0, low=2.0, high=2.0, standard_error=0.0)
    """
    found = np.asarray(values, dtype=np.float64)
    low, high = bootstrap_interval(found, rng, BOOTSTRAP_SAMPLES, clusters=clusters)
    error = float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0
    return MeanEstimate(float(found.mean()), low, high, error)


def ratio_values(amounts: Sequence[float], sizes: Sequence[float]) -> np.ndarray:
    """One value a unit whose mean is the ratio of the sums, so that a ratio can be resampled and paired as a mean can.

    The linearised ratio (Cochran 1977, "Sampling Techniques", section 6.3): r + (amount - r * size) / mean size.

    Args:
        amounts: (num_units,) what is counted.
        sizes: (num_units,) what it is counted by; their sum is above 0.

    >>> ratio_values([2, 0], [100, 300]).round(6).tolist(), 2 / 400
    ([0.0125, -0.0025], 0.005)
    """
    above, below = np.asarray(amounts, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    ratio = above.sum() / below.sum()
    return np.asarray(ratio + (above - ratio * below) / below.mean())
