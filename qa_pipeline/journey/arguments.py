"""The settings of `prompt2model`, from a file and a command line to checked values. Reads no document and no data.

All groups are one flat mapping. Where two groups have a key of the same name, it has one meaning here: `output_dir` and
`seed` are those of the journey, `load_in_4bit` that of the trained model. Settings that say what a stage decides are
refused by name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

from qa_pipeline.arguments.groups import DataArguments, LoRAArguments, ModelArguments, TrainingSettings
from qa_pipeline.arguments.help import help_text
from qa_pipeline.arguments.legacy import LEGACY, Legacy, Replaced
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import make_setting, setting, settings_of, split_names
from qa_pipeline.discovery.arguments import DatasetSearchArguments, weight_problems
from qa_pipeline.discovery.model_arguments import ModelSearchArguments
from qa_pipeline.documents.files import refuse_missing
from qa_pipeline.errors import DataError
from qa_pipeline.generation.argument_checks import check as check_generation
from qa_pipeline.generation.arguments import (
    OF_DOCUMENTS,
    OF_MODELS,
    BackendArguments,
    FilterArguments,
    GenerationArguments,
)
from qa_pipeline.journey.settings import JourneySettings
from qa_pipeline.journey.stage import STAGES
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.tuning.arguments import TuningArguments

SKIPPABLE = {
    "retrieve_data": "no data set is used but what is generated or given",
    "generate": "no question is generated; train on `examples` and on data that is found",
    "retrieve_model": f"model_name_or_path is trained, or {EMBEDDED_MODEL} where none is given",
    "select": "the model of the train stage is the chosen one",
    "execute": "no file of answers to the test questions is written",
    "evaluate": "nothing is measured on the test split",
    "report": "no report and no model card are written",
}
"""Stages that may be left out, and what then stands in their place."""
_NOT_SKIPPABLE = {
    "parse": "all stages go by what the prompt was read as; by rules it takes no time and asks nobody",
    "process": "training needs its splits, with no text on both sides",
    "train": "there would be no model; --until retrieve_model ends before it",
}


@dataclass
class JourneyArguments:
    """What the journey is about, where it goes, and which of its stages run."""

    _argument_group_name: ClassVar[str] = "journey"

    prompt: str | None = setting(None, "What the model should answer, in a sentence or more. Required, or spec_file.")
    examples: str | None = setting(
        None, "Labelled questions of people, in any known format: first for the test split, then for the others."
    )
    output_dir: str | None = setting(
        None, "Folder of the journey. None: journeys/ and a name made of the prompt, so that the same command goes on."
    )
    metrics_output_path: str | None = setting(None, "Where the metrics go as JSON. None: metrics.json in output_dir.")
    offline: bool = setting(False, "Open no socket: only what is on this machine is used.")
    ablate: bool = setting(
        False, "Also train on retrieved rows only, generated only, both, and unfiltered ones, and compare them."
    )
    seed: int = setting(
        42, "Of everything: drawn passages, splits, weights of the head, trials.", least=0, most=2**32 - 1
    )
    max_rows: int | None = setting(
        None, "Training rows, exactly so many where there are as many; people's stay first. None: all.", least=1
    )
    source_weights: dict[str, Any] | None = setting(
        None, 'Shares of the training rows by where they come from, as JSON: {"generated": 1, "retrieved": 2}.'
    )
    backend_load_in_4bit: bool = setting(
        False, "Load the weights of the language model in 4 bits (transformers); load_in_4bit is of the trained model."
    )
    num_trials: int = setting(
        3,
        "Trials of hyper-parameters, the training with the settings as they are among them; 0: none but that.",
        least=0,
    )
    from_stage: str | None = setting(
        None, "On the command line --from. Make this stage and all after it anew.", choices=STAGES
    )
    until: str | None = setting(
        None, "End after this stage; --until process writes review.csv, to be read and edited.", choices=STAGES
    )
    skip: list[str] | None = setting(
        None, "Stages to leave out: " + "; ".join(f"{name} ({instead})" for name, instead in SKIPPABLE.items()) + "."
    )
    plan: bool = setting(False, "Say what each stage would use, ask, cost and take; ask nothing, write nothing.")
    preview: bool = setting(False, "Show a few rows of every stage up to the model's choice, and train nothing.")
    status: bool = setting(False, "Say what is done in output_dir, and what the same command would do.")


RECOMMENDED = {"num_train_epochs": 3.0, "warmup_steps": 0.1, "max_answer_length": 50}
"""What docs/measured.md found good for generated questions. The learning rate goes by the size of the model, and the
passes are more over few rows."""
SOURCES = ("examples", "generated", "retrieved")
MODES = ("plan", "preview", "status")
_FILES = (
    "train_file",
    "validation_file",
    "test_file",
    "dataset_name",
    "extra_train_files",
    "validation_split_fraction",
)
_BY_STAGES = "the stages say what is done; --until STAGE ends early, --skip STAGE leaves one out"
_BY_PROCESS = "the process stage makes the files of the splits; labelled questions of your own go to examples"
REFUSED = {
    "overwrite_output_dir": "nothing is overwritten in silence: --from STAGE makes a stage and all after it anew",
    "shard": "the generate stage makes the whole data set; qa-pipeline generate makes parts",
    "list_prompts": "qa-pipeline generate --list_prompts lists them",
    **dict.fromkeys(("do_train", "do_eval", "do_predict"), _BY_STAGES),
    "resume_from_checkpoint": "the same command goes on from the newest checkpoint by itself",
    **dict.fromkeys((*_FILES, "dataset_config_name", "dataset_revision"), _BY_PROCESS),
    "max_predict_samples": "the execute stage answers all test questions; test_fraction and max_rows make them fewer",
    **dict.fromkeys(
        ("push_to_hub", "hub_model_id", "hub_strategy", "hub_token", "hub_private_repo", "hub_revision"),
        "nothing is uploaded; when you have seen the report: hf upload YOUR/NAME OUTPUT_DIR/model",
    ),
    "eval_on_start": "the evaluate stage compares with the model as it was before training",
}
"""Settings of the groups that have no meaning here, and why."""
_USUAL_NAMES = {
    "input": "documents",
    "document": "documents",
    "docs": "documents",
    "train_file": "examples",
    "data": "examples",
    "labels": "examples",
    "output": "output_dir",
    "n": "num_examples",
    "from": "from_stage",
    "metrics": "metrics_output_path",
    "num_tune_trials": "num_trials",
    "tune_trials": "num_trials",
}


def training_groups() -> tuple[type, ...]:
    """The groups of a training; imports transformers."""
    from qa_pipeline.arguments.training import TrainingArguments

    return (ModelArguments, DataArguments, LoRAArguments, TrainingArguments)


def groups() -> tuple[type, ...]:
    """All groups; of keys of the same name that of the last one counts."""
    return (
        *(GenerationArguments, BackendArguments, FilterArguments, DatasetSearchArguments, ModelSearchArguments),
        *(*training_groups(), TuningArguments, JourneyArguments),
    )


def help_of_journey() -> str:
    """The text of --help; imports neither torch nor transformers."""
    shown: dict[str, type] = {}
    taken = {*REFUSED}
    for group in (JourneyArguments, *_light_groups()):
        names = set(settings_of(group)) - taken - ({"load_in_4bit"} if group is BackendArguments else set())
        shown[group.__name__] = _only(group, names)
        taken |= names
    return help_text(
        list(shown.values()),
        usage="qa-pipeline prompt2model --prompt TEXT [--documents DIR] [CONFIG.yaml] [--key value ...]",
        description=(
            "From a prompt to a model that answers questions with exact spans of a text: "
            f"{', '.join(STAGES)}. Nothing is asked on the terminal. What is done is kept; the same command goes on. "
            "Settings come from their defaults, then the configuration file, then the command line. output_dir and "
            "seed are those of the whole journey; load_in_4bit is of the trained model, backend_load_in_4bit of the "
            "language model; field_mapping, on_bad_data and max_bad_fraction go for examples."
        ),
        epilog=(
            "And all settings of a training (qa-pipeline train --help_all), with other defaults: "
            + ", ".join(f"{name} {value:g}" for name, value in RECOMMENDED.items())
            + ", learning_rate and use_lora by the size of the model and the memory, more epochs where rows and more "
            "questions where passages are few, and the best epoch on the validation questions."
        ),
    )


def _light_groups() -> tuple[type, ...]:
    """The other groups, of the training's own ones those that need no library."""
    return (
        *(GenerationArguments, BackendArguments, FilterArguments, DatasetSearchArguments, ModelSearchArguments),
        *(ModelArguments, DataArguments, LoRAArguments, TrainingSettings, TuningArguments),
    )


def _only(group: type, names: set[str]) -> type:
    """A dataclass with some of the settings of another, under the same heading."""
    hints = get_type_hints(group)
    kept = [
        (one.name, hints[one.name], field(default_factory=one.default_factory, metadata=one.metadata))
        if one.default_factory is not MISSING
        else (one.name, hints[one.name], field(default=one.default, metadata=one.metadata))
        for one in fields(group)
        if one.name in names
    ]
    heading = {"_argument_group_name": getattr(group, "_argument_group_name", group.__name__)}
    return make_dataclass(group.__name__, kept, namespace=heading)


def parse_journey_arguments(argv: Sequence[str]) -> JourneySettings:
    """Resolves `[CONFIG.yaml] [--key value ...]`: defaults, then the file, then the command line.

    Raises:
        ConfigError: with every fault that was found.
    """
    return _checked(Resolution.read(with_from(argv), groups(), old=OLD_KEYS, usual_names=_USUAL_NAMES))


def journey_settings(values: Mapping[str, Any], place: str = "Prompt2Model") -> JourneySettings:
    """Resolves settings that Python code gives; a path may stand for a text. None: not given.

    Raises:
        ConfigError: with every fault that was found.
    """
    texts = {key: _plain_value(value) for key, value in values.items() if value is not None}
    return _checked(Resolution.of(texts, place, groups(), old=OLD_KEYS))


def _practice_rows(value: int) -> dict[str, Any]:
    if value:
        raise Replaced(
            "no longer exists; instead of questions beside the rows a new model has a warm start: see warm_start"
        )
    return {"warm_start": "off"}


OLD_KEYS = LEGACY | {
    "practice_rows": Legacy(make_setting("practice_rows", int | None), frozenset({"warm_start"}), _practice_rows)
}


def is_offline(argv: Sequence[str]) -> bool:
    """Whether a command line, or its file, says offline; libraries have to know before they are imported."""
    return bool(Resolution.read(with_from(argv), (JourneyArguments,), old={}).values["offline"])


def with_from(argv: Sequence[str]) -> list[str]:
    """The words with `--from`, which cannot be the name of a field, under the name of its setting."""
    return [re.sub(r"^--from(?==|$)", "--from_stage", word) for word in argv]


def _plain_value(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain_value(one) for one in value] if isinstance(value, list | tuple) else value


def _checked(resolution: Resolution) -> JourneySettings:
    values, given = resolution.values, resolution.given
    defaults = {name: one.default for name, one in resolution.settings.items()}
    lists = ("answer_types", "skip_filters", "cloze_plugins", "skip")
    values |= {name: split_names(values[name]) for name in lists if values[name]}
    values |= {name: value for name, value in RECOMMENDED.items() if name not in given}
    if values["prompt"] is not None:
        values["prompt"] = without_quotes(values["prompt"])
    if values["output_dir"] is None and not values["status"]:
        values["output_dir"] = str(Path("journeys") / folder_name(values["prompt"] or "journey"))
    _check(resolution)
    resolution.problems = list(dict.fromkeys(resolution.problems))
    resolution.raise_problems()
    keys = tuple(settings_of(*training_groups()))
    return JourneySettings(values, defaults, frozenset(given), keys, resolution.source)


def _check(resolution: Resolution) -> None:
    values, given = resolution.values, resolution.given
    for name in [name for name in REFUSED if name in given]:
        resolution.report(name, REFUSED[name])
    _check_journey(resolution)
    if values["status"]:
        return
    of_models = {name: default for name, default in OF_MODELS.items() if name != "load_in_4bit"}
    prompt = values["prompt"]
    if not values["spec_file"]:
        values["prompt"] = prompt or "missing"  # said above, in the words of this command
    check_generation(resolution, of_models | {"backend_load_in_4bit": False}, OF_DOCUMENTS)
    values["prompt"] = prompt
    _check_training(resolution)


def _check_journey(resolution: Resolution) -> None:
    values, fault = resolution.values, resolution.report
    if not values["prompt"] and not values["spec_file"] and not values["status"]:
        fault("prompt", 'is required: say what the model should answer, such as --prompt "Answer questions about X"')
    if values["status"] and not values["output_dir"]:
        resolution.report_at("output_dir status", "is required with --status: the folder of the journey")
    if len(modes := [name for name in MODES if values[name]]) > 1:
        fault(" ".join(modes), f"one of {', '.join(modes)} at a time")
    _check_stages(resolution)
    if values["offline"] and values["backend"] in ("openai", "vllm"):
        how = "is asked over a socket" if values["backend"] == "openai" else "talks to its own processes over sockets"
        fault("offline backend", f"opens no socket, and backend {values['backend']} {how}; take cloze or transformers")
    for text in weight_problems(values["dataset_weights"]):
        fault("dataset_weights", text.removeprefix("dataset_weights: "))
    for name, weight in (values["source_weights"] or {}).items():
        if name not in SOURCES or isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            fault(
                "source_weights", f"expected numbers of at least 0 for {', '.join(SOURCES)}, found {name}: {weight!r}"
            )
    _check_places(resolution)


def _check_stages(resolution: Resolution) -> None:
    """Which stages run."""
    values, fault = resolution.values, resolution.report
    for name in values["skip"] or ():
        if name in _NOT_SKIPPABLE:
            fault("skip", f"{name} cannot be left out: {_NOT_SKIPPABLE[name]}")
        elif name not in STAGES:
            fault("skip", f'unknown stage "{name}"; stages are {", ".join(STAGES)}')
    first, last = values["from_stage"], values["until"]
    if first in STAGES and last in STAGES and STAGES.index(first) > STAGES.index(last):
        fault("from_stage until", f"{first} comes after {last}, where the journey is to end")


def _check_places(resolution: Resolution) -> None:
    """Files that are not there, and a folder that lies among the documents."""
    values, fault = resolution.values, resolution.report
    examples = values["examples"] or ""  # without a path and an ending it may be a data set of the Hub
    if (os.path.isabs(examples) or Path(examples).suffix) and not os.path.exists(examples):
        fault("examples", f'no such file: "{values["examples"]}" (relative paths start at {os.getcwd()})')
    root = os.path.realpath(values["output_dir"] or ".")
    try:
        refuse_missing(values["documents"] or ())
    except DataError as error:
        fault("documents", str(error))
    for source in values["documents"] or ():
        if os.path.isdir(source) and root.startswith(os.path.realpath(source) + os.sep) and values["output_dir"]:
            text = (
                f'lies in documents ("{source}"): the next run would read what this one writes; give a folder beside it'
            )
            fault("output_dir documents", text)


def _check_training(resolution: Resolution) -> None:
    """What is wrong between the settings of the training; which data and model it has, the stages decide."""
    from qa_pipeline.arguments.checks import check_run

    values = resolution.values
    stand_ins = {
        "do_train": True,
        "do_eval": True,
        "model_name_or_path": values["model_name_or_path"] or EMBEDDED_MODEL,
    }
    kept = {name: values[name] for name in stand_ins}
    values |= stand_ins
    before = len(resolution.problems)
    check_run(resolution)
    settled = {*_FILES, "do_train", "do_eval"}
    resolution.problems[before:] = [one for one in resolution.problems[before:] if settled.isdisjoint(one.keys)]
    values |= kept


_QUOTES = (
    *(('"', '"'), ("'", "'"), ("`", "`"), ("\u201c", "\u201d"), ("\u201e", "\u201c")),
    *(("\u2018", "\u2019"), ("\u00ab", "\u00bb")),
)


def without_quotes(prompt: str) -> str:
    """The prompt without quotation marks around all of it.

    >>> without_quotes('"Answer questions about the museum"')
    'Answer questions about the museum'
    """
    text = prompt.strip()
    for left, right in _QUOTES:
        inner = text[1:-1]
        if len(text) > 1 and text[0] == left and text[-1] == right and left not in inner and right not in inner:
            return inner.strip()
    return text


def folder_name(prompt: str) -> str:
    """A name for a folder, made of the first words of a prompt.

    >>> folder_name("Answer questions about our museum, in English!")
    'answer-questions-about-our-museum-in-english'
    """
    words = re.findall(r"\w+", prompt.casefold())
    return "-".join(words)[:60].strip("-_") or "journey"
