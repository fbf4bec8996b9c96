"""Attaches low-rank adapters to a question-answering model, and merges plain ones into their base.

What PEFT leaves to names is decided from the model here: the head is trained and saved beside the adapters whatever it
is called, adapters never go into the head, and everything else is frozen.

Merging goes without PEFT where the adapter is plain: `import peft` itself takes most of a second before the first
answer (and imports bitsandbytes where that is installed), while the merge is one line, `weight += scale * B @ A`.
Anything else (DoRA, biases, other layers than linear ones, ranks by pattern, initialisations that change the base ...)
is not plain, what this file does not know counts as not plain, and PEFT merges it.
"""

from __future__ import annotations

import difflib
import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.faults import as_model_error, quiet_loading
from qa_pipeline.modeling.head import find_qa_head, in_head
from qa_pipeline.modeling.paths import ADAPTER_CONFIG

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from qa_pipeline.arguments import LoRAArguments

logger = logging.getLogger(__name__)


def attach_lora(
    model: PreTrainedModel,
    lora_args: LoRAArguments,
    *,
    base_name: str | None = None,
    revision: str | None = None,
) -> PeftModel:
    """Adds adapters, makes the head trainable and freezes the rest. Random init draws from torch's generator.

    Args:
        model: a plain or quantised question-answering model.
        lora_args: rank, scale, dropout, targets, rsLoRA, DoRA.
        base_name: stored as the adapter's base model, as the user named it.
        revision: Hub revision of the base model, stored beside it.

    Raises:
        ModelError: a target name matches no layer, there is nothing to adapt, or PEFT refuses the combination.
    """
    from peft import LoraConfig, PeftModel

    heads = find_qa_head(model)
    if not heads:
        raise ModelError(f"{type(model).__name__}: no question-answering head with weights was found")
    config = LoraConfig(
        # PEFT's QUESTION_ANS class drops token_type_ids and knows heads by name only; the plain class does neither.
        task_type=None,
        r=lora_args.lora_r,
        lora_alpha=lora_args.lora_alpha,  # type: ignore[arg-type]  # any number works; peft says int
        lora_dropout=lora_args.lora_dropout,
        target_modules=lora_targets(model, lora_args.lora_target_modules),
        modules_to_save=heads,
        use_rslora=lora_args.use_rslora,
        use_dora=lora_args.use_dora,
        fan_in_fan_out=_stores_weights_transposed(model),
        bias="none",
        base_model_name_or_path=base_name,
        revision=revision,
    )
    with as_model_error(f"LoRA on {type(model).__name__}"), quiet_loading():
        peft_model = PeftModel(model, config)
    _check_trainable(peft_model, heads)
    return peft_model


def lora_targets(model: PreTrainedModel, wanted: str | list[str]) -> list[str]:
    """Full names of the layers that get adapters; never one inside the head.

    Args:
        model: without adapters.
        wanted: "auto" (linear layers inside the repeated blocks), "all-linear" (every linear layer outside the head),
            or names: the last parts of module names ("query", "attention.self.value").

    Raises:
        ModelError: a name matches nothing, or the model has no such layer.
    """
    heads = find_qa_head(model)
    adaptable = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D | nn.Embedding | nn.Conv1d | nn.Conv2d) and not in_head(name, heads)
    }
    linear = [name for name, module in adaptable.items() if isinstance(module, nn.Linear | Conv1D)]
    if isinstance(wanted, str) and wanted not in ("auto", "all-linear"):
        wanted = [wanted]
    if not isinstance(wanted, str):
        return _named_targets(model, wanted, list(adaptable), heads)
    blocks = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, nn.ModuleList))
    found = linear if wanted == "all-linear" else [name for name in linear if name.startswith(blocks)]
    if not found:
        names = sorted({_leaf(name) for name in adaptable})
        raise ModelError(
            f"{type(model).__name__}: lora_target_modules {wanted!r} finds no linear layer; name layers instead, "
            f"some of: {', '.join(names)}"
        )
    return found


def _named_targets(model: PreTrainedModel, wanted: list[str], adaptable: list[str], heads: list[str]) -> list[str]:
    found: set[str] = set()
    for name in wanted:
        matching = [layer for layer in adaptable if layer == name or layer.endswith(f".{name}")]
        if not matching:
            layers = sorted({_leaf(layer) for layer in adaptable})
            inside_head = " outside the head, which is always trained whole" if in_head(name, heads) else ""
            close = difflib.get_close_matches(name, layers, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise ModelError(
                f"lora_target_modules: {type(model).__name__} has no layer {name!r}{inside_head}{hint} "
                f"Layers that can be adapted: {', '.join(layers)}"
            )
        found.update(matching)
    return [layer for layer in adaptable if layer in found]


def _check_trainable(model: PeftModel, heads: list[str]) -> None:
    """What trains must be the adapters and the whole head, and nothing else."""
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    head_copies = {f"base_model.model.{head}.modules_to_save.default." for head in heads}
    frozen_heads = [c for c in head_copies if not any(name.startswith(c) for name in trainable)]
    others = [n for n in trainable if ".lora_" not in n and not n.startswith(tuple(head_copies))]
    if frozen_heads or others:
        raise ModelError(
            f"{type(model.get_base_model()).__name__} cannot be adapted: "
            f"head left frozen: {frozen_heads or 'none'}; trained beside adapters and head: {sorted(others) or 'none'}"
        )


def _stores_weights_transposed(model: nn.Module) -> bool:
    """GPT-2 keeps (in, out) weights in Conv1D; a quantised layer is (out, in) again."""
    return any(isinstance(module, Conv1D) for module in model.modules())


def _leaf(name: str) -> str:
    return name.rsplit(".", 1)[-1]


# Merging

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


def plain_lora(path: str, config: dict[str, Any] | None = None) -> PlainLoRA | None:
    """Reads an adapter; None where it is on the Hub, or is more than plain LoRA.

    Args:
        path: its folder.
        config: what its configuration is to be read as; None: as it is in the folder.

    Raises:
        ModelError: the configuration or the weights cannot be read.
    """
    config_file, weights_file = Path(path) / ADAPTER_CONFIG, Path(path) / ADAPTER_WEIGHTS
    if not config_file.is_file() or not weights_file.is_file():
        return None
    from safetensors.torch import load_file

    with as_model_error(f"adapter {path}"):
        config = json.loads(config_file.read_text(encoding="utf-8")) if config is None else config
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
