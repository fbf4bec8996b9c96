"""Reads YAML, from anybody: configurations, mappings, front matter. Whatever is wrong with it is one kind of error."""

from __future__ import annotations

import re
from typing import Any

import yaml

_MOST_VALUES = 1_000_000
"""With every reference followed: a few hundred bytes can stand for more values than any memory holds."""


class YAMLFault(ValueError):
    """Text that is not YAML, or that stands for more than can be read.

    Args:
        problem: what is wrong, in a few words; "" where the parser does not say.
        line, column: where, from 1; None where it is not known.
    """

    def __init__(self, problem: str, line: int | None = None, column: int | None = None):
        self.problem, self.line, self.column = problem, line, column
        place = f"line {line}, column {column}: " if line else ""
        super().__init__(f"{place}not valid YAML{f': {problem}' if problem else ''}")


def read_yaml(text: str, *, strict: bool = False) -> Any:
    """The value of one YAML document; None for an empty one.

    Args:
        text: of anybody; no tag makes objects of Python.
        strict: scalars of YAML 1.2, where 2e-5 is a number and `no` a text, and no key twice. For configurations.

    Raises:
        YAMLFault: it is not valid, nested too deeply, refers to itself or grows beyond all bounds.
    """
    try:
        loader = (_StrictLoader if strict else yaml.SafeLoader)(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _size(node, {}) > _MOST_VALUES:
                raise YAMLFault(f"its references (*name, <<) stand for more than {_MOST_VALUES:,} values")
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or ""
        raise YAMLFault(problem, mark.line + 1 if mark else None, mark.column + 1 if mark else None) from None
    except RecursionError:
        raise YAMLFault("nested too deeply") from None
    except YAMLFault:
        raise
    except yaml.reader.ReaderError as error:
        raise YAMLFault(f"holds the control character {error.character!r}") from None
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # A value that is not of its tag's kind, such as `!!bool foo`, fails in whatever way the library meets it.
        raise YAMLFault(f"a value is not of its kind ({type(error).__name__})") from None


def _size(node: Any, sizes: dict[int, int]) -> int:
    """How many values a node stands for, references followed."""
    if id(node) in sizes:
        if sizes[id(node)] == 0:
            raise YAMLFault("a value refers to itself", node.start_mark.line + 1, node.start_mark.column + 1)
        return sizes[id(node)]
    sizes[id(node)] = 0
    size = 1
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in child if isinstance(child, tuple) else (child,):
            size += _size(part, sizes)
    sizes[id(node)] = size
    return size


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2: PyYAML's own read 2e-5 as a text and the language code `no` as false."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in getattr(node, "value", ()):
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] in ("null", "merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", "-+."),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
_StrictLoader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))  # 010 is ten, not octal
