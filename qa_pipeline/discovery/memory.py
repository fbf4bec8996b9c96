"""What training a model takes: bytes of memory and minutes, from its shape, the batch and the device. Loads no model.

Estimates, for telling what fits from what does not. `estimate_memory` says how real runs compared, and
`tests/discovery/test_memory.py` holds it against what torch keeps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Method = Literal["full", "lora", "8bit", "4bit"]
METHODS: dict[Method, str] = {
    "full": "all weights",
    "lora": "LoRA",
    "8bit": "LoRA on 8-bit weights",
    "4bit": "LoRA on 4-bit weights",
}

_WEIGHT_BYTES: dict[Method, float] = {"full": 4.0, "lora": 4.0, "8bit": 1.0, "4bit": 0.52}
"""Of one weight of a linear layer; 4-bit blocks of 64 also hold a scale, quantised itself (QLoRA, arXiv 2305.14314)."""
_TRAINED_BYTES = 12.0
"""Of one trained weight beside itself: its gradient and Adam's two averages, in float32."""
_KEPT_BYTES = {False: 66.0, True: 44.0}
"""Kept for the backward pass for each token, layer and unit of a hidden state: float32, and with bfloat16 autocast.

Counted by `torch.autograd.graph.saved_tensors_hooks` on BERT, RoBERTa, DistilBERT and ELECTRA with SDPA attention.
"""
_FAMILY_KEPT = {"deberta-v2": 3.8, "deberta": 3.8, "modernbert": 1.7, "albert": 1.7, "mpnet": 1.7, "longformer": 3.0}
"""How many times as much others keep, counted in the same way: attention with its scores kept, gated layers."""
_CPU_SLACK: dict[Method, float] = {"full": 1.0, "lora": 2.5, "8bit": 2.5, "4bit": 2.5}
"""The C library's allocator holds on to freed blocks: with adapters up to 2.7 times what is kept was measured."""
_PROCESS_BYTES = {"cpu": 0.7e9, "cuda": 0.8e9}
"""Of a process that has imported torch and transformers, or of a CUDA context, and room to work in."""
_CORE_FLOPS = {False: 40e9, True: 200e9}
"""Reached in training on one CPU core, without and with bfloat16 units (AMX, AVX512-BF16). Rough."""
_GPU_FLOPS = 40e12
_VOCABULARY = {"deberta-v2": 128_000, "xlm-roberta": 250_000, "roberta": 50_000, "modernbert": 50_000}
_SHAPES = ((128, 2), (256, 12), (384, 6), (384, 12), (512, 8), (768, 6), (768, 12), (1024, 24), (2048, 24))


@dataclass(frozen=True)
class ModelShape:
    """What of an encoder its memory and its time depend on.

    Attributes:
        parameters: all weights.
        embedding: weights of its embeddings, which are never quantised.
        layers: how many.
        hidden: units of a hidden state.
        kept: times as much as BERT that it keeps for the backward pass.
    """

    parameters: int
    embedding: int
    layers: int
    hidden: int
    kept: float = 1.0

    @property
    def body(self) -> int:
        """Weights that each token is multiplied with."""
        return 12 * self.layers * self.hidden**2


@dataclass(frozen=True)
class DeviceFacts:
    """What a model would be trained on.

    Attributes:
        kind: "cpu", or torch's word for an accelerator.
        memory_bytes: free for a training now.
        cores: of the CPU, that this process may use.
        bf16: it computes in bfloat16 natively.
    """

    kind: str
    memory_bytes: int
    cores: int = 1
    bf16: bool = False

    def __str__(self) -> str:
        name = (
            f"{self.cores} CPU core{'' if self.cores == 1 else 's'}"
            if self.kind == "cpu"
            else f"one {self.kind} device"
        )
        return f"{name} with {self.memory_bytes / 1e9:.1f} GB free"


@dataclass(frozen=True)
class TrainingPlan:
    """The training that a model is wanted for.

    Attributes:
        method: what is trained; None: the first of all weights, LoRA, 8 and 4 bits that fits.
        batch_tokens: padded tokens of one batch on the device.
        total_tokens: padded tokens over all passes.
        lora_rank: of the adapters.
    """

    method: Method | None = None
    batch_tokens: int = 8 * 384
    total_tokens: int = 2_500_000
    lora_rank: int = 16


def find_device() -> DeviceFacts:
    """What this process would train on. Imports torch."""
    import os

    import psutil
    import torch

    from qa_pipeline.arguments.precision import accelerator_type, resolve_bf16

    kind = accelerator_type()
    bf16, _ = resolve_bf16(use_cpu=kind is None)
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if kind == "cuda":
        return DeviceFacts(kind, int(torch.cuda.mem_get_info()[0]), cores, bf16)
    free = min([int(psutil.virtual_memory().available), *_container_rest()])
    return DeviceFacts(kind or "cpu", free, cores, bf16)


def _container_rest() -> list[int]:
    """Bytes that a container's limit leaves; empty without one."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return [max(0, int(limit) - int(used))]
    except (OSError, ValueError):  # no such file, or "max"
        return []


def shape_of(
    parameters: int, family: str | None, multilingual: bool = False, config: Mapping[str, Any] | None = None
) -> ModelShape:
    """The shape that config.json says; without one the usual shape that is nearest in its number of weights.

    Args:
        parameters: all weights.
        family: the model type.
        multilingual: it has the vocabulary of many languages.
        config: what is known of config.json.

    Example:
        >>> shape = shape_of(124_600_000, "roberta")
        >>> shape.layers, shape.hidden
        (12, 768)
    """
    config = config or {}
    kept = _FAMILY_KEPT.get(family or "", 1.0)
    hidden = _number(config, "hidden_size", "dim", "d_model", "n_embd")
    layers = _number(config, "num_hidden_layers", "n_layers", "n_layer", "num_layers")
    vocabulary = _number(config, "vocab_size") or _vocabulary(family, multilingual)
    if hidden and layers:
        return ModelShape(parameters, min(parameters, vocabulary * hidden), layers, hidden, kept)
    if family == "albert":  # its layers share their weights
        hidden, layers = (768, 12) if parameters < 15e6 else (1024, 24)
    else:
        distance = {(h, n): abs(vocabulary * h + 12 * n * h * h - parameters) for h, n in _SHAPES}
        hidden, layers = min(distance, key=lambda shape: distance[shape])
    return ModelShape(parameters, min(parameters, vocabulary * hidden), layers, hidden, kept)


def estimate_memory(shape: ModelShape, method: Method, plan: TrainingPlan, device: DeviceFacts) -> int:
    """Bytes of memory on the device that a training takes at its most.

    weights + trained + kept + process, where

    - weights: 4 bytes of each in full precision; with 8 or 4 bits 1 or 0.52 of each outside of the embeddings;
    - trained: 12 bytes (gradient and Adam's two averages) of each weight that is trained: all, or with adapters of
      rank r on the six matrices of a layer about r * 18 * hidden a layer; and 2 of each weight for its copy in
      bfloat16, where that is used;
    - kept for the backward pass: batch_tokens * layers * hidden * 66 bytes (44 with bfloat16), times what the family
      needs more (`_FAMILY_KEPT`), and on a CPU times what its allocator holds on to;
    - process: 0.7 GB of Python with torch, 0.8 GB of a CUDA context.

    Measured on a CPU, the most of a whole process that trains MiniLM-L6 (22.6 million weights) with batches of 16 * 384
    tokens, and in brackets what this says: all weights in float32 1.94 GB (2.00), with bfloat16 1.70 (1.73); LoRA in
    float32 3.28 (3.14), with bfloat16 1.95 (2.40).
    """
    linear = shape.parameters - shape.embedding
    weights = 4.0 * shape.embedding + _WEIGHT_BYTES[method] * linear
    adapters = plan.lora_rank * 18 * shape.hidden * shape.layers
    trained = _TRAINED_BYTES * shape.parameters if method == "full" else (_TRAINED_BYTES + 4) * adapters
    copies = 2.0 * shape.parameters if device.bf16 and method in ("full", "lora") else 0.0
    kept = plan.batch_tokens * shape.layers * shape.hidden * _KEPT_BYTES[device.bf16] * shape.kept
    if device.kind == "cpu":
        kept *= _CPU_SLACK[method]
    return int(weights + trained + copies + kept + _PROCESS_BYTES["cpu" if device.kind == "cpu" else "cuda"])


def estimate_minutes(shape: ModelShape, method: Method, plan: TrainingPlan, device: DeviceFacts) -> float:
    """Minutes that a training takes, roughly: 6 operations for each weight and token, 4 where only adapters train.

    (2 forward, 2 for the gradients of what was computed, 2 for those of the weights; Kaplan et al. 2020, arXiv
    2001.08361.)
    """
    speed = device.cores * _CORE_FLOPS[device.bf16] if device.kind == "cpu" else _GPU_FLOPS
    operations = (6 if method == "full" else 4) * shape.body * math.sqrt(shape.kept) * plan.total_tokens
    return operations / speed / 60


def fitting_method(shape: ModelShape, plan: TrainingPlan, device: DeviceFacts) -> tuple[Method, int] | None:
    """The first method that fits into the device's memory, and its bytes; None: none does."""
    methods: tuple[Method, ...] = (plan.method,) if plan.method else ("full", "lora")
    if plan.method is None and device.kind == "cuda":
        methods = ("full", "lora", "8bit", "4bit")
    for method in methods:
        needed = estimate_memory(shape, method, plan, device)
        if needed <= device.memory_bytes:
            return method, needed
    return None


def _vocabulary(family: str | None, multilingual: bool) -> int:
    if multilingual:
        return 120_000 if family in ("bert", "distilbert") else 250_000
    return _VOCABULARY.get(family or "", 30_000)


def _number(config: Mapping[str, Any], *names: str) -> int | None:
    values = (config.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), None)
