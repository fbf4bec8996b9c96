"""The search as a pure algorithm, over hidden functions of the factors of a prompt."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.backends import BudgetError
from qa_pipeline.generation.questions.llm.recipes import FACTOR_VALUES, Factors, recipe_of
from qa_pipeline.metrics import bootstrap_interval
from qa_pipeline.optimisation.budget import TokenBudget
from qa_pipeline.optimisation.evaluations import PromptCandidate, PromptEvaluation
from qa_pipeline.optimisation.neighbours import Mixture, Neighbours
from qa_pipeline.optimisation.search import NOTHING_NEW, SearchSettings, gain_over, search, spearman
from tests.optimisation.landscapes import Landscape, by_chance, population, searched, worth_of

TOKENS = 120_000


def rung_of(result, number):
    return [one for one in result.history if one.rung == number]


def test_it_finds_better_prompts_than_chance_with_the_same_tokens():
    leads = []
    for seed in range(24):
        landscape = Landscape(seed)
        found = worth_of(landscape, lambda one=landscape: searched(one, TOKENS).best)
        leads.append(found - worth_of(landscape, lambda one=landscape: by_chance(one, TOKENS)))
    low, _ = bootstrap_interval(np.array(leads), np.random.default_rng(0))
    assert low > 0, f"lead of {np.mean(leads):.2f} points, at least {low:.2f}"


@pytest.mark.parametrize("tokens", [6_000, 6_999, 17_000, 40_000, 100_000])
def test_the_budget_is_never_exceeded(tokens):
    for seed in range(4):
        result = searched(Landscape(seed), tokens)
        assert sum(one.tokens for one in result.history) <= tokens


def test_without_a_number_of_rounds_it_goes_on_as_long_as_tokens_last():
    result = searched(Landscape(8), 3 * TOKENS, rounds=None)
    assert "the budget" in result.stopped and max(one.round for one in result.candidates) >= 4
    used = sum(one.tokens for one in result.history)
    assert 3 * TOKENS - 2 * sum(Landscape(8).tokens) < used <= 3 * TOKENS


def test_a_budget_that_does_not_hold_the_baseline_is_refused_before_anything_is_asked():
    landscape = Landscape(0)
    with pytest.raises(ConfigError, match="max_tokens: the baseline alone needs about 6,000 tokens.*may use 5,999"):
        searched(landscape, 5_999)
    assert landscape.evaluated == []


def test_the_baseline_climbs_to_the_top_before_anything_else():
    landscape = Landscape(1)
    result = searched(landscape, TOKENS)
    baseline = population(1)[0].hash
    assert landscape.evaluated[:3] == [(baseline, 0), (baseline, 1), (baseline, 2)]
    assert result.candidates[0].hash == baseline


def test_nothing_is_evaluated_twice_and_few_climb():
    landscape = Landscape(2)
    result = searched(landscape, TOKENS)
    assert len(set(landscape.evaluated)) == len(landscape.evaluated)
    assert len(rung_of(result, 0)) >= len(rung_of(result, 1)) > len(rung_of(result, 2)) > 1


def test_the_same_seed_gives_the_same_search_and_another_seed_another():
    assert searched(Landscape(3), TOKENS) == searched(Landscape(3), TOKENS)
    other = search(
        population(3),
        Landscape(3).evaluate,
        Neighbours(),
        budget=TokenBudget(TOKENS),
        forecast=Landscape(3).forecast,
        settings=SearchSettings(rounds=4),
        rng=np.random.default_rng(99),
    )
    assert [one.hash for one in other.candidates] != [one.hash for one in searched(Landscape(3), TOKENS).candidates]


def test_a_prompt_that_just_missed_a_place_gets_one_in_a_later_round():
    """Round 1 proposes only bad prompts: its places go to the best that waited since round 0."""
    worth = {}

    def evaluate(candidate, rung):
        score = worth[candidate.hash]
        values = (score - 1, score + 1)
        return PromptEvaluation(candidate.hash, "d", rung, score, score, score, 0.1, 2, 2, 10, values=values)

    def candidates(start, number):
        return [
            PromptCandidate(dataclasses.replace(recipe_of(Factors()), temperature=start + i / 100))
            for i in range(number)
        ]

    first, later = candidates(2.0, 10), candidates(3.0, 10)
    worth |= {one.hash: 50.0 + i for i, one in enumerate(first)} | {one.hash: 10.0 for one in later}

    class Bad:
        def propose(self, parents, number, rng):
            return later[:number]

    result = search(
        first,
        evaluate,
        Bad(),
        budget=TokenBudget(10_000),
        forecast=lambda candidate, rung: 10,
        settings=SearchSettings(num_candidates=10, rounds=2),
        rng=np.random.default_rng(0),
    )
    assert not {one.hash for one in later} & {one.prompt_hash for one in rung_of(result, 1)}  # hardly a row: the gate
    climbed = [one.prompt_hash for one in rung_of(result, 2)]
    best_first = [one.hash for one in reversed(first[1:])]
    assert climbed == [first[0].hash, *best_first[:7]]  # three places of nine, then four of ten
    assert result.best.hash == best_first[0]


def test_without_check_questions_the_round_trip_judges():
    result = searched(Landscape(4), TOKENS, top_rung=1)
    assert {one.rung for one in result.history} == {0, 1}
    assert result.ranking[0] in {one.prompt_hash for one in rung_of(result, 1)}


def test_prompts_that_are_worth_the_same_give_no_gain():
    calls = 0
    for seed in range(6):
        landscape = Landscape(seed, effect=0.0, together=0.0)
        result = searched(landscape, TOKENS)
        assert result.ranking[0] == result.gain.winner
        if result.gain.is_gain:
            calls += 1
        else:
            assert result.best.hash == population(seed)[0].hash
            assert "no gain" in result.gain.words
    assert calls <= 1


def one(name, score, noise, values):
    return PromptEvaluation(name, "d", 2, score, 0.0, 0.0, noise, 1, 1, 1, values=tuple(values))


def test_a_lead_that_the_questions_bear_out_is_still_none_within_seed_noise():
    questions = np.linspace(0, 100, 50)
    before, after = one("a" * 16, 50.0, 1.5, questions), one("b" * 16, 52.0, 1.5, questions + 2)
    gain = gain_over(before, after, np.random.default_rng(0))
    assert gain.low > 0 and not gain.is_gain and "less than 2 times the noise" in gain.words
    sure = gain_over(before, dataclasses.replace(after, noise=0.2), np.random.default_rng(0))
    assert not sure.is_gain  # the baseline is as noisy
    calm = gain_over(
        dataclasses.replace(before, noise=0.2), dataclasses.replace(after, noise=0.2), np.random.default_rng(0)
    )
    assert calm.is_gain and calm.difference == pytest.approx(2.0)


def test_the_rank_correlation_of_rungs_needs_three_prompts_that_climbed_both():
    def scores(values):
        return {f"{i:016}": one(f"{i:016}", value, 1.0, [value]) for i, value in enumerate(values)}

    assert spearman(scores([1, 2, 3, 4]), scores([10, 30, 20])) == pytest.approx(0.5)
    assert spearman(scores([1, 2]), scores([1, 2])) is None
    assert spearman(scores([1, 1, 1]), scores([1, 2, 3])) is None


def test_a_backend_without_tokens_ends_the_search_with_what_is_there():
    landscape = Landscape(5)

    def evaluate(candidate, rung):
        if len(landscape.evaluated) == 20:
            raise BudgetError("max_tokens=1 is used up")
        return landscape.evaluate(candidate, rung)

    result = search(
        population(5),
        evaluate,
        Neighbours(),
        budget=TokenBudget(TOKENS),
        forecast=landscape.forecast,
        settings=SearchSettings(),
        rng=np.random.default_rng(0),
    )
    assert len(result.history) == 20 and result.stopped == "max_tokens=1 is used up"


def test_a_proposer_with_nothing_new_ends_the_search():
    class Repeats:
        def propose(self, parents, number, rng):
            return [candidate for candidate, _ in parents]

    landscape = Landscape(6)
    result = search(
        population(6),
        landscape.evaluate,
        Repeats(),
        budget=TokenBudget(TOKENS),
        forecast=landscape.forecast,
        settings=SearchSettings(),
        rng=np.random.default_rng(0),
    )
    assert result.stopped == NOTHING_NEW and {one.round for one in result.candidates} == {0}


def test_a_smaller_budget_makes_rounds_smaller_and_still_brings_somebody_to_the_top():
    result = searched(Landscape(7), 30_000, rounds=1)
    assert len(rung_of(result, 2)) >= 2
    assert len(rung_of(result, 0)) < 12


def test_neighbours_change_one_or_two_factors_and_say_where_they_come_from():
    parent = PromptCandidate(recipe_of(Factors(few_shot=4)), Factors(few_shot=4))
    score = Landscape(0).evaluate(parent, 2)
    for new in Neighbours().propose([(parent, score)], 10, np.random.default_rng(0)):
        changed = [name for name in FACTOR_VALUES if getattr(new.factors, name) != getattr(parent.factors, name)]
        assert 1 <= len(changed) <= 2
        assert new.recipe.parent == parent.hash and new.recipe.made_by == "grid"


def test_neighbours_leave_factors_alone_that_change_nothing():
    parent = PromptCandidate(recipe_of(Factors()), Factors())
    score = Landscape(0).evaluate(parent, 2)
    found = Neighbours(fixed=("few_shot", "temperature")).propose([(parent, score)], 20, np.random.default_rng(0))
    assert found and {(new.factors.few_shot, new.factors.temperature) for new in found} == {(2, 0.7)}


def test_rewrites_have_no_neighbours():
    parent = PromptCandidate(recipe_of(Factors()), None)
    score = one(parent.hash, 1.0, 1.0, [1.0])
    assert Neighbours().propose([(parent, score)], 5, np.random.default_rng(0)) == []


def test_a_mixture_takes_turns_and_fills_up_where_one_makes_few():
    class Made:
        def __init__(self, name, number):
            self.name, self.number = name, number

        def propose(self, parents, number, rng):
            start = recipe_of(Factors())
            recipes = [
                dataclasses.replace(start, name=f"{self.name}{i}", temperature=float(i)) for i in range(self.number)
            ]
            return [PromptCandidate(recipe) for recipe in recipes]

    mixed = Mixture([Made("a", 1), Made("b", 3)]).propose([], 4, np.random.default_rng(0))
    assert [candidate.recipe.name for candidate in mixed] == ["a0", "b0", "b1", "b2"]
