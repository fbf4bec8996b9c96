"""What the search speaks of: evaluations as JSON, ratios as means, and how sure a mean is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.optimisation.evaluations import PromptEvaluation, estimate_mean, ratio_values

AMOUNTS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 2000)), min_size=1, max_size=30)


def test_an_evaluation_comes_back_from_json_as_it_was():
    one = PromptEvaluation(
        "a" * 16, "fees", 2, 41.5, 33.0, 50.25, 1.5, 12, 30, 9000, {"overlap": 2}, {"f1_seed_0": 40.0}, (0.0, 83.0)
    )
    assert PromptEvaluation.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_what_is_no_evaluation_is_refused():
    with pytest.raises(KeyError, match="values"):
        PromptEvaluation.from_json({"prompt_hash": "a"})


@given(AMOUNTS)
def test_the_mean_of_ratio_values_is_the_ratio_of_the_sums(units):
    amounts, sizes = zip(*units, strict=True)
    assert ratio_values(amounts, sizes).mean() == pytest.approx(sum(amounts) / sum(sizes), abs=1e-9)


def test_ratio_values_of_units_of_one_size_are_their_own_ratios():
    assert ratio_values([1, 2, 3], [10, 10, 10]).tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_the_interval_of_a_ratio_covers_it_as_often_as_it_says():
    """Over many samples of passages of very different length the true ratio lies in about 95 of 100 intervals."""
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(200):
        sizes = rng.integers(100, 2000, 40)
        amounts = rng.binomial(sizes, 0.02)
        found = estimate_mean(ratio_values(amounts, sizes), rng)
        inside += found.low <= 0.02 <= found.high
    assert 175 <= inside <= 199


def test_a_mean_of_clusters_that_agree_within_is_less_sure_than_one_of_single_values():
    values = np.repeat([0.0, 100.0, 0.0, 100.0, 0.0], 8)
    alone = estimate_mean(values, np.random.default_rng(0))
    drawn_whole = estimate_mean(values, np.random.default_rng(0), np.repeat(np.arange(5), 8))
    assert drawn_whole.high - drawn_whole.low > 1.5 * (alone.high - alone.low)
