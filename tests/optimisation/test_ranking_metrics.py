from __future__ import annotations

import numpy as np
import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.optimisation.ranking_metrics import kendall_tau, mean_over_domains, top1_regret


def test_tau_counts_pairs_in_the_right_and_the_wrong_order():
    assert kendall_tau([1, 2, 3, 4], [10, 20, 40, 30]) == pytest.approx((5 - 1) / 6)


def test_tau_takes_ties_out_as_its_definition_has_it():
    rng = np.random.default_rng(0)
    predicted, actual = rng.integers(0, 4, 12), rng.integers(0, 4, 12)
    signs = [
        (np.sign(predicted[i] - predicted[j]), np.sign(actual[i] - actual[j])) for i in range(12) for j in range(i)
    ]
    concordance = sum(a * b for a, b in signs)
    expected = concordance / np.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs))
    assert kendall_tau(predicted, actual) == pytest.approx(expected)


@pytest.mark.parametrize(("predicted", "actual"), [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [5, 5, 5])])
def test_scores_that_order_nothing_are_as_good_as_chance(predicted, actual):
    assert kendall_tau(predicted, actual) == 0.0


def test_regret_is_what_the_first_choice_lacks_of_the_best():
    assert top1_regret([0.2, 0.9, 0.1], [70.0, 64.0, 50.0]) == 6.0
    assert top1_regret([0.9, 0.2, 0.1], [70.0, 64.0, 50.0]) == 0.0


def test_of_equally_high_predictions_the_mean_counts_whatever_their_order():
    assert top1_regret([0.9, 0.9, 0.1], [70.0, 60.0, 80.0]) == top1_regret([0.9, 0.9, 0.1], [60.0, 70.0, 80.0]) == 15.0


@pytest.mark.parametrize("function", [kendall_tau, top1_regret])
def test_scores_of_other_prompts_are_refused(function):
    with pytest.raises(DataError, match=r"found arrays of shape \(3,\) and \(2,\)"):
        function([1, 2, 3], [1, 2])
    with pytest.raises(DataError, match="infinite or none"):
        function([1, float("nan")], [1, 2])


def test_a_single_prompt_has_no_order():
    with pytest.raises(DataError, match="2 or more numbers"):
        kendall_tau([1.0], [2.0])


def test_the_interval_over_domains_holds_the_mean_and_comes_from_the_seed():
    values = np.random.default_rng(1).normal(0.3, 0.2, 40)
    shown = mean_over_domains(values, np.random.default_rng(2))
    assert shown.mean == pytest.approx(values.mean()) and shown.low < shown.mean < shown.high
    error = values.std() / np.sqrt(40)
    assert shown.high - shown.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert shown == mean_over_domains(values, np.random.default_rng(2))
