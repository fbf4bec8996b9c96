"""How the settings are resolved from a file and a command line. Imports torch.

Later wins: defaults, configuration file, command line. Everything that is wrong is reported at once in one
`ConfigError`; what comes out has been checked and nobody checks it again. Never reads data, never loads a model.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import transformers

from qa_pipeline.arguments.checks import check_values
from qa_pipeline.arguments.config_files import COMMAND_LINE, HIDDEN, SECRET_KEYS, Given, Problem, raise_problems
from qa_pipeline.arguments.groups import STORED_WITH_MODEL, DataArguments, LoRAArguments, ModelArguments
from qa_pipeline.arguments.help import print_help_if_asked
from qa_pipeline.arguments.settings import settings_of
from qa_pipeline.arguments.sources import log_once, read_sources
from qa_pipeline.arguments.training import GROUPS, TrainingArguments, default_eval_steps
from qa_pipeline.errors import ConfigError


@dataclass
class Arguments:
    """Everything a run needs to know.

    Attributes:
        source: where the settings came from, for messages: "config.yaml", "command line", or both.
        explicit: the keys that the user gave, under today's names; all others have their defaults.
        given: the same with their places, for messages.
    """

    model: ModelArguments
    data: DataArguments
    lora: LoRAArguments
    training: TrainingArguments
    source: str
    explicit: set[str]
    given: dict[str, Given] = field(default_factory=dict, repr=False)


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
        faults = [fault for fault in faults if not sources.broken.intersection(fault.keys)]
        if not values["do_train"]:
            faults = [fault for fault in faults if not _left_to_the_model(fault, given)]
        problems = problems + faults
    raise_problems(problems)
    return _build(values, given, sources.name)


def with_stored(arguments: Arguments, stored: Mapping[str, Any], place: str) -> Arguments:
    """The same settings, of which those in STORED_WITH_MODEL that the user did not give are taken from the model.

    Args:
        arguments: of a run that does not train.
        stored: what training stored with the model, by name; empty where nothing is.
        place: where that is, for messages.

    Raises:
        ConfigError: what was given does not fit what is stored; or, where nothing is stored, the defaults.
    """
    taken = {name: stored[name] for name in STORED_WITH_MODEL if name in stored and name not in arguments.explicit}
    training, data = arguments.training, dataclasses.replace(arguments.data, **taken)
    if data.answer_normalization != "multilingual" and "answer_language" in taken:
        data.answer_language = None
    groups = (arguments.model, data, arguments.lora, training)
    values = {f.name: getattr(group, f.name) for group in groups for f in dataclasses.fields(group) if f.init}
    _fill_in(values, arguments.given)
    defaults = {name: setting.default for name, setting in settings_of(*GROUPS).items()}
    faults = check_values(values, arguments.given, place, defaults)
    faults = [fault for fault in faults if _left_to_the_model(fault, arguments.given)]
    raise_problems([dataclasses.replace(fault, text=fault.text + _origin(fault, taken, place)) for fault in faults])
    training.eval_batch_tokens = values["eval_batch_tokens"]
    return dataclasses.replace(arguments, data=data)


def _left_to_the_model(fault: Problem, given: Mapping[str, Given]) -> bool:
    """Whether a fault hangs on a setting that was not given, and that may be stored with the model."""
    return any(key in STORED_WITH_MODEL and key not in given for key in fault.keys)


def _origin(fault: Problem, taken: Mapping[str, Any], place: str) -> str:
    names = [f"{key} {taken[key]}" for key in fault.keys if key in taken]
    return f" ({', '.join(names)}: stored with {place})" if names else ""


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
    return Arguments(model, data, lora, training, source=source, explicit=set(given), given=dict(given))


Group = TypeVar("Group")


def _make(group: type[Group], values: dict[str, Any]) -> Group:
    """The dataclass with its part of the values."""
    return group(**{f.name: values[f.name] for f in dataclasses.fields(group) if f.init})  # type: ignore[arg-type]
