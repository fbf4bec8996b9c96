"""Writes the model card of a run: the YAML header that the Hub reads, what was measured, and how to use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def model_card(results: dict[str, Any], record: dict[str, Any], name: str) -> str:
    """Renders README.md of a run folder.

    Args:
        results: what all_results.json holds (percent for metrics).
        record: what run.json holds.
        name: title of the card.
    """
    config = record.get("trained_with", record["config"])
    base = str(record["identity"]["model"]["name"])
    lora = bool(config.get("use_lora"))
    header: dict[str, Any] = {
        "library_name": "peft" if lora else "transformers",
        "pipeline_tag": "question-answering",
        "tags": ["question-answering", "extractive-qa"] + (["lora"] if lora else []),
    }
    if base.startswith((".", "/", "~")) or Path(base).is_dir():
        base = _last_part(base)
    elif not base.startswith("package:"):
        header["base_model"] = base
    datasets = [str(config[key]) for key in ("dataset_name",) if config.get(key)]
    if datasets:
        header["datasets"] = datasets
    metrics = [
        {"type": kind, "name": title, "value": round(float(results[key]), 2)}
        for kind, title, key in (("exact_match", "Exact match", "eval_exact_match"), ("f1", "F1", "eval_f1"))
        if key in results
    ]
    if metrics:
        validation = record["data"].get("validation", {})
        header["metrics"] = ["exact_match", "f1"]
        header["model-index"] = [
            {
                "name": name,
                "results": [
                    {
                        "task": {"type": "question-answering"},
                        "dataset": {"name": _last_part(validation.get("source", "validation")), "type": "custom"},
                        "metrics": metrics,
                    }
                ],
            }
        ]
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
        f"# {name}",
        f"Answers questions with exact spans of a given text. Base model: `{base}`"
        + (", tuned with LoRA." if lora else ", fully fine-tuned."),
        "## Measured",
        _measured(results),
        "## Data",
        _data(record["data"]),
        "## Settings",
        _settings(config, record),
    ]
    return "\n\n".join(parts) + "\n"


def _measured(results: dict[str, Any]) -> str:
    rows = ["| | exact match | F1 |", "|---|---|---|"]
    for prefix, title in (("base", "before training"), ("eval", "validation"), ("predict", "test")):
        if f"{prefix}_f1" in results:
            cells = [
                f"{results[f'{prefix}_{metric}']:.2f}{_interval(results, prefix, metric)}"
                for metric in ("exact_match", "f1")
            ]
            rows.append(f"| {title} | {cells[0]} | {cells[1]} |")
    if len(rows) == 2:
        return "Nothing was measured in this run."
    return "\n".join(rows) + _calibration(results)


def _calibration(results: dict[str, Any]) -> str:
    if "eval_ece_calibrated" not in results:
        return ""
    return (
        "\n\nConfidence is the probability of an exact match. Its expected calibration error on validation is "
        f"{results['eval_ece']:.3f} as the model says it and {results['eval_ece_calibrated']:.3f} with a temperature "
        f"fitted on other texts; the temperature stored with the model is {results['eval_temperature']:g}."
    )


def _interval(results: dict[str, Any], prefix: str, metric: str) -> str:
    bounds = results.get(f"{prefix}_{metric}_interval")
    over = results.get(f"{prefix}_interval_over", "question")
    return f" ({bounds[0]:.2f} to {bounds[1]:.2f}, 95% over {over}s)" if bounds else ""


def _data(data: dict[str, dict[str, Any]]) -> str:
    rows = ["| split | source | questions |", "|---|---|---|"]
    rows += [f"| {split} | {_last_part(facts['source'])} | {facts['questions']:,} |" for split, facts in data.items()]
    return "\n".join(rows)


def _settings(config: dict[str, Any], record: dict[str, Any]) -> str:
    length = "max_steps" if (config.get("max_steps") or 0) > 0 else "num_train_epochs"
    keys = ["learning_rate", length, "per_device_train_batch_size", "train_batch_tokens", "max_seq_length"]
    keys += ["doc_stride", "max_answer_length", "seed"]
    if config.get("use_lora"):
        keys += ["lora_r", "lora_alpha", "lora_dropout", "lora_target_modules"]
    lines = [f"- {key}: {config[key]}" for key in keys if config.get(key) is not None]
    for change in record.get("process_changes", ()):
        lines.append(f"- processes: {change['before']} up to step {change['step']}, then {change['now']}")
    lines.append("- versions: " + ", ".join(f"{name} {version}" for name, version in record["versions"].items()))
    return "\n".join(lines)


def _last_part(source: str) -> str:
    """The last part of a path: a card does not tell the folders of the machine it was made on."""
    return str(source).replace("\\", "/").rstrip("/").split("/")[-1]
