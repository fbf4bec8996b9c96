"""Reads the questions that a predictor is asked: of labelled data, or alone, to be asked on documents.

Questions that stand alone are lines of a text, or a column of any data. Every row of such a source is a question or is
named as left out, and keeps its id and its other columns. What rows say is right is read here and made out in `gold`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from qa_pipeline.data import DataReport, Example, load_examples
from qa_pipeline.data.example import BadRow, LooseExample, RawRow
from qa_pipeline.data.mapping import apply
from qa_pipeline.data.mapping.field_mapping import FieldMapping, read_mapping
from qa_pipeline.data.mapping.fields import NAMES, Fields, read_cell
from qa_pipeline.data.mapping.gold_fields import GoldFields, gold_fields
from qa_pipeline.data.mapping.values import MISSING, find
from qa_pipeline.data.marks import is_missing
from qa_pipeline.data.readers import read_rows
from qa_pipeline.documents.reading import read_document
from qa_pipeline.errors import DataError

_LINES = (".txt", ".text", ".md")
_TABLES = (".csv", ".tsv")


@dataclass
class DataQuestions:
    """Questions that have a context each.

    Attributes:
        examples: those to ask.
        everything: all of the data.
        report: what was done to it.
    """

    examples: list[Example]
    everything: list[Example]
    report: DataReport


@dataclass(frozen=True)
class LeftOut:
    """A row that holds no question.

    Attributes:
        id: its own, or "row-N" where it has none that can be read.
        reason: its place in the source, and what is wrong with it.
        others: its other columns, as far as they can be read.
    """

    id: str
    reason: str
    others: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """What a row says is right, as it says it.

    Attributes:
        id: of the row, as in `QuestionList.rows`.
        row: with its answers, in no context; or why they cannot be read.
        documents: the names of documents, as they are written.
        written: the cell that they stand in.
    """

    id: str
    row: LooseExample | BadRow
    documents: tuple[str, ...] = ()
    written: str = ""


@dataclass
class QuestionList:
    """Questions without contexts.

    Attributes:
        rows: with "id" and "question"; no id is there twice.
        column: where they stood; None for the lines of a text.
        has_contexts: the source has a field of contexts too.
        left_out: the rows that are no question.
        renamed: what was said of rows that have the id of another one.
        source: what the list is called in messages.
        others: the other columns of each row, whatever they are; contexts are left aside.
        gold: where rows say what is right; None for the lines of a text.
        claims: what each row says is right; empty where no field says that.
    """

    rows: list[dict[str, str]]
    column: str | None
    has_contexts: bool = False
    left_out: list[LeftOut] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    source: str = ""
    others: list[dict[str, Any]] = field(default_factory=list)
    gold: GoldFields | None = None
    claims: list[Claim] = field(default_factory=list)


def read_data(
    source: str, *, max_samples: int | None = None, require_answers: bool = False, **reading: Any
) -> DataQuestions:
    """Reads questions with contexts, and answers where they are there.

    Args:
        source: file, folder or Hub dataset.
        max_samples: ask at most this many; all are read.
        require_answers: refuse data without them.
        reading: further arguments of `load_examples`.

    Raises:
        ConfigError: the mapping is wrong.
        DataError: the source cannot be read, or holds questions alone.
    """
    try:
        everything, report = load_examples(source, require_answers=require_answers, **reading)
    except DataError as error:
        where = {name: value for name, value in reading.items() if name in _WHERE}
        if require_answers or reading.get("field_mapping") is not None or not lacks_contexts(source, **where):
            raise
        raise DataError(
            f"{source}: holds questions without texts; give the documents to ask as --documents FILE_OR_FOLDER"
        ) from error
    return DataQuestions(everything[:max_samples], everything, report)


_WHERE = ("split", "dataset_config_name", "cache_dir", "token")


def read_questions(
    source: str,
    *,
    field_mapping: Any = None,
    max_samples: int | None = None,
    encoding: str | None = None,
    **reading: Any,
) -> QuestionList:
    """Reads questions from a text with one a line, a table of one column, or any data that `read_rows` understands.

    Args:
        source: file, folder or Hub dataset.
        field_mapping: names the fields of the question ({"question": PATH}), of its id, its right answers ("answers")
            and their document ("document"); those that it does not name are found by name.
        max_samples: read at most this many.
        encoding: of a text; None: found out.
        reading: further arguments of `read_rows`.

    Raises:
        ConfigError: the mapping is wrong.
        DataError: the source cannot be read, or nothing in it is known to be a question.
    """
    path = Path(source)
    if path.suffix.lower() in (*_LINES, *_TABLES) and path.is_file():
        # Not splitlines, which also ends a line at characters that stand within a question.
        lines = [
            line.strip() for line in re.split("\r\n|\r|\n", read_document(path, encoding=encoding).text) if line.strip()
        ]
        if path.suffix.lower() in _LINES or _is_one_column(lines):
            return _of_lines(source, lines, max_samples)
    everything = list(islice(read_rows(source, **reading).rows, max_samples))
    rows = [row for row in everything if isinstance(row, RawRow)]
    fields = Fields(rows)
    mapping = None if field_mapping is None else read_mapping(field_mapping, needs_context=False)
    column, id_path = _columns(fields, mapping, source)
    gold = gold_fields(fields, column, mapping)
    contexts = [path for path in fields.candidates("context") if path != gold.document]
    aside = {column, *contexts}
    found = QuestionList([], column, has_contexts=bool(contexts), source=source, gold=gold)
    own = [_id_of(row, id_path) for row in everything]
    known, taken = {name for name in own if name}, set[str]()
    for number, (row, name) in enumerate(zip(everything, own, strict=True), 1):
        if name in taken:
            other = _new(f"{name} (row {number})", known | taken)
            found.renamed.append(f'{row.where}: its id {name} is that of a row before it; here it is "{other}"')
            name = other
        name = name or _new(f"row-{number}", known | taken)
        taken.add(name)
        text = find(row.value, column) if isinstance(row, RawRow) else None
        others = {key: value for key, value in row.value.items() if key not in aside} if isinstance(row, RawRow) else {}
        if isinstance(row, RawRow) and isinstance(text, str) and text.strip():
            found.rows.append({"id": name, "question": text})
            found.others.append(others)
            if gold.answers or gold.document is not None:
                found.claims.append(_claim(name, row, gold))
        else:
            wrong = f"no text as {column}" if isinstance(row, RawRow) else f"{row.reason} ({row.detail})"
            found.left_out.append(LeftOut(name, f"{row.where}: {wrong}", others))
    if not found.rows:
        raise DataError(f"{source}: none of {len(everything):,} rows has text in the field {column}")
    return found


def lacks_contexts(source: str, **reading: Any) -> bool:
    """Whether a source that could not be used as data looks like questions alone."""
    try:
        return not read_questions(source, max_samples=20, **reading).has_contexts
    except DataError:
        return False


def _claim(name: str, raw: RawRow, gold: GoldFields) -> Claim:
    """What a row says is right."""
    row = apply(gold.mapping, raw)
    cell = find(raw.value, gold.document) if gold.document is not None else None
    if cell is None or cell is MISSING or cell != cell:  # what pandas writes for nothing is not equal to itself
        return Claim(name, row)
    value = read_cell(cell)
    names = [str(part).strip() for part in (value if isinstance(value, list | tuple) else [value])]
    return Claim(name, row, tuple(part for part in names if part and not is_missing(part)), str(cell))


def _columns(fields: Fields, mapping: FieldMapping | None, source: str) -> tuple[str, str | None]:
    """The fields of the question and of the id."""
    if mapping is not None:
        present = [path for path in mapping.question if path in fields.values] or [mapping.question[0]]
        if present[0] not in fields.values:
            raise DataError(
                f"{source}: no field {present[0]}, which the mapping has as the question. {_fields(fields)}"
            )
        return present[0], mapping.id[0] if mapping.id else _id_column(fields.rows)
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
    return found[0], _id_column(fields.rows)


def _id_column(rows: Sequence[RawRow]) -> str | None:
    """The field of ids; a few rows may lack theirs, or have that of another row."""
    for path in ("id", "qid"):
        values = {str(value) for row in rows if _is_id(value := row.value.get(path))}
        if rows and len(values) * 2 >= len(rows):
            return path
    return None


def _id_of(row: RawRow | BadRow, path: str | None) -> str | None:
    if isinstance(row, BadRow):
        return row.id
    value = find(row.value, path) if path else None
    return str(value) if _is_id(value) else None


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) or isinstance(value, str) and bool(value.strip())


def _new(name: str, taken: Set[str]) -> str:
    """The name, with something behind it where it is taken."""
    while name in taken:
        name += "_2"
    return name


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
    return QuestionList([{"id": f"row-{i}", "question": text} for i, text in enumerate(texts, 1)], None, source=source)


def _unquoted(line: str) -> str:
    try:
        cells = next(csv.reader([line])) if line.startswith('"') else []
    except csv.Error:  # longer than a cell may be
        cells = []
    return cells[0] if len(cells) == 1 else line
