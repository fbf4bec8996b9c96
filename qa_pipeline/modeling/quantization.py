"""Loads the base of QLoRA in 4 or 8 bits through bitsandbytes, on a GPU or a CPU, the head left in full precision.

Mends what bitsandbytes 0.50 gets wrong when a model trains and is evaluated in turns (see `settle_quantized`).
"""

from __future__ import annotations

import importlib.util
import logging
import re
import types
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.faults import as_model_error

if TYPE_CHECKING:
    from qa_pipeline.arguments import LoRAArguments


def quantization_of(lora_args: LoRAArguments) -> dict[str, Any] | None:
    """Keyword arguments of BitsAndBytesConfig that the arguments ask for, as plain JSON values; None for none."""
    if lora_args.load_in_4bit and lora_args.load_in_8bit:
        raise ModelError("load_in_4bit and load_in_8bit exclude each other; set one")
    if lora_args.load_in_4bit:
        return {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": lora_args.bnb_4bit_quant_type,
            "bnb_4bit_compute_dtype": lora_args.bnb_4bit_compute_dtype,
            "bnb_4bit_use_double_quant": lora_args.bnb_4bit_use_double_quant,
        }
    return {"load_in_8bit": True} if lora_args.load_in_8bit else None


def quantization_options(
    quantization: dict[str, Any], heads: list[str], device: str | torch.device | None
) -> dict[str, Any]:
    """Arguments of from_pretrained for a quantised model whose head stays in full precision."""
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError("load_in_4bit and load_in_8bit need bitsandbytes; run: pip install bitsandbytes")
    with as_model_error("quantisation"):
        # transformers matches these as patterns from the start of a module's name.
        config = BitsAndBytesConfig(llm_int8_skip_modules=[re.escape(head) for head in heads], **quantization)
    if device is None:
        device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else "cpu"
    device = torch.device(device)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return {"quantization_config": config, "device_map": {"": device.index if device.type == "cuda" else str(device)}}


def settle_quantized(model: nn.Module) -> None:
    """Freezes a quantised base, makes it compute the same in training and evaluation, and mends 8-bit layers."""
    model.requires_grad_(False)
    module: Any
    for module in model.modules():
        # On a CPU with AVX512-BF16 the first evaluation repacks 4-bit weights in place and rounds their scales:
        # training would go on from another base, and rows that are no multiple of a block fail.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
        if type(module).__module__.startswith("bitsandbytes.") and getattr(module, "bias", None) is not None:
            module.forward = types.MethodType(_forward_keeping_bias, module)
        if hasattr(module, "init_8bit_state"):
            module.init_8bit_state = types.MethodType(_init_8bit_state, module)
    # Logged for every layer and every batch, and nothing to be done about it.
    logging.getLogger("bitsandbytes.autograd._functions").addFilter(_not_about_casts)


def _forward_keeping_bias(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """As in bitsandbytes, which also rounds the bias of the layer to the type of its input, for good."""
    bias = layer.bias.data
    try:
        return type(layer).forward(layer, x)
    finally:
        layer.bias.data = bias


def _init_8bit_state(layer: Any) -> None:
    """As in bitsandbytes, but keeps the scales of a weight that was moved after the first forward pass.

    There the move makes a weight without scales, and the next forward pass then overwrites the known ones with None.
    PEFT moves 8-bit weights in every forward pass of DoRA on a CPU.
    """
    if layer.weight.SCB is None:
        layer.weight.SCB = layer.state.SCB
    type(layer).init_8bit_state(layer)


def _not_about_casts(record: logging.LogRecord) -> bool:
    return "inputs will be cast from" not in str(record.msg)
