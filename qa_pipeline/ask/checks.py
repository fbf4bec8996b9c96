"""What settings of qa_predict.py say together: which command they mean, what is missing and what contradicts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from qa_pipeline.arguments.config_files import Given, Problem, found
from qa_pipeline.arguments.ranges import COLDEST, HOTTEST, out_of_range
from qa_pipeline.ask.answer_files import ENDINGS
from qa_pipeline.ask.arguments import Command, PredictArguments
from qa_pipeline.text.encoding import encoding_fault

# Which settings say something to which command; those of no row do to all.
_BELONGS: dict[str, tuple[Command, ...]] = {
    "question": ("ask",),
    "context": ("ask", "interactive", "list"),
    "context_file": ("ask", "interactive", "list"),
    "encoding": ("ask", "interactive", "list"),
    "interactive": ("interactive",),
    "data": ("predict", "list", "compare"),
    "output": ("predict", "list"),
    "report": ("compare",),
    "by": ("compare",),
    "model": ("ask", "interactive", "predict", "list"),
    "base_model": ("ask", "interactive", "predict", "list"),
    "top_k": ("ask", "interactive", "list"),
    "all_answers": ("ask", "interactive", "list"),
    "min_confidence": ("ask", "interactive", "list"),
    "json": ("ask", "interactive", "list"),
    **dict.fromkeys(
        ("field_mapping", "split", "dataset_config_name", "max_eval_samples"), ("predict", "list", "compare")
    ),
    **dict.fromkeys(("on_bad_data", "max_bad_fraction"), ("predict", "compare")),
    **dict.fromkeys(("answer_normalization", "answer_language", "seed"), ("predict", "compare")),
}
_DOING = {
    "ask": "asking a question",
    "interactive": "asking interactively",
    "predict": "answering the questions of data",
    "list": "asking the questions of data on documents",
    "compare": "comparing base and tuned",
}


def check(values: PredictArguments, given: Mapping[str, Given], default_place: str) -> list[Problem]:
    """Values out of range, settings that are missing, and settings that contradict each other."""
    problems: list[Problem] = []

    def report(keys: str, text: str) -> None:
        names = tuple(keys.split())
        one = given.get(names[0], Given(None, default_place, names[0]))
        problems.append(Problem(one.place, f"{one.label}: {text}", names))

    for name, one in given.items():
        if fault := out_of_range(name, one.value):
            report(name, fault)
        elif name == "temperature" and isinstance(one.value, int | float) and not COLDEST <= one.value <= HOTTEST:
            report(name, f"expected from {COLDEST:g} to {HOTTEST:g}, found {found(one.value)}")
    command = values.command
    for name, commands in _BELONGS.items():
        if name in given and given[name].value is not False and command not in commands:
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
        _check_asking(values, report)
    if command == "list" and values.output:
        for name in ("top_k", "all_answers", "min_confidence", "json"):
            if name in given and given[name].value is not False:
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
    return problems


def _check_asking(values: PredictArguments, report: Any) -> None:
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
