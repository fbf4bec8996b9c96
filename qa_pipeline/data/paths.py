"""Finds values in a raw row by a dotted path: `document.text`, `answers[0].text`, `detected_answers.char_spans`.

A name asked of a list is asked of each of its elements. A value written as text (a cell that holds a dict or a list) is
read on the way. A field whose own name has dots in it wins over the path.
"""

from __future__ import annotations

import re
from typing import Any, Final

from qa_pipeline.data.literals import parse_structure


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final[Any] = _Missing()
"""There is no such field, as against a field that holds null."""

_STEP = re.compile(r"\[(-?\d+)\]|([^.\[\]]+)")
_INDEX = re.compile(r"(?<=.)\[-?\d+\]")


def is_path(text: Any) -> bool:
    """True for text that can be read as a path: not blank, and brackets only around an index."""
    return isinstance(text, str) and bool(text.strip()) and not re.search(r"[\[\]]", _INDEX.sub("", text))


def find(row: dict[str, Any], path: str) -> Any:
    """The value at `path`, or MISSING."""
    if path in row:
        return row[path]
    if "." not in path and "[" not in path:
        return MISSING
    steps = [int(index) if index else name for index, name in _STEP.findall(path)]
    return _walk(row, steps)


def _walk(value: Any, steps: list[int | str]) -> Any:
    for number, step in enumerate(steps):
        if isinstance(value, str):
            value = parse_structure(value)
        if isinstance(value, dict):
            if step in value:
                value = value[step]
            elif str(step) in value:
                value = value[str(step)]
            else:
                return MISSING
        elif isinstance(value, (list, tuple)):
            index = _as_index(step)
            if index is None:
                found = [_walk(element, steps[number:]) for element in value]
                if not found:
                    return []
                # Absent in some elements is null there, so that parallel lists stay parallel.
                kept = [None if element is MISSING else element for element in found]
                return MISSING if all(element is MISSING for element in found) else kept
            if not -len(value) <= index < len(value):
                return MISSING
            value = value[index]
        else:
            return MISSING
    return value


def _as_index(step: int | str) -> int | None:
    if isinstance(step, int):
        return step
    return int(step) if step.isdecimal() and step.isascii() and len(step) < 10 else None
