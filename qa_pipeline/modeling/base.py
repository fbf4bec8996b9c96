"""Loads one pre-trained model with a question-answering head, and judges what its files held.

The base of QLoRA is loaded in 4 or 8 bits through bitsandbytes, on a GPU or a CPU, the head left in full precision;
what bitsandbytes 0.50 gets wrong when a model trains and is evaluated in turns is mended (see `settle_quantized`).
"""

from __future__ import annotations

import importlib.util
import logging
import re
import types
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForQuestionAnswering, PretrainedConfig, PreTrainedModel

from qa_pipeline.arguments import ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import checks
from qa_pipeline.modeling.faults import as_model_error, quiet_loading
from qa_pipeline.modeling.head import find_qa_head, in_head, remember_new_head
from qa_pipeline.modeling.paths import resolve_model_path

if TYPE_CHECKING:
    from qa_pipeline.arguments import LoRAArguments

logger = logging.getLogger(__name__)

Device = str | torch.device
Dtype = str | torch.dtype

_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
_HIDDEN_DROPOUT = (
    *("hidden_dropout_prob", "hidden_dropout", "dropout", "dropout_rate", "activation_dropout", "embedding_dropout"),
    *("mlp_dropout", "classifier_dropout", "qa_dropout", "resid_pdrop", "embd_pdrop"),
)


def load_base(
    name: str,
    path: str,
    model_args: ModelArguments,
    dtype: Dtype | None,
    device: Device | None,
    quantize: dict[str, Any] | None,
) -> tuple[PreTrainedModel, list[str]]:
    """Loads a plain model and makes sure that it can do the task. Returns it and the head weights made anew."""
    options = hub_options(model_args)
    config = _load_config(name, path, model_args, options)
    extra: dict[str, Any] = {}
    if model_args.attn_implementation is not None:
        extra["attn_implementation"] = model_args.attn_implementation
    if quantize is not None:
        with as_model_error(f"model {name}"):
            heads = _head_of(config, options)
        extra |= quantization_options(quantize, heads, device)
    with as_model_error(f"model {name}"), quiet_loading():
        model, info = AutoModelForQuestionAnswering.from_pretrained(
            path,
            config=config,
            dtype=torch_dtype(dtype),
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # judged in _check_weights, with names and sizes
            **extra,
            **options,
        )
    # The name as the user gave it: libraries write this attribute into cards and configurations.
    model.name_or_path = model.config._name_or_path = name
    heads = find_qa_head(model)
    if quantize is not None:
        settle_quantized(model)
        new = _check_weights(name, heads, {key for key, _ in model.named_parameters()}, info)
    else:
        new = _check_weights(name, heads, checks.check_output(model, name), info)
    if new:
        remember_new_head(model)
    return model, new


def _load_config(name: str, path: str, model_args: ModelArguments, options: dict[str, Any]) -> PretrainedConfig:
    config_name = model_args.config_name or name
    source = resolve_model_path(config_name) if config_name != name else path
    with as_model_error(f"configuration of {config_name}"):
        config = AutoConfig.from_pretrained(source, **options)
    checks.check_architecture(config, name, trust_remote_code=options["trust_remote_code"])
    if getattr(config, "num_labels", 2) != 2:
        # A classifier's base (NLI has 3 labels) would get a head with that many outputs.
        logger.info("%s: num_labels %d set to 2 (start and end)", name, config.num_labels)
        config.num_labels = 2
    _set_dropout(config, model_args.attention_dropout, model_args.hidden_dropout)
    return cast(PretrainedConfig, config)


def _set_dropout(config: Any, attention: float | None, hidden: float | None) -> None:
    """Sets the dropout of attention weights and of hidden states in a configuration, whatever they are called there."""
    for names, probability in ((_ATTENTION_DROPOUT, attention), (_HIDDEN_DROPOUT, hidden)):
        for name in names:
            if probability is not None and hasattr(config, name):
                setattr(config, name, probability)


def _check_weights(name: str, heads: list[str], used: set[str], info: dict[str, Any]) -> list[str]:
    """Judges what transformers' load report would say. Returns the head weights that were made anew."""
    missing = sorted(info["missing_keys"])
    mismatched = {key: (tuple(found), tuple(expected)) for key, found, expected in info["mismatched_keys"]}
    wrong = [key for key in mismatched if not in_head(key, heads)]
    if wrong:
        found, expected = mismatched[wrong[0]]
        raise ModelError(
            f"{name}: the weights do not fit config.json: {wrong[0]} is {found} in the file and {expected} by the "
            f"configuration ({len(wrong)} such weights); use the configuration that the weights were saved with"
        )
    body = [key for key in missing if not in_head(key, heads) and key in used]
    used_body = sum(not in_head(key, heads) for key in used)
    if body and len(body) * 2 > used_body:
        raise ModelError(
            f"{name}: {len(body)} of {used_body} encoder weights are not in the file (for example {body[0]}): "
            "it holds another architecture than config.json says"
        )
    if body:
        logger.warning("%s: encoder weights missing in the file, made anew: %s", name, _some(body))
    # A weight of the head with another shape belongs to another task, as ModernBERT's classifier of three classes.
    return [key for key in [*missing, *mismatched] if in_head(key, heads)]


def torch_dtype(dtype: Dtype | None) -> torch.dtype:
    """The torch type of a name such as "bfloat16"; None is float32.

    Raises:
        ModelError: no floating point type has that name.
    """
    if dtype is None:
        return torch.float32
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ModelError(f"dtype {dtype!r}: expected float32, bfloat16 or float16")
    return found


def _head_of(config: PretrainedConfig, options: dict[str, Any]) -> list[str]:
    """Names the head of a model that is only known by its configuration, without allocating weights."""
    with torch.device("meta"):
        model = AutoModelForQuestionAnswering.from_config(config, trust_remote_code=options["trust_remote_code"])
    return find_qa_head(model)


def hub_options(model_args: ModelArguments) -> dict[str, Any]:
    """Arguments of every from_pretrained."""
    return {
        "cache_dir": model_args.cache_dir,
        "revision": model_args.model_revision,
        "token": model_args.token,
        "trust_remote_code": model_args.trust_remote_code,
    }


def _some(names: list[str], count: int = 5) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


# Quantisation


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
        output: torch.Tensor = type(layer).forward(layer, x)
        return output
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
