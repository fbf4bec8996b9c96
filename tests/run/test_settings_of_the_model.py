"""A run that only evaluates or predicts asks the model as it was trained to be asked, as QAPredictor does."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline import QAPredictor
from qa_pipeline.arguments import parse_arguments
from qa_pipeline.data import load_examples
from qa_pipeline.errors import ConfigError
from qa_pipeline.modeling import read_settings
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import parsed, settings

ROOT = Path(__file__).resolve().parents[2]
UNUSUAL = {
    "max_seq_length": 96,
    "doc_stride": 40,
    "max_question_length": 24,
    "max_answer_length": 3,
    "n_best_size": 4,
    "version_2_with_negative": True,
    "answer_normalization": "multilingual",
    "answer_language": "de",
}
THRESHOLD = {"null_score_diff_threshold": -0.93}


@pytest.fixture(scope="module")
def unusual(data, tiny_bert, tmp_path_factory) -> Path:
    """The folder of a run with settings that are not the defaults; it hardly learns, so that its answers differ."""
    folder = tmp_path_factory.mktemp("unusual")
    config = settings(
        data, tiny_bert, folder / "out", num_train_epochs=1, max_train_samples=16, learning_rate=1e-5,
        validation_file=str(data / "train.json"), max_eval_samples=110, eval_strategy="no", **UNUSUAL, **THRESHOLD,
    )  # fmt: skip
    run_qa(parsed(folder, config))
    return folder / "out"


def asked(model: Path, out: Path, *more: str) -> dict:
    words = ["--model_name_or_path", str(model), "--output_dir", str(out), "--use_cpu", "--disable_tqdm", "true"]
    return run_qa(parse_arguments([*words, *more]))


def answers(model: Path, file: Path, **limits) -> dict[str, str]:
    rows, _ = load_examples(file, require_answers=False)
    predictor = QAPredictor.from_pretrained(model, dtype="float32", **limits)
    return {answer.id: answer.text for answer in predictor.predict(rows, progress=False)}


def test_do_predict_from_the_model_folder_gives_the_answers_of_the_predictor(unusual, data, tmp_path):
    command = [sys.executable, str(ROOT / "run_qa.py"), "--model_name_or_path", str(unusual), "--do_predict"]
    command += ["--test_file", str(data / "test.json"), "--output_dir", str(tmp_path / "answers"), "--bf16", "false"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    given = read_json(tmp_path / "answers" / "predict_predictions.json")
    assert given == answers(unusual, data / "test.json")
    assert any(given.values()) and not all(given.values())
    assert f"{unusual}: settings stored with the model are used" in ended.stderr
    assert "max_seq_length 96, doc_stride 40, max_question_length 24, max_answer_length 3" in ended.stderr
    nbest = read_json(tmp_path / "answers" / "predict_nbest_predictions.json")
    assert max(len(spans) for spans in nbest.values()) == 4
    config = read_json(tmp_path / "answers" / "run.json")["config"]
    assert {name: config[name] for name in UNUSUAL} == UNUSUAL


def test_do_eval_alone_scores_as_the_training_did(unusual, data, tmp_path):
    first = read_json(unusual / "all_results.json")
    file = str(data / "train.json")
    again = asked(unusual, tmp_path / "o", "--do_eval", "--validation_file", file, "--max_eval_samples", "110")
    for name in ("eval_exact_match", "eval_f1", "eval_NoAns_total", "eval_samples"):
        assert again[name] == pytest.approx(first[name]), name
    assert again["eval_loss"] == pytest.approx(first["eval_loss"], rel=1e-3)


def test_what_is_given_wins_over_what_is_stored(unusual, data, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="qa_pipeline"):
        asked(
            unusual, tmp_path / "o", "--do_predict", "--test_file", str(data / "test.json"), "--bf16", "false",
            "--max_answer_length", "8", "--null_score_diff_threshold", "0.5",
        )  # fmt: skip
    limits = {"max_answer_length": 8, "null_score_diff_threshold": 0.5}
    given = read_json(tmp_path / "o" / "predict_predictions.json")
    assert given == answers(unusual, data / "test.json", **limits) != answers(unusual, data / "test.json")
    assert "max_answer_length 8 (stored: 3)" in caplog.text


def test_what_is_given_and_does_not_fit_what_is_stored_is_refused(unusual, data, tmp_path):
    with pytest.raises(ConfigError, match="expected less than the room for the context, 22.*found 40") as caught:
        asked(unusual, tmp_path / "o", "--do_eval", "--validation_file", str(data / "test.json"),
              "--max_seq_length", "48")  # fmt: skip
    assert f"(doc_stride 40, max_question_length 24: stored with {unusual})" in str(caught.value)
    assert not (tmp_path / "o").exists()


def test_a_threshold_that_nothing_uses_is_refused_as_before(tiny_bert, data, tmp_path):
    with pytest.raises(ConfigError, match="null_score_diff_threshold: only has a meaning with version_2"):
        asked(tiny_bert, tmp_path / "o", "--do_eval", "--validation_file", str(data / "test.json"),
              "--null_score_diff_threshold", "1")  # fmt: skip


def test_evaluating_first_does_not_change_the_answers(unusual, data, tmp_path):
    """The stored threshold and temperature belong to the model; those of this validation are reported only."""
    stored = read_settings(unusual)
    assert stored.null_score_diff_threshold == THRESHOLD["null_score_diff_threshold"] and stored.temperature != 1
    results = asked(
        unusual, tmp_path / "o", "--do_eval", "--validation_file", str(data / "train.json"), "--do_predict",
        "--max_eval_samples", "105", "--test_file", str(data / "test.json"), "--bf16", "false",
    )  # fmt: skip
    assert results["eval_best_f1_thresh"] != stored.null_score_diff_threshold
    assert read_json(tmp_path / "o" / "predict_predictions.json") == answers(unusual, data / "test.json")
    assert results["predict_temperature"] == stored.temperature


def test_more_training_says_which_stored_settings_it_does_not_take(unusual, data, tmp_path):
    config = settings(data, unusual, tmp_path / "out", num_train_epochs=1, max_train_samples=8, max_answer_length=3)
    del config["lora_r"]
    results = run_qa(parsed(tmp_path, config))
    said = [text for text in results["warnings"] if "was trained with" in text]
    assert len(said) == 1 and "n_best_size 4 (here 20), answer_normalization multilingual (here squad)" in said[0]
    assert "max_answer_length" not in said[0]  # it is the same; of the window settings others are given
    assert read_json(tmp_path / "out" / "qa_config.json")["n_best_size"] == 20
