"""Attaches low-rank adapters to a question-answering model.

What PEFT leaves to names is decided from the model here: the head is trained and saved beside the adapters whatever it
is called, adapters never go into the head, and everything else is frozen.
"""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING

from torch import nn
from transformers.pytorch_utils import Conv1D

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.faults import as_model_error, quiet_loading
from qa_pipeline.modeling.head import find_qa_head, in_head

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
