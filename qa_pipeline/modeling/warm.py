"""Begins a model with what an adapter learned: merged into its weights, or as the first values of adapters of its own.

The adapter is no part of what is saved: a plain model is whole, and a new adapter, which holds what it began with, lies
on the same base as if it had begun at random. Decides nothing: which adapter, and whether, is the caller's business.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import PreTrainedModel

from qa_pipeline.arguments import LoRAArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.faults import as_model_error, quiet_loading
from qa_pipeline.modeling.head import find_qa_head, in_head, unwrap
from qa_pipeline.modeling.lora import PlainLoRA, attach_lora, lora_targets, plain_lora
from qa_pipeline.modeling.paths import ADAPTER_CONFIG

if TYPE_CHECKING:
    from peft import PeftModel

logger = logging.getLogger(__name__)


def merge_warm(model: PreTrainedModel, folder: str) -> PreTrainedModel:
    """The model with an adapter and its head merged in, all of whose weights can be trained.

    Args:
        model: without adapters, not quantised, of the base that the adapter was trained on.
        folder: of the adapter.

    Raises:
        ModelError: the adapter cannot be read, or is of another model.
    """
    plain = plain_lora(folder)
    if plain is not None and plain.merge_into(model):
        return model
    from peft import PeftConfig, PeftModel

    with as_model_error(f"warm start from {folder}"), quiet_loading():
        config = PeftConfig.from_pretrained(folder)
        config.task_type = None
        merged = PeftModel.from_pretrained(model, folder, config=config, torch_device=str(model.device))
        plain_model = merged.merge_and_unload()
    plain_model.requires_grad_(True)
    return cast(PreTrainedModel, plain_model)


def attach_warm_lora(
    model: PreTrainedModel, lora_args: LoRAArguments, folder: str, *, base_name: str | None, revision: str | None
) -> PeftModel:
    """Adds adapters of the user's shape whose first values are those of a trained adapter.

    With at least its rank they hold all of it, else the nearest matrix of their rank (singular value decomposition),
    and what is lost is logged. Layers that the trained one adapts are adapted too, whatever was asked for.

    Args:
        model: plain or quantised, of the base that the adapter was trained on.
        lora_args: rank, scale, dropout, targets, rsLoRA, DoRA of the new adapters.
        folder: of the trained adapter.
        base_name, revision: as in `attach_lora`.

    Raises:
        ModelError: as `attach_lora`; or the trained adapter cannot be read, or is of another model.
    """
    warm = _read(folder)
    adapted = sorted({name.rpartition(".lora_")[0] for name in warm.weights if ".lora_" in name})
    if absent := set(adapted) - {name for name, _ in model.named_modules()}:
        raise ModelError(f"{folder} is of another model: {type(model).__name__} has no layer {min(absent)}")
    wanted = lora_targets(model, lora_args.lora_target_modules)
    if more := sorted(set(adapted) - set(wanted)):
        logger.info("Layers of the warm start are adapted too, beside lora_target_modules: %d more.", len(more))
    lora_args = dataclasses.replace(lora_args)  # a list of full names, which __post_init__ would take as it is
    lora_args.lora_target_modules = [*wanted, *more]
    peft_model = attach_lora(model, lora_args, base_name=base_name, revision=revision)
    kept = [_begin_layer(peft_model, name, warm) for name in adapted]
    _begin_head(peft_model, warm)
    if (share := min(kept, default=1.0)) < 0.999:
        logger.info("lora_r %d keeps %.0f%% or more of each matrix of the warm start.", lora_args.lora_r, 100 * share)
    return peft_model


def _read(folder: str) -> PlainLoRA:
    """The adapter, also one of layers that store their weights transposed: the two factors are the same there."""
    with as_model_error(f"warm start from {folder}"):
        config = json.loads((Path(folder) / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    found = plain_lora(folder, config | {"fan_in_fan_out": False})
    if found is None:
        raise ModelError(f"{folder}: a warm start takes a plain LoRA adapter (no DoRA, no biases) with its weights")
    return found


def _begin_layer(model: Any, name: str, warm: PlainLoRA) -> float:
    """Sets the factors of one layer; gives the share of the trained matrix that they hold, by squared size."""
    layer = model.get_base_model().get_submodule(name)
    a, b = (warm.weights[f"{name}.lora_{letter}.weight"].float() for letter in "AB")
    new_a, new_b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    if a.shape[1] != new_a.shape[1] or b.shape[0] != new_b.shape[0]:
        raise ModelError(f"{warm.folder} is of another model: {name} has other sizes there")
    scale, kept = float(layer.scaling["default"]), 1.0
    if (rank := len(new_a)) < len(a):
        a, b, kept = _nearest(a, b, rank)
    with torch.no_grad():
        new_a[: len(a)] = a.to(new_a)
        new_b[:, : b.shape[1]] = (b * (warm.scale / scale)).to(new_b)
        if magnitudes := getattr(layer, "lora_magnitude_vector", None):  # DoRA begins at the lengths of what is there
            magnitudes["default"].update_layer(
                base_layer=layer.get_base_layer(), lora_A=new_a, lora_B=new_b, scaling=scale
            )
    return kept


def _nearest(a: torch.Tensor, b: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The factors of the matrix of a lower rank that is nearest to b @ a, and the share of it that they hold.

    >>> a, b = torch.eye(2), torch.diag(torch.tensor([3.0, 1.0]))
    >>> round(_nearest(a, b, 1)[2], 3)
    0.9
    """
    left, left_rest = torch.linalg.qr(b)  # (out, r), (r, r)
    right, right_rest = torch.linalg.qr(a.T)  # (in, r), (r, r)
    u, sizes, v = torch.linalg.svd(left_rest @ right_rest.T)
    kept, roots = sizes[:rank], sizes[:rank].sqrt()
    share = float((kept.square().sum() / sizes.square().sum().clamp_min(1e-30)).item())
    return (roots[:, None] * v[:rank]) @ right.T, (left @ u[:, :rank]) * roots, share


def _begin_head(model: Any, warm: PlainLoRA) -> None:
    plain = unwrap(model)
    heads = find_qa_head(model)
    for head in heads:
        trained = getattr(plain, head).modules_to_save["default"]
        own = {name.removeprefix(f"{head}."): w for name, w in warm.weights.items() if in_head(name, [head])}
        with as_model_error(f"warm start from {warm.folder}: its head"):
            trained.load_state_dict({name: weight.float() for name, weight in own.items()})
