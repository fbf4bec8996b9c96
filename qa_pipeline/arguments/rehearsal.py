"""Sets up optimizer, schedule and compiler on one made-up weight, as Trainer will do it on the model.

What fails in transformers or torch (a package that is missing, an argument that a schedule needs, a value that is no
number) then fails before data is read. Sees the settings; settings that are left as they are cost nothing.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from qa_pipeline.arguments.config_files import found
from qa_pipeline.arguments.precision import accelerator_type
from qa_pipeline.arguments.resolver import Fault
from qa_pipeline.arguments.settings import Setting

_STEPS = 100
_COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_NEEDS_THE_MODEL = "need to pass a"  # transformers says so where all that comes before was right


def rehearse(v: SimpleNamespace, settings: Mapping[str, Setting]) -> Iterator[Fault]:
    """What would fail when training begins, as (settings that it is about, what is wrong).

    Args:
        v: all settings in their types, defaults included.
        settings: what they are.
    """
    if not v.do_train:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if v.optim != settings["optim"].default or v.optim_args:
            yield from _optimizer(v)
        if v.lr_scheduler_type != settings["lr_scheduler_type"].default or v.lr_scheduler_kwargs:
            yield from _schedule(v)
        if any(getattr(v, name) for name in ("torch_compile", "torch_compile_backend", "torch_compile_mode")):
            yield from _compiler(v)


def _optimizer(v: SimpleNamespace) -> Iterator[Fault]:
    import torch
    from transformers import Trainer

    names = "optim optim_args" if v.optim_args else "optim"
    for part in filter(None, str(v.optim_args or "").split(",")):
        if part.count("=") != 1:
            yield "optim_args", f"expected name=value, name=value, ... found {found(v.optim_args)}"
            return
    given = _Arguments()
    try:
        settings: Any = SimpleNamespace(**vars(v) | {"optim": str(getattr(v.optim, "value", v.optim))})
        settings.parallel_mode = None
        with _seen_by(given):
            optimizer_class, options = Trainer.get_optimizer_cls_and_kwargs(settings, None)
        weight = torch.nn.Parameter(torch.zeros(64, 64))
        optimizer = optimizer_class([weight], **options)
        if v.use_cpu or accelerator_type() is None:  # else the step is not for this device
            if hasattr(optimizer, "train"):
                optimizer.train()
            weight.grad = torch.zeros_like(weight)
            optimizer.step()
    except Exception as error:
        if _NEEDS_THE_MODEL not in str(error):
            yield names, f"{found(v.optim)} cannot be set up: {_said(error)}; mend that, or take another optim"
            return
    if ignored := sorted(given.names - given.read):
        known = f"takes {', '.join(sorted(given.read))}" if given.read else "takes none"
        yield "optim_args", f"{', '.join(ignored)}: not known to {settings.optim}, which {known}; leave it out"


class _Arguments(dict[str, str]):
    """What `optim_args` says, which notes what transformers asks it for: it passes over what it does not ask for.

    Attributes:
        names: all that was given.
        read: what was asked for, given or not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.read: set[str] = set()

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)

    def __getitem__(self, key: str) -> str:
        self.read.add(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:  # all of it is handed on
        self.read |= self.names
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self.read.add(key)
        return super().pop(key, *default)


@contextlib.contextmanager
def _seen_by(given: _Arguments) -> Iterator[None]:
    """Inside, transformers reads `optim_args` as `given`, where it has the function of its own that does so."""
    from transformers import trainer

    own = getattr(trainer, "_parse_optim_args", None)
    if own is None:
        yield
        return

    def parse(optim_args_str: str | None) -> dict[str, str]:
        given.update(own(optim_args_str))
        given.names.update(given)
        given.read.clear()
        return given

    trainer._parse_optim_args = parse
    try:
        yield
    finally:
        trainer._parse_optim_args = own


def _schedule(v: SimpleNamespace) -> Iterator[Fault]:
    import torch
    from transformers import get_scheduler

    given = v.lr_scheduler_kwargs
    try:
        options = json.loads(given) if isinstance(given, str) else given
    except ValueError as error:
        yield "lr_scheduler_kwargs", f"expected a JSON object, found {found(given)} ({error})"
        return
    kind = str(getattr(v.lr_scheduler_type, "value", v.lr_scheduler_type))
    if kind == "warmup_stable_decay" and not (isinstance(options, dict) and "num_decay_steps" in options):
        return  # transformers' arguments are refused without it, in better words
    steps = v.max_steps if v.max_steps > 0 else _STEPS
    warmup = v.warmup_steps or 0
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=v.learning_rate)
    try:
        schedule = get_scheduler(kind, optimizer, int(warmup if warmup >= 1 else warmup * steps), steps, options)
        optimizer.step()
        schedule.step(*([1.0] if kind in ("reduce_lr_on_plateau", "greedy") else ()))
    except Exception as error:
        yield (
            "lr_scheduler_type lr_scheduler_kwargs",
            f"{found(kind)} cannot be set up: {_said(error)}; give what it needs as lr_scheduler_kwargs, or take "
            "another lr_scheduler_type",
        )


def _compiler(v: SimpleNamespace) -> Iterator[Fault]:
    import torch._dynamo
    from accelerate.utils import DynamoBackend

    backend, mode = v.torch_compile_backend or "inductor", v.torch_compile_mode
    known = {one.value.lower() for one in DynamoBackend} & set(torch._dynamo.list_backends(exclude_tags=()))
    if backend not in known:
        yield (
            "torch_compile_backend",
            f"expected one of {', '.join(sorted(known))}, which torch and accelerate know here, found {found(backend)}",
        )
        return
    if mode is not None and mode not in _COMPILE_MODES:
        yield "torch_compile_mode", f"expected one of {', '.join(_COMPILE_MODES)}, found {found(mode)}"
    if backend == "inductor" and (v.use_cpu or accelerator_type() is None):
        try:
            from torch._inductor.cpp_builder import get_cpp_compiler

            get_cpp_compiler()
        except Exception as error:
            yield "torch_compile torch_compile_backend", f"inductor needs a C++ compiler: {_said(error)}; leave it out"


def _said(error: Exception) -> str:
    """The first line of what another program said, without the end of its sentence."""
    text = f"{type(error).__name__} {error}" if isinstance(error, KeyError) or not str(error) else str(error)
    return text.splitlines()[0].rstrip(". ")[:300]
