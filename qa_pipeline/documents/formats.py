"""What the formats of documents share, and the text of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qa_pipeline.errors import DataError
from qa_pipeline.yaml_reader import YAMLFault, read_yaml

_PLACEHOLDER = re.compile(
    r"\W*(?:anonymous|untitled|unspecified|unknown|unnamed|none|null|no title|title|document|new document|"
    r"microsoft word|word document|powerpoint presentation|pdf|scan|scanned document)?[\W\d_]*",
    re.IGNORECASE,
)
_BY_PROGRAM = re.compile(r"microsoft (?:word|powerpoint|excel) - ", re.IGNORECASE)
_LONGEST_TITLE = 300
_LONGEST_FRONT_MATTER = 100_000


@contextmanager
def library(name: str, what: str, *packages: str) -> Iterator[None]:
    """Says what to install where the import inside fails."""
    try:
        yield
    except ImportError as error:
        needed = " and ".join(packages)
        raise DataError(f"{name}: {what} needs {needed}; run: pip install {' '.join(packages)}") from error


def own_title(title: Any) -> str | None:
    """A title as a file gives it, on one line; None where it is what a program writes when nobody gave one."""
    if not isinstance(title, str):
        return None
    title = _BY_PROGRAM.sub("", " ".join(title[: 10 * _LONGEST_TITLE].split()), count=1)[:_LONGEST_TITLE].strip()
    return None if _PLACEHOLDER.fullmatch(title) else title


_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S)


def read_markdown(text: str) -> tuple[str, str | None]:
    """The text without front matter (the YAML that site generators put first), and the title that it names.

    A rule at the beginning that no YAML mapping follows is text.
    """
    match = _FRONT_MATTER.match(text)
    try:
        fields = read_yaml(match[1]) if match and len(match[1]) <= _LONGEST_FRONT_MATTER else None
    except YAMLFault:
        fields = None
    if match is None or not isinstance(fields, dict):
        return text, None
    title = fields.get("title")
    return text[match.end() :], title.strip() or None if isinstance(title, str) else None
