"""Keys of transformers 4.x configurations that 5.x no longer has.

Where today's settings say exactly the same, an old key is translated; where its value asked for nothing (most often
the old default) it is dropped; else the answer is what replaced it. Facts read in the `training_args.py` of 4.57 and
of 5.23.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qa_pipeline.arguments.settings import Setting, make_setting


class Replaced(Exception):
    """An old key has no exact counterpart; the message says what to use."""


Translation = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Legacy:
    """An old key.

    Attributes:
        setting: its name and type in 4.x.
        stands_for: today's settings that it may set.
        translate: what a value says in today's settings (may be nothing); raises Replaced where that is not exact.
    """

    setting: Setting
    stands_for: frozenset[str]
    translate: Translation


def _switch(**meaning: Any) -> Translation:
    """An old flag whose True is a value of a newer setting and whose False says nothing."""
    return lambda value: dict(meaning) if value else {}


def _gone(*harmless: Any, instead: str) -> Translation:
    """The values that asked for nothing are dropped, others get `instead` as their answer."""

    def translate(value: Any) -> dict[str, Any]:
        if value not in harmless:
            raise Replaced(f"no longer exists; {instead}")
        return {}

    return translate


def _warmup_ratio(ratio: float) -> dict[str, Any]:
    if not 0 <= ratio < 1:
        # 1 means one step in warmup_steps, so the whole training cannot be written as a ratio
        raise Replaced("expected a value from 0 to below 1 (now written warmup_steps), or a number of warmup_steps")
    return {"warmup_steps": ratio} if ratio else {}


def _torchdynamo(backend: str) -> dict[str, Any]:
    return {"torch_compile": True, "torch_compile_backend": backend} if backend else {}


def _fsdp(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"fsdp": True} if value else {}
    words = " ".join(value if isinstance(value, list) else [value])
    return {"fsdp": words} if words else {}


def _resume(value: Any) -> dict[str, Any]:
    if value is True:
        return {}  # a run that finds checkpoints in output_dir goes on from them anyway
    if value is False:
        raise Replaced("a run always resumes from output_dir; to start again set overwrite_output_dir, or another one")
    return {"resume_from_checkpoint": value}


def _organization(value: str) -> dict[str, Any]:
    if value:
        raise Replaced(f'no longer exists; set hub_model_id to "{value}/NAME"')
    return {}


_NATIVE = _gone("auto", "amp", "cuda_amp", "cpu_amp", instead="set fp16 or bf16, which use what torch has")
_JSON_OR_FILE = dict[str, Any] | str

# Old key: its type, the settings it stands for, and how it is translated where it is not the same under another name.
_TABLE: dict[str, tuple[Any, str] | tuple[Any, str, Translation]] = {
    "evaluation_strategy": (str, "eval_strategy"),
    "per_gpu_train_batch_size": (int, "per_device_train_batch_size"),
    "per_gpu_eval_batch_size": (int, "per_device_eval_batch_size"),
    "push_to_hub_token": (str, "hub_token"),
    "push_to_hub_model_id": (str, "hub_model_id"),
    "gradient_checkpointing": (bool, "activation_checkpointing"),
    "gradient_checkpointing_kwargs": (_JSON_OR_FILE, "activation_checkpointing_kwargs"),
    "max_val_samples": (int, "max_eval_samples"),
    "xpu_backend": (str, "ddp_backend"),
    # Said another way
    "warmup_ratio": (float, "warmup_steps", _warmup_ratio),
    "group_by_length": (
        bool,
        "train_sampling_strategy",
        lambda grouped: {"train_sampling_strategy": "group_by_length" if grouped else "random"},
    ),
    "no_cuda": (bool, "use_cpu", _switch(use_cpu=True)),
    "adafactor": (bool, "optim", _switch(optim="adafactor")),
    "evaluate_during_training": (bool, "eval_strategy", _switch(eval_strategy="steps")),
    "include_inputs_for_metrics": (bool, "include_for_metrics", _switch(include_for_metrics=["inputs"])),
    "tpu_metrics_debug": (bool, "debug", _switch(debug="tpu_metrics_debug")),
    "torchdynamo": (str, "torch_compile torch_compile_backend", _torchdynamo),
    "use_auth_token": (bool | str, "token", lambda value: {"token": value} if isinstance(value, str) else {}),
    "resume_from_checkpoint": (bool | str, "resume_from_checkpoint", _resume),
    "fsdp": (bool | list[str] | str, "fsdp", _fsdp),
    # Gone
    "use_mps_device": (bool, "", _gone(True, False, instead="")),
    "fp16_opt_level": (str, "", _gone("O0", "O1", "O2", "O3", instead="only apex used it")),
    "half_precision_backend": (str, "", _NATIVE),
    "fp16_backend": (str, "", _NATIVE),
    "save_safetensors": (bool, "", _gone(True, instead="weights are always saved as safetensors")),
    "logging_dir": (str, "", _gone("", instead="set the environment variable TENSORBOARD_LOGGING_DIR")),
    "jit_mode_eval": (bool, "", _gone(False, instead="use torch_compile")),
    "use_ipex": (bool, "", _gone(False, instead="its speed-ups are in torch; bf16 is on where the CPU has it")),
    "use_legacy_prediction_loop": (bool, "", _gone(False, instead="there is one evaluation loop")),
    "past_index": (int, "", _gone(-1, instead="models for question answering keep no past")),
    "tpu_num_cores": (int, "", _gone(instead="give --num_processes to accelerate launch")),
    "mp_parameters": (str, "", _gone("", instead="SageMaker sets its parameters itself")),
    "ray_scope": (str, "", _gone("last", instead="hyperparameter search is not part of this script")),
    "include_tokens_per_second": (bool, "", _gone(False, instead='set include_num_input_tokens_seen to "all"')),
    "push_to_hub_organization": (str, "", _organization),
    "sharded_ddp": (str, "", _gone("", instead="use fsdp")),
    "fsdp_min_num_params": (int, "", _gone(0, instead='put {"min_num_params": N} into fsdp_config')),
    "fsdp_transformer_layer_cls_to_wrap": (
        str,
        "",
        _gone("", instead='put {"transformer_layer_cls_to_wrap": [NAME]} into fsdp_config'),
    ),
}


def _legacy(key: str, annotation: Any, targets: str, translation: Translation | None = None) -> Legacy:
    names = targets.split()
    return Legacy(
        make_setting(key, annotation | None), frozenset(names), translation or (lambda value: {names[0]: value})
    )


def renamed(annotation: Any, **today: str) -> dict[str, Legacy]:
    """Keys that are plain other names of today's: `renamed(str, old_name="new_name")`."""
    return {key: _legacy(key, annotation, new) for key, new in today.items()}


LEGACY: dict[str, Legacy] = {key: _legacy(key, *row) for key, row in _TABLE.items()}
"""Old keys, and the few of today's whose old values need translating."""


def translate(key: str, value: Any, others: Mapping[str, Any], old: Mapping[str, Legacy] = LEGACY) -> dict[str, Any]:
    """What an old key says in today's settings.

    Args:
        key: a key of `old`.
        value: its value, converted to its type; None asks for nothing.
        others: what else was given at the same place.
        old: the keys that are understood.

    Raises:
        Replaced: there is no exact counterpart.
    """
    if value is None:
        return {}
    if key == "warmup_ratio" and (others.get("warmup_steps") or 0) > 0:
        return {}  # in 4.x the number of steps wins over the ratio
    return old[key].translate(value)
