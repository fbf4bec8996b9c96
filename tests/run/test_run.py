"""Whole runs of run_qa.py with a tiny random model: files, resuming, refusals, processes, secrets."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from qa_pipeline.arguments import parse_arguments
from qa_pipeline.data.schema import validate
from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.mock import make_dataset
from qa_pipeline.process import checkpoints
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mock")
    splits = make_dataset(domain="clinic", num_examples=160, unanswerable_fraction=0.25, seed=0)
    for name, content in splits.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


STEPS = 33
"""Steps of an epoch: 64 questions, about 260 windows of 128 tokens (the tiny vocabulary splits words), batches of 8."""


def settings(data: Path, model: Path, out: Path, **changes) -> dict:
    return {
        "model_name_or_path": str(model),
        "train_file": str(data / "train.json"),
        "validation_file": str(data / "validation.json"),
        "version_2_with_negative": True,
        "output_dir": str(out),
        "max_seq_length": 128,
        "doc_stride": 32,
        "max_question_length": 32,
        "max_train_samples": 64,
        "max_eval_samples": 16,
        "do_train": True,
        "do_eval": True,
        "use_lora": True,
        "lora_r": 4,
        "learning_rate": 5e-3,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "eval_strategy": "epoch",
        "save_strategy": "steps",
        "save_steps": 6,
        "disable_tqdm": True,
        "use_cpu": True,
    } | changes


def parsed(folder: Path, config: dict):
    path = folder / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))
    return parse_arguments([str(path)])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    name = "adapter_model.safetensors" if (folder / "adapter_model.safetensors").exists() else "model.safetensors"
    return load_file(folder / name)


def assert_same_weights(one: Path, two: Path) -> None:
    first, second = weights(one), weights(two)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture(scope="session")
def finished(data, tiny_bert, tmp_path_factory) -> Path:
    """An uninterrupted LoRA run with everything on."""
    folder = tmp_path_factory.mktemp("finished")
    config = settings(
        data, tiny_bert, folder / "out", do_predict=True, test_file=str(data / "test.json"), eval_on_start=True,
        merge_adapter=True,
    )  # fmt: skip
    run_qa(parsed(folder, config))
    return folder / "out"


def test_a_run_folder_holds_what_it_promises(finished):
    names = {path.name for path in finished.iterdir()}
    assert {
        "adapter_model.safetensors",
        "adapter_config.json",
        "tokenizer.json",
        "qa_config.json",
        "run.json",
        "data_report.json",
        "README.md",
        "train_results.json",
        "eval_results.json",
        "predict_results.json",
        "base_results.json",
        "all_results.json",
        "eval_predictions.json",
        "eval_nbest_predictions.json",
        "eval_null_odds.json",
        "predict_predictions.json",
        "merged",
    } <= names
    assert "training_args.bin" not in {path.name for path in finished.rglob("*")}
    record = read_json(finished / "run.json")
    assert record["status"] == "finished"
    assert record["stages"]["saved"]["reload_logit_difference"] < 1e-3
    for name, schema in (("run.json", "run"), ("data_report.json", "data_report"), ("qa_config.json", "qa_config")):
        validate(read_json(finished / name), schema, name)


def test_results_have_loss_scores_intervals_thresholds_and_breakdowns(finished):
    results = read_json(finished / "all_results.json")
    for key in ("base_f1", "eval_loss", "eval_exact_match", "eval_f1", "eval_HasAns_f1", "eval_NoAns_f1", "train_loss"):
        assert isinstance(results[key], float), key
    low, high = results["eval_f1_interval"]
    assert low <= results["eval_f1"] <= high
    assert results["eval_best_f1"] >= results["eval_f1"] - 1e-9
    assert set(results["eval_breakdown"]) >= {"answer_length", "question_word", "num_windows"}
    stored = read_json(finished / "qa_config.json")
    assert stored["null_score_diff_threshold"] == results["eval_best_f1_thresh"]
    assert stored["tuned_on"] == read_json(finished / "run.json")["data"]["validation"]["fingerprint"]
    # 16 validation questions are too few for a temperature.
    assert stored["temperature"] == results["eval_temperature"] == results["predict_temperature"] == 1.0
    assert "eval_ece_calibrated" not in results and results["predict_ece"] == results["predict_ece_calibrated"]
    validate(results, "results", "all_results.json")


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
            rows.append({"id": f"{name}{i}", "context": context, "question": "which ?", "answers": answers})
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    config = settings(
        data, tiny_bert, folder / "out", do_predict=True, version_2_with_negative=False, max_eval_samples=128,
        num_train_epochs=10, save_steps=100, **files,
    )  # fmt: skip
    run_qa(parsed(folder, config))
    return folder


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
    assert results["predict_ece_calibrated"] == pytest.approx(first["predict_ece_calibrated"], abs=1e-3)
    one, two = (read_json(p / "predict_nbest_predictions.json") for p in (calibrated / "out", tmp_path / "o"))
    assert [s["confidence"] for s in one["test64"]] == pytest.approx([s["confidence"] for s in two["test64"]], abs=1e-2)


def test_scores_on_the_questions_of_the_fit_come_with_a_warning_and_without_a_calibrated_error(
    calibrated, data, tmp_path, caplog
):
    with caplog.at_level(logging.WARNING, logger="qa_pipeline"):
        results = asked_again(
            calibrated, data, tmp_path / "o", do_predict=True, test_file=str(calibrated / "validation.jsonl")
        )
    assert "were fitted on these very questions" in caplog.text
    assert "predict_ece" in results and "predict_ece_calibrated" not in results


def test_a_stored_threshold_is_not_used_on_the_questions_it_was_fitted_on(finished, data, tmp_path):
    def evaluated(name: str, **changes) -> dict:
        config = settings(
            data, finished, tmp_path / name, do_train=False, use_lora=False, eval_strategy="no", **changes
        )  # fmt: skip
        del config["lora_r"]
        return run_qa(parsed(tmp_path, config))

    untuned = evaluated("zero", null_score_diff_threshold=0.0)
    again = evaluated("again")
    assert again["eval_exact_match"] == untuned["eval_exact_match"]
    first = read_json(finished / "all_results.json")
    assert again["eval_f1"] == pytest.approx(first["eval_f1"])


def test_nbest_spans_are_slices_of_the_context(finished, data):
    contexts = {
        qa["id"]: paragraph["context"]
        for article in read_json(data / "validation.json")["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    }
    nbest = read_json(finished / "eval_nbest_predictions.json")
    assert nbest.keys() == read_json(finished / "eval_predictions.json").keys() and len(nbest) == 16
    for key, spans in nbest.items():
        assert spans
        assert all(contexts[key][s["start"] : s["end"]] == s["text"] for s in spans)
        assert 0 <= sum(s["confidence"] for s in spans) <= 1 + 1e-6


def test_the_model_card_has_the_header_that_the_hub_reads(finished):
    import yaml

    header = yaml.safe_load((finished / "README.md").read_text().split("---")[1])
    assert header["pipeline_tag"] == "question-answering"
    assert {m["type"] for m in header["model-index"][0]["results"][0]["metrics"]} == {"exact_match", "f1"}


def test_the_saved_adapter_and_the_merged_model_predict_alike(finished):
    from qa_pipeline.modeling import load_trained, logits_of, probe_inputs

    model, merged = load_trained(finished), load_trained(finished / "merged")
    inputs = probe_inputs(model)
    for one, two in zip(logits_of(model, inputs), logits_of(merged, inputs), strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


class KilledError(Exception):
    pass


class KillAt(TrainerCallback):
    """Stops the run dead at a step, as a kill would, in one of the moments between two checkpoints."""

    def __init__(self, step: int, moment: str):
        self.step, self.moment = step, moment

    def _maybe(self, state, moment):
        if moment == self.moment and state.global_step == self.step:
            raise KilledError

    def on_step_begin(self, args, state, control, **kwargs):
        self._maybe(state, "begin")

    def on_step_end(self, args, state, control, **kwargs):
        self._maybe(state, "end")

    def on_evaluate(self, args, state, control, **kwargs):
        self._maybe(state, "evaluate")

    def on_save(self, args, state, control, **kwargs):
        self._maybe(state, "save")


@pytest.mark.parametrize(
    ("step", "moment"),
    [(2, "end"), (8, "begin"), (12, "save"), (STEPS, "evaluate"), (40, "end"), (2 * STEPS, "evaluate")],
)
def test_a_run_killed_anywhere_ends_with_the_weights_of_an_uninterrupted_one(
    step, moment, finished, data, tiny_bert, tmp_path, monkeypatch
):
    from qa_pipeline.process import trainer

    config = settings(data, tiny_bert, tmp_path / "out")
    init = trainer.QATrainer.__init__

    def killing(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.add_callback(KillAt(step, moment))

    with monkeypatch.context() as patch:
        patch.setattr(trainer.QATrainer, "__init__", killing)
        with pytest.raises(KilledError):
            run_qa(parsed(tmp_path, config))
    assert not (tmp_path / "out" / "adapter_model.safetensors").exists()
    results = run_qa(parsed(tmp_path, config))
    assert_same_weights(tmp_path / "out", finished)
    assert results["eval_f1"] == read_json(finished / "all_results.json")["eval_f1"]


def test_best_model_and_early_stopping_survive_a_kill_after_the_last_checkpoint(data, tiny_bert, tmp_path, monkeypatch):
    changes = {
        "save_strategy": "epoch",
        "num_train_epochs": 6,
        "load_best_model_at_end": True,
        "metric_for_best_model": "f1",
        "early_stopping_patience": 1,
        "learning_rate": 1e-5,
    }
    whole = run_qa(parsed(tmp_path / "a", settings(data, tiny_bert, tmp_path / "a" / "out", **changes)))
    assert read_json(tmp_path / "a" / "out" / "run.json")["stages"]["train"]["steps"] < 6 * STEPS, (
        "it never stopped early"
    )
    import qa_pipeline.run.run as run_module

    config = settings(data, tiny_bert, tmp_path / "b" / "out", **changes)
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "evaluate", lambda *args: (_ for _ in ()).throw(KilledError()))
        with pytest.raises(KilledError):
            run_qa(parsed(tmp_path / "b", config))
    again = run_qa(parsed(tmp_path / "b", config))
    assert_same_weights(tmp_path / "a" / "out", tmp_path / "b" / "out")
    assert again["eval_f1"] == whole["eval_f1"]


def test_a_half_written_checkpoint_is_skipped_with_a_warning(finished, data, tiny_bert, tmp_path, caplog, monkeypatch):
    config = settings(data, tiny_bert, tmp_path / "out", save_total_limit=3)
    run_qa(parsed(tmp_path, config))
    last = checkpoints.list_checkpoints(tmp_path / "out")[-1]
    adapter = last / "adapter_model.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING):
        run_qa(parsed(tmp_path, config))
    assert "Skipping checkpoint" in caplog.text and last.name in caplog.text
    assert_same_weights(tmp_path / "out", finished)


def test_sigkill_at_any_time_and_again_gives_the_same_weights(finished, data, tiny_bert, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings(data, tiny_bert, tmp_path / "out")))
    command = [sys.executable, str(ROOT / "run_qa.py"), str(config)]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.time() + 120
    while not (tmp_path / "out" / "checkpoint-6").exists() and child.poll() is None and time.time() < deadline:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, ended.stderr
    assert_same_weights(tmp_path / "out", finished)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lora_r": 8}, r"lora\.lora_r was 4 and is now 8"),
        ({"max_train_samples": 10}, r"data\.train was"),
        ({"max_seq_length": 96}, r"windows\.max_seq_length was 128 and is now 96"),
    ],
)
def test_a_resume_of_something_else_is_refused_and_harms_nothing(change, message, data, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", num_train_epochs=1)
    run_qa(parsed(tmp_path, config))
    before = weights(tmp_path / "out")
    with pytest.raises(ConfigError, match=message):
        run_qa(parsed(tmp_path, config | change))
    assert all(torch.equal(before[k], v) for k, v in weights(tmp_path / "out").items())


def test_more_epochs_go_on_from_the_end(data, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", num_train_epochs=1)
    run_qa(parsed(tmp_path, config))
    run_qa(parsed(tmp_path, config | {"num_train_epochs": 2}))
    assert read_json(tmp_path / "out" / "run.json")["stages"]["train"]["steps"] == 2 * STEPS


def test_prediction_works_on_a_file_without_answers(data, tiny_bert, tmp_path):
    rows = [{"id": "a", "context": "The clinic opens at nine.", "question": "When does the clinic open?"}]
    rows.append({"id": "b", "context": "Parking costs 4 euros.", "question": "What does parking cost?"})
    (tmp_path / "ask.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    config = settings(
        data, tiny_bert, tmp_path / "out", do_train=False, do_eval=False, use_lora=False, eval_strategy="no",
        do_predict=True, test_file=str(tmp_path / "ask.jsonl"), version_2_with_negative=False,
    )  # fmt: skip
    del config["lora_r"]
    results = run_qa(parsed(tmp_path, config))
    predictions = read_json(tmp_path / "out" / "predict_predictions.json")
    assert predictions.keys() == {"a", "b"} and predictions["b"] in rows[1]["context"]
    assert "predict_f1" not in results


def test_a_trained_folder_predicts_with_the_threshold_stored_in_it(finished, data, tmp_path):
    config = settings(
        data, finished, tmp_path / "out", do_train=False, do_eval=False, use_lora=False, eval_strategy="no",
        do_predict=True, test_file=str(data / "test.json"),
    )  # fmt: skip
    for key in ("lora_r", "validation_file"):
        del config[key]
    run_qa(parsed(tmp_path, config))
    name = "predict_predictions.json"
    assert read_json(tmp_path / "out" / name) == read_json(finished / name)


def test_full_finetuning_with_a_split_by_document(data, tiny_bert, tmp_path):
    config = settings(
        data, tiny_bert, tmp_path / "out", use_lora=False, validation_split_fraction=0.3, num_train_epochs=1
    )
    for key in ("lora_r", "validation_file", "max_train_samples", "max_eval_samples"):
        del config[key]
    results = run_qa(parsed(tmp_path, config))
    record = read_json(tmp_path / "out" / "run.json")
    total = record["data"]["train"]["questions"] + record["data"]["validation"]["questions"]
    assert total == sum(len(p["qas"]) for a in read_json(data / "train.json")["data"] for p in a["paragraphs"])
    assert results["eval_total"] == record["data"]["validation"]["questions"]


def test_nan_logits_end_in_one_message_that_names_the_question(data, tiny_bert, tmp_path, monkeypatch):
    from qa_pipeline import modeling

    load = modeling.load_model

    def broken(*args, **kwargs):
        model = load(*args, **kwargs)
        with torch.no_grad():
            next(p for n, p in model.named_parameters() if n.endswith("word_embeddings.weight")).fill_(float("nan"))
        return model

    monkeypatch.setattr(modeling, "load_model", broken)
    config = settings(data, tiny_bert, tmp_path / "out", do_train=False, use_lora=False, eval_strategy="no")
    del config["lora_r"]
    with pytest.raises(ModelError, match=r"of question"):
        run_qa(parsed(tmp_path, config))


def script(config: dict, folder: Path, *flags: str) -> subprocess.CompletedProcess:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, str(ROOT / "run_qa.py"), str(folder / "config.json"), *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_a_user_mistake_is_one_message_and_exit_code_2(data, tiny_bert, tmp_path):
    (tmp_path / "broken.json").write_text('{"data": [')
    ended = script(settings(data, tiny_bert, tmp_path / "out", train_file=str(tmp_path / "broken.json")), tmp_path)
    assert ended.returncode == 2
    assert "DataError" in ended.stderr and "broken.json" in ended.stderr and "Traceback" not in ended.stderr
    assert "Traceback" in script({"model_name_or_path": "x"}, tmp_path, "--debug").stderr


def test_secrets_reach_neither_files_nor_logs(data, tiny_bert, tmp_path):
    secret = "hf_THISISSECRETxyz123"
    config = settings(data, tiny_bert, tmp_path / "out", num_train_epochs=1, token=secret)
    ended = script(config, tmp_path, "--hub_token", secret)
    assert ended.returncode == 0, ended.stderr
    assert secret not in ended.stdout + ended.stderr
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


def test_two_processes_give_the_metrics_of_one_and_write_every_file_once(data, tiny_bert, tmp_path):
    shared = {"num_train_epochs": 1, "max_eval_samples": 7}
    config = settings(data, tiny_bert, tmp_path / "two", per_device_train_batch_size=4, **shared)
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
    command += [str(ROOT / "configs/accelerate/cpu.yaml"), str(ROOT / "run_qa.py"), str(tmp_path / "config.json")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.count("run folder:") == 1
    assert read_json(tmp_path / "two" / "run.json")["processes"] == 2
    run_qa(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "one", **shared)))
    one, two = (read_json(tmp_path / name / "all_results.json") for name in ("one", "two"))
    assert two["eval_total"] == one["eval_total"] == 7
    assert two["eval_loss"] == pytest.approx(one["eval_loss"], rel=0.1)
    assert len(read_json(tmp_path / "two" / "eval_predictions.json")) == 7
    assert not list((tmp_path / "two").rglob("*.tmp"))


def test_training_without_any_labelled_window_is_refused(tiny_bert, tmp_path, data):
    rows = [{"id": "a", "context": "x", "question": "y", "answers": {"text": ["z"], "answer_start": [0]}}]
    (tmp_path / "bad.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match=r"bad\.json"):
        run_qa(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", train_file=str(tmp_path / "bad.json"))))
