"""What the tests of tuning share: settings of short trainings, and a training that computes its scores by a formula."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from qa_pipeline.tuning.arguments import TuningArguments

SPACE = {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}, "lora_r": {"choices": [2, 4, 8]}}


def base(data: Path, model: Path, **changes: Any) -> dict[str, Any]:
    """A LoRA training of seconds."""
    return {
        "model_name_or_path": str(model),
        "train_file": str(data / "train.json"),
        "validation_file": str(data / "validation.json"),
        "max_seq_length": 128,
        "doc_stride": 32,
        "max_question_length": 32,
        "max_train_samples": 12,
        "max_eval_samples": 8,
        "use_lora": True,
        "lora_r": 4,
        "learning_rate": 5e-3,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "disable_tqdm": True,
        "use_cpu": True,
        "warm_start": "off",
    } | changes


def wanted(**changes: Any) -> TuningArguments:
    return TuningArguments(**{"num_trials": 3, "search_space": SPACE} | changes)


class ScriptedTraining:
    """Stands in for a training: an F1 by formula after each epoch, told to the watcher as Trainer would tell it.

    Attributes:
        runs: the arguments of each training, in order.
        at: called before each epoch, with how many trainings have begun and the number of the epoch.
    """

    def __init__(self) -> None:
        self.runs: list[Any] = []
        self.at = lambda count, epoch: None
        self.weight = 1.0

    def f1(self, arguments: Any, epoch: int) -> float:
        distance = abs(math.log10(arguments.training.learning_rate) + 2.2) + abs(arguments.lora.lora_r - 8) / 20
        return max(0.0, 60.0 - 20 * distance + 2 * epoch)

    def __call__(self, arguments: Any, watcher: Any) -> dict[str, Any]:
        self.runs.append(arguments)
        args, epochs = arguments.training, int(arguments.training.num_train_epochs)
        folder = Path(args.output_dir)
        (folder / "checkpoint-1").mkdir(parents=True, exist_ok=True)
        model = torch.nn.Linear(2, 2)
        torch.nn.init.constant_(model.weight, self.weight)
        torch.nn.init.constant_(model.bias, 0.0)
        watcher.on_init_end(args, None, None, model=model)
        for epoch in range(1, epochs + 1):
            self.at(len(self.runs), epoch)
            state = SimpleNamespace(epoch=float(epoch), global_step=epoch, max_steps=epochs)
            watcher.on_evaluate(args, state, None, metrics={"eval_f1": self.f1(arguments, epoch)})
        results = {"eval_f1": self.f1(arguments, epochs), "eval_exact_match": 1.0, "eval_f1_interval": (0.0, 100.0)}
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "run.json").write_text(json.dumps({"status": "finished"}))
        (folder / "eval_results.json").write_text(json.dumps(results))
        return results


def tried(result: Any) -> list[tuple[dict[str, Any], float | None, list[float], str]]:
    """What must be the same of two studies that tried the same."""
    return [(one.settings, one.f1, one.epochs, one.state) for one in result.trials]
