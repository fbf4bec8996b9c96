"""Reads questions that stand alone, to be asked on documents: lines of a text, or a column of any data. No answers."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from qa_pipeline.data.documents import read_document
from qa_pipeline.data.fields import NAMES, Fields
from qa_pipeline.data.inference import own_id
from qa_pipeline.data.loose import RawRow
from qa_pipeline.data.mapping_spec import mapping_from_dict, read_mapping
from qa_pipeline.data.paths import find
from qa_pipeline.data.readers import read_rows
from qa_pipeline.errors import DataError

logger = logging.getLogger(__name__)

_LINES = (".txt", ".text", ".md")
_TABLES = (".csv", ".tsv")


@dataclass
class QuestionList:
    """Questions without contexts.

    Attributes:
        rows: with "id" and "question".
        column: where they stood; None for the lines of a text.
        has_contexts: the source has a field of contexts too.
    """

    rows: list[dict[str, str]]
    column: str | None
    has_contexts: bool = False


def read_questions(
    source: str, *, field_mapping: Any = None, most: int | None = None, encoding: str | None = None, **reading: Any
) -> QuestionList:
    """Reads questions from a text with one a line, a table of one column, or any data that `read_rows` understands.

    Args:
        source: file, folder or Hub dataset.
        field_mapping: names the question's field ({"question": PATH}), and the id's; None finds them by name.
        most: read at most this many.
        encoding: of a text; None: found out.
        reading: further arguments of `read_rows`.

    Raises:
        ConfigError: the mapping is wrong.
        DataError: the source cannot be read, or nothing in it is known to be a question.
    """
    path = Path(source)
    if path.suffix.lower() in (*_LINES, *_TABLES) and path.is_file():
        lines = [line.strip() for line in read_document(path, encoding=encoding).text.splitlines() if line.strip()]
        if path.suffix.lower() in _LINES or _is_one_column(lines):
            return _of_lines(source, lines, most)
    rows = [row for row in islice(read_rows(source, **reading).rows, most) if isinstance(row, RawRow)]
    fields = Fields(rows)
    column, id_path = _columns(fields, field_mapping, source)
    found = []
    for number, row in enumerate(rows, 1):
        text, name = find(row.value, column), find(row.value, id_path) if id_path else None
        if isinstance(text, str) and text.strip():
            found.append({"id": str(name) if isinstance(name, str | int) else f"row-{number}", "question": text})
        else:
            logger.warning("%s: left out: no text as %s", row.where, column)
    if not found:
        raise DataError(f"{source}: none of {len(rows):,} rows has text in the field {column}")
    return QuestionList(found, column, has_contexts=bool(fields.candidates("context")))


def lacks_contexts(source: str, **reading: Any) -> bool:
    """Whether a source that could not be used as data looks like questions alone."""
    try:
        return not read_questions(source, most=20, **reading).has_contexts
    except DataError:
        return False


def _columns(fields: Fields, field_mapping: Any, source: str) -> tuple[str, str | None]:
    """The fields of the question and of the id."""
    if field_mapping is not None:
        # A mapping must name a context, which questions alone do not have.
        given = {"context": "context", **field_mapping} if isinstance(field_mapping, dict) else None
        mapping = mapping_from_dict(given, "field_mapping") if given else read_mapping(field_mapping)
        present = [path for path in mapping.question if path in fields.values] or [mapping.question[0]]
        if present[0] not in fields.values:
            raise DataError(
                f"{source}: no field {present[0]}, which the mapping has as the question. {_fields(fields)}"
            )
        return present[0], mapping.id[0] if mapping.id else own_id(fields.rows)
    found = fields.candidates("question")
    if not found:
        marked = [
            path for path in fields.values if (texts := fields.texts(path)) and sum(map(_asks, texts)) > len(texts) / 2
        ]
        found = marked if len(marked) == 1 else []
    if not found:
        raise DataError(
            f"{source}: no field is named or reads like the question. {_fields(fields)}. Choose with a field mapping: "
            """--field_mapping '{"question": "PATH"}'"""
        )
    return found[0], own_id(fields.rows)


def _asks(text: str) -> bool:
    return text.rstrip().endswith(("?", "\uff1f", "\u061f"))


def _fields(fields: Fields) -> str:
    return "Fields: " + ", ".join(list(fields.values)[:20])


def _is_one_column(lines: list[str]) -> bool:
    """Whether a table's header is a single name, and so every line a single cell."""
    if not lines or lines[0].startswith('"'):
        return bool(lines) and len(next(csv.reader(lines[:1]))) == 1
    return not any(mark in lines[0] for mark in ",;\t|")


def _of_lines(source: str, lines: list[str], most: int | None) -> QuestionList:
    texts = [text for line in lines if (text := _unquoted(line)).strip()]  # not a pair of quotes around nothing
    if not texts:
        raise DataError(f"{source}: holds no question; expected one a line")
    known = {name for tier in NAMES["question"] for name in tier}
    has_header = texts[0].strip("# ").replace("_", "").lower() in known | {f"{name}s" for name in known}
    if Path(source).suffix.lower() in _TABLES:
        has_header = has_header or (not _asks(texts[0]) and sum(map(_asks, texts)) > len(texts) / 2)
    texts = texts[has_header:][:most]
    if not texts:
        raise DataError(f"{source}: holds no question; expected one a line")
    return QuestionList([{"id": f"row-{i}", "question": text} for i, text in enumerate(texts, 1)], None)


def _unquoted(line: str) -> str:
    cells = next(csv.reader([line])) if line.startswith('"') else []
    return cells[0] if len(cells) == 1 else line
