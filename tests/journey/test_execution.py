"""Answers to the test questions: whose files they are, how calibration is told, and that a kill loses none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from qa_pipeline import QAPredictor
from qa_pipeline.data import load_examples, write_squad
from qa_pipeline.data.example import fingerprint
from qa_pipeline.journey.results.execution import execute
from tests.journey.made_journey import test_rows
from tests.tiny_models import save_tiny


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    folder = save_tiny("bert", tmp_path_factory.mktemp("tiny"))
    limits = {"max_seq_length": 96, "doc_stride": 24, "max_question_length": 24, "dtype": "float32"}
    return QAPredictor.from_pretrained(
        folder, device="cpu", allow_new_head=True, version_2_with_negative=True, **limits
    )


@pytest.fixture
def test_file(tmp_path):
    return write_squad(tmp_path / "test.json", test_rows(45, unanswerable=0.2))


def test_every_question_has_an_answer_and_spans_with_confidences(predictor, test_file, tmp_path):
    done = execute(predictor, test_file, tmp_path / "execute")
    texts = json.loads(done.files["predictions"].read_text())
    spans = json.loads(done.files["predictions_nbest"].read_text())
    rows = {row["id"]: row for row in load_examples(test_file)[0]}
    assert set(texts) == set(spans) == set(rows)
    for name, found in spans.items():
        for span in found:
            assert 0 <= span["confidence"] <= 1
            if span["start"] is not None:
                assert rows[name]["context"][span["start"] : span["end"]] == span["text"]
    assert done.facts["rows"] == 45
    assert done.facts["answered"] == sum(bool(text) for text in texts.values())
    assert json.loads(json.dumps(done.facts)) == done.facts


def test_the_reliability_is_that_of_the_answers_given(predictor, test_file, tmp_path):
    calibration = execute(predictor, test_file, tmp_path / "execute").facts["calibration"]
    assert sum(part["count"] for part in calibration["reliability"]) == 45
    error = sum(part["count"] * abs(part["accuracy"] - part["confidence"]) for part in calibration["reliability"]) / 45
    assert calibration["ece"] == pytest.approx(error, abs=2e-4)


@pytest.mark.parametrize(("tuned_on", "said"), [(None, None), ("other questions", "validation"), ("these", "test")])
def test_what_the_temperature_was_fitted_on_is_said(predictor, test_file, tmp_path, monkeypatch, tuned_on, said):
    rows = load_examples(test_file)[0]
    known = fingerprint(rows) if tuned_on == "these" else tuned_on
    monkeypatch.setattr(predictor, "settings", replace(predictor.settings, tuned_on=known, temperature=1.5))
    calibration = execute(predictor, test_file, tmp_path / "execute").facts["calibration"]
    assert (calibration["fitted_on"], calibration["temperature"]) == (said, 1.5)


def test_a_run_that_ends_in_between_goes_on_and_gives_the_same_files(predictor, test_file, tmp_path, monkeypatch):
    whole = execute(predictor, test_file, tmp_path / "whole")
    ask, asked = predictor.predict, []

    def ends_early(examples, **options):
        asked.append(options.get("skip", 0))
        for number, answer in enumerate(ask(examples, **options)):
            if len(asked) == 1 and number == 20:
                raise KeyboardInterrupt
            yield answer

    monkeypatch.setattr(predictor, "predict", ends_early)
    with pytest.raises(KeyboardInterrupt):
        execute(predictor, test_file, tmp_path / "cut")
    again = execute(predictor, test_file, tmp_path / "cut")
    assert asked == [0, 20]
    for name, path in whole.files.items():
        assert again.files[name].read_bytes() == path.read_bytes()
    assert again.facts["calibration"] == whole.facts["calibration"]
