"""Splits a command line into a configuration file and settings, without stopping at the first fault.

`--key value`, `--key=value`, bare `--flag` and `--no_flag` for truth values, hyphens for underscores, several values
for a list: what HfArgumentParser takes. argparse itself ends the program at the first fault, so it only prints --help.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qa_pipeline.arguments.config_files import COMMAND_LINE, SECRET_KEYS, Given, Problem, found
from qa_pipeline.arguments.settings import Setting

_NUMBER = re.compile(r"^-(\d|\.\d|inf$|nan$)", re.IGNORECASE)


@dataclass
class CommandLine:
    """What a command line said.

    Attributes:
        config_file: the file named before the first flag, if any.
        values: settings by key, unconverted: a text, True or False for a bare flag, or a list of texts. Unknown keys
            have the value None, because nothing shows a value that may be a misspelt token.
        problems: what could not be understood.
    """

    config_file: str | None = None
    values: dict[str, Given] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def split_command_line(argv: list[str], settings: Mapping[str, Setting]) -> CommandLine:
    """Reads `[CONFIG_FILE] [--key value ...]`; of a flag given twice the last one counts.

    Args:
        argv: the words after the script's name.
        settings: all keys that are known, old ones included.
    """
    line = CommandLine()
    words = list(argv)
    leading: list[str] = []
    while words and not _is_flag(words[0]):
        leading.append(words.pop(0))
    if leading:
        line.config_file = leading[0]
    for extra in leading[1:]:
        line.problems.append(Problem(COMMAND_LINE, f"{found(extra)}: one configuration file is expected, this is more"))

    while words:
        flag = words.pop(0)
        name, equals, attached = flag.partition("=")
        values = [attached] if equals else []
        while words and not _is_flag(words[0]):
            values.append(words.pop(0))
        _read_flag(line, name, values, settings)
    return line


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _NUMBER.match(word)


def _read_flag(line: CommandLine, name: str, values: list[str], settings: Mapping[str, Setting]) -> None:
    written = name.lstrip("-")
    key = written.replace("-", "_")
    negated = settings.get(key.removeprefix("no_")) if key.startswith("no_") and key not in settings else None
    if negated is not None and bool in negated.kinds:
        if values:
            line.problems.append(_problem(name, f"takes no value; write --{negated.name} true or false", negated.name))
        else:
            line.values[negated.name] = Given(False, COMMAND_LINE, written)
        return
    setting = settings.get(key) if name.startswith("--") else None
    if setting is None:
        line.values[key] = Given(None, COMMAND_LINE, written)
        return
    value = _one_value(line, name, setting, values)
    if value is not None:
        line.values[key] = Given(value, COMMAND_LINE, written)


def _one_value(line: CommandLine, name: str, setting: Setting, values: list[str]) -> Any:
    if not values:
        if setting.bare is None:
            line.problems.append(_problem(name, "a value is missing", setting.name))
        return setting.bare
    if len(values) == 1:
        return values[0]
    if setting.takes_list:
        return values
    extra = ", ".join(found(value, secret=setting.name in SECRET_KEYS) for value in values[1:])
    hint = ""
    if any(value.lower().endswith((".json", ".yaml", ".yml")) for value in values[1:]):
        hint = "; the configuration file goes before the first flag"
    line.problems.append(_problem(name, f"one value is expected, found also {extra}{hint}", setting.name))
    return None


def _problem(name: str, text: str, key: str) -> Problem:
    return Problem(COMMAND_LINE, f"{name}: {text}", (key,))
