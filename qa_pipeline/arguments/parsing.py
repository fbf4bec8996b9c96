"""How the settings are resolved from a file and a command line. Imports torch.

Later wins: defaults, configuration file, command line. Everything that is wrong is reported at once in one
`ConfigError`; what comes out has been checked and nobody checks it again. Never reads data, never loads a model.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, TypeVar

import transformers

from qa_pipeline.arguments.checks import check_values
from qa_pipeline.arguments.config_files import COMMAND_LINE, HIDDEN, SECRET_KEYS, Given, raise_problems
from qa_pipeline.arguments.groups import DataArguments, LoRAArguments, ModelArguments
from qa_pipeline.arguments.help import print_help_if_asked
from qa_pipeline.arguments.setting_types import settings_of
from qa_pipeline.arguments.sources import log_once, read_sources
from qa_pipeline.arguments.training import GROUPS, TrainingArguments, default_eval_steps
from qa_pipeline.errors import ConfigError


@dataclass
class Arguments:
    """Everything a run needs to know.

    Attributes:
        source: where the settings came from, for messages: "config.yaml", "command line", or both.
        explicit: the keys that the user gave, under today's names; all others have their defaults.
    """

    model: ModelArguments
    data: DataArguments
    lora: LoRAArguments
    training: TrainingArguments
    source: str
    explicit: set[str]


def parse_arguments(argv: list[str]) -> Arguments:
    """Resolves `[CONFIG.json|CONFIG.yaml] [--key value ...]`: defaults, then the file, then the command line.

    Args:
        argv: the words after the script's name. With -h, --help or --help_all, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found, each with its place, its key and how to mend it.
    """
    print_help_if_asked(argv)
    settings = settings_of(*GROUPS)
    sources = read_sources(argv, settings)
    given, problems = sources.given, sources.problems
    defaults = {name: setting.default for name, setting in settings.items()}
    values = defaults | {name: one.value for name, one in given.items()}
    _fill_in(values, given)
    if sources.complete:
        # A setting that could not be read is at fault once; what it would contradict is not known.
        faults = check_values(values, given, sources.config_file or COMMAND_LINE, defaults)
        problems = problems + [fault for fault in faults if not sources.broken.intersection(fault.keys)]
    raise_problems(problems)
    return _build(values, given, sources.name)


def public_dict(*groups: Any) -> dict[str, Any]:
    """The resolved settings of the groups as one flat mapping that JSON can hold, with secrets hidden.

    A secret is "<hidden>" where one was given, else null.
    """
    result: dict[str, Any] = {}
    for group in groups:
        plain = group.to_dict() if isinstance(group, transformers.TrainingArguments) else dataclasses.asdict(group)
        for key in SECRET_KEYS.intersection(plain):
            plain[key] = HIDDEN if getattr(group, key) is not None else None
        result |= plain
    return json.loads(json.dumps(result, default=str))


def _fill_in(values: dict[str, Any], given: dict[str, Given]) -> None:
    """Resolves defaults that depend on other settings."""
    if values["eval_strategy"] == "steps" and values["eval_steps"] is None:
        values["eval_steps"] = default_eval_steps(values["logging_steps"])
    if "per_device_eval_batch_size" in given and "eval_batch_tokens" not in given:
        # Whoever bounds evaluation batches by questions gets batches that hold as many of the longest windows.
        values["eval_batch_tokens"] = max(1, values["per_device_eval_batch_size"]) * values["max_seq_length"]


def _build(values: dict[str, Any], given: dict[str, Given], source: str) -> Arguments:
    """Makes the dataclasses. TrainingArguments comes last: it starts accelerate and takes hold of the device."""
    model, data = _make(ModelArguments, values), _make(DataArguments, values)
    lora = _make(LoRAArguments, values)
    try:
        training = _make(TrainingArguments, values)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, ImportError, NotImplementedError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        named = [key for key in given if key in text and key not in SECRET_KEYS]
        key = max(named, key=len, default=None)
        place = given[key].place if key else source
        raise ConfigError(place, f"{given[key].label if key else 'training arguments'}: {text}") from error
    if not lora.use_lora and (idle := sorted(key for key in given if key.startswith("lora_"))):
        log_once("use_lora is false: %s have no effect", ", ".join(idle))
    return Arguments(model, data, lora, training, source=source, explicit=set(given))


Group = TypeVar("Group")


def _make(group: type[Group], values: dict[str, Any]) -> Group:
    """The dataclass with its part of the values."""
    return group(**{f.name: values[f.name] for f in dataclasses.fields(group) if f.init})  # type: ignore[arg-type]
