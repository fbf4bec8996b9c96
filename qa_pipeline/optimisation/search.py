"""Finds the best of many prompts under a budget of tokens. A pure algorithm: knows no model, no passage and no file.

Successive halving (Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016): all prompts of a round climb the first
rung, the best `1/eta` of those that have not climbed further climb the next. As in asynchronous halving (Li et al.
2020, "A System for Massively Parallel Hyperparameter Tuning") places go to the best of all rounds, so that a prompt
that just missed one is not lost. Later rounds try what the proposer makes of the best so far.

The first prompt is the baseline. It climbs to the top before anything else, so that there is always something to
compare with, and it stays the best where another's lead may be chance.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.backends.budget import BudgetError
from qa_pipeline.metrics import paired_bootstrap
from qa_pipeline.optimisation.budget import TokenBudget
from qa_pipeline.optimisation.evaluations import RUNG_NAMES, PromptCandidate, PromptEvaluation

logger = logging.getLogger(__name__)

FEWEST_TO_RANK = 3
"""Prompts that a rank correlation between rungs needs; of two it is always 1 or -1."""
PLANNED_ROUNDS = 4
"""Rounds that tokens are shared among where nobody says how many there are."""
NOISES = 2.0
"""A lead of less than so many times the noise of a score is none: with three seeds that is about one in twenty."""
ALL_ROUNDS, NOTHING_NEW = "all rounds are done", "the proposer had no new prompt"
NO_OTHER = "there is no prompt beside the baseline"


class Proposer(Protocol):
    """Makes new prompts of those that did well."""

    def propose(
        self, parents: Sequence[tuple[PromptCandidate, PromptEvaluation]], number: int, rng: np.random.Generator
    ) -> list[PromptCandidate]:
        """About so many prompts, the most promising first; known ones are dropped by the caller.

        Args:
            parents: the best so far, each with its evaluation on the highest rung that it climbed; best first.
            number: wanted.
            rng: for all that is random.
        """
        ...


@dataclass(frozen=True)
class SearchSettings:
    """How a search goes.

    Attributes:
        num_candidates: prompts of a round.
        eta: of the prompts on rung 1 one of so many climbs on. From rung 0 all climb but those that give less than
            `1/eta` of the baseline's rows for their tokens: that tells bad prompts from others, and says little of
            which is best, since what makes questions better often takes more tokens.
        rounds: at most; the first tries the population, each later one what the proposer makes. None: as long as tokens
            last, shared as if there were PLANNED_ROUNDS.
        top_rung: 2 where there are check questions, else 1: then the round trip judges.
        num_parents: prompts that the proposer is shown, the best first.

    Example:
        >>> SearchSettings(num_candidates=12, eta=3).places(12)
        [12, 12, 4]
    """

    num_candidates: int = 12
    eta: int = 3
    rounds: int | None = 3
    top_rung: int = 2
    num_parents: int = 64

    def places(self, number: int) -> list[int]:
        """Of so many prompts of a round, how many climb each rung at most."""
        found = [number, number]
        for _ in range(1, self.top_rung):
            found.append(-(-found[-1] // self.eta))
        return found

    def share(self, left: int, number: int) -> int:
        """Of the tokens that are left, those of the round of this number."""
        more = (self.rounds or PLANNED_ROUNDS) - number
        return left // max(more, 1)


@dataclass(frozen=True)
class Gain:
    """What the best of the tried prompts is worth beside the baseline, on the highest rung.

    Attributes:
        winner: hash of the prompt with the highest score.
        difference: its score minus the baseline's, in points.
        low, high: 95% interval of it, by a bootstrap over the passages or questions, paired.
        p_value: of the same resamples.
        noise: of a score, see `PromptEvaluation.noise`; the root mean square of the two.
        is_gain: the interval is above 0, and the difference is at least NOISES times the noise.
        words: the finding in a sentence.
    """

    winner: str
    difference: float
    low: float
    high: float
    p_value: float
    noise: float
    is_gain: bool
    words: str


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        history: every evaluation, in the order in which they were made.
        candidates: every prompt that was evaluated, the baseline first, in the order of their first evaluation.
        best: the prompt to use: the winner where it gains something, else the baseline.
        ranking: hashes of the prompts from best to worst: those that climbed highest first, by their score there.
        gain: of the winner over the baseline.
        correlations: Spearman's rank correlation between two rungs over the prompts that climbed both, where they are
            at least FEWEST_TO_RANK. Only the better ones climb, which makes it smaller than it would be over all.
        stopped: why the search ended, in words.
    """

    history: list[PromptEvaluation]
    candidates: list[PromptCandidate]
    best: PromptCandidate
    ranking: list[str]
    gain: Gain
    correlations: dict[tuple[int, int], float]
    stopped: str


def search(
    population: Sequence[PromptCandidate],
    evaluate: Callable[[PromptCandidate, int], PromptEvaluation],
    propose: Proposer | None,
    *,
    budget: TokenBudget,
    forecast: Callable[[PromptCandidate, int], int],
    settings: SearchSettings,
    rng: np.random.Generator,
    clusters: np.ndarray | None = None,
) -> SearchResult:
    """Searches until the rounds are done, nothing new is proposed, or the next evaluation does not fit the budget.

    Args:
        population: the baseline, then others in the order in which they should be tried.
        evaluate: measures a prompt on a rung. What it says must hang on its arguments alone.
        propose: makes prompts for later rounds; None: there is one round.
        budget: what an evaluation takes is charged to it. What proposals take their maker charges.
        forecast: tokens that a prompt will likely need to climb to a rung from where it is now.
        settings: see there.
        rng: of proposals and intervals; the same gives the same search.
        clusters: of the values on the highest rung, for the interval of the gain, see `metrics.paired_bootstrap`.

    Raises:
        ConfigError: the budget does not even hold the baseline.
        BackendError: a prompt cannot be evaluated. (That the backend has no tokens left only ends the search.)
    """
    if not population:
        raise ValueError("the population is empty: it begins with the baseline")
    climb = Climb(evaluate, forecast, budget, settings.top_rung)
    baseline, *others = _distinct(population)
    climb.begin(baseline)
    stopped = ALL_ROUNDS
    try:
        for number in range(settings.rounds) if settings.rounds else itertools.count():
            own = rng.spawn(1)[0]  # so that what one round draws changes nothing in the next
            pool = others if number == 0 else _proposals(climb, propose, settings, own)
            if not pool and number == 0 and propose is not None:
                continue  # a search that is left to the proposer
            if not pool:
                stopped = NOTHING_NEW if number else NO_OTHER
                break
            share = settings.share(climb.budget.left, number) if propose is not None else climb.budget.left
            climb.round(pool[: settings.num_candidates - (number == 0)], share, settings, number)
            if propose is None:
                break
    except (BudgetError, NoRoomError) as error:
        stopped = str(error)
    logger.info("the search ended: %s", stopped)
    return climb.result(baseline, rng, clusters, stopped)


def random_search(
    population: Iterable[PromptCandidate],
    evaluate: Callable[[PromptCandidate, int], PromptEvaluation],
    *,
    budget: TokenBudget,
    forecast: Callable[[PromptCandidate, int], int],
    top_rung: int,
) -> list[tuple[PromptCandidate, PromptEvaluation]]:
    """What any search must beat: prompts in random order, each measured on the highest rung, as long as tokens last.

    Args:
        population: prompts in random order.
        evaluate, forecast, budget: see `search`.
        top_rung: the only rung that is climbed.

    Returns:
        The prompts with their evaluations, the best first; empty where not even one fits.
    """
    found: list[tuple[PromptCandidate, PromptEvaluation]] = []
    for candidate in _distinct(population):
        if not budget.fits(forecast(candidate, top_rung)):
            break
        try:
            evaluation = evaluate(candidate, top_rung)
        except BudgetError:
            break
        budget.charge((candidate.hash, top_rung), evaluation.tokens)
        found.append((candidate, evaluation))
    return sorted(found, key=lambda one: (-one[1].score, one[0].hash))


class NoRoomError(Exception):
    """The budget holds nothing that could be done next; says what."""


class Climb:
    """The scores on all rungs so far, and who climbs next.

    Args:
        evaluate, forecast, budget: see `search`.
        top: the highest rung.
    """

    def __init__(
        self,
        evaluate: Callable[[PromptCandidate, int], PromptEvaluation],
        forecast: Callable[[PromptCandidate, int], int],
        budget: TokenBudget,
        top: int,
    ):
        self._evaluate, self._forecast = evaluate, forecast
        self.budget, self.top = budget, top
        self.history: list[PromptEvaluation] = []
        self.candidates: dict[str, PromptCandidate] = {}
        self._scores: list[dict[str, PromptEvaluation]] = [{} for _ in range(top + 1)]

    def begin(self, baseline: PromptCandidate) -> None:
        """The baseline climbs all rungs.

        Raises:
            ConfigError: there are not the tokens for it.
        """
        needed = self._forecast(baseline, self.top)
        if not self.budget.fits(needed):
            raise ConfigError(
                "max_tokens",
                f"the baseline alone needs about {needed:,} tokens to be measured, and the search may use "
                f"{self.budget.left:,}; raise max_tokens, or lower the passages of the rungs",
            )
        for rung in range(self.top + 1):
            self.measure(baseline, rung)

    def round(self, pool: Sequence[PromptCandidate], share: int, settings: SearchSettings, number: int) -> None:
        """One round of halving; fewer prompts take part where `share` tokens do not hold all.

        Raises:
            NoRoomError: not even one prompt fits.
        """
        pool = self._affordable(pool, share, settings)
        logger.info("round %d: %d prompts, %s tokens left", number, len(pool), f"{self.budget.left:,}")
        places = settings.places(len(pool))
        for candidate in pool:
            self.measure(replace(candidate, round=number), 0)
        for rung in range(1, self.top + 1):
            waiting = self._waiting(rung - 1)
            climbing = self._fit(waiting, settings.eta) if rung == 1 else waiting[: places[rung]]
            for candidate in climbing:
                self.measure(candidate, rung)

    def measure(self, candidate: PromptCandidate, rung: int) -> None:
        """Evaluates a prompt on a rung.

        Raises:
            NoRoomError: the tokens that it likely needs are not there.
        """
        needed = self._forecast(candidate, rung)
        if not self.budget.fits(needed):
            raise NoRoomError(self.budget.why_not(RUNG_NAMES[rung], needed))
        found = self._evaluate(candidate, rung)
        self.budget.charge((candidate.hash, rung), found.tokens)
        self.candidates.setdefault(candidate.hash, candidate)
        self.history.append(found)
        self._scores[rung][candidate.hash] = found
        logger.info(
            "%s of %s (%s): %.4g, 95%% %.4g to %.4g; %s tokens used",
            *(RUNG_NAMES[rung], candidate.recipe.name, candidate.hash[:8], found.score, found.low, found.high),
            f"{self.budget.spent:,}",
        )

    def standing(self) -> list[tuple[PromptCandidate, PromptEvaluation]]:
        """All prompts with their evaluation on the highest rung that they climbed, from best to worst."""
        highest = {name: found for scores in self._scores for name, found in scores.items()}
        ordered = sorted(highest.values(), key=lambda found: (-found.rung, -found.score, found.prompt_hash))
        return [(self.candidates[found.prompt_hash], found) for found in ordered]

    def result(
        self, baseline: PromptCandidate, rng: np.random.Generator, clusters: np.ndarray | None, stopped: str
    ) -> SearchResult:
        """All of it, with what the winner is worth."""
        ranking = [candidate.hash for candidate, _ in self.standing()]
        top = self._scores[self.top]
        winner = self.candidates[ranking[0]]
        gain = gain_over(top[baseline.hash], top[winner.hash], rng, clusters)
        best = winner if gain.is_gain else baseline
        correlations = {}
        for rung in range(self.top):
            found = spearman(self._scores[rung], self._scores[rung + 1])
            if found is not None:
                correlations[rung, rung + 1] = found
        return SearchResult(self.history, list(self.candidates.values()), best, ranking, gain, correlations, stopped)

    def _affordable(
        self, pool: Sequence[PromptCandidate], share: int, settings: SearchSettings
    ) -> Sequence[PromptCandidate]:
        """The first of the pool that can be brought through a whole round for so many tokens, at their dearest."""
        costs = [self._steps(candidate) for candidate in pool]
        for number in range(len(pool), 0, -1):
            # Who climbs is not known: the dearest might.
            needed = sum(
                sum(sorted((steps[rung] for steps in costs[:number]), reverse=True)[:places])
                for rung, places in enumerate(settings.places(number))
            )
            if needed <= share:
                return pool[:number]
        raise NoRoomError(
            f"the budget: {self.budget.spent:,} of {self.budget.total:,} tokens are used, and another round of a "
            f"single prompt would need about {sum(costs[0]):,} where {share:,} are left for it"
        )

    def _steps(self, candidate: PromptCandidate) -> list[int]:
        """What each rung likely takes of a new prompt beyond the one below."""
        whole = [0, *(self._forecast(candidate, rung) for rung in range(self.top + 1))]
        return [max(0, upper - lower) for lower, upper in zip(whole, whole[1:], strict=False)]

    def _fit(self, candidates: Sequence[PromptCandidate], eta: int) -> list[PromptCandidate]:
        """Those whose rows are not too few for what they take, beside the baseline's."""
        baseline = next(iter(self._scores[0].values()))
        return [one for one in candidates if self._scores[0][one.hash].score * eta >= max(baseline.score, 0.0)]

    def _waiting(self, rung: int) -> list[PromptCandidate]:
        """Who climbed a rung and not the next, the best first."""
        found = [one for name, one in self._scores[rung].items() if name not in self._scores[rung + 1]]
        ordered = sorted(found, key=lambda one: (-one.score, one.prompt_hash))
        return [self.candidates[one.prompt_hash] for one in ordered]


def gain_over(
    baseline: PromptEvaluation,
    winner: PromptEvaluation,
    rng: np.random.Generator,
    clusters: np.ndarray | None = None,
) -> Gain:
    """What a prompt is worth beside the baseline, both on the same rung.

    The winner is the best of several on the same questions, so that its lead is lucky as well as good; what it is worth
    on other questions the test says.

    Args:
        baseline, winner: with values of the same passages or questions in the same order.
        rng: of the bootstrap.
        clusters: of the values, see `metrics.paired_bootstrap`.
    """
    if baseline.prompt_hash == winner.prompt_hash:
        words = "no gain: no prompt scored higher than the baseline"
        return Gain(winner.prompt_hash, 0.0, 0.0, 0.0, 1.0, baseline.noise, False, words)
    found = paired_bootstrap(np.array(baseline.values), np.array(winner.values), rng, clusters=clusters)
    noise = float(np.hypot(baseline.noise, winner.noise) / np.sqrt(2))
    shown = f"{found.difference:+.1f} points ({found.low:+.1f} to {found.high:+.1f}), noise {noise:.1f}"
    if found.low <= 0:
        words = f"no gain: {shown}; the interval holds 0"
    elif found.difference < NOISES * noise:
        words = f"no gain: {shown}; less than {NOISES:g} times the noise"
    else:
        words = f"a gain of {shown}"
    is_gain = found.low > 0 and found.difference >= NOISES * noise
    return Gain(winner.prompt_hash, found.difference, found.low, found.high, found.p_value, noise, is_gain, words)


def spearman(lower: dict[str, PromptEvaluation], upper: dict[str, PromptEvaluation]) -> float | None:
    """Rank correlation between the scores on two rungs; None where they are too few, or one rung tells none apart."""
    from scipy.stats import spearmanr

    names = [name for name in lower if name in upper]
    first, second = [lower[name].score for name in names], [upper[name].score for name in names]
    if len(names) < FEWEST_TO_RANK or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    return float(spearmanr(first, second).statistic)


def _proposals(
    climb: Climb, propose: Proposer | None, settings: SearchSettings, rng: np.random.Generator
) -> list[PromptCandidate]:
    """New prompts for a round."""
    if propose is None:
        return []
    parents = climb.standing()[: settings.num_parents]
    proposed = propose.propose(parents, settings.num_candidates, rng)
    return [one for one in _distinct(proposed) if one.hash not in climb.candidates]


def _distinct(candidates: Iterable[PromptCandidate]) -> list[PromptCandidate]:
    """The first of each hash."""
    found: dict[str, PromptCandidate] = {}
    for one in candidates:
        found.setdefault(one.hash, one)
    return list(found.values())
