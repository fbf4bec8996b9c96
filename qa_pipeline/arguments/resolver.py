"""From a configuration file and a command line to checked settings, in one way for every command.

Later wins: defaults, configuration file, command line. A command reads its `Resolution`, adds what is wrong between its
settings with `report` or `report_at`, and has everything that is wrong raised at once. Values out of their range and
settings without the one that they need are found here, by what their fields declare. Never reads data.

A command line is `[CONFIG_FILE] [--key value ...]` as HfArgumentParser takes it: `--key=value`, bare `--flag` and
`--no_flag` for truth values, hyphens for underscores, several values for a list. argparse itself ends the program at
the first fault, so it only prints --help.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeVar

from qa_pipeline.arguments.config_files import (
    COMMAND_LINE,
    HIDDEN,
    SECRET_KEYS,
    Entry,
    Problem,
    found,
    nearest,
    raise_problems,
    read_config_file,
)
from qa_pipeline.arguments.legacy import LEGACY, Legacy, Replaced, translate
from qa_pipeline.arguments.settings import Setting, convert, settings_of
from qa_pipeline.errors import ConfigError

logger = logging.getLogger(__name__)

Group = TypeVar("Group")

Fault = tuple[str, str]
"""The settings that a fault is about, separated by spaces, and what is wrong; without a setting, the environment."""


class Resolution:
    """The settings of one command: what they are, what was given, and what is wrong with them.

    Args:
        settings: all that the command has, by key.
        place: where a setting that is missing should be written.

    Attributes:
        given: what the user gave, in its types, by today's names; the command line has won over the file.
        values: of all settings; a command may fill in what depends on others.
        problems: what is wrong between settings, in the order in which it was found.
        source: where the settings come from, for messages.
    """

    def __init__(self, settings: Mapping[str, Setting], place: str = COMMAND_LINE):
        self.settings, self.place, self.source = settings, place, place
        self.given: dict[str, Entry] = {}
        self.values = {name: one.default for name, one in settings.items()}
        self.problems: list[Problem] = []
        self._usual_names: Mapping[str, str] = {}
        self._unread: list[Problem] = []
        self._broken: set[str] = set()  # keys that could not be read: their values are not what was meant
        self._complete = True  # the file could be read, so that a setting that is not in `given` was not given

    @classmethod
    def read(
        cls,
        argv: Sequence[str],
        groups: Sequence[type],
        *,
        old: Mapping[str, Legacy] = LEGACY,
        usual_names: Mapping[str, str] = {},
    ) -> Resolution:
        """Reads `[CONFIG_FILE] [--key value ...]`; never raises for what a user wrote.

        Args:
            argv: the words after the command's name.
            groups: dataclasses that declare the settings.
            old: other keys that are understood.
            usual_names: what people type by habit for which setting, to be named when it is not known.
        """
        resolution = cls(settings_of(*groups))
        resolution._usual_names = usual_names
        file, line, resolution._unread = split_command_line(argv, _known(resolution.settings, old))
        resolution._broken.update(key for problem in resolution._unread for key in problem.keys)
        if file is not None:
            resolution.place, resolution.source = file, f"{file} and {COMMAND_LINE}" if line else file
            try:
                content = {key: Entry(value, file, key) for key, value in read_config_file(file).items()}
                resolution._take(content, old)
            except ConfigError as error:
                resolution._complete = False
                resolution._unread += [Problem(error.source, text) for text in error.problems]
        resolution._take(line, old)
        return resolution

    @classmethod
    def of(
        cls, values: Mapping[str, Any], place: str, groups: Sequence[type], *, old: Mapping[str, Legacy] = LEGACY
    ) -> Resolution:
        """Takes settings that Python code gives, by key; never raises for what is wrong with them.

        Args:
            values: a text means what it would on a command line.
            place: what gave them, for messages.
            groups: dataclasses that declare the settings.
            old: other keys that are understood.
        """
        resolution = cls(settings_of(*groups), place)
        resolution._take({key: Entry(value, place, key) for key, value in values.items()}, old)
        return resolution

    def report(self, keys: str, text: str) -> None:
        """Adds a problem of several settings (separated by spaces), shown at the one that was given last.

        Without a setting it is a problem of the environment.
        """
        names = keys.split()
        if not names:
            self.problems.append(Problem("environment", text))
            return
        given = [self.given[name] for name in names if name in self.given]
        on_line = [one for one in given if one.place == COMMAND_LINE]
        one = (on_line or given or [Entry(None, self.place, names[0])])[0]
        self.problems.append(Problem(one.place, f"{one.label}: {text}", tuple(names)))

    def report_at(self, keys: str, text: str) -> None:
        """Adds a problem of the first of these settings, which was perhaps not given; the others caused it."""
        names = keys.split()
        place = next((self.given[name].place for name in names if name in self.given), self.place)
        one = self.given.get(names[0], Entry(None, place, names[0]))
        self.problems.append(Problem(one.place, f"{one.label}: {text}", tuple(names)))

    def asked(self, name: str) -> bool:
        """Whether a setting was given, and not as null or as a flag that is off."""
        return name in self.given and self.values[name] is not None and self.values[name] is not False

    def check_declared(self) -> None:
        """Finds values out of their range, and settings that were given without the one that they require."""
        for name, one in self.given.items():
            if fault := self.settings[name].out_of_range(one.value):
                self.report(name, fault)
        for name, setting in self.settings.items():
            needed = setting.requires
            if needed and self.asked(name) and not self.values[needed] and not self._switched_off(needed):
                self.report(f"{name} {needed}", f"only has a meaning with {needed}; set that or leave it out")

    def raise_problems(self, leave: Callable[[Problem], bool] = lambda problem: False) -> None:
        """Raises one ConfigError for all problems, save those that `leave` is true of.

        A setting that could not be read is at fault once: what it would contradict is not known.
        """
        known = [p for p in self.problems if self._complete and not self._broken.intersection(p.keys)]
        raise_problems(self._unread + [problem for problem in known if not leave(problem)])

    def make(self, group: type[Group]) -> Group:
        """One dataclass with its part of the values."""
        return group(**{one.name: self.values[one.name] for one in dataclasses.fields(group) if one.init})  # type: ignore[arg-type]

    def _switched_off(self, switch: str) -> bool:
        """A switch that the command line sets to false over a configuration is a clear wish, no contradiction."""
        if switch not in self.given or self.given[switch].place != COMMAND_LINE:
            return False
        dependent = [name for name, setting in self.settings.items() if setting.requires == switch]
        return all(self.given[name].place != COMMAND_LINE for name in dependent if name in self.given)

    def _fault(self, one: Entry, text: str, *keys: str) -> None:
        """Notes a setting that could not be read, and the keys whose values are therefore not known."""
        self._unread.append(Problem(one.place, f"{one.label}: {text}", keys[:1]))
        self._broken.update(keys)

    def _take(self, raw: Mapping[str, Entry], old: Mapping[str, Legacy]) -> None:
        """Brings one source's settings to their types and to today's names; what is wrong is noted."""
        known = _known(self.settings, old)
        typed: dict[str, Entry] = {}
        for key, one in raw.items():
            if key not in known:
                near = self._usual_names.get(key) or nearest(key, self.settings)
                text = "unknown key; " + (f'nearest valid name: "{near}"' if near else "--help lists all")
                if isinstance(one.value, dict):
                    text += "; settings are one flat mapping, without groups"
                self._fault(one, text, key, near or key)
                continue
            # A placeholder comes from the record of an earlier run, ours or transformers': there was a token, no more.
            placeholder = key in SECRET_KEYS and one.value in (HIDDEN, f"<{key.upper()}>")
            value = None if placeholder else one.value
            try:
                typed[key] = dataclasses.replace(one, value=convert(known[key], value, secret=key in SECRET_KEYS))
            except ValueError as error:
                self._fault(one, str(error), key, *(old[key].stands_for if key in old else ()))
        today = self._by_todays_names(typed, old)
        for key in SECRET_KEYS & today.keys():
            if today[key].value is not None and today[key].place != COMMAND_LINE:
                log_once("%s holds a %s; better kept out of files: HF_TOKEN or `hf auth login`", today[key].place, key)
        self.given |= today
        self.values |= {key: one.value for key, one in today.items()}

    def _by_todays_names(self, typed: Mapping[str, Entry], old: Mapping[str, Legacy]) -> dict[str, Entry]:
        """The same settings with old keys translated."""
        plain = {key: one.value for key, one in typed.items()}
        today = {key: one for key, one in typed.items() if key not in old}
        for key in [key for key in typed if key in old]:
            one = typed[key]
            try:
                for new, old_value in translate(key, one.value, plain, old).items():
                    value = convert(self.settings[new], old_value)
                    if new in today and today[new].value != value:
                        raise Replaced(f"is now called {new}, which is given too with another value; keep {new}")
                    today[new] = dataclasses.replace(one, value=value)
                    if new != key:
                        shown = "" if new in SECRET_KEYS else f" = {value}"
                        log_once("%s, %s: read as %s%s", one.place, one.label, new, shown)
            except (Replaced, ValueError) as error:
                self._fault(one, str(error), key, *old[key].stands_for)
        return today


def _known(settings: Mapping[str, Setting], old: Mapping[str, Legacy]) -> dict[str, Setting]:
    return dict(settings) | {key: legacy.setting for key, legacy in old.items()}


def log_once(message: str, *values: Any) -> None:
    """Warns, from one process of a distributed run only."""
    if os.environ.get("RANK", "0") == "0":
        logger.warning(message, *values)


_NUMBER = re.compile(r"^-(\d|\.\d|inf$|nan$)", re.IGNORECASE)


def split_command_line(
    argv: Sequence[str], settings: Mapping[str, Setting]
) -> tuple[str | None, dict[str, Entry], list[Problem]]:
    """Reads the words; of a flag given twice the last one counts.

    Args:
        argv: the words after the command's name.
        settings: all keys that are known, old ones included.

    Returns:
        The file named before the first flag, if any; settings by key, unconverted: a text, True or False for a bare
        flag, or a list of texts (None for an unknown key, because nothing shows a value that may be a misspelt token);
        and what could not be understood.
    """
    words = list(argv)
    leading = list(takewhile(lambda word: not _is_flag(word), words))
    problems = [
        Problem(COMMAND_LINE, f"{found(extra)}: one configuration file is expected, this is more")
        for extra in leading[1:]
    ]
    values: dict[str, Entry] = {}
    del words[: len(leading)]
    while words:
        name, equals, attached = words.pop(0).partition("=")
        texts = [attached] if equals else []
        while words and not _is_flag(words[0]):
            texts.append(words.pop(0))
        try:
            key, value = _read_flag(name, texts, settings)
            values[key] = Entry(value, COMMAND_LINE, name.lstrip("-"))
        except _Misread as error:
            problems.append(Problem(COMMAND_LINE, f"{name}: {error}", (error.key,)))
    return leading[0] if leading else None, values, problems


class _Misread(Exception):
    def __init__(self, key: str, text: str):
        super().__init__(text)
        self.key = key


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _NUMBER.match(word)


def _read_flag(name: str, texts: list[str], settings: Mapping[str, Setting]) -> tuple[str, Any]:
    """The key of a flag and the value that the words after it give."""
    key = name.lstrip("-").replace("-", "_")
    negated = settings.get(key.removeprefix("no_")) if key.startswith("no_") and key not in settings else None
    if negated is not None and bool in negated.kinds:
        if texts:
            raise _Misread(negated.name, f"takes no value; write --{negated.name} true or false")
        return negated.name, False
    setting = settings.get(key) if name.startswith("--") else None
    if setting is None:
        return key, None
    if not texts:
        if setting.bare is None:
            raise _Misread(key, "a value is missing")
        return key, setting.bare
    if len(texts) == 1 or setting.takes_list:
        return key, texts[0] if len(texts) == 1 else texts
    extra = ", ".join(found(text, secret=key in SECRET_KEYS) for text in texts[1:])
    hint = ""
    if any(text.lower().endswith((".json", ".yaml", ".yml")) for text in texts[1:]):
        hint = "; the configuration file goes before the first flag"
    raise _Misread(key, f"one value is expected, found also {extra}{hint}")
