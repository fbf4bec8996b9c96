from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.optimisation.domain_scores import DomainScores, excess
from tests.optimisation.ranked import domain, grid, likes_short, unit


def scores(values, noise):
    recipes = [recipe for _, recipe in grid(len(values))]
    return DomainScores("rules", unit(0), recipes, np.array(values), np.array(noise))


def test_a_pair_weighs_what_its_difference_exceeds_the_noise_by():
    measured = scores([60.0, 50.0, 59.0], [3.0, 4.0, 4.0])
    first, second, third = (recipe.hash for recipe in measured.recipes)
    found = {(pair.winner, pair.loser): (pair.difference, pair.noise, pair.weight) for pair in measured.pairs()}
    assert found == {
        (first, second): (10.0, 5.0, 5.0),
        (first, third): (1.0, 5.0, 0.0),
        (third, second): (9.0, pytest.approx(np.hypot(4, 4)), pytest.approx(9 - np.hypot(4, 4))),
    }


def test_equal_scores_are_no_pair():
    assert scores([60.0, 60.0], [0.0, 0.0]).pairs() == []


def test_without_noise_every_difference_counts():
    assert excess(np.array([3.0, 1.0]), np.zeros(2)).tolist() == [[0.0, 2.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.zeros(3)}, r"domain 'rules': .* found 24 prompts, scores of shape \(3,\)"),
        ({"scores": np.full(24, np.nan)}, "expected numbers as scores, noise and vector"),
        ({"noise": np.full(24, -1.0)}, "expected a noise of 0 or more for each score, found -1"),
        ({"recipes": [grid(1)[0][1]] * 24}, "expected each prompt once, found one twice"),
        ({"recipes": [], "scores": np.zeros(0), "noise": np.zeros(0)}, "expected one or more prompts"),
    ],
)
def test_scores_that_cannot_be_meant_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        replace(domain("rules", unit(0), likes_short), **change)
