"""Real predictors, of tiny random models, from loading to the page."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from qa_pipeline import QAPredictor
from qa_pipeline.compare import (
    compare,
    comparison_from_json,
    comparison_table,
    comparison_to_json,
    report_html,
)
from qa_pipeline.data.example import fingerprint
from tests.compare.fakes import make_examples
from tests.tiny_models import save_tiny


@pytest.fixture(scope="module")
def predictors(tmp_path_factory):
    def load(family, seed, **options):
        folder = save_tiny(family, tmp_path_factory.mktemp(family), seed=seed)
        limits = {"max_seq_length": 96, "doc_stride": 24, "max_question_length": 24, "dtype": "float32"}
        return QAPredictor.from_pretrained(folder, device="cpu", allow_new_head=True, **limits, **options)

    return [load("bert", 1), load("bert", 2, version_2_with_negative=True)]


@pytest.fixture(scope="module")
def examples():
    return make_examples(24, np.random.default_rng(0), unanswerable=0.25)


def test_two_predictors_are_compared_from_loading_to_the_page(predictors, examples):
    found = compare(predictors, examples, labels=["one", "two"], bootstrap_samples=200, latency_questions=4)
    for result, predictor in zip(found.models, predictors, strict=True):
        assert result.num_parameters == predictor.num_parameters > 0
        assert result.size_mb == pytest.approx(predictor.size_mb)
        assert result.device == "cpu"
        assert result.latency_p95_ms > 0
    for row, example in zip(found.questions, examples, strict=True):
        for given in row.answers:
            if given.start is not None:
                assert example["context"][given.start : given.end] == given.text
    assert found.models[0].answered == 24  # it cannot say that there is none
    assert "one" in comparison_table(found)
    assert report_html(found).startswith("<!doctype html>")
    assert comparison_from_json(json.loads(json.dumps(comparison_to_json(found)))) == found


def test_a_fitted_predictor_answers_as_an_untuned_one_on_the_questions_it_was_fitted_on(predictors, examples):
    one, two = predictors
    stored, plain = two.settings, None
    try:
        two.settings = replace(stored, temperature=1.0, null_score_diff_threshold=0.0)
        plain = compare([one, two], examples, bootstrap_samples=50, latency_questions=0)
        fitted = {"temperature": 7.0, "null_score_diff_threshold": -1e6, "tuned_on": fingerprint(examples)}
        two.settings = replace(stored, **fitted)
        here = compare([one, two], examples, bootstrap_samples=50, latency_questions=0)
        elsewhere = compare([one, two], examples[1:], bootstrap_samples=50, latency_questions=0)
    finally:
        two.settings = stored
    assert [row.answers for row in here.questions] == [row.answers for row in plain.questions]
    assert here.models[1].fitted_here
    assert elsewhere.models[1].answered == 0  # the stored threshold silences it
    assert here.models[1].answered > 0
