"""Finds the question-answering head of any model, and the parameters that a loss reaches."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

logger = logging.getLogger(__name__)

UNTRAINED_HEAD = "qa_head_untrained"
"""Attribute of a model whose head was made anew for prediction. Set at loading: a cast to another type would hide it
from `is_head_new`, which compares weights."""

_NEW_HEAD = "qa_new_head"


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside DistributedDataParallel, torch.compile and PEFT wrappers: a plain transformers model."""
    model = strip_parallel(model)
    get_base_model = getattr(model, "get_base_model", None)
    return get_base_model() if callable(get_base_model) else model


def strip_parallel(model: nn.Module) -> nn.Module:
    """The model inside DistributedDataParallel and torch.compile; a PEFT model stays one."""
    while True:
        if isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            return model


def find_qa_head(model: nn.Module) -> list[str]:
    """Names the modules that make spans out of hidden states.

    They are the model's direct children that hold parameters and are not the pre-trained body: `qa_outputs` of most
    models, `head` and `classifier` of ModernBERT, `splinter_qass` of Splinter. PEFT knows only `qa_outputs`; on other
    models it leaves the head frozen and unsaved without a word.

    Args:
        model: a question-answering model, with or without adapters and wrappers.

    Returns:
        Attribute names on the plain transformers model, in the model's order.
    """
    plain = unwrap(model)
    children = {name: child for name, child in plain.named_children() if _has_parameters(child)}
    body = getattr(plain, "base_model_prefix", "")
    if body in children:
        return [name for name in children if name != body]
    # T5 keeps encoder and decoder at the top level, under no common prefix: what repeats blocks or embeds is body.
    return [name for name, child in children.items() if not _is_body(child)]


def is_head_untrained(model: nn.Module) -> bool:
    """Whether `load_trained` made the head anew, so that the model answers at random."""
    return bool(getattr(unwrap(model), UNTRAINED_HEAD, False))


def remember_new_head(model: nn.Module) -> None:
    """Keeps a copy of a head that was made anew, for `is_head_new`."""
    setattr(unwrap(model), _NEW_HEAD, [weight.detach().clone() for weight in _head_weights(model)])


def is_head_new(model: nn.Module) -> bool:
    """Whether the head still is as it was made at random: no adapter has brought a trained one and nothing trained it.

    Reads False on a sharded or quantised model whose head cannot be compared.
    """
    made, now = getattr(unwrap(model), _NEW_HEAD, None), _head_weights(model)
    if made is None or [weight.shape for weight in made] != [weight.shape for weight in now]:
        return False
    return all(torch.equal(one.cpu(), two.detach().cpu()) for one, two in zip(made, now, strict=True))


def _head_weights(model: nn.Module) -> list[torch.Tensor]:
    # PEFT keeps the head as it was beside the copy that it trains.
    plain, heads = unwrap(model), find_qa_head(model)
    return [p for name, p in plain.named_parameters() if in_head(name, heads) and ".original_module." not in name]


def in_head(name: str, heads: list[str]) -> bool:
    """Whether a module or parameter name of the plain model lies in the head."""
    return name.split(".", 1)[0] in heads


def compute_head_in_own_dtype(model: nn.Module) -> None:
    """Makes the head compute in the type of its own weights, in place: outside autocast, its inputs cast to that type.

    In bfloat16 logits of 8 would be 0.03 apart, so that spans tie which are not equal. The head is one small layer.
    """
    plain = unwrap(model)
    for name in find_qa_head(model):
        head = getattr(plain, name)
        head.forward = _OutsideAutocast(head.forward, next(head.parameters()).dtype)


class _OutsideAutocast:
    """A forward that computes in one type. A class and no closure, so that the model can be pickled."""

    def __init__(self, forward: Callable[..., Any], dtype: torch.dtype):
        self.forward, self.dtype = forward, dtype

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        devices = {value.device.type for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)}
        with contextlib.ExitStack() as stack:
            for device in devices:
                stack.enter_context(torch.autocast(device, enabled=False))
            return self.forward(*map(self._cast, args), **{name: self._cast(value) for name, value in kwargs.items()})

    def _cast(self, value: Any) -> Any:
        return value.to(self.dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def used_parameters(model: nn.Module, inputs: dict[str, torch.Tensor]) -> set[str]:
    """Names the trainable parameters that the logits depend on.

    Walks the autograd graph of one forward pass; no gradient is computed, so it costs one small forward.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            outputs = model(**inputs)
    finally:
        model.train(was_training)
    reached: set[int] = set()
    seen: set[Any] = set()
    queue = [node for node in (outputs.start_logits.grad_fn, outputs.end_logits.grad_fn) if node is not None]
    while queue:
        node = queue.pop()
        if node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            reached.add(id(node.variable))
        queue.extend(before for before, _ in node.next_functions if before is not None)
    return {name for name, parameter in model.named_parameters() if id(parameter) in reached}


def freeze_unused(model: nn.Module, inputs: dict[str, torch.Tensor]) -> list[str]:
    """Freezes parameters that no loss reaches, such as a pooler that span prediction never uses.

    DistributedDataParallel waits for the gradient of every trainable parameter and fails when one never comes.

    Returns:
        The names of the frozen parameters.
    """
    used = used_parameters(model, inputs)
    unused = [(name, p) for name, p in model.named_parameters() if p.requires_grad and name not in used]
    for _, parameter in unused:
        parameter.requires_grad_(False)
    names = [name for name, _ in unused]
    if names:
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        logger.info("Frozen, because the logits do not depend on them: %s%s", ", ".join(names[:6]), more)
    return names


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _is_body(module: nn.Module) -> bool:
    if isinstance(module, nn.Embedding):
        return True
    return any(isinstance(part, nn.ModuleList) for part in module.modules())
