"""Reads values that were written into a cell as text: JSON, Python literals, and the repr of numpy arrays.

Nothing is ever evaluated: the text is parsed, and only constants, lists, tuples, sets and dicts are taken from it.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from typing import Any

MAX_CHARACTERS = 2**20
"""A longer cell is a text, not a written list; parsing it would cost much memory."""
_ELEMENT = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|[+-]?\d+(?:\.\d*)?(?![\w.])""")
_WITHOUT_COMMAS = re.compile(rf"\[\s*(?:{_ELEMENT.pattern})(?:\s+(?:{_ELEMENT.pattern}))+\s*\]")
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
            value = _value(tree.body, text.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
    if isinstance(value, (tuple, set)):
        value = list(value)
    return value if isinstance(value, (list, dict)) else None


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


def _value(node: ast.expr, source: str) -> Any:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            _refuse_adjacent(node, source)
        return node.value
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return [_value(element, source) for element in node.elts]
    if isinstance(node, ast.Dict):
        return {
            _key(_value(key, source)): _value(value, source)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        operand = _value(node.operand, source)
        if isinstance(operand, (int, float)):
            return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Call) and node.args and _is_numpy(node.func):
        return _value(node.args[0], source)
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


def _refuse_adjacent(node: ast.Constant, source: str) -> None:
    """Refuses ['a' 'b'] as numpy writes it, without commas, which Python would join into one wrong text."""
    segment = ast.get_source_segment(source, node) or ""
    quote = segment[-1:]
    if quote and segment.count(quote) > 2 and repr(node.value) != segment and _string_tokens(segment) > 1:
        raise ValueError("adjacent strings")


def _string_tokens(segment: str) -> int:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(segment).readline))
    except (tokenize.TokenError, SyntaxError):
        return 1
    return sum(token.type == tokenize.STRING for token in tokens)
