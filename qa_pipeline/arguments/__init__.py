"""The four groups of settings, from a file and a command line to checked dataclasses. Never reads data."""

from qa_pipeline.arguments.groups import (
    Arguments,
    DataArguments,
    LoRAArguments,
    ModelArguments,
    TrainingArguments,
    parse_arguments,
    public_dict,
)

__all__ = [
    "Arguments",
    "DataArguments",
    "LoRAArguments",
    "ModelArguments",
    "TrainingArguments",
    "parse_arguments",
    "public_dict",
]
