"""Merges a plain LoRA adapter into its base without PEFT. Takes all of an adapter or leaves it to PEFT.

`import peft` itself imports bitsandbytes where that is installed, also for a base that is not quantised, and has no
switch for it: nearly a second before the first answer. The merge itself is one line, `weight += scale * B @ A`.
Anything else (DoRA, biases, other layers than linear ones, ranks by pattern, initialisations that change the base ...)
is not plain, and what this file does not know counts as not plain.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from qa_pipeline.modeling.faults import as_model_error
from qa_pipeline.modeling.head import find_qa_head, in_head
from qa_pipeline.modeling.paths import ADAPTER_CONFIG

ADAPTER_WEIGHTS = "adapter_model.safetensors"

_PREFIX = "base_model.model."
_READ = {
    "peft_type",
    "r",
    "lora_alpha",
    "use_rslora",
    "init_lora_weights",
    "bias",
    "base_model_name_or_path",
    "revision",
}
# What says nothing about the sum of base and adapter.
_WITHOUT_EFFECT = {
    *("auto_mapping", "inference_mode", "lora_dropout", "modules_to_save", "peft_version", "task_type"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "megatron_core"),
    "qalora_group_size",
}


@dataclass(frozen=True)
class PlainLoRA:
    """An adapter that is nothing but B @ A beside linear layers, and a head.

    Attributes:
        folder: where it was read.
        base_name: base model as its configuration names it; None where it names none.
        revision: of the base on the Hub.
        scale: what B @ A is multiplied by.
        weights: name on the plain model -> tensor, of the adapters "NAME.lora_A.weight" (rank, in) and
            "NAME.lora_B.weight" (out, rank).
    """

    folder: str
    base_name: str | None
    revision: str | None
    scale: float
    weights: dict[str, torch.Tensor]

    def merge_into(self, model: nn.Module) -> bool:
        """Adds the adapter to the base's weights and puts its head in; both, or nothing at all.

        Returns:
            Whether it did. Where a weight has no place, or the head is not whole, PEFT is to say what is wrong.
        """
        heads = find_qa_head(model)
        state = model.state_dict()
        layers = sorted({name.rpartition(".lora_")[0] for name in self.weights if ".lora_" in name})
        head = {name: weight for name, weight in self.weights.items() if ".lora_" not in name}
        if head.keys() != {name for name in state if in_head(name, heads)}:
            return False
        if any(weight.shape != state[name].shape for name, weight in head.items()):
            return False
        merged = {}
        for name in layers:
            a, b = (self.weights.get(f"{name}.lora_{letter}.weight") for letter in "AB")
            layer = _module(model, name)
            if type(layer) is not nn.Linear or a is None or b is None:
                return False
            a, b = a.to(layer.weight), b.to(layer.weight)
            if a.ndim != 2 or b.ndim != 2 or (len(b), a.shape[1]) != layer.weight.shape or len(a) != b.shape[1]:
                return False
            merged[f"{name}.weight"] = layer.weight.detach() + (b @ a) * self.scale
        model.load_state_dict({**merged, **head}, strict=False)
        return True


def plain_lora(path: str) -> PlainLoRA | None:
    """Reads an adapter; None where it is on the Hub, or is more than plain LoRA.

    Raises:
        ModelError: the configuration or the weights cannot be read.
    """
    config_file, weights_file = Path(path) / ADAPTER_CONFIG, Path(path) / ADAPTER_WEIGHTS
    if not config_file.is_file() or not weights_file.is_file():
        return None
    from safetensors.torch import load_file

    with as_model_error(f"adapter {path}"):
        config = json.loads(config_file.read_text(encoding="utf-8"))
        if not _is_plain(config):
            return None
        weights = {name.removeprefix(_PREFIX): weight for name, weight in load_file(weights_file).items()}
    rank, alpha = config["r"], config["lora_alpha"]
    scale = alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank
    return PlainLoRA(path, config.get("base_model_name_or_path"), config.get("revision"), scale, weights)


def _is_plain(config: Any) -> bool:
    """Whether every setting is one of those that this file knows, or is off."""
    return (
        isinstance(config, dict)
        and config.get("peft_type") == "LORA"
        and all(isinstance(config.get(name), int | float) and config[name] > 0 for name in ("r", "lora_alpha"))
        # Others, as pissa and olora, take a part of the base's weights out.
        and config.get("init_lora_weights", True) in (True, False, "gaussian")
        and config.get("bias", "none") == "none"
        and not any(value for name, value in config.items() if name not in _READ | _WITHOUT_EFFECT)
    )


def _module(model: nn.Module, name: str) -> nn.Module | None:
    try:
        return model.get_submodule(name)
    except AttributeError:
        return None
