"""Settings of transformers' TrainingArguments that a run here cannot honour, or honours only with others.

A setting that would silently do nothing is refused, with what to do instead. Sees the settings and the environment that
`accelerate launch` sets up, never a model.
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from qa_pipeline.arguments.config_files import found
from qa_pipeline.arguments.precision import accelerator_type, env_true, resolve_bf16
from qa_pipeline.arguments.rehearsal import rehearse
from qa_pipeline.arguments.resolver import Fault
from qa_pipeline.arguments.settings import Range, Setting

NOT_HONOURED = {
    "auto_find_batch_size": "a batch size that follows the free memory could not be resumed to the same weights; lower "
    "per_device_train_batch_size (or train_batch_tokens) and raise gradient_accumulation_steps",
    "dataloader_drop_last": "every window is trained on: a batch holds windows of like length, so that the last one "
    "would always be the longest",
    "prediction_loss_only": "evaluation decodes and scores the answers beside the loss",
    "eval_do_concat_batches": "of each batch only the best spans are kept, there are no logits to put together",
    "batch_eval_metrics": "a question may have windows in several batches, so metrics are made of all of them",
    "label_names": "the labels are start_positions and end_positions",
    "length_column_name": "the lengths are those of the windows, which are known",
    "save_on_each_node": "the first machine writes every file, once; output_dir must be on storage that all share",
    "hub_always_push": "a run is uploaded once, when it is finished",
    "use_cache": "a model that points at answers generates nothing, so it has nothing to cache",
}
"""Settings of which only the default is accepted, and why."""

_AS_IT_IS = {"label_names": (["start_positions", "end_positions"], ["end_positions", "start_positions"])}
"""Other values that ask for nothing else."""

_SHARDED = (
    "cuts the weights up over the processes, but this program evaluates, saves and reloads them whole; leave it out: "
    "accelerate launch gives each process a whole copy (configs/accelerate)"
)
_ENVIRONMENT = {
    "ACCELERATE_USE_FSDP": f"FSDP {_SHARDED}",
    "ACCELERATE_USE_MEGATRON_LM": f"Megatron-LM {_SHARDED}",
    "ACCELERATE_USE_PARALLELISM_CONFIG": f"accelerate's parallelism {_SHARDED}",
}
_KERNEL_PACKAGES = ("flash_attn", "flash_attn_interface", "flash_attn_3", "kernels")
_GROUPING_OPTIMIZERS = ("galore", "apollo", "lomo", "muon", "dion", "layerwise")
_LOADER_KEYS = {"split_batches": False, "dispatch_batches": None, "even_batches": True, "use_seedable_sampler": True}

RANGES = {
    Range(least=1): (
        *("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"),
        *("eval_accumulation_steps", "torch_empty_cache_steps", "ddp_timeout", "dataloader_prefetch_factor"),
        "ddp_bucket_cap_mb",
    ),
    Range(least=0): ("weight_decay", "max_grad_norm", "warmup_steps", "dataloader_num_workers", "eval_delay"),
    Range(above=0): ("num_train_epochs", "adam_epsilon", "eval_steps", "save_steps", "neftune_noise_alpha"),
    Range(above=0, most=1): ("learning_rate",),
    Range(least=0, below=1): ("adam_beta1", "adam_beta2", "label_smoothing_factor"),
    Range(least=0, most=4294967295): ("seed", "data_seed"),
}
"""Of settings whose fields transformers declares; ours declare theirs."""

_STEPS = ("logging_steps", "eval_steps", "save_steps", "warmup_steps")


def faults(v: SimpleNamespace, settings: Mapping[str, Setting]) -> Iterator[Fault]:
    """Every setting that is out of its range, would do nothing, or would end in an error after data has been read.

    Args:
        v: all settings in their types, defaults included.
        settings: what they are.
    """
    yield from _ranges(v)
    for name, why in NOT_HONOURED.items():
        if name in settings and getattr(v, name) not in (None, settings[name].default, *_AS_IT_IS.get(name, ())):
            yield name, f"{why}; leave it out"
    yield from _uploads(v)
    yield from _loaders(v)
    yield from _processes(v)
    yield from _kernels(v)
    refused = list(_optimizer(v))
    yield from refused or rehearse(v, settings)


def _ranges(v: SimpleNamespace) -> Iterator[Fault]:
    for bounds, names in RANGES.items():
        for name in names:
            value = getattr(v, name, None)
            if isinstance(value, int | float) and value not in bounds:
                yield name, f"expected {bounds}, found {found(value)}"
    if v.max_steps < 1 and v.max_steps != -1:
        yield "max_steps", f"expected at least 1, or -1 to go by num_train_epochs, found {found(v.max_steps)}"
    for name in _STEPS:
        value = getattr(v, name)
        if value is not None and value > 1 and value != int(value):
            yield name, f"expected a whole number of steps, or a fraction of all steps below 1, found {found(value)}"


def _uploads(v: SimpleNamespace) -> Iterator[Fault]:
    if v.hub_strategy in ("checkpoint", "all_checkpoints"):
        yield "hub_strategy", "checkpoints are never uploaded, the finished run is, once; leave it out"
    if v.push_to_hub and not v.do_train:
        yield "push_to_hub do_train", "uploads what a training wrote; set do_train, or leave it out"


def _loaders(v: SimpleNamespace) -> Iterator[Fault]:
    context = getattr(v, "dataloader_multiprocessing_context", None)
    known = multiprocessing.get_all_start_methods()
    if context is not None and context not in known:
        yield "dataloader_multiprocessing_context", f"expected one of {', '.join(known)}, found {found(context)}"
    asked = {
        "dataloader_prefetch_factor": v.dataloader_prefetch_factor is not None,
        "dataloader_persistent_workers": v.dataloader_persistent_workers,
        "dataloader_multiprocessing_context": context is not None,
        "dataloader_in_order": getattr(v, "dataloader_in_order", None) is False,
    }
    for name, is_asked in asked.items():
        if is_asked and not v.dataloader_num_workers:
            yield f"{name} dataloader_num_workers", "needs dataloader_num_workers above 0"
    config = _content(v.accelerator_config)
    for key, default in _LOADER_KEYS.items():
        if config.get(key, default) != default:
            yield (
                "accelerator_config",
                f"{key}: each process draws batches of its own, which accelerate does not touch; leave it out",
            )


def _processes(v: SimpleNamespace) -> Iterator[Fault]:
    if v.fsdp:
        yield "fsdp", f"{_SHARDED} (found {found(v.fsdp)})"
    if v.fsdp_config:
        yield "fsdp_config", f"belongs to fsdp, which is not supported; leave it out (found {v.fsdp_config})"
    for variable, why in _ENVIRONMENT.items():
        if env_true(variable):
            yield "", f"{variable} is set: {why}"
    if _stage(v.deepspeed) >= 3:
        yield "deepspeed", f"ZeRO stage 3 {_SHARDED}, and stage 2 cuts up what only training needs"
    if env_true("ACCELERATE_USE_DEEPSPEED"):
        path = os.environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none")
        stage = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")
        if max(_stage(path), int(stage) if stage.isdigit() else 0) >= 3:
            yield "", f"accelerate was told to use DeepSpeed: ZeRO stage 3 {_SHARDED}, or take stage 2"
    if getattr(v, "enable_jit_checkpoint", None) and os.environ.get("WORLD_SIZE", "1") != "1":
        yield (
            "enable_jit_checkpoint",
            "several processes do not get a signal at the same step; leave it out, and save more often (save_steps)",
        )


def _kernels(v: SimpleNamespace) -> Iterator[Fault]:
    name, device = v.attn_implementation, None if v.use_cpu else accelerator_type()
    no_cuda = device is None or device == "mps"
    if name and needs_gpu(name) and no_cuda and not (device and "metal" in name):
        here = "an Apple GPU" if device else "the CPU"
        yield (
            "attn_implementation use_cpu",
            f"{name} needs a CUDA GPU, and this run computes on {here}; leave it out, or give sdpa or eager",
        )
    elif name and "flash" in name.lower() and not (v.fp16 or resolve_bf16(v.bf16)[0]):
        yield "attn_implementation bf16 fp16", f"{name} computes in bf16 or fp16 only; set one of them"
    elif name and needs_gpu(name) and "flex" not in name and not any(map(is_installed, _KERNEL_PACKAGES)):
        yield "attn_implementation", f"{name} needs flash-attn or kernels; pip install kernels, or give sdpa"
    if v.use_liger_kernel and no_cuda:
        yield "use_liger_kernel use_cpu", "needs a CUDA GPU; leave it out"
    elif v.use_liger_kernel and not is_installed("liger_kernel"):
        yield "use_liger_kernel", "needs liger-kernel; pip install liger-kernel, or leave it out"
    if v.liger_kernel_config and not v.use_liger_kernel:
        yield "liger_kernel_config use_liger_kernel", "only has a meaning with use_liger_kernel"
    compile_keys = [k for k in ("torch_compile", "torch_compile_backend", "torch_compile_mode") if getattr(v, k)]
    if compile_keys and not v.do_train:
        yield f"{compile_keys[0]} do_train", "only training is compiled; set do_train, or leave it out"


def _optimizer(v: SimpleNamespace) -> Iterator[Fault]:
    optim = str(v.optim)
    if v.head_learning_rate is not None and any(word in optim for word in _GROUPING_OPTIMIZERS):
        yield (
            "head_learning_rate optim",
            f"{optim} groups the weights itself, without a rate of its own for the head; take another optim",
        )


def is_installed(module: str) -> bool:
    """Whether a module could be imported; does not import it."""
    return importlib.util.find_spec(module) is not None


def needs_gpu(attention: str) -> bool:
    """Whether an attention kernel trains on a GPU only: flash attention of any version, flex attention, the Hub's.

    >>> [needs_gpu(name) for name in ("flash_attention_2", "kernels-community/vllm-flash-attn3", "sdpa", "eager")]
    [True, True, False, False]
    """
    return any(mark in attention.lower() for mark in ("flash", "flex", "/"))


def _stage(config: Any) -> int:
    """ZeRO stage of a DeepSpeed configuration, a mapping or the name of a file with one; 0 where it names none."""
    zero = _content(config).get("zero_optimization")
    stage = zero.get("stage") if isinstance(zero, dict) else None
    return stage if isinstance(stage, int) else 0


def _content(config: Any) -> dict[str, Any]:
    """A mapping that is given itself or as the name of a JSON file; empty where there is none.

    What is wrong with the file, transformers says when it reads it.
    """
    if isinstance(config, str):
        try:
            config = json.loads(Path(config).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
    return config if isinstance(config, dict) else {}
