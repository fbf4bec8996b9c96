"""The four groups of settings, from a file and a command line to checked dataclasses. Never reads data.

Each name is loaded when it is first used: only `TrainingArguments` and what makes one import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa_pipeline.arguments.groups import DataArguments, LoRAArguments, ModelArguments
    from qa_pipeline.arguments.limits import QASettings
    from qa_pipeline.arguments.training import Arguments, TrainingArguments, parse_arguments, public_dict

_HOMES = {
    "Arguments": "training",
    "DataArguments": "groups",
    "LoRAArguments": "groups",
    "ModelArguments": "groups",
    "QASettings": "limits",
    "TrainingArguments": "training",
    "parse_arguments": "training",
    "public_dict": "training",
}

__all__ = [
    "Arguments",
    "DataArguments",
    "LoRAArguments",
    "ModelArguments",
    "QASettings",
    "TrainingArguments",
    "parse_arguments",
    "public_dict",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
