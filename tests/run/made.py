"""What the tests of whole runs share: settings of a short run, weights of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from qa_pipeline.arguments import parse_arguments

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
        "warm_start": "off",
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
