"""Reads settings from a configuration file and a command line and brings both to today's names and types.

Knows which settings exist and what old keys mean; whether the values make sense together is checked elsewhere.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qa_pipeline.arguments.command_line import split_command_line
from qa_pipeline.arguments.config_files import (
    COMMAND_LINE,
    HIDDEN,
    SECRET_KEYS,
    Given,
    Problem,
    nearest,
    read_config_file,
)
from qa_pipeline.arguments.legacy import LEGACY, Legacy, Replaced, translate
from qa_pipeline.arguments.settings import Setting, convert
from qa_pipeline.errors import ConfigError

logger = logging.getLogger(__name__)


@dataclass
class Sources:
    """What the user gave.

    Attributes:
        config_file: the file's name, if there is one.
        name: where the settings come from, for messages.
        given: settings in their types, by today's names; the command line has won over the file.
        problems: what could not be read.
        broken: keys that `problems` are about; their values are not in `given`, or not what was meant.
        complete: the file could be read, so that a setting that is not in `given` was not given.
    """

    config_file: str | None = None
    name: str = COMMAND_LINE
    given: dict[str, Given] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    complete: bool = True

    def add(self, one: Given, key: str, text: str) -> None:
        """Notes a problem with a setting."""
        self.problems.append(Problem(one.place, f"{one.label}: {text}", (key,)))
        self.broken.add(key)


def read_sources(argv: list[str], settings: Mapping[str, Setting], old: Mapping[str, Legacy] = LEGACY) -> Sources:
    """Reads `[CONFIG_FILE] [--key value ...]`; never raises for what a user wrote.

    Args:
        argv: the words after the script's name.
        settings: today's settings, by key.
        old: other keys that are understood.
    """
    known = dict(settings) | {key: legacy.setting for key, legacy in old.items()}
    line = split_command_line(argv, known)
    sources = Sources(config_file=line.config_file, problems=list(line.problems))
    sources.broken.update(key for problem in line.problems for key in problem.keys)
    if line.config_file is not None:
        sources.name = f"{line.config_file} and {COMMAND_LINE}" if line.values else line.config_file
        try:
            content = read_config_file(line.config_file)
        except ConfigError as error:
            sources.complete = False
            sources.problems += [Problem(error.source, text) for text in error.problems]
        else:
            in_file = {key: Given(value, line.config_file, key) for key, value in content.items()}
            sources.given |= _today(_typed(in_file, known, settings, sources, old), settings, sources, old)
    sources.given |= _today(_typed(line.values, known, settings, sources, old), settings, sources, old)
    return sources


def log_once(message: str, *values: Any) -> None:
    """Warns, from one process of a distributed run only."""
    if os.environ.get("RANK", "0") == "0":
        logger.warning(message, *values)


def _typed(
    raw: Mapping[str, Given],
    known: Mapping[str, Setting],
    settings: Mapping[str, Setting],
    sources: Sources,
    old: Mapping[str, Legacy],
) -> dict[str, Given]:
    """One source's settings in their types."""
    typed: dict[str, Given] = {}
    for key, one in raw.items():
        if key not in known:
            near = nearest(key, settings)
            text = "unknown key; " + (f'nearest valid name: "{near}"' if near else "--help lists all")
            if isinstance(one.value, dict):
                text += "; settings are one flat mapping, without groups"
            sources.add(one, key, text)
            sources.broken.add(near or key)
            continue
        # A placeholder comes from the record of an earlier run, ours or transformers': there was a token, no more.
        placeholder = key in SECRET_KEYS and one.value in (HIDDEN, f"<{key.upper()}>")
        value = None if placeholder else one.value
        try:
            typed[key] = dataclasses.replace(one, value=convert(known[key], value, secret=key in SECRET_KEYS))
        except ValueError as error:
            sources.add(one, key, str(error))
            sources.broken |= old[key].stands_for if key in old else set()
    return typed


def _today(
    typed: Mapping[str, Given], settings: Mapping[str, Setting], sources: Sources, old: Mapping[str, Legacy]
) -> dict[str, Given]:
    """The same settings with old keys translated."""
    plain = {key: one.value for key, one in typed.items()}
    result = {key: one for key, one in typed.items() if key not in old}
    for key in [key for key in typed if key in old]:
        one = typed[key]
        try:
            for new, old_value in translate(key, one.value, plain, old).items():
                value = convert(settings[new], old_value)
                if new in result and result[new].value != value:
                    raise Replaced(f"is now called {new}, which is given too with another value; keep {new}")
                result[new] = dataclasses.replace(one, value=value)
                if new != key:
                    shown = "" if new in SECRET_KEYS else f" = {value}"
                    log_once("%s, %s: read as %s%s", one.place, one.label, new, shown)
        except (Replaced, ValueError) as error:
            sources.add(one, key, str(error))
            sources.broken |= old[key].stands_for
    for key in SECRET_KEYS & result.keys():
        if result[key].value is not None and result[key].place != COMMAND_LINE:
            log_once("%s holds a %s; better kept out of files: HF_TOKEN or `hf auth login`", result[key].place, key)
    return result
