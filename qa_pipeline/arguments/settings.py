"""What a setting is: a field of a dataclass that declares its type, default, help, and which values it takes.

`setting` declares one, `settings_of` reads the declarations of dataclasses, `convert` turns what a user wrote into a
value of the type. A text is read as it would be on a command line, so that "2e-5", "true" and '{"a": 1}' mean the same
in a file.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from qa_pipeline.arguments.config_files import found, nearest_hint

TRUE_WORDS = frozenset({"yes", "true", "t", "y", "1", "on"})
FALSE_WORDS = frozenset({"no", "false", "f", "n", "0", "off"})


@dataclass(frozen=True)
class Range:
    """Which numbers a setting takes; a bound that is None is none.

    >>> print(Range(least=1, most=10)), 0 in Range(above=0)
    at least 1 and at most 10
    (None, False)
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    share: bool = False

    def __contains__(self, value: Any) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        if self.share:
            return f"a share from {self.least} to {self.most}"
        words = (("at least", self.least), ("above", self.above), ("at most", self.most), ("below", self.below))
        return " and ".join(f"{word} {bound}" for word, bound in words if bound is not None)


class _Declaration(dict[str, Any]):
    """Metadata of a field. Names only what argparse takes, to which HfArgumentParser hands all that metadata names."""

    def keys(self) -> Any:
        return [name for name in self if name in ("help", "choices")]


def setting(default: Any, text: str, *, hidden: bool = False, share: float | None = None, **declared: Any) -> Any:
    """Declares a setting as a field of a dataclass; nothing else has to know of it.

    Args:
        default: its default.
        text: its help, in one or two sentences.
        hidden: it is a secret, so that the dataclass's repr leaves it out.
        share: the most of a number that is a share of a whole, from 0.
        declared: `least`, `above`, `most`, `below`: bounds of a number; `choices`: the texts that are allowed;
            `requires`: the setting without which this one has no meaning; `commands`: those that it has a meaning for.

    >>> @dataclass
    ... class Sampling:
    ...     temperature: float = setting(0.7, "Of sampling.", least=0)
    >>> settings_of(Sampling)["temperature"].out_of_range(-1)
    'expected at least 0, found -1'
    """
    bounds: dict[str, Any] = {
        name: declared.pop(name) for name in ("least", "above", "most", "below") if name in declared
    }
    if share is not None:
        bounds = {"least": 0, "most": share, "share": True}
    if unknown := declared.keys() - {"choices", "requires", "commands"}:
        raise TypeError(f"a setting declares no {', '.join(sorted(unknown))}")
    if bounds:
        declared["range"] = Range(**bounds)
    metadata = _Declaration(help=text, **declared)
    if isinstance(default, list):
        return field(default_factory=default.copy, repr=not hidden, metadata=metadata)
    return field(default=default, repr=not hidden, metadata=metadata)


def optional(group: type) -> type:
    """A dataclass with the settings of another, each of which may be left out: its default is then None."""
    kept = [(one.name, f"{one.type} | None", field(default=None, metadata=one.metadata)) for one in fields(group)]
    return dataclasses.make_dataclass(f"Optional{group.__name__}", kept)


@dataclass(frozen=True)
class Setting:
    """One field of one group.

    Attributes:
        name: its key.
        kinds: the alternatives of its type, without None.
        optional: None is allowed.
        default: its default.
        choices: the texts that are allowed, or None for any.
        bare: what `--name` without a value means, or None when a value is needed.
        help: what it does.
        range: the numbers that it takes, or None for any.
        requires: the setting without which it has no meaning, if there is one.
        commands: those that it has a meaning for; none for all.
    """

    name: str
    kinds: tuple[Any, ...]
    optional: bool
    default: Any = None
    choices: tuple[str, ...] | None = None
    bare: Any = None
    help: str = ""
    range: Range | None = None
    requires: str | None = None
    commands: tuple[str, ...] = ()

    @property
    def takes_list(self) -> bool:
        """Several values may follow the flag."""
        return any(get_origin(kind) is list for kind in self.kinds)

    def out_of_range(self, value: Any) -> str | None:
        """What was expected and what was found, or None when the value is in the range, or is no number."""
        if self.range is None or isinstance(value, bool) or not isinstance(value, int | float) or value in self.range:
            return None
        return f"expected {self.range}, found {found(value)}"


def make_setting(name: str, annotation: Any, default: Any = None, metadata: Mapping[str, Any] | None = None) -> Setting:
    """Describes a setting by its type annotation and the metadata of its field."""
    metadata = metadata or {}
    is_union = get_origin(annotation) in (Union, types.UnionType)
    alternatives = get_args(annotation) if is_union else (annotation,)
    kinds = tuple(kind for kind in alternatives if kind is not types.NoneType)
    enums = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)]
    choices: tuple[str, ...] | None = tuple(metadata["choices"]) if "choices" in metadata else None
    if enums:  # "IntervalStrategy | str" means the values of the enumeration
        choices = tuple(member.value for member in enums[0])
        kinds = (str,)
    for kind in kinds:
        if get_origin(kind) is Literal and all(isinstance(choice, str) for choice in get_args(kind)):
            # A number stays one beside the words that may stand in its place.
            choices, kinds = get_args(kind), (*(other for other in kinds if other in (int, float)), str)
    bare = True if bool in kinds else metadata.get("const")
    declared = {key: metadata[key] for key in ("help", "range", "requires", "commands") if key in metadata}
    return Setting(name, kinds, types.NoneType in alternatives, default, choices, bare, **declared)


def settings_of(*groups: type) -> dict[str, Setting]:
    """The settings of dataclasses, by key."""
    result: dict[str, Setting] = {}
    for group in groups:
        hints = get_type_hints(group)
        for one in fields(group):
            if one.init:
                default = one.default if one.default is not dataclasses.MISSING else None
                if one.default_factory is not dataclasses.MISSING:
                    default = one.default_factory()
                result[one.name] = make_setting(one.name, hints[one.name], default, one.metadata)
    return result


def convert(setting: Setting, value: Any, secret: bool = False) -> Any:
    """The value in the setting's type.

    Raises:
        ValueError: with "expected ..., found ..." as its message.
    """
    if value is None and setting.optional:
        return None
    if isinstance(value, str) and setting.optional and value.lower() in _nothing(setting):
        return None
    if setting.bare is True and bool not in setting.kinds and _as_bool(value) is not _NO:
        return _as_bool(value)  # a text setting that also takes a bare flag, such as fsdp
    for kind in sorted(setting.kinds, key=_precedence):
        converted = _as_kind(kind, value)
        if converted is not _NO:
            if setting.choices is not None and isinstance(converted, str) and converted not in setting.choices:
                break
            return converted
    message = f"expected {_expected(setting)}, found {found(value, secret)}"
    if isinstance(value, str) and setting.choices:
        message += nearest_hint(value, setting.choices)
    elif setting.kinds == (str,) and not setting.choices and isinstance(value, (int, float)) and value is not None:
        message += "; put it in quotes"
    raise ValueError(message)


def split_names(names: str | list[str]) -> list[str]:
    """The names in a list or a comma separated text."""
    texts = [names] if isinstance(names, str) else names
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _precedence(kind: Any) -> int:
    """Orders kinds: "true" is a truth value before it is a text, and a text is no list of one."""
    return 0 if kind is bool else 2 if get_origin(kind) is list else 1


def _nothing(setting: Setting) -> tuple[str, ...]:
    """Words that mean null; "none" may be a name where one is expected, and any word a text."""
    if str not in setting.kinds:
        return "none", "null"
    return ("null",) if any(get_origin(kind) is list for kind in setting.kinds) else ()


_NO = object()


def _as_kind(kind: Any, value: Any) -> Any:
    """`value` as `kind`, or `_NO`."""
    if kind is bool:
        return _as_bool(value)
    if kind is int or kind is float:
        return _as_number(value, whole=kind is int)
    if kind is str:
        return value if isinstance(value, str) else _NO
    if kind is dict or get_origin(kind) is dict:
        return _as_dict(value)
    if get_origin(kind) is list:
        return _as_list(get_args(kind)[0], value)
    if get_origin(kind) is Literal:
        same = [choice for choice in get_args(kind) if type(choice) is type(value) and choice == value]
        return same[0] if same else _NO
    return _NO


def _as_bool(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else None
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else _NO


def _as_number(value: Any, whole: bool) -> Any:
    if isinstance(value, str):
        for kind in (int, float):
            try:
                value = kind(value)
                break
            except ValueError:
                continue
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _NO
    try:
        if not math.isfinite(value):
            return _NO
    except OverflowError:
        return _NO
    if whole:
        return int(value) if value == int(value) else _NO
    return value


def _as_dict(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return _NO
    return value if isinstance(value, dict) else _NO


def _as_list(kind: Any, value: Any) -> Any:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(item, str) for item in values):
        return _NO
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return [kind(item) for item in values]
        except ValueError:
            return _NO
    return list(values)


def _expected(setting: Setting) -> str:
    if setting.choices:
        numbers = [f"{_name(kind)} or " for kind in setting.kinds if kind in (int, float)]
        text = "".join(numbers) + ("one of " if not numbers or len(setting.choices) > 1 else "")
        text += ", ".join(setting.choices)
    else:
        text = " or ".join(dict.fromkeys(_name(kind) for kind in setting.kinds)) or "nothing"
    return text + (" or null" if setting.optional else "")


def _name(kind: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    if kind in names:
        return names[kind]
    if kind is dict or get_origin(kind) is dict:
        return "a JSON object"
    if get_origin(kind) is list:
        return "a list of texts"
    if get_origin(kind) is Literal:
        return " or ".join(json.dumps(choice) for choice in typing.get_args(kind))
    return f"a {getattr(kind, '__name__', kind)}, which only Python code can give"
