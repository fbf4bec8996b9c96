"""Says how well predicted scores rank what was measured. Pure functions of numbers; never sees a prompt or a model.

Kendall's tau is the share of pairs in the right order minus that of pairs in the wrong one, with ties taken out (tau-b,
Kendall 1945, "The treatment of ties in ranking problems"): 0 is chance, 1 the same order. Top-1 regret is what is lost
by taking the prompt that the prediction puts first in place of the best one (simple regret, Bubeck, Munos and Stoltz
2009, "Pure exploration in multi-armed bandits problems"). Both are of one domain. Prompts of one domain are ranked
together and so are not independent: intervals draw whole domains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_pipeline.errors import DataError
from qa_pipeline.metrics import bootstrap_interval


@dataclass(frozen=True)
class DomainMean:
    """A mean over domains.

    Attributes:
        mean: in the unit of the values.
        low, high: its bootstrap interval of 95%, whole domains drawn.
        domains: how many there are; with fewer than about 20 the interval is too narrow.
    """

    mean: float
    low: float
    high: float
    domains: int


def kendall_tau(predicted: Sequence[float] | np.ndarray, actual: Sequence[float] | np.ndarray) -> float:
    """How far two scores put the prompts of a domain into the same order, -1 to 1.

    Args:
        predicted, actual: (num_prompts,) scores of the same prompts in the same order; only their order counts.

    Returns:
        Tau-b; 0 where all predicted or all actual scores are equal, since they then order nothing.

    Raises:
        DataError: there are fewer than two prompts, the lengths differ, or a score is no number.

    Example:
        >>> round(kendall_tau([0.1, 0.4, 0.3], [50.0, 61.0, 58.0]), 6), round(kendall_tau([3, 2, 1], [1, 2, 3]), 6)
        (1.0, -1.0)
    """
    from scipy.stats import kendalltau

    predicted, actual = _scores(predicted, actual, least=2)
    if np.ptp(predicted) == 0 or np.ptp(actual) == 0:
        return 0.0
    return float(kendalltau(predicted, actual).statistic)


def top1_regret(predicted: Sequence[float] | np.ndarray, actual: Sequence[float] | np.ndarray) -> float:
    """How much worse the prompt that is predicted to be best is than the best one, in the unit of `actual`.

    Of prompts that are predicted to be equally good none is first: their mean counts, so that the order in which
    prompts are given does not matter.

    Args:
        predicted, actual: (num_prompts,) scores of the same prompts in the same order; greater is better.

    Returns:
        0 or more; 0: the best one was put first.

    Raises:
        DataError: there are no prompts, the lengths differ, or a score is no number.

    Example:
        >>> top1_regret([0.1, 0.4, 0.3], [50.0, 58.0, 61.0]), top1_regret([0, 0], [50.0, 60.0])
        (3.0, 5.0)
    """
    predicted, actual = _scores(predicted, actual, least=1)
    return float(actual.max() - actual[predicted == predicted.max()].mean())


def mean_over_domains(values: Sequence[float] | np.ndarray, rng: np.random.Generator) -> DomainMean:
    """The mean of one value a domain, with its interval.

    Two rankers are compared by `qa_pipeline.metrics.paired_bootstrap` of their values on the same domains.

    Args:
        values: (num_domains,) such as the tau of each.
        rng: of the bootstrap.

    Raises:
        DataError: there is no domain.

    Example:
        >>> shown = mean_over_domains([0.2, 0.4, 0.3, 0.5], np.random.default_rng(0))
        >>> round(shown.mean, 2), shown.low > 0, shown.domains
        (0.35, True, 4)
    """
    values = np.asarray(values, dtype=np.float64)
    low, high = bootstrap_interval(values, rng)
    return DomainMean(float(values.mean()), low, high, len(values))


def _scores(
    predicted: Sequence[float] | np.ndarray, actual: Sequence[float] | np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(predicted, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(first) < least:
        raise DataError(
            f"predicted and actual scores: expected two rows of {least} or more numbers of the same prompts, found "
            f"arrays of shape {first.shape} and {second.shape}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise DataError("predicted and actual scores: expected numbers, found some that are infinite or none")
    return first, second
