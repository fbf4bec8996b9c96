"""Reads a configuration file, and says what is wrong with settings in the user's own words.

Knows JSON and YAML and where a setting was written; knows no setting by name except that tokens are secrets.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_pipeline.errors import ConfigError
from qa_pipeline.wording import short
from qa_pipeline.yaml_reader import YAMLFault, read_yaml

COMMAND_LINE = "command line"
SECRET_KEYS = frozenset({"token", "hub_token", "push_to_hub_token", "use_auth_token"})
HIDDEN = "<hidden>"


@dataclass(frozen=True)
class Entry:
    """One setting as the user gave it.

    Attributes:
        value: what was given.
        place: the file's name, or `COMMAND_LINE`.
        written: the key as the user wrote it, which an old key's translation keeps for messages.
    """

    value: Any
    place: str
    written: str

    @property
    def label(self) -> str:
        """The key as it stands at its place: `--learning_rate` or `learning_rate`."""
        return f"--{self.written}" if self.place == COMMAND_LINE else self.written


@dataclass(frozen=True)
class Problem:
    """One fault.

    Attributes:
        place: the file's name, or `COMMAND_LINE`.
        text: starts with the key; then what was expected, what was found and how to mend it.
        keys: the settings that it is about, under today's names.
    """

    place: str
    text: str
    keys: tuple[str, ...] = ()


def raise_problems(problems: list[Problem]) -> None:
    """Raises one ConfigError with a line for each problem; does nothing when there are none."""
    if not problems:
        return
    if len(problems) == 1:
        raise ConfigError(problems[0].place, problems[0].text)
    places = list(dict.fromkeys(problem.place for problem in problems))
    raise ConfigError(" and ".join(places), [f"{problem.place}: {problem.text}" for problem in problems])


def read_config_file(path: str | Path) -> dict[str, Any]:
    """Reads a JSON or YAML file that holds one mapping from setting to value.

    Format: by the extension, else JSON where the content starts with a brace. Of YAML this reads what YAML 1.2 calls
    the core schema, so that `2e-5` is a number, `no` is a text (a language code) and a date stays a text.

    Raises:
        ConfigError: the file is missing, unreadable, not valid, not a mapping, or gives a key twice.
    """
    path = Path(path)
    name = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(name, _missing_file(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(name, f"is not UTF-8 text (byte {error.start})") from None
    except (OSError, ValueError) as error:
        raise ConfigError(name, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None

    suffix = path.suffix.lower()
    as_json = suffix == ".json" or (suffix not in (".yaml", ".yml") and text.lstrip().startswith("{"))
    try:
        content = _parse_json(text) if as_json else _parse_yaml(text)
    except _SyntaxProblem as error:
        raise ConfigError(name, str(error)) from None
    except RecursionError:
        raise ConfigError(name, "is nested too deeply; settings are one flat mapping") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(name, f"expected a mapping from setting to value, found {found(content)}")
    return {str(key): value for key, value in content.items()}


def nearest(name: str, valid: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The valid name that `name` was probably meant to be, or None when nothing is near."""
    by_form = {_form(candidate): candidate for candidate in valid}
    meant = _USUAL_NAMES.get(_form(name))
    if meant in by_form.values():
        return meant
    matches = difflib.get_close_matches(_form(name), by_form, n=1, cutoff=cutoff)
    return by_form[matches[0]] if matches else None


def nearest_hint(name: str, valid: Iterable[str]) -> str:
    """The nearest valid name in brackets, to be added to a message; empty when nothing is near."""
    near = nearest(name, valid)
    return f' (nearest: "{near}")' if near else ""


def found(value: Any, secret: bool = False) -> str:
    """How a value is shown in a message: short, on one line, and never when it is a secret."""
    if secret:
        return f"a value that is not shown ({type(value).__name__})"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(short(value, 60), ensure_ascii=False)
    if isinstance(value, (int, float)):
        shown = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of over 30 digits"
        return shown
    kinds: Mapping[type, str] = {dict: "a mapping", list: "a list"}
    return kinds.get(type(value), f"a {type(value).__name__}")


# Names that people type by habit and that no measure of likeness finds.
_USUAL_NAMES = {
    "model": "model_name_or_path",
    "modelname": "model_name_or_path",
    "basemodel": "model_name_or_path",
    "tokenizer": "tokenizer_name",
    "dataset": "dataset_name",
    "data": "train_file",
    "lr": "learning_rate",
    "epochs": "num_train_epochs",
    "numepochs": "num_train_epochs",
    "batchsize": "per_device_train_batch_size",
    "trainbatchsize": "per_device_train_batch_size",
    "evalbatchsize": "per_device_eval_batch_size",
    "maxlength": "max_seq_length",
    "stride": "doc_stride",
    "output": "output_dir",
    "r": "lora_r",
    "rank": "lora_r",
    "targetmodules": "lora_target_modules",
    "lora": "use_lora",
    "patience": "early_stopping_patience",
    "device": "use_cpu",
}


def _form(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _missing_file(path: Path) -> str:
    folder = path.parent
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() and os.access(folder, os.R_OK) else []
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.8)
    return "no such file" + (f'; did you mean "{folder / close[0]}"?' if close else "")


class _SyntaxProblem(Exception):
    pass


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique_pairs)
    except json.JSONDecodeError as error:
        raise _SyntaxProblem(f"line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}") from None
    except ValueError as error:  # a number of thousands of digits
        raise _SyntaxProblem(f"not valid JSON: {error}") from None


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _SyntaxProblem(f"{twice}: given twice; keep one")
    return result


def _parse_yaml(text: str) -> Any:
    try:
        return read_yaml(text, strict=True)
    except YAMLFault as fault:
        # The parser quotes what it stumbled over; on a line with a token that would be the secret.
        lines = text.splitlines()
        line = lines[fault.line - 1] if fault.line and fault.line <= len(lines) else ""
        shown = YAMLFault("", fault.line, fault.column) if "token" in line.lower() else fault
        raise _SyntaxProblem(str(shown)) from None
