"""Which numbers each setting takes. Sees one value at a time."""

from __future__ import annotations

from typing import Any

from qa_pipeline.arguments.config_files import found

MOST_SPANS = 10_000
"""Largest n_best_size: every window keeps so many."""

COLDEST, HOTTEST = 0.001, 1000.0
"""Temperatures beyond would turn logits into infinities, or confidences into noise."""

_RANGES = {
    "preprocessing_num_workers": "[1, inf)",
    "max_train_samples": "[1, inf)",
    "max_eval_samples": "[1, inf)",
    "max_predict_samples": "[1, inf)",
    "n_best_size": f"[1, {MOST_SPANS}]",
    "max_answer_length": "[1, inf)",
    "top_k": "[1, inf)",
    "batch_tokens": "[1, inf)",
    "lora_r": "[1, inf)",
    "early_stopping_patience": "[1, inf)",
    "train_batch_tokens": "[1, inf)",
    "eval_batch_tokens": "[1, inf)",
    "per_device_train_batch_size": "[1, inf)",
    "per_device_eval_batch_size": "[1, inf)",
    "gradient_accumulation_steps": "[1, inf)",
    "save_total_limit": "[1, inf)",
    "eval_accumulation_steps": "[1, inf)",
    "torch_empty_cache_steps": "[1, inf)",
    "ddp_timeout": "[1, inf)",
    "max_question_length": "[1, inf)",
    "dataloader_prefetch_factor": "[1, inf)",
    "ddp_bucket_cap_mb": "[1, inf)",
    "max_seq_length": "[16, inf)",
    "doc_stride": "[0, inf)",
    "negative_window_ratio": "[0, inf)",
    "early_stopping_threshold": "[0, inf)",
    "weight_decay": "[0, inf)",
    "max_grad_norm": "[0, inf)",
    "warmup_steps": "[0, inf)",
    "dataloader_num_workers": "[0, inf)",
    "eval_delay": "[0, inf)",
    "lora_alpha": "(0, inf)",
    "num_train_epochs": "(0, inf)",
    "adam_epsilon": "(0, inf)",
    "logging_steps": "(0, inf)",
    "eval_steps": "(0, inf)",
    "save_steps": "(0, inf)",
    "neftune_noise_alpha": "(0, inf)",
    "temperature": "(0, inf)",
    "extra_train_epochs": "(0, 1000]",
    "max_bad_fraction": "[0, 1]",
    "min_confidence": "[0, 1]",
    "validation_split_fraction": "(0, 1)",
    "lora_dropout": "[0, 1)",
    "attention_dropout": "[0, 1)",
    "hidden_dropout": "[0, 1)",
    "adam_beta1": "[0, 1)",
    "adam_beta2": "[0, 1)",
    "label_smoothing_factor": "[0, 1)",
    "learning_rate": "(0, 1]",
    "head_learning_rate": "(0, 1]",
    "seed": "[0, 4294967295]",
    "data_seed": "[0, 4294967295]",
}

_STEPS = ("logging_steps", "eval_steps", "save_steps", "warmup_steps")


def out_of_range(name: str, value: Any) -> str | None:
    """What was expected and what was found, or None when the value of setting `name` is fine or not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if name == "max_steps" and value < 1 and value != -1:
        return f"expected at least 1, or -1 to go by num_train_epochs, found {found(value)}"
    if name in _STEPS and value > 1 and value != int(value):
        return f"expected a whole number of steps, or a fraction of all steps below 1, found {found(value)}"
    interval = _RANGES.get(name)
    if interval is None:
        return None
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return None if above and below else f"expected {_in_words(interval)}, found {found(value)}"


def _in_words(interval: str) -> str:
    low, high = (bound.strip() for bound in interval[1:-1].split(","))
    lower = f"at least {low}" if interval[0] == "[" else f"above {low}"
    if high == "inf":
        return lower
    return f"{lower} and " + (f"at most {high}" if interval[-1] == "]" else f"below {high}")
