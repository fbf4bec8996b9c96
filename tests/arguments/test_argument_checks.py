"""Ranges and contradictions: everything wrong is found, all at once, and nothing else is."""

from __future__ import annotations

import json
import re

import pytest

from qa_pipeline.arguments import parse_arguments
from qa_pipeline.errors import ConfigError


@pytest.fixture
def base(tmp_path):
    data = tmp_path / "data.json"
    data.write_text("{}")
    return {
        "model_name_or_path": "some/model",
        "output_dir": str(tmp_path / "out"),
        "do_train": True,
        "train_file": str(data),
        "validation_file": str(data),
        "test_file": str(data),
    }


def parse(tmp_path, content, *argv):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))
    return parse_arguments([str(path), *argv])


def problems(tmp_path, content, *argv) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(tmp_path, content, *argv)
    assert str(tmp_path / "config.json") in str(caught.value) or "command line" in str(caught.value)
    return caught.value.problems


EVALUATING = {"eval_strategy": "epoch", "save_strategy": "epoch"}
BEST = EVALUATING | {"load_best_model_at_end": True}

CONTRADICTIONS = [
    # Required
    ({"model_name_or_path": ...}, "model_name_or_path: is required"),
    ({"output_dir": ...}, "output_dir: is required"),
    ({"output_dir": ""}, "output_dir: is required"),
    ({"do_train": False}, "do_train: nothing to do; set do_train, do_eval or do_predict"),
    ({"resume_from_checkpoint": "/no/where"}, "resume_from_checkpoint: expected a checkpoint folder"),
    ({"lr_scheduler_type": "warmup_stable_decay"}, "lr_scheduler_type: needs to know when it decays; set lr_sched"),
    # Data
    ({"train_file": ...}, "do_train: needs data: set train_file or dataset_name"),
    ({"do_eval": True, "validation_file": ...}, "do_eval: needs validation data: .* or validation_split_fraction"),
    (EVALUATING | {"validation_file": ...}, "eval_strategy: needs validation data"),
    ({"do_predict": True, "test_file": ...}, "do_predict: needs test data: set test_file or dataset_name"),
    ({"dataset_name": "squad"}, "train_file: names training data, and so does dataset_name"),
    ({"dataset_config_name": "en"}, "dataset_config_name: belongs to dataset_name, which is not given"),
    ({"validation_split_fraction": 0.1}, "validation_split_fraction: validation_file is given too"),
    (
        {
            "do_train": False,
            "do_predict": True,
            "train_file": ...,
            "validation_file": ...,
            "validation_split_fraction": 0.1,
        },
        "validation_split_fraction: needs training data to split",
    ),
    ({"train_file": "/no/such.json"}, 'train_file: no such file: "/no/such.json"'),
    ({"field_mapping": '{"context": '}, "field_mapping: looks like an inline JSON object but is not valid JSON"),
    # Windows
    ({"doc_stride": 318}, r"doc_stride: expected less than the room for the context, 318 \(.*\), found 318"),
    ({"max_seq_length": 128}, "max_seq_length: expected less than the room for the context, 62"),
    ({"max_question_length": 383}, "max_question_length: leaves no room for the context"),
    ({"max_answer_length": 400}, r"max_answer_length: expected at most max_seq_length \(384\), found 400"),
    ({"train_batch_tokens": 100}, r"train_batch_tokens: expected at least max_seq_length \(384\).*found 100"),
    (
        {"train_batch_tokens": 4096, "per_device_train_batch_size": 8},
        "train_batch_tokens: bounds a batch in place of per_device_train_batch_size; keep one",
    ),
    (
        {"eval_batch_tokens": 4096, "per_device_eval_batch_size": 8},
        "eval_batch_tokens: bounds a batch in place of per_device_eval_batch_size",
    ),
    # Answers
    ({"null_score_diff_threshold": 0.0}, "null_score_diff_threshold: only has a meaning with version_2_with_negative"),
    ({"answer_language": "de"}, "answer_language: squad normalisation is for English only"),
    # LoRA and quantisation
    ({"use_lora": True, "load_in_4bit": True, "load_in_8bit": True}, "load_in_4bit: load_in_8bit is set too"),
    ({"load_in_8bit": True}, "load_in_8bit: quantised weights cannot be trained without adapters; set use_lora"),
    ({"lora_r": 8}, "lora_r: only has a meaning with use_lora"),
    ({"use_lora": False, "lora_target_modules": ["query"]}, "lora_target_modules: only has a meaning with use_lora"),
    ({"use_dora": True}, "use_dora: only has a meaning with use_lora"),
    ({"merge_adapter": True}, "merge_adapter: only has a meaning with use_lora"),
    ({"use_lora": True, "bnb_4bit_quant_type": "fp4"}, "bnb_4bit_quant_type: only has a meaning with load_in_4bit"),
    ({"use_lora": True, "lora_target_modules": " , "}, "lora_target_modules: expected .* found none"),
    ({"use_lora": True, "lora_target_modules": []}, "lora_target_modules: expected .* found none"),
    # Evaluation and the best model
    ({"load_best_model_at_end": True}, "load_best_model_at_end: needs evaluations; set eval_strategy"),
    (BEST | {"save_strategy": "steps"}, r"needs save_strategy \(steps\) to equal eval_strategy \(epoch\)"),
    (
        BEST | {"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 30, "save_steps": 100},
        r"save_steps: expected a multiple of eval_steps \(30\) with load_best_model_at_end, found 100",
    ),
    (
        BEST | {"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 0.1, "save_steps": 100},
        "save_steps: expected a multiple of eval_steps",
    ),
    (
        BEST | {"eval_strategy": "steps", "save_strategy": "steps", "logging_steps": 300},
        r"expected a multiple of eval_steps \(300\)",
    ),
    ({"save_strategy": "best", "metric_for_best_model": "f1"}, "save_strategy: best needs evaluations"),
    (EVALUATING | {"save_strategy": "best"}, "save_strategy: best needs metric_for_best_model"),
    (EVALUATING | {"early_stopping_patience": 2}, "early_stopping_patience: needs load_best_model_at_end"),
    (
        EVALUATING | {"early_stopping_threshold": 0.1},
        "early_stopping_threshold: only has a meaning with early_stopping",
    ),
    (BEST | {"metric_for_best_model": "F-1"}, r"metric_for_best_model: expected one of loss, f1.*\(nearest: \"f1\"\)"),
    (BEST | {"metric_for_best_model": "NoAns_f1"}, "metric_for_best_model: NoAns_f1 needs version_2_with_negative"),
    (BEST | {"metric_for_best_model": "f1", "greater_is_better": False}, "greater_is_better: expected true for f1"),
    ({"lr_scheduler_type": "reduce_lr_on_plateau"}, "lr_scheduler_type: needs evaluations"),
    ({"eval_on_start": True}, "eval_on_start: needs evaluations; set do_eval"),
    # Hardware and tracking
    ({"fp16": True, "use_cpu": True}, "fp16: needs a GPU"),
    ({"bf16_full_eval": True, "fp16_full_eval": True}, "fp16_full_eval: bf16_full_eval is set too"),
    ({"dataloader_prefetch_factor": 2}, "dataloader_prefetch_factor: needs dataloader_num_workers above 0"),
    ({"report_to": "tensorbord"}, 'report_to: .* found "tensorbord" .nearest: "tensorboard".'),
    ({"report_to": ["neptune"]}, "report_to: neptune is not installed"),
]


@pytest.mark.parametrize(("changes", "message"), CONTRADICTIONS)
def test_each_contradiction_is_one_problem(tmp_path, base, changes, message):
    found = problems(tmp_path, base | changes)
    assert len(found) == 1
    assert re.search(message, found[0]), found[0]


RANGES = [
    ("max_seq_length", 8, "at least 16"),
    ("doc_stride", -1, "at least 0"),
    ("n_best_size", 0, "at least 1 and at most 10000"),
    ("n_best_size", 10_001, "at least 1 and at most 10000"),
    ("max_train_samples", 0, "at least 1"),
    ("max_bad_fraction", 1.5, "at least 0 and at most 1"),
    ("validation_split_fraction", 1, "above 0 and below 1"),
    ("learning_rate", 0, "above 0 and at most 1"),
    ("learning_rate", 5, "above 0 and at most 1"),
    ("num_train_epochs", 0, "above 0"),
    ("max_steps", -5, "at least 1, or -1"),
    ("logging_steps", 2.5, "a whole number of steps, or a fraction"),
    ("warmup_steps", 10.5, "a whole number of steps, or a fraction"),
    ("warmup_steps", -1, "at least 0"),
    ("adam_beta2", 1.0, "at least 0 and below 1"),
    ("save_total_limit", 0, "at least 1"),
    ("seed", 2**32, "at least 0 and at most 4294967295"),
    ("per_device_train_batch_size", 0, "at least 1"),
    ("gradient_accumulation_steps", 0, "at least 1"),
]


@pytest.mark.parametrize(("name", "value", "expected"), RANGES)
def test_values_out_of_range_say_the_range(tmp_path, base, name, value, expected):
    content = base | {name: value} | ({"validation_file": ...} if name == "validation_split_fraction" else {})
    found = problems(tmp_path, content)
    assert any(line.split(": ", 1)[-1].find(f"expected {expected}") >= 0 and name in line for line in found), found
    assert any(f"found {value}" in line for line in found)


def test_lora_ranges_are_checked_with_lora(tmp_path, base):
    found = problems(tmp_path, base | {"use_lora": True, "lora_r": 0, "lora_alpha": 0, "lora_dropout": 1})
    assert [line.split(": ")[1] for line in found] == ["lora_r", "lora_alpha", "lora_dropout"]


def test_all_problems_of_both_places_come_at_once(tmp_path, base):
    content = base | {
        "learning_rat": 1e-4,
        "seed": "many",
        "lora_r": 8,
        "load_in_4bit": True,
        "fp16": True,
        "bf16": True,
    }
    with pytest.raises(ConfigError) as caught:
        parse(tmp_path, content, "--num_train_epochs", "-1", "--doc-strid=64", "--do_predict", "--test_file", "/none")
    text, name = str(caught.value), str(tmp_path / "config.json")
    assert text.startswith(f"{len(caught.value.problems)} problems in {name} and command line:")
    for line in (
        f'{name}: learning_rat: unknown key; nearest valid name: "learning_rate"',
        f'{name}: seed: expected a whole number, found "many"',
        f"{name}: lora_r: only has a meaning with use_lora",
        f"{name}: load_in_4bit: quantised weights cannot be trained without adapters",
        f"{name}: fp16: bf16 is set too",
        "command line: --num_train_epochs: expected above 0, found -1",
        'command line: --doc-strid: unknown key; nearest valid name: "doc_stride"',
        'command line: --test_file: no such file: "/none"',
    ):
        assert line in text


def test_a_setting_that_could_not_be_read_is_not_also_missing(tmp_path, base):
    assert problems(tmp_path, base | {"output_dir": 3}) == [
        "output_dir: expected text or null, found 3; put it in quotes"
    ]
    assert len(problems(tmp_path, base | {"train_file": ..., "train_fil": "x"})) == 1


def test_unreadable_file_does_not_bring_problems_of_missing_settings(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{")
    with pytest.raises(ConfigError) as caught:
        parse_arguments([str(path), "--seed", "x"])
    assert len(caught.value.problems) == 2


def test_a_contradiction_with_the_command_line_is_shown_there(tmp_path, base):
    with pytest.raises(ConfigError, match="^command line: --max_seq_length: expected less than the room"):
        parse(tmp_path, base | {"doc_stride": 64}, "--max_seq_length", "96")


@pytest.mark.parametrize(
    "changes",
    [
        BEST | {"metric_for_best_model": "eval_f1", "early_stopping_patience": 2, "early_stopping_threshold": 0.1},
        BEST | {"metric_for_best_model": "loss", "greater_is_better": False},
        BEST | {"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 0.1, "save_steps": 0.2},
        EVALUATING | {"save_strategy": "best", "metric_for_best_model": "exact_match"},
        {"use_lora": True, "load_in_4bit": True, "bnb_4bit_quant_type": "fp4", "merge_adapter": True},
        {"use_dora": False, "load_in_4bit": False, "merge_adapter": False},
        {"load_in_8bit": True, "do_train": False, "do_eval": True},
        {"validation_file": ..., "validation_split_fraction": 0.1, "do_eval": True},
        {"train_file": ..., "dataset_name": "squad"},
        {"eval_on_start": True, "do_eval": True},
        {"version_2_with_negative": True, "null_score_diff_threshold": -1.5},
        {"answer_normalization": "multilingual", "answer_language": "no"},
        {"train_file": "https://host/train.json"},
        {"max_steps": -1, "report_to": "none", "fp16": False},
    ],
)
def test_sensible_settings_are_accepted(tmp_path, base, changes):
    assert parse(tmp_path, base | changes).training.output_dir == base["output_dir"]


def test_switching_lora_off_on_the_command_line_is_no_contradiction(tmp_path, base, caplog):
    arguments = parse(tmp_path, base | {"use_lora": True, "lora_r": 8}, "--use_lora", "false")
    assert arguments.lora.use_lora is False
    assert "use_lora is false: lora_r have no effect" in caplog.text
    with pytest.raises(ConfigError, match="--lora_r: only has a meaning with use_lora"):
        parse(tmp_path, base | {"use_lora": True}, "--use_lora", "false", "--lora_r", "4")


def test_overwriting_the_checkpoint_to_resume_from_is_a_contradiction(tmp_path, base):
    checkpoint = tmp_path / "out" / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    content = base | {"resume_from_checkpoint": str(checkpoint), "overwrite_output_dir": True}
    assert "which resume_from_checkpoint asks for" in problems(tmp_path, content)[0]
    assert parse(tmp_path, content | {"overwrite_output_dir": False}).training.resume_from_checkpoint
