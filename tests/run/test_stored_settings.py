"""What a run fits on validation, temperature and threshold: stored, used later, never judged on its own questions."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from qa_pipeline.data.schema import validate
from qa_pipeline.predictor.fusion import WEIGHTS
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import parsed, settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def calibrated(data, tiny_bert, tmp_path_factory) -> Path:
    """A run without "no answer", with enough validation questions for a temperature, that answers test questions."""
    folder = tmp_path_factory.mktemp("calibrated")
    files = {}
    for name, numbers in (("train", range(48)), ("validation", range(128)), ("test", range(64, 134))):
        files[f"{name}_file"] = str(folder / f"{name}.jsonl")
        rows = []
        for i in numbers:
            # Which of the two words is asked for cannot be known, so that some answers are right and some wrong.
            words = ["red", "blue"] if i % 2 else ["blue", "red"]
            context, gold = f"{words[0]} {i % 7} {words[1]}", words[i % 3 == 0]
            answers = {"text": [gold], "answer_start": [context.index(gold)]}
            # Different for each row, or they would be one question with several references.
            question = f"which {i // 49} {i // 7 % 7} {i % 7} ?"
            rows.append({"id": f"{name}{i}", "context": context, "question": question, "answers": answers})
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    config = settings(
        data, tiny_bert, folder / "out", do_predict=True, version_2_with_negative=False, max_eval_samples=128,
        num_train_epochs=10, save_steps=100, **files,
    )  # fmt: skip
    run_qa(parsed(folder, config))
    return folder


@pytest.fixture(scope="session")
def tuned(data, tiny_bert, tmp_path_factory) -> Path:
    """A run with "no answer" and enough validation questions for a threshold."""
    folder = tmp_path_factory.mktemp("tuned")
    config = settings(
        data, tiny_bert, folder / "out", validation_file=str(data / "train.json"), max_eval_samples=110,
        num_train_epochs=1, do_predict=True, test_file=str(data / "test.json"),
    )  # fmt: skip
    run_qa(parsed(folder, config))
    return folder / "out"


def asked_again(calibrated: Path, data: Path, out: Path, **changes) -> dict:
    """Evaluates or predicts with the model of the run above."""
    config = settings(
        data, calibrated / "out", out, do_train=False, do_eval=False, use_lora=False, eval_strategy="no",
        version_2_with_negative=False, max_eval_samples=128, **changes,
    )  # fmt: skip
    for key in ("lora_r", "validation_file") if "validation_file" not in changes else ("lora_r",):
        del config[key]
    return run_qa(parsed(out.parent, config))


def test_the_temperature_is_fitted_stored_and_used_on_test_questions_only(calibrated):
    out = calibrated / "out"
    results, stored = read_json(out / "all_results.json"), read_json(out / "qa_config.json")
    assert 0 < results["eval_exact_match"] < 100
    assert stored["temperature"] == results["eval_temperature"] == results["predict_temperature"] != 1.0
    assert stored["tuned_on"] == read_json(out / "run.json")["data"]["validation"]["fingerprint"]
    assert results["eval_ece_calibrated"] != results["eval_ece"]
    assert results["predict_ece_calibrated"] != results["predict_ece"]
    validate(results, "results", "all_results.json")
    assert f"stored with the model is {stored['temperature']:g}" in (out / "README.md").read_text()


def test_a_run_that_only_predicts_uses_the_stored_temperature(calibrated, data, tmp_path):
    results = asked_again(calibrated, data, tmp_path / "o", do_predict=True, test_file=str(calibrated / "test.jsonl"))
    first = read_json(calibrated / "out" / "all_results.json")
    assert results["predict_temperature"] == first["predict_temperature"]
    assert "predict_ece_calibrated" in results
    # Not the calibration error itself: a confidence beside the edge of a bin may fall on its other side.
    one, two = (read_json(p / "predict_nbest_predictions.json") for p in (calibrated / "out", tmp_path / "o"))
    for name in one:
        sure = [[span["confidence"] for span in asked[name]] for asked in (one, two)]
        assert sure[0] == pytest.approx(sure[1], abs=1e-2)


def test_scores_on_the_questions_of_the_fit_come_with_a_warning_and_without_a_calibrated_error(
    calibrated, data, tmp_path, caplog
):
    with caplog.at_level(logging.WARNING, logger="qa_pipeline"):
        results = asked_again(
            calibrated, data, tmp_path / "o", do_predict=True, test_file=str(calibrated / "validation.jsonl")
        )
    assert "were fitted on these very questions" in caplog.text
    assert "predict_ece" in results and "predict_ece_calibrated" not in results


def test_enough_validation_questions_give_the_threshold_that_is_stored(tuned):
    stored, results = read_json(tuned / "qa_config.json"), read_json(tuned / "all_results.json")
    assert stored["null_score_diff_threshold"] == results["eval_best_f1_thresh"] != 0
    assert stored["tuned_on"] == read_json(tuned / "run.json")["data"]["validation"]["fingerprint"]
    assert "eval_threshold_reason" not in results


def test_a_threshold_of_an_earlier_training_does_not_outlive_one_with_too_few_questions(tuned, data, tmp_path):
    config = settings(data, tuned, tmp_path / "out", num_train_epochs=1)
    del config["lora_r"]
    run_qa(parsed(tmp_path, config))
    stored = read_json(tmp_path / "out" / "qa_config.json")
    assert stored["null_score_diff_threshold"] == 0 and stored["tuned_on"] is None


def test_without_training_too_few_questions_leave_the_stored_threshold(tuned, data, tmp_path):
    config = settings(data, tuned, tmp_path / "out", do_train=False, use_lora=False, eval_strategy="no")
    config |= {"do_predict": True, "test_file": str(data / "test.json")}
    del config["lora_r"]
    results = run_qa(parsed(tmp_path, config))
    stored = read_json(tuned / "qa_config.json")["null_score_diff_threshold"]
    assert results["eval_threshold_reason"].startswith(f"{stored:g}: 16 validation questions")
    name = "predict_predictions.json"
    assert read_json(tmp_path / "out" / name) == read_json(tuned / name)


def test_a_stored_threshold_is_not_used_on_the_questions_it_was_fitted_on(tuned, data, tmp_path):
    def evaluated(name: str, **changes) -> dict:
        config = settings(
            data, tuned, tmp_path / name, do_train=False, use_lora=False, eval_strategy="no",
            validation_file=str(data / "train.json"), max_eval_samples=110, **changes
        )  # fmt: skip
        del config["lora_r"]
        return run_qa(parsed(tmp_path, config))

    untuned = evaluated("zero", null_score_diff_threshold=0.0)
    again = evaluated("again")
    assert again["eval_exact_match"] == untuned["eval_exact_match"]
    first = read_json(tuned / "all_results.json")
    assert again["eval_f1"] == pytest.approx(first["eval_f1"])


def test_a_trained_folder_predicts_with_the_threshold_stored_in_it(tuned, data, tmp_path):
    config = settings(
        data, tuned, tmp_path / "out", do_train=False, do_eval=False, use_lora=False, eval_strategy="no",
        do_predict=True, test_file=str(data / "test.json"),
    )  # fmt: skip
    for key in ("lora_r", "validation_file"):
        del config[key]
    run_qa(parsed(tmp_path, config))
    name = "predict_predictions.json"
    assert read_json(tmp_path / "out" / name) == read_json(tuned / name)


def test_the_weight_of_the_search_is_stored_where_validation_has_texts_enough(tuned, calibrated):
    stored = read_json(tuned / "qa_config.json")
    assert stored["retrieval_weight"] in WEIGHTS
    assert read_json(tuned / "run.json")["stages"]["search"]["weight"] == stored["retrieval_weight"]
    few = calibrated / "out"  # of fourteen different texts
    assert read_json(few / "qa_config.json")["retrieval_weight"] is None
    assert "search" not in read_json(few / "run.json")["stages"]
