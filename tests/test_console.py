from __future__ import annotations

import pytest

from qa_pipeline.console import results_table


def test_the_table_says_what_calibration_mended():
    table = results_table(
        {"eval_exact_match": 40.0, "eval_f1": 60.0, "eval_ece": 0.3141, "eval_ece_calibrated": 0.052}
        | {
            "eval_temperature": 2.154,
            "predict_ece": 0.25,
            "predict_ece_calibrated": 0.0604,
            "predict_temperature": 2.154,
        },
        "out",
    )
    assert "calibration: ECE 0.314 -> 0.052 (validation, cross-fitted), temperature 2.15\n" in table
    assert "calibration: ECE 0.250 -> 0.060 (test), temperature 2.15\n" in table


def test_test_questions_without_a_fitted_temperature_have_one_error_only():
    results = {"predict_ece": 0.097, "predict_ece_calibrated": 0.097, "predict_temperature": 1.0}
    assert "calibration: ECE 0.097 at temperature 1 (test); no other was fitted\n" in results_table(results, "out")


def test_a_temperature_that_was_not_measured_is_not_claimed():
    table = results_table({"eval_ece": 0.3, "eval_temperature": 1.0}, "out")
    assert "calibration: ECE 0.300 at temperature 1 (validation)" in table
    assert "->" not in table and "calibration" not in results_table({"eval_f1": 1, "eval_exact_match": 1}, "out")


SCORES = {"base_exact_match": 1.0, "base_f1": 2.0}


@pytest.mark.parametrize(
    ("known", "title"), [({"base_untrained_head": True}, "base (untrained head)"), ({}, "base, before training")]
)
def test_the_base_is_said_to_be_untrained_only_where_its_head_was_new(known, title):
    assert f"\n{title} " in results_table(SCORES | known, "out")


def test_the_table_ends_with_what_the_user_should_know():
    results = {"train_loss": 1.25, "train_steps": 1200, "train_runtime": 3.0, "warnings": ["a.json: 60 questions"]}
    results["eval_threshold_reason"] = "0: 70 validation questions are too few"
    lines = results_table(results, "out").splitlines()
    assert lines == [
        "no-answer threshold 0: 70 validation questions are too few",
        "train loss 1.2500 over 1,200 steps, 3 s of training",
        "warning: a.json: 60 questions",
        "run folder: out",
    ]
