"""From a configuration file and a command line to the one checked dataclass of qa_predict.py. Never reads data."""

from __future__ import annotations

import dataclasses
import os

from qa_pipeline.arguments.config_files import COMMAND_LINE, found
from qa_pipeline.arguments.help import PRECEDENCE, USAGE, help_text
from qa_pipeline.arguments.legacy import renamed
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.ask.answer_files import ENDINGS
from qa_pipeline.ask.arguments import GROUPS, PredictArguments
from qa_pipeline.text.encoding import encoding_fault

OLD_NAMES = renamed(str, model_name_or_path="model", test_file="data", base_model_name_or_path="base_model")
OLD_NAMES |= renamed(int, max_predict_samples="max_eval_samples")
_EPILOG = (
    'Examples: qa_predict.py --model runs/m --question "How long?" --context_file policy.pdf; '
    "qa_predict.py --model runs/m --data test.json --output preds.json; "
    "qa_predict.py --base BASE --tuned runs/m --data test.json --report report.html"
)


def parse(argv: list[str]) -> PredictArguments:
    """Resolves `[CONFIG.json|CONFIG.yaml] [--key value ...]`: defaults, then the file, then the command line.

    With -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found, each with its place, its key and how to mend it.
    """
    if "-h" in argv or "--help" in argv:
        description = "Asks a question-answering model, or compares models. " + PRECEDENCE
        print(help_text(GROUPS, usage=USAGE, description=description, epilog=_EPILOG), end="")
        raise SystemExit(0)
    resolution = Resolution.read(argv, GROUPS, old=OLD_NAMES)
    _gather_repeated(resolution, argv)
    check(resolution)
    resolution.raise_problems()
    return resolution.make(PredictArguments)


_REPEATABLE = ("question", "context_file", "tuned")


def _gather_repeated(resolution: Resolution, argv: list[str]) -> None:
    """Gathers flags that stand several times, of which in general the last one counts; says what a shell took apart."""
    for name in _REPEATABLE:
        one = resolution.given.get(name)
        if one is not None and one.value is not None and one.place == COMMAND_LINE:
            groups = _all_given(argv, name)
            if name == "question" and any(len(words) > 1 and not all(map(_is_whole, words)) for words in groups):
                resolution.report("question", "several words without quotes; put each question in quotes")
            words = [word for words in groups for word in words]
            resolution.given[name], resolution.values[name] = dataclasses.replace(one, value=words), words


def _is_whole(words: str) -> bool:
    """Whether what a shell gave as one looks like a question, and not like one word of an unquoted one."""
    return " " in words.strip() or words.rstrip().endswith(("?", "\uff1f", "\u061f"))


def _all_given(argv: list[str], name: str) -> list[list[str]]:
    """The words after each occurrence of a flag."""
    groups: list[list[str]] = []
    taking = False
    for word in argv:
        if word.startswith("--"):
            flag, equals, attached = word.partition("=")
            taking = flag.removeprefix("--").replace("-", "_") == name
            if taking:
                groups.append([attached] if equals else [])
        elif taking:
            groups[-1].append(word)
    return groups


# What settings say together

_DOING = {
    "ask": "asking a question",
    "interactive": "asking interactively",
    "predict": "answering the questions of data",
    "list": "asking the questions of data on documents",
    "compare": "comparing base and tuned",
}


def check(resolution: Resolution) -> None:
    """Reports settings that are missing and settings that contradict each other."""
    resolution.check_declared()
    values, report = resolution.make(PredictArguments), resolution.report_at
    command = values.command
    for name, setting in resolution.settings.items():
        if resolution.asked(name) and setting.commands and command not in setting.commands:
            report(f"{name} base tuned data interactive", f"has no meaning when {_DOING[command]}; leave it out")

    if command == "compare":
        if not values.base:
            report("base tuned", "is required beside tuned; give the model to compare with")
        if not values.tuned_models:
            report("tuned base", "is required beside base; give one model or more")
        if not values.data:
            report("data", "is required; give labelled questions to compare the models on")
    elif not values.model:
        report("model", "is required; give a run folder, a Hub id or package:MODULE/FOLDER (or base and tuned)")
    if command in ("ask", "interactive", "list"):
        _check_asking(values, resolution)
    if command == "list" and values.output:
        for name in ("top_k", "all_answers", "min_confidence", "json"):
            if resolution.asked(name):
                report(name, "is for the terminal and has no meaning beside output; leave one of them out")
    if values.output and not os.path.isdir(values.output) and not values.output.lower().endswith(ENDINGS):
        report("output", f"expected a name that ends in {', '.join(ENDINGS)}, found {found(values.output)}")
    for name in ("output", "report"):
        target = getattr(values, name)
        if target and os.path.isdir(target):
            report(name, f"{found(target)} is a folder; give the name of a file")
        if target and values.data and os.path.exists(target) and _same(target, values.data):
            report(f"{name} data", f"{found(target)} is the data itself; give another name")
    if values.answer_language and values.answer_normalization == "squad":
        report(
            "answer_language answer_normalization",
            'squad normalisation is for English only; set answer_normalization to "multilingual"',
        )
    if isinstance(values.field_mapping, str) and values.field_mapping.lstrip().startswith(("{", "[")):
        report("field_mapping", "looks like an inline JSON object but is not valid JSON")


def _check_asking(values: PredictArguments, resolution: Resolution) -> None:
    report = resolution.report_at
    if values.command == "ask" and values.question is None:
        report("question data interactive", "is required; give a question, data with questions, or interactive")
    if values.command == "ask" and any(not question.strip() for question in values.questions):
        report("question", "is blank")
    if values.encoding is not None and (fault := encoding_fault(values.encoding)):
        report("encoding", fault)
    if values.context is None and not values.context_files:
        report("context context_file", "is required; give a text, or documents as context_file")
    if values.context is not None and values.context_files:
        report("context_file context", "context is given too; keep one")
    if values.context is not None and not values.context.strip():
        report("context", "is blank")
    for path in values.context_files:
        if not os.path.exists(path):
            report("context_file", f"no such file: {found(path)} (relative paths start at {os.getcwd()})")


def _same(one: str, other: str) -> bool:
    return os.path.exists(other) and os.path.samefile(one, other)
