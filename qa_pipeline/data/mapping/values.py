"""Finds values in a raw row by a dotted path: `document.text`, `answers[0].text`, `detected_answers.char_spans`.

A name asked of a list is asked of each of its elements. A value written as text (a cell that holds a dict or a list) is
read on the way: JSON, a Python literal, the repr of a numpy array. Nothing is ever evaluated: the text is parsed, and
only constants, lists, tuples, sets and dicts are taken from it. A field whose own name has dots wins over the path.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from typing import Any, Final


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


# Values that are written as text

MAX_NESTED = 100
MAX_CHARACTERS = 2**20
"""A longer cell is a text, not a written list; parsing it would cost much memory."""
_ELEMENT = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|[+-]?\d+(?:\.\d*)?(?![\w.])""")
_WITHOUT_COMMAS = re.compile(rf"\[\s*(?:{_ELEMENT.pattern})(?:\s+(?:{_ELEMENT.pattern}))+\s*\]")
_MOST_BITS = 10_000
_ADJACENT = re.compile(r"""['"]\s*[bfruBFRU]{0,2}['"]""")
_NUMPY = re.compile(r"array|u?int\d*|float\d*|longlong|str_|bool_?|object_")


def looks_structured(text: str) -> bool:
    """True for text in the brackets of a list, tuple or dict."""
    text = text.strip()
    return len(text) >= 2 and text[0] + text[-1] in ("[]", "()", "{}") and len(text) <= MAX_CHARACTERS


def parse_structure(text: str) -> list[Any] | dict[Any, Any] | None:
    """The list or dict that `text` is written as (a tuple gives a list), or None where it is just text.

    Understands JSON, Python reprs and what pandas writes of `datasets` rows:
    `{'text': array(['1895'], dtype=object), 'answer_start': array([40])}`, `[np.int64(40)]`, `['1895' 'in 1895']`.
    """
    if not looks_structured(text):
        return None
    if (listed := _without_commas(text)) is not None:
        return listed
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            with warnings.catch_warnings():
                # A backslash in a cell is no fault of the user's code.
                warnings.simplefilter("ignore")
                tree = ast.parse(text.strip(), mode="eval")
            _refuse_adjacent(text.strip())
            value = _value(tree.body)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
    if isinstance(value, (tuple, set)):
        value = list(value)
    return value if isinstance(value, (list, dict)) and not nested_too_deeply(value) else None


def nested_too_deeply(value: Any, most: int = MAX_NESTED) -> bool:
    """Whether lists and dicts stand in each other more than `most` times; no labels do, and reading them would fail."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return False
    return most <= 0 or any(nested_too_deeply(one, most - 1) for one in value if isinstance(one, (dict, list, tuple)))


def _without_commas(text: str) -> list[Any] | None:
    """The elements of ['a' 'b'] or [11 13], as numpy prints an array, which Python would join or not read."""
    if not _WITHOUT_COMMAS.fullmatch(text.strip()):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [ast.literal_eval(part.lstrip("+")) for part in _ELEMENT.findall(text)]
    except (ValueError, SyntaxError):  # an escape that is none, or a number such as 007
        return None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, int) and node.value.bit_length() > _MOST_BITS:
            raise ValueError("a number of thousands of digits")  # Python would refuse to show it
        return node.value
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return [_value(element) for element in node.elts]
    if isinstance(node, ast.Dict):
        return {
            _key(_value(key)): _value(value)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        operand = _value(node.operand)
        if isinstance(operand, (int, float)):
            return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Call) and node.args and _is_numpy(node.func):
        return _value(node.args[0])
    if isinstance(node, ast.Name) and node.id in ("nan", "null", "true", "false"):
        return {"true": True, "false": False}.get(node.id)
    raise ValueError("not a literal")


def _is_numpy(function: ast.expr) -> bool:
    """`array`, and the types of numpy 2's repr: `np.int64`, `np.str_`."""
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.value.id in ("np", "numpy") and _NUMPY.fullmatch(function.attr) is not None
    return isinstance(function, ast.Name) and function.id == "array"


def _key(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    raise ValueError("not a key")


def _refuse_adjacent(source: str) -> None:
    """Refuses ['a' 'b'] as numpy writes it, without commas, which Python would join into one wrong text."""
    if not _ADJACENT.search(source):
        return
    before = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == before == tokenize.STRING:
                raise ValueError("adjacent strings")
            before = before if token.type in (tokenize.NL, tokenize.COMMENT) else token.type
    except (tokenize.TokenError, SyntaxError):
        return
