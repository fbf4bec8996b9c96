"""On which device and in which number type a model answers, also in a process that was forked.

The head always works in float32: answers are told apart by small differences. Logits of 8 are 0.03
apart in bfloat16, so that spans tie which are not equal; the encoder minds less.

Measured with a MiniLM-L6 trained on PolicyQA, one core with AMX, against float32 on the first validation questions. All
of the encoder in bfloat16 with the head in float32, which "auto" takes: 3.6 times as fast, the same text for 197 of 200
and 590 of 600. bfloat16 autocast with the head in float32: 3.0 times, 198 and 592. What differs were near ties: in
float32 the two spans were less than 0.08 logits apart. Where that matters, ask for float32.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from qa_pipeline.arguments.limits import as_python
from qa_pipeline.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn


def pick_device(device: Any = None) -> torch.device:
    """The device that is meant.

    Args:
        device: None for a GPU where there is one, else the CPU; a torch.device or its name; a number as transformers'
            pipelines take it (-1 is the CPU, n is GPU n).

    Raises:
        ModelError: there is no such device here.
    """
    import torch

    if device is None:
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return (
            torch.device("cpu") if found is None else torch.device(found.type, torch.accelerator.current_device_index())
        )
    device = as_python(device)
    if isinstance(device, int) and not isinstance(device, bool):
        device = "cpu" if device < 0 else f"{_accelerator_type()}:{device}"
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f'device {device!r}: expected "cpu", "cuda", "cuda:0", ... or a number') from error
    if chosen.type not in ("cpu", "meta"):
        count = torch.accelerator.device_count() if chosen.type == _accelerator_type() else 0
        if (chosen.index or 0) >= count:
            raise ModelError(
                f'device "{chosen}": this machine has {count} of this kind; use device="cpu" or leave it out'
            )
    return chosen


def pick_dtype(dtype: Any, device: torch.device) -> torch.dtype:
    """The type of the encoder's weights and of its arithmetic.

    Args:
        dtype: "auto" or None for bfloat16 where the device computes it natively, else float32; or a torch type, or its
            name.
        device: where the model computes.

    Raises:
        ModelError: no floating point type has that name.
    """
    import torch

    from qa_pipeline.arguments.precision import resolve_bf16
    from qa_pipeline.modeling.base import torch_dtype

    if dtype in (None, "auto"):
        native, _ = resolve_bf16(use_cpu=device.type == "cpu")
        return torch.bfloat16 if native else torch.float32
    if not isinstance(dtype, str | torch.dtype):
        raise ModelError(f'dtype {dtype!r}: expected "auto", "float32", "bfloat16", "float16" or a torch.dtype')
    return torch_dtype(dtype)


def set_precision(model: nn.Module, dtype: torch.dtype) -> None:
    """Puts the encoder into `dtype` and the head into float32, both of weights and of arithmetic, in place.

    A quantised model stays as it is: its types were chosen when it was loaded.
    """
    import torch

    from qa_pipeline.modeling import find_qa_head
    from qa_pipeline.modeling.head import compute_head_in_own_dtype, unwrap

    plain: Any = unwrap(model)
    if getattr(plain, "quantization_method", None) is not None:
        return
    # Not `model.to`, which would also round tables that models compute in float32, as the angles of rotary positions.
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    if dtype == torch.float32:
        return
    for name in find_qa_head(model):
        getattr(plain, name).float()
    compute_head_in_own_dtype(model)


def _accelerator_type() -> str:
    import torch

    found = torch.accelerator.current_accelerator()
    return "cuda" if found is None else found.type


@functools.cache
def compute_on_one_thread_in_forks() -> None:
    """From now on torch computes on one thread in the children of this process.

    OpenMP keeps its threads waiting for more work. A fork copies none of them, and the child waits for them for ever
    (gunicorn --preload, Celery, `datasets.map(num_proc=...)`). Processes that are spawned have all their threads.
    """
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))
