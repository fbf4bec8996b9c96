"""Paired bootstrap, calibration error and risk-coverage, against plain re-statements and values worked out by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.errors import DataError
from qa_pipeline.metrics import calibration_error, paired_bootstrap, risk_coverage
from qa_pipeline.metrics.intervals import MOST_POINTS

share = st.integers(0, 8).map(lambda x: x / 8)


@st.composite
def pairs(draw: st.DrawFn, most: int = 40) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, most))
    one, two = (draw(st.lists(share, min_size=size, max_size=size)) for _ in range(2))
    return np.array(one), np.array(two)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# Paired bootstrap


@settings(deadline=None, max_examples=60)
@given(pairs())
def test_the_difference_is_that_of_the_means_and_turns_round_with_the_systems(scores):
    a, b = scores
    one, other = paired_bootstrap(a, b, rng(), samples=400), paired_bootstrap(b, a, rng(1), samples=400)
    assert one.difference == pytest.approx(b.mean() - a.mean())
    assert other.difference == pytest.approx(-one.difference)
    assert (b - a).min() <= one.low <= one.high <= (b - a).max()
    assert 0 < one.p_value <= 1
    assert one == paired_bootstrap(a, b, rng(), samples=400)


@settings(deadline=None, max_examples=30)
@given(pairs())
def test_a_system_does_not_differ_from_itself(scores):
    found = paired_bootstrap(scores[0], scores[0], rng(), samples=200)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    "differences",
    [
        [1, 0, 0, -1, 1],  # few different values: drawn by count only in larger sets, see the next test
        [0.5, 0.25, 0.0, -0.25, 0.75],
    ],
)
def test_interval_and_p_value_approach_those_of_all_resamples(differences):
    differences = np.array(differences, dtype=float)
    exact = np.array([np.mean(draw) for draw in itertools.product(differences, repeat=len(differences))])
    found = paired_bootstrap(np.zeros(len(differences)), differences, rng(), samples=200_000)
    p_value = min(1.0, 2 * min(np.mean(exact <= 1e-12), np.mean(exact >= -1e-12)))
    assert found.p_value == pytest.approx(p_value, abs=0.01)
    low, high = np.quantile(exact, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.0, 0.25, 1.0]), min_size=4, max_size=40),
    st.sampled_from([40, 41, 99, 199, 500, 999]),
    st.booleans(),
    st.integers(0, 9),
)
def test_the_interval_is_beside_0_exactly_where_p_is_below_5_percent(differences, samples, clustered, seed):
    clusters = np.arange(len(differences)) // 2 if clustered else None
    scores = (np.zeros(len(differences)), np.array(differences))
    found = paired_bootstrap(*scores, rng(seed), samples=samples, clusters=clusters)
    assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)


def test_with_a_handful_of_resamples_nothing_is_beyond_chance():
    found = paired_bootstrap(np.zeros(9), np.ones(9), rng(), samples=20)
    assert (found.low, found.high) == (1.0, 1.0) and found.p_value > 0.05


def test_drawing_counts_and_drawing_questions_are_the_same_distribution():
    values = rng(5).integers(-1, 2, 500).astype(float)
    jittered = values + rng(6).uniform(-1e-9, 1e-9, 500)  # all different: drawn question by question
    by_count, by_index = (paired_bootstrap(np.zeros(500), x, rng(7), samples=40_000) for x in (values, jittered))
    assert len(np.unique(jittered)) == 500
    for name in ("low", "high", "p_value"):
        assert getattr(by_count, name) == pytest.approx(getattr(by_index, name), abs=0.01)
    assert (by_count.high - by_count.low) == pytest.approx(2 * 1.96 * values.std() / math.sqrt(500), rel=0.05)


def test_a_false_alarm_is_as_rare_as_the_p_value_says():
    draw = rng(11)
    p_values = []
    for _ in range(400):
        a, b = draw.integers(0, 2, (2, 120)).astype(float)
        p_values.append(paired_bootstrap(a, b, draw, samples=500).p_value)
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.09


def test_a_clear_difference_is_beyond_chance_and_pairs_are_kept():
    hardness = rng(1).random(400)
    a = (hardness > 0.5).astype(float)
    b = (hardness > 0.45).astype(float)  # right wherever a is, and on a few more
    found = paired_bootstrap(a, b, rng(2))
    assert found.low > 0 and found.p_value < 0.001
    shuffled = paired_bootstrap(a, rng(3).permutation(b), rng(2))
    assert shuffled.difference == pytest.approx(found.difference) and shuffled.p_value > 0.05


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1.0], [1.0, 0.0], "found 1 and 2"),
        ([], [], r"found an array of shape \(0,\)"),
        ([[1.0]], [[1.0]], r"found an array of shape \(1, 1\)"),
        ([1.0, 0.0], [1.0, math.nan], "scores of the second system: expected numbers, found nan in row 1"),
    ],
)
def test_scores_that_are_not_of_the_same_questions_are_refused(a, b, message):
    with pytest.raises(DataError, match=message):
        paired_bootstrap(np.array(a), np.array(b), rng())


# Calibration


def test_calibration_error_of_a_case_worked_out_by_hand():
    confidence = np.array([0.9, 0.1, 0.8, 0.3, 0.6, 0.7])
    correct = np.array([1, 0, 0, 1, 1, 1])
    curve = calibration_error(confidence, correct, bins=3, fewest=1)
    # 0.1 0.3 | 0.6 0.7 | 0.8 0.9 with 0 1 | 1 1 | 0 1: gaps 0.3, 0.35, 0.35
    assert curve.ece == pytest.approx((0.3 + 0.35 + 0.35) / 3)
    assert [(row["low"], row["high"], row["count"]) for row in curve.bins] == [
        (0.1, 0.3, 2),
        (0.6, 0.7, 2),
        (0.8, 0.9, 2),
    ]
    assert [row["accuracy"] for row in curve.bins] == [0.5, 1.0, 0.5]
    assert [row["confidence"] for row in curve.bins] == pytest.approx([0.2, 0.65, 0.85])


def plain_ece(confidence: list[float], correct: list[float], bins: int, fewest: int) -> float:
    """Question by question: sorted, cut into equal parts, a part's begin moved down to the first of equal values.

    A cut that leaves fewer than `fewest` on either side is left out, and there are no more parts than can be filled.
    """
    rows = sorted(zip(confidence, correct, strict=True))
    size = len(rows)
    while bins > 1 and bins * fewest > size:
        bins -= 1
    cuts = [0]
    for part in range(1, bins):
        edge = part * size // bins
        while edge > 0 and rows[edge - 1][0] == rows[edge][0]:
            edge -= 1
        if edge >= cuts[-1] + fewest and edge + fewest <= size:
            cuts.append(edge)
    total = 0.0
    for begin, end in itertools.pairwise([*cuts, size]):
        total += abs(sum(right for _, right in rows[begin:end]) - sum(said for said, _ in rows[begin:end]))
    return total / size


@settings(deadline=None, max_examples=200)
@given(pairs(), st.integers(1, 20), st.integers(1, 6), st.randoms(use_true_random=False))
def test_calibration_error_equals_a_plain_count_in_any_order(scores, bins, fewest, random):
    confidence, correct = scores[0], np.round(scores[1])
    curve = calibration_error(confidence, correct, bins, fewest)
    assert curve.ece == pytest.approx(plain_ece(confidence.tolist(), correct.tolist(), bins, fewest))
    assert sum(row["count"] for row in curve.bins) == len(correct) and len(curve.bins) <= bins
    assert min(row["count"] for row in curve.bins) >= min(fewest, len(correct))
    assert all(a["high"] < b["low"] for a, b in itertools.pairwise(curve.bins))
    order = list(range(len(correct)))
    random.shuffle(order)
    assert calibration_error(confidence[order], correct[order], bins, fewest).ece == pytest.approx(curve.ece)


@pytest.mark.parametrize(("questions", "bins"), [(10, 1), (39, 1), (40, 2), (100, 5), (299, 14), (300, 15), (900, 15)])
def test_few_answers_have_fewer_bins_of_20_or_more(questions, bins):
    confidence = rng(5).random(questions)
    curve = calibration_error(confidence, np.ones(questions))
    assert len(curve.bins) == bins
    assert min(row["count"] for row in curve.bins) >= min(20, questions)


def test_a_bin_is_no_smaller_for_equal_confidences_at_its_edge():
    confidence = np.array([0.1] * 15 + [0.5] * 30 + [0.9] * 25)  # the edge at 23 would move to 15, and that at 46 to 45
    curve = calibration_error(confidence, np.ones(70))
    assert [row["count"] for row in curve.bins] == [45, 25]


def test_few_answers_of_an_honest_model_are_hardly_farther_off_than_many():
    draw = rng(6)

    def mean_error(questions: int, fewest: int) -> float:
        errors = []
        for _ in range(200):
            confidence = draw.random(questions)
            errors.append(calibration_error(confidence, draw.random(questions) < confidence, fewest=fewest).ece)
        return float(np.mean(errors))

    assert mean_error(60, fewest=1) > 0.15  # 15 bins of 4
    assert mean_error(60, fewest=20) < 0.08


def test_honest_confidence_has_a_small_error_and_boasting_a_large_one():
    draw = rng(4)
    confidence = draw.random(20_000)
    correct = draw.random(20_000) < confidence
    assert calibration_error(confidence, correct).ece < 0.02
    assert calibration_error(np.ones(20_000), correct).ece == pytest.approx(1 - correct.mean())
    assert len(calibration_error(np.ones(20_000), correct).bins) == 1
    assert [row["count"] for row in calibration_error(confidence, correct).bins] == pytest.approx(
        [20_000 / 15] * 15, abs=1
    )


def test_confidence_beyond_1_is_refused():
    with pytest.raises(DataError, match="confidence: expected values from 0 to 1, found 0.5 to 1.5"):
        calibration_error(np.array([0.5, 1.5]), np.array([1, 0]))
    with pytest.raises(DataError, match="found 2 and 1"):
        calibration_error(np.array([0.5, 0.5]), np.array([1]))


# Risk and coverage


def test_risk_coverage_of_a_case_worked_out_by_hand():
    found = risk_coverage(np.array([0.2, 0.9, 0.5, 0.7]), np.array([0.0, 1.0, 0.5, 0.0]))
    # surest first: 1, 0, 0.5, 0
    assert found.coverage == [0.25, 0.5, 0.75, 1.0]
    assert found.risk == pytest.approx([0.0, 0.5, 0.5, 0.625])
    assert found.aurc == pytest.approx((0.0 + 0.5 + 0.5 + 0.625) / 4)


@settings(deadline=None, max_examples=100)
@given(pairs(), st.randoms(use_true_random=False))
def test_the_curve_ends_at_the_mean_and_the_order_does_not_matter(scores, random):
    confidence, score = scores
    found = risk_coverage(confidence, score)
    assert found.coverage[-1] == 1.0 and found.risk[-1] == pytest.approx(1 - score.mean())
    assert all(0 <= risk <= 1 for risk in found.risk)
    order = list(range(len(score)))
    random.shuffle(order)
    again = risk_coverage(confidence[order], score[order])
    assert again.risk == pytest.approx(found.risk) and again.aurc == pytest.approx(found.aurc)
    best = risk_coverage(score, score).aurc
    assert best <= found.aurc + 1e-9 <= risk_coverage(-score, score).aurc + 2e-9


def test_equal_confidence_gives_a_flat_curve_and_a_long_one_is_thinned():
    score = rng(8).integers(0, 2, 5000).astype(float)
    flat = risk_coverage(np.ones(5000), score)
    assert flat.risk == pytest.approx([1 - score.mean()] * MOST_POINTS)
    assert len(flat.coverage) == MOST_POINTS and flat.coverage[0] == 1 / 5000 and flat.coverage[-1] == 1.0
    assert flat.coverage == sorted(flat.coverage)
    assert flat.aurc == pytest.approx(1 - score.mean())
