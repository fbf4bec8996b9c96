"""The settings of a run: from a file and a command line to checked dataclasses. Imports torch.

What comes out has been checked and nobody checks it again. Never reads data, never loads a model.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import transformers

from qa_pipeline.arguments.checks import check_run
from qa_pipeline.arguments.config_files import HIDDEN, SECRET_KEYS, Entry, Problem
from qa_pipeline.arguments.groups import (
    DEFAULT_LOGGING_STEPS,
    STORED_WITH_MODEL,
    DataArguments,
    LoRAArguments,
    ModelArguments,
    TrainingSettings,
)
from qa_pipeline.arguments.help import print_help_if_asked
from qa_pipeline.arguments.precision import accelerator_available, resolve_bf16
from qa_pipeline.arguments.resolver import Resolution, log_once
from qa_pipeline.arguments.settings import settings_of
from qa_pipeline.errors import ConfigError


def default_eval_steps(logging_steps: float) -> float:
    """Steps between evaluations where none were given: logging_steps, as in transformers, but not its default here."""
    return 500 if logging_steps == DEFAULT_LOGGING_STEPS else logging_steps


# repr=False keeps the base class's repr, which hides tokens; a generated one would print hub_token.
@dataclass(repr=False)
class TrainingArguments(TrainingSettings, transformers.TrainingArguments):  # type: ignore[misc]
    """The training arguments of transformers with this project's defaults and a few of its own.

    `bf16` may be None, "where the device has it"; after construction it is True or False and `bf16_reason` says why.

    Example:
        >>> args = TrainingArguments(output_dir="runs/mine", use_cpu=True, bf16=False)
        >>> args.bf16, args.learning_rate > 0
        (False, True)
    """

    def __post_init__(self) -> None:
        if not self.use_cpu and not accelerator_available():
            self.use_cpu = True  # transformers refuses bf16 on a machine without a GPU unless this is said
        self.bf16, self.bf16_reason = resolve_bf16(self.bf16, fp16=self.fp16, use_cpu=self.use_cpu)
        if self.eval_steps is None and self.eval_strategy == "steps":
            self.eval_steps = default_eval_steps(self.logging_steps)
        self.remove_unused_columns = False
        self.report_to = "none" if self.report_to is None else self.report_to
        super().__post_init__()  # type: ignore[no-untyped-call]
        if (there := self.n_gpu) > 1:
            # transformers would copy the model to all of them in every step (DataParallel): slower than one process a
            # GPU, and evaluation would use one all the same.
            self._n_gpu = 1
            log_once(
                "%d GPUs are here and one process was started: one GPU is used. For all of them: accelerate launch "
                "--config_file configs/accelerate/one_machine.yaml --num_processes %d run_qa.py ...",
                *(there, there),
            )


GROUPS = (ModelArguments, DataArguments, LoRAArguments, TrainingArguments)
"""The settings of a run, in the order of its help."""


@dataclass
class Arguments:
    """Everything a run needs to know.

    Attributes:
        source: where the settings came from, for messages: "config.yaml", "command line", or both.
        explicit: the keys that the user gave, under today's names; all others have their defaults.
        given: the same with their places, for messages.

    Example:
        >>> from qa_pipeline import parse_arguments
        >>> arguments = parse_arguments(["configs/quickstart.yaml"])
        >>> arguments.data.max_seq_length, "max_seq_length" in arguments.explicit
        (384, False)
    """

    model: ModelArguments
    data: DataArguments
    lora: LoRAArguments
    training: TrainingArguments
    source: str
    explicit: set[str]
    given: dict[str, Entry] = field(default_factory=dict, repr=False)


def parse_arguments(argv: list[str]) -> Arguments:
    """Resolves `[CONFIG.json|CONFIG.yaml] [--key value ...]`: defaults, then the file, then the command line.

    Args:
        argv: the words after the script's name. With -h, --help or --help_all, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found, each with its place, its key and how to mend it.

    Example:
        >>> arguments = parse_arguments(["configs/quickstart.yaml", "--learning_rate", "1e-3"])
        >>> arguments.training.learning_rate, arguments.lora.lora_r
        (0.001, 32)
    """
    print_help_if_asked(argv)
    return _resolved(Resolution.read(argv, GROUPS))


def arguments_from(given: Mapping[str, Any], place: str) -> Arguments:
    """Resolves settings that Python code gives, by key, as `parse_arguments` does.

    Args:
        given: a text means what it would on a command line.
        place: what gave them, for messages.

    Raises:
        ConfigError: with every fault that was found.

    Example:
        >>> given = {"model_name_or_path": "m", "train_file": "mock_data/train.json", "do_train": True}
        >>> arguments_from({**given, "output_dir": "runs/m"}, "an example").training.do_train
        True
    """
    return _resolved(Resolution.of(given, place, GROUPS))


def _resolved(resolution: Resolution) -> Arguments:
    values, given = resolution.values, resolution.given
    _fill_in(values, given)
    check_run(resolution)
    resolution.raise_problems(leave=lambda fault: not values["do_train"] and _left_to_the_model(fault, given))
    return _build(resolution)


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
    resolution = Resolution(settings_of(*GROUPS), place)
    resolution.values, resolution.given = values, arguments.given
    _fill_in(values, arguments.given)
    check_run(resolution)
    resolution.problems = [
        dataclasses.replace(fault, text=fault.text + _origin(fault, taken, place)) for fault in resolution.problems
    ]
    resolution.raise_problems(leave=lambda fault: not _left_to_the_model(fault, arguments.given))
    training.eval_batch_tokens = values["eval_batch_tokens"]
    return dataclasses.replace(arguments, data=data)


def _left_to_the_model(fault: Problem, given: Mapping[str, Entry]) -> bool:
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
    plain_json: dict[str, Any] = json.loads(json.dumps(result, default=str))
    return plain_json


def _fill_in(values: dict[str, Any], given: dict[str, Entry]) -> None:
    """Resolves defaults that depend on other settings."""
    if values["eval_strategy"] == "steps" and values["eval_steps"] is None:
        values["eval_steps"] = default_eval_steps(values["logging_steps"])
    if "per_device_eval_batch_size" in given and "eval_batch_tokens" not in given:
        # Whoever bounds evaluation batches by questions gets batches that hold as many of the longest windows.
        values["eval_batch_tokens"] = max(1, values["per_device_eval_batch_size"]) * values["max_seq_length"]


def _build(resolution: Resolution) -> Arguments:
    """Makes the dataclasses. TrainingArguments comes last: it starts accelerate and takes hold of the device."""
    given, source = resolution.given, resolution.source
    model, data, lora = resolution.make(ModelArguments), resolution.make(DataArguments), resolution.make(LoRAArguments)
    try:
        training = resolution.make(TrainingArguments)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, ImportError, NotImplementedError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        named = [key for key in given if key in text and key not in SECRET_KEYS]
        key = max(named, key=len, default=None)
        place = given[key].place if key else source
        raise ConfigError(place, f"{given[key].label if key else 'training arguments'}: {text}") from error
    if not lora.use_lora and (idle := sorted(key for key in given if key.startswith("lora_"))):
        log_once("use_lora is false: %s have no effect", ", ".join(idle))
    return Arguments(model, data, lora, training, source=source, explicit=set(given), given=dict(given))
