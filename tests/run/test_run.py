"""Whole runs of run_qa.py with a tiny random model: files, predictions, refusals, processes, secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from qa_pipeline.data.schema import validate
from qa_pipeline.errors import DataError, ModelError
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import parsed, settings

ROOT = Path(__file__).resolve().parents[2]


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
    assert low <= results["eval_f1"] <= high and results["eval_interval_over"] == "question"
    assert results["eval_best_f1"] >= results["eval_f1"] - 1e-9
    assert set(results["eval_breakdown"]) >= {"answer_length", "question_word", "num_windows"}
    stored = read_json(finished / "qa_config.json")
    # 16 validation questions are too few for a threshold or a temperature.
    assert stored["null_score_diff_threshold"] == 0
    assert stored["best_f1_threshold"] == results["eval_best_f1_thresh"] and stored["tuned_on"] is None
    assert results["eval_threshold_reason"].startswith("0: 16 validation questions are too few")
    assert stored["temperature"] == results["eval_temperature"] == results["predict_temperature"] == 1.0
    assert "eval_ece_calibrated" not in results and results["predict_ece"] == results["predict_ece_calibrated"]
    validate(results, "results", "all_results.json")


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
