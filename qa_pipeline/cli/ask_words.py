"""Takes the words of an asking command as people type them: questions without a flag, old names. Checks nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from qa_pipeline.arguments.settings import FALSE_WORDS, TRUE_WORDS, Setting

OTHER_NAMES = {"context_file": "documents", "all_answers": "all"}
"""Old name of a flag -> its name."""
QUESTION_MARKS = ("?", "\uff1f", "\u061f")

_CONFIGS = (".json", ".yaml", ".yml")
_PATH = re.compile(r"[\\/]|\.\w{1,8}$")


def as_flags(argv: Sequence[str], settings: Mapping[str, Setting]) -> list[str]:
    """The words with every question behind `--question`, and every flag under its name of today.

    A question may stand before the flags or after any of them. After one that takes several values (`--documents`) it
    is what is no file and looks like a question; a configuration file before the flags is none.

    Args:
        argv: the words after the command.
        settings: all that are known, by name.

    >>> from qa_pipeline.arguments.settings import settings_of
    >>> from qa_pipeline.cli.ask_arguments import GROUPS
    >>> as_flags(["--model", "m", "--documents", "qa_pipeline", "How long?"], settings_of(*GROUPS))
    ['--model', 'm', '--documents', 'qa_pipeline', '--question', 'How long?']
    """
    leading, groups = _groups(argv)
    configs = leading[:1] if leading and leading[0].lower().endswith(_CONFIGS) else []
    words, questions = list(configs), leading[len(configs) :]
    for flag, values in groups:
        name, equals, attached = flag.partition("=")
        key = name.removeprefix("--").replace("-", "_")
        key = OTHER_NAMES.get(key, key)
        kept = _kept(settings.get(key) or settings.get(key.removeprefix("no_")), values, bool(equals))
        if not _is_question(values[kept:]):
            kept = len(values)
        words += [f"--{key}{equals}{attached}" if name.startswith("--") else flag, *values[:kept]]
        questions += values[kept:]
    return [*words, "--question", *questions] if questions else words


def model_first(argv: Sequence[str]) -> list[str]:
    """The words with a model that stands first behind `--model`; a configuration file stays first.

    >>> model_first(["runs/m", "--port", "8000"]), model_first(["m.yaml"])
    (['--model', 'runs/m', '--port', '8000'], ['m.yaml'])
    """
    named = bool(argv) and not argv[0].startswith("-") and not argv[0].lower().endswith(_CONFIGS)
    return ["--model", *argv] if named else list(argv)


def is_whole(words: str) -> bool:
    """Whether what a shell gave as one looks like a question, and not like one word of an unquoted one."""
    return " " in words.strip() or words.rstrip().endswith(QUESTION_MARKS)


def _groups(argv: Sequence[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The words before the first flag, and each flag with the words after it."""
    leading: list[str] = []
    groups: list[tuple[str, list[str]]] = []
    for word in argv:
        if word.startswith("--") and len(word) > 2:
            groups.append((word, []))
        else:
            (groups[-1][1] if groups else leading).append(word)
    return leading, groups


def _kept(setting: Setting | None, values: Sequence[str], attached: bool) -> int:
    """How many of the words after a flag are its own."""
    if setting is None or setting.name == "question" or (setting.takes_list and setting.name != "documents"):
        return len(values)
    if attached:
        return 0
    if setting.name == "documents":
        kept = len(values)
        while kept > 1 and _asks(values[kept - 1]):
            kept -= 1
        # How long is it? without quotes: all of its words, so that the message is about quotes and not about files.
        while kept > 1 and kept < len(values) and not _may_be_file(values[kept - 1]):
            kept -= 1
        return kept
    if bool in setting.kinds:
        return 1 if values and values[0].lower() in {*TRUE_WORDS, *FALSE_WORDS} else 0
    return 1


def _is_question(words: Sequence[str]) -> bool:
    """Whether words that a flag cannot take are questions, perhaps one without quotes."""
    return bool(words) and (all(map(is_whole, words)) or words[-1].endswith(QUESTION_MARKS))


def _asks(word: str) -> bool:
    return not os.path.exists(word) and (
        word.endswith(QUESTION_MARKS) or (is_whole(word) and not _PATH.search(word.strip()))
    )


def _may_be_file(word: str) -> bool:
    return os.path.exists(word) or bool(_PATH.search(word))
