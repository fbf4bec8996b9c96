"""Reads what a language model wrote: JSON, but fenced, cut off, with text around it or with slips in it.

Pure functions of text. Nothing is made up: a piece that cannot be read is left out and counted. That is why no general
repairer does it: json-repair 0.64 closes what was cut off, and takes 14 s for 8,000 characters of a model in a loop.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from qa_pipeline.text.folding import whole_characters

_LONGEST_LITERAL = 20_000  # characters that may be tried as a Python literal
_LONGEST_TEXT = 1_000_000  # characters that are read; no completion is as long
_MOST_DIGITS = 18
_MOST_STARTS = 20  # brackets at which a value may begin

_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.S)
_FENCE = re.compile(r"```[ \t]*\w*[ \t]*\n?(.*?)(?:```|\Z)", re.S)
# A string without an end goes to the end of the text, or every quote in it would be tried as the first of one.
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*+(?:"|\\?\Z))|,(?=\s*+[}\]])', re.S)
_DECODER = json.JSONDecoder(strict=False)  # line ends inside strings are let through


class ParseError(Exception):
    """An answer that cannot be read.

    Args:
        reason: "not_json" or "wrong_schema", counted.
        problem: a phrase for the model that is asked again.
    """

    def __init__(self, reason: str, problem: str):
        super().__init__(problem)
        self.reason = reason
        self.problem = problem


def read_items(text: str, schema: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Reads a list of records.

    Args:
        text: what the model wrote.
        schema: one of `prompts.schemas.SCHEMAS`; an object with one list of objects or of strings (which come out as
            {"value": string}), or an object of strings, which comes out as a list of one.

    Returns:
        The records with every field of the schema, and how many others there were.

    Raises:
        ParseError: there is no JSON in the text, or no record in the JSON. Nothing else, whatever the text: it is on
            disk by now, and what is raised here once would end every further start.
    """
    item = _item_schema(schema)
    found_json = False
    best: tuple[list[dict[str, Any]], int] = ([], 0)
    for value in json_values(text):
        found_json = True
        records = _records(value, item)
        if records is None:
            continue
        good = [fields for record in records if (fields := _fields(record, item)) is not None]
        # Of a list with a slip in it, single records can be read too: the longest reading is meant.
        if len(good) > len(best[0]):
            best = good, len(records) - len(good)
    if best[0]:
        return best
    if found_json:
        raise ParseError("wrong_schema", f"expected {_describe(item)}")
    raise ParseError("not_json", "no JSON was found")


def json_values(text: str) -> Iterator[Any]:
    """Objects and lists in a text, the likeliest first; their strings may hold halves of characters."""
    text = _THOUGHTS.sub("", text[:_LONGEST_TEXT]).replace("\ufeff", "")
    places = [match.group(1) for match in _FENCE.finditer(text)] + [text]
    for place in places:
        yield from _decode(place)
    for place in places:
        mended = _TRAILING_COMMA.sub(lambda match: match.group(1) or "", place)
        if mended != place:
            yield from _decode(mended)
        yield from _whole_records(mended)
        yield from _literal(place)


def _decode(text: str) -> Iterator[Any]:
    position = 0
    for _ in range(_MOST_STARTS):
        match = re.compile(r"[{\[]").search(text, position)
        if match is None:
            return
        position = match.start()
        try:
            value, position = _DECODER.raw_decode(text, position)
            yield value
        except (ValueError, RecursionError):
            position += 1


def _whole_records(text: str) -> Iterator[Any]:
    """The complete objects at the beginning of a list that is cut off."""
    match = re.search(r"\[\s*(?=\{)", text)
    if match is None:
        return
    records = []
    position = match.end()
    while True:
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        records.append(value)
        between = re.compile(r"\s*,?\s*").match(text, position)
        position = between.end() if between else position
    if records:
        yield records


def _literal(text: str) -> Iterator[Any]:
    """A Python literal: single quotes, None."""
    start, end = text.find("{"), text.rfind("}") + 1
    if 0 <= start < end and end - start <= _LONGEST_LITERAL:
        try:
            value = ast.literal_eval(text[start:end])
            json.dumps(
                value
            )  # fails on sets, and on numbers of thousands of digits that were written in hexadecimal ones
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return
        yield value


def _item_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of one record."""
    for field in schema["properties"].values():
        if field["type"] == "array":
            items: Mapping[str, Any] = field["items"]
            return items
    return schema


def _records(value: Any, item: Mapping[str, Any]) -> list[Any] | None:
    """The records in a value, whatever they are wrapped in; None where it holds none."""
    wanted: type = dict if item["type"] == "object" else str
    for _ in range(3):  # {"data": {"questions": [...]}}
        if isinstance(value, list):
            return value if any(isinstance(one, wanted) for one in value) else None
        if not isinstance(value, dict):
            return None
        if item["type"] == "object" and set(item["required"]) & {str(key).lower() for key in value}:
            return [value]
        inside = list(value.values())
        lists = [v for v in inside if isinstance(v, list) and any(isinstance(one, wanted) for one in v)]
        value = next(iter(lists), None) or next((v for v in inside if isinstance(v, dict)), None)
    return None


_OPTIONAL = {"evidence", "type", "title", "tempting", "missing", "why"}
"""Fields that a record can do without; they come out empty."""


def _fields(record: Any, item: Mapping[str, Any]) -> dict[str, Any] | None:
    """A record's fields by the names of the schema; None where one is missing or of another kind."""
    if item["type"] == "string":
        return {"value": whole_characters(record.strip())} if isinstance(record, str) and record.strip() else None
    if not isinstance(record, dict):
        return None
    given = {str(name).lower().strip(): value for name, value in record.items()}
    fields: dict[str, Any] = {}
    for name, kind in item["properties"].items():
        value = given.get(name)
        if kind["type"] == "integer":
            if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) <= _MOST_DIGITS:
                value = int(value)
            good = isinstance(value, int) and not isinstance(value, bool)
        else:
            if isinstance(value, int | float) and not isinstance(value, bool):
                value = str(value)  # a year, say
            value = whole_characters(value.strip()) if isinstance(value, str) else value
            good = isinstance(value, str) and bool(value)
            if not good and name in _OPTIONAL and not value:
                value, good = "", True
        if not good:
            return None
        fields[name] = value
    return fields


def _describe(item: Mapping[str, Any]) -> str:
    if item["type"] == "string":
        return "a list of strings"
    return "objects with the fields " + ", ".join(item["required"])
