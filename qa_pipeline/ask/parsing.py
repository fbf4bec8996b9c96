"""From a configuration file and a command line to the one checked dataclass of qa_predict.py. Never reads data."""

from __future__ import annotations

import dataclasses

from qa_pipeline.arguments.config_files import COMMAND_LINE, Given, Problem, raise_problems
from qa_pipeline.arguments.help import PRECEDENCE, USAGE, help_text
from qa_pipeline.arguments.legacy import renamed
from qa_pipeline.arguments.settings import settings_of
from qa_pipeline.arguments.sources import read_sources
from qa_pipeline.ask.arguments import GROUPS, PredictArguments
from qa_pipeline.ask.checks import check

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
    settings = settings_of(*GROUPS)
    sources = read_sources(argv, settings, OLD_NAMES)
    problems = sources.problems
    given = {key: one for key, one in sources.given.items() if one.value is not None}
    problems += _with_repeated(given, argv)
    if sources.complete:
        values = {name: setting.default for name, setting in settings.items()}
        arguments = PredictArguments(**values | {name: one.value for name, one in given.items()})
        faults = check(arguments, given, sources.config_file or COMMAND_LINE)
        problems = problems + [fault for fault in faults if not sources.broken.intersection(fault.keys)]
    raise_problems(problems)
    return arguments


_REPEATABLE = ("question", "context_file", "tuned")


def _with_repeated(given: dict[str, Given], argv: list[str]) -> list[Problem]:
    """Gathers flags that stand several times, of which in general the last one counts; says what a shell took apart."""
    problems = []
    for name in _REPEATABLE:
        if name in given and given[name].place == COMMAND_LINE:
            groups = _all_given(argv, name)
            if name == "question" and any(len(words) > 1 and not all(map(_is_whole, words)) for words in groups):
                text = "several words without quotes; put each question in quotes"
                problems.append(Problem(COMMAND_LINE, f"--question: {text}", ("question",)))
            given[name] = dataclasses.replace(given[name], value=[word for words in groups for word in words])
    return problems


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
