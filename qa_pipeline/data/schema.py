"""Holds JSON values against the JSON Schema files in `schemas/` and says where they differ.

A schema fixes the names and types that other programs rely on; whether an answer is in its context is not its business.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any

from qa_pipeline.errors import DataError
from qa_pipeline.wording import short

NAMES = (
    "comparison",
    "data_report",
    "field_mapping",
    "nbest",
    "null_odds",
    "predictions",
    "qa_config",
    "results",
    "run",
    "squad",
    "tuning",
)
_MOST_SHOWN = 10


def validate(value: Any, name: str, source: str) -> None:
    """Checks `value` against `schemas/{name}.schema.json`.

    Args:
        value: a JSON value.
        name: one of `NAMES`.
        source: file name, or what else to call the value in messages.

    Raises:
        DataError: the value does not fit; names the source and the JSON path, value and expectation of each violation.
    """
    _refuse(violations(value, name), name, source)


def check_against(schema: dict[str, Any], value: Any, name: str, source: str) -> None:
    """Checks `value` against a schema of another room; raises DataError as `validate` does.

    Args:
        schema: JSON Schema 2020-12.
        value: a JSON value.
        name: what to call the schema in messages.
        source: what to call the value in messages.
    """
    from jsonschema import Draft202012Validator

    found = [_describe(error) for error in islice(Draft202012Validator(schema).iter_errors(value), _MOST_SHOWN + 1)]
    _refuse(found, name, source)


def _refuse(found: list[str], name: str, source: str) -> None:
    """Raises DataError where violations were found."""
    if not found:
        return
    shown = found[:_MOST_SHOWN]
    if len(found) == 1:
        raise DataError(f"{source}, {shown[0]} (schema: {name})")
    more = "" if len(found) == len(shown) else "\n  - and more"
    raise DataError(f"{source} does not fit the {name} schema:\n" + "\n".join(f"  - {line}" for line in shown) + more)


def violations(value: Any, name: str, most: int = _MOST_SHOWN + 1) -> list[str]:
    """The first violations as "data[3].paragraphs[0].context: expected string, found 17"."""
    errors = islice(_validator(name).iter_errors(value), most)
    return [_describe(error) for error in errors]


def load_schema(name: str) -> dict[str, Any]:
    """The schema itself, a fresh copy.

    Raises:
        KeyError: there is no such schema.
    """
    if name not in NAMES:
        raise KeyError(f"no schema named {name!r}; there are {', '.join(NAMES)}")
    text = resources.files(__package__).joinpath("schemas", f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(load_schema(name))


def _describe(error: Any) -> str:
    """One line for a violation: place, what was expected, what was found."""
    found = short(json.dumps(error.instance, ensure_ascii=False, default=str))
    place = _path(error.absolute_path)
    rule, expected = error.validator, error.validator_value
    if rule == "type":
        return f"{place}: expected {expected if isinstance(expected, str) else ' or '.join(expected)}, found {found}"
    if rule == "required":
        missing = error.message.split("'")[1]  # one error for each missing key, named in the message alone
        return f'{place}: "{missing}" is missing, found {found}'
    if rule == "enum":
        return f"{place}: expected one of {short(json.dumps(expected))}, found {found}"
    if rule == "anyOf" and "description" in error.schema:
        return f"{place}: expected {error.schema['description']}; found {found}"
    return f"{place}: {short(error.message, 160)}"


def _path(parts: Any) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text or "the whole value"
