"""Fitting a temperature: against a plain log loss, on models whose error is known, and honestly on other texts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.arguments import QASettings
from qa_pipeline.metrics import Scores, calibration_error
from qa_pipeline.postprocess import (
    TEMPERATURES,
    Calibration,
    Outcomes,
    Postprocess,
    calibrate,
    fit_temperature,
    outcomes,
)
from qa_pipeline.postprocess.calibration import FOLDS, MIN_QUESTIONS, folds
from tests.postprocess.test_postprocess import Table, Window, contexts, documents, predict


def reduced(
    postprocess: Postprocess, examples: list[dict[str, Any]], windows: list[Window], temperatures: tuple[float, ...]
) -> tuple[Table, Any]:
    """Windows and their candidates, as `predict` of the neighbouring tests makes them, with a grid."""
    found: dict[str, Any] = {}

    class Spy(Postprocess):
        def reduce(self, *args: Any, **kwargs: Any) -> Any:
            found["candidates"] = super().reduce(*args, **kwargs, temperatures=temperatures)
            return found["candidates"]

        def predictions(self, examples: Any, windows: Any, candidates: Any) -> Any:
            found["windows"] = windows
            return super().predictions(examples, windows, candidates)

    predict(Spy(postprocess.settings), examples, windows)
    return found["windows"], found["candidates"]


@settings(deadline=None, max_examples=60)
@given(documents(), st.booleans(), st.sampled_from([-2.0, 0.0, 3.0]))
def test_outcomes_are_what_postprocess_answers_at_every_temperature(document, null, threshold):
    examples, windows = document
    for number, example in enumerate(examples):
        gold = ["w0", "w1 w2"] if number % 2 == 0 else []
        example["answers"] = {"text": gold, "answer_start": [0] * len(gold)}
    temperatures = (0.5, 1.0, 4.0)
    postprocess = Postprocess(
        QASettings(
            n_best_size=5, max_answer_length=4, version_2_with_negative=null, null_score_diff_threshold=threshold
        )
    )
    table, candidates = reduced(postprocess, examples, windows, temperatures)
    found = outcomes(postprocess, examples, table, candidates, temperatures)
    for column, temperature in enumerate(temperatures):
        given_answers = predict(Postprocess(replace(postprocess.settings, temperature=temperature)), examples, windows)
        said = found.confidence(threshold)[:, column]
        assert said == pytest.approx([p.confidence for p in given_answers], abs=1e-5)
        right = [
            float(p.text in e["answers"]["text"] or not (p.text or e["answers"]["text"]))
            for p, e in zip(given_answers, examples, strict=True)
        ]
        assert found.correct(threshold).tolist() == right
        assert found.silent(threshold).tolist() == [p.start is None for p in given_answers]


def test_candidates_of_another_grid_are_refused():
    table, candidates = reduced(Postprocess(), contexts([1]), [Window(0, 0, [1.0], [1.0])], (1.0, 2.0))
    with pytest.raises(ValueError, match="log partitions at 3 temperatures, found 2; give reduce the same"):
        Postprocess().log_totals(table, candidates, 1, (1.0, 2.0, 3.0))


def test_candidates_of_another_temperature_are_refused():
    postprocess = Postprocess(QASettings(temperature=2.0))
    examples = contexts([1])
    table, candidates = reduced(postprocess, examples, [Window(0, 0, [1.0], [1.0])], ())
    assert postprocess.predictions(examples, table, candidates)[0].confidence == 1.0
    with pytest.raises(ValueError, match="reduced at temperature 1, found 2; reduce and predict with the same"):
        Postprocess().predictions(examples, table, candidates)


def made(size: int, temperature: float, seed: int = 0, *, with_null: bool = False) -> tuple[Outcomes, list[str]]:
    """Outcomes of a model with two possible answers whose confidence is right at one temperature; four to a text."""
    rng = np.random.default_rng(seed)
    temperatures = np.array(TEMPERATURES)
    margin = np.abs(rng.normal(0, 2, size)) * temperature  # how far the best of two spans is above the other
    right = (rng.random(size) < 1 / (1 + np.exp(-margin / temperature))).astype(float)
    totals = np.logaddexp(margin[:, None] / temperatures, 0.0)
    ids = [str(i) for i in range(size)]
    scores = Scores(ids, right, right, np.ones(size, dtype=bool), np.ones(size, dtype=bool))
    return Outcomes(margin, totals, temperatures, scores, np.zeros(size), with_null), [
        f"text {i // 4}" for i in range(size)
    ]


def calibrated(found: Outcomes, texts: list[str], threshold: float = 0.0, *, tune: bool = False) -> Calibration:
    return calibrate(found, texts, threshold=threshold, tune=tune, rng=np.random.default_rng(0))


@pytest.mark.parametrize("temperature", [0.398, 1.0, 2.154, 4.642])
def test_the_temperature_of_a_model_that_boasts_or_doubts_is_found(temperature):
    calibration = calibrated(*made(4000, temperature))
    step = TEMPERATURES[1] / TEMPERATURES[0]
    assert temperature / step**1.5 < calibration.temperature < temperature * step**1.5
    assert calibration.reason is None and calibration.ece_calibrated < 0.03
    if temperature > 2:
        assert calibration.ece > 0.08


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 30), st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_fitted_temperature_has_the_lowest_plain_log_loss(size, count, random):
    temperatures = sorted(random.sample([0.25, 0.5, 1.0, 2.0, 4.0, 8.0], count))
    confidence = np.array([[random.randint(1, 19) / 20 for _ in range(count)] for _ in range(size)])
    correct = np.array([random.randint(0, 1) for _ in range(size)])
    losses = [
        sum(-math.log(p if right else 1 - p) for p, right in zip(confidence[:, column], correct, strict=True))
        for column in range(count)
    ]
    fitted = fit_temperature(confidence, correct, temperatures)
    assert losses[temperatures.index(fitted)] == pytest.approx(min(losses))


def test_of_equally_good_temperatures_the_one_nearest_to_1_is_taken():
    assert fit_temperature(np.full((3, len(TEMPERATURES)), 0.5), np.array([1, 0, 1])) == 1.0


def test_one_wrong_answer_that_was_certain_does_not_cost_without_limit():
    assert fit_temperature(np.array([[1.0, 0.5]] * 200), np.array([1] * 199 + [0]), (1.0, 4.0)) == 1.0


@pytest.mark.parametrize(
    ("size", "right", "reason"),
    [
        (MIN_QUESTIONS - 1, None, f"{MIN_QUESTIONS - 1} questions are too few"),
        (100, 1.0, "all 100 answers are exact matches"),
        (100, 0.0, "all 100 answers are wrong"),
    ],
)
def test_without_enough_to_go_by_nothing_is_fitted_and_the_reason_is_said(size, right, reason):
    found, texts = made(size, 3.0)
    if right is not None:
        found = replace(found, best=replace(found.best, exact=np.full(size, right)))
    calibration = calibrated(found, texts)
    assert (calibration.temperature, calibration.ece_calibrated) == (None, None)
    assert reason in calibration.reason and 0 <= calibration.ece <= 1


def test_one_text_gives_a_temperature_but_no_measure_of_it():
    found, _ = made(200, 3.0)
    calibration = calibrated(found, ["one"] * 200)
    assert calibration.temperature > 2 and calibration.ece_calibrated is None
    assert "one text" in calibration.reason


def test_a_question_is_never_measured_with_what_was_fitted_on_its_own_text():
    # One half of the texts boasts, the other doubts: fitted on the others, each is measured with the wrong temperature.
    boasting, doubting = made(400, 4.642, seed=1)[0], made(400, 0.398, seed=2)[0]
    both = {
        name: np.concatenate([getattr(boasting, name), getattr(doubting, name)])
        for name in ("gap", "log_totals", "silence_exact")
    }
    right = np.concatenate([boasting.best.exact, doubting.best.exact])
    best = Scores([str(i) for i in range(800)], right, right, np.ones(800, bool), np.ones(800, bool))
    found = Outcomes(**both, temperatures=boasting.temperatures, best=best, with_null=False)
    crossed = calibrated(found, ["boasting"] * 400 + ["doubting"] * 400)
    mixed = calibrated(found, [str(i) for i in range(800)])
    assert crossed.temperature == mixed.temperature
    assert crossed.ece_calibrated > mixed.ece_calibrated + 0.05


def test_texts_stay_whole_and_folds_are_of_equal_size():
    texts = [f"text {i // 7}" for i in range(700)]
    dealt = folds(texts, np.random.default_rng(3))
    assert all(len(set(dealt[i : i + 7])) == 1 for i in range(0, 700, 7))
    assert np.bincount(dealt).tolist() == [700 // FOLDS] * FOLDS
    assert folds(["a", "b", "b"], np.random.default_rng(0)).max() == 1


def with_unanswerable(size: int) -> tuple[Outcomes, list[str]]:
    """Outcomes where half of the questions have no answer, and the gap of their best span is below -1."""
    found, texts = made(size, 2.154, seed=5, with_null=True)
    none = np.arange(size) % 8 >= 4
    gap = np.where(none, -found.gap - 1.0, found.gap + 1.0)
    totals = np.logaddexp(gap[:, None] / found.temperatures, 0.0)
    answered = (~none).astype(float)
    best = replace(found.best, exact=answered, f1=answered, has_answer=~none)
    return replace(found, gap=gap, log_totals=totals, best=best, silence_exact=none.astype(float)), texts


def test_the_threshold_is_fitted_along_where_that_is_asked_for():
    found, texts = with_unanswerable(400)
    assert found.correct(found.best_threshold(np.arange(400))).all()
    never_silent = 99.0
    tuned = calibrated(found, texts, never_silent, tune=True)
    assert tuned.temperature is None and "all 400 answers are exact matches" in tuned.reason
    given = calibrated(found, texts, never_silent)
    assert given.temperature is not None and given.reason is None
    assert found.correct(never_silent).mean() == 0.5
    # What was fitted is not reported on: without cross-fitting the error is that of the threshold given.
    said = found.confidence(never_silent)[:, TEMPERATURES.index(1.0)]
    assert tuned.ece == calibration_error(said, found.correct(never_silent)).ece


def test_a_question_without_any_span_has_no_confidence():
    examples = contexts([1, 1])
    windows = [Window(0, 0, [], []), Window(1, 0, [2.0], [1.0])]
    table, candidates = reduced(Postprocess(), examples, windows, (1.0, 2.0))
    for example in examples:
        example["answers"] = {"text": ["w0"], "answer_start": [0]}
    found = outcomes(Postprocess(), examples, table, candidates, (1.0, 2.0))
    assert found.confidence(0.0).tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert found.correct(0.0).tolist() == [0.0, 1.0]
