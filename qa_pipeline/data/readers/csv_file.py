"""Reads rows from CSV and TSV text: finds the delimiter and the quoting from the content, then streams.

A row that does not fit the header is handed on as bad with its place; the reading goes on with the next.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_pipeline.data.example import BadRow, RawRow
from qa_pipeline.data.readers.rawfile import MAX_LINE_BYTES, open_text, reading
from qa_pipeline.errors import DataError

MAX_FIELD_CHARACTERS = 32 * 2**20
"""A longer field is a quote that never closes, which would swallow the rest of the file."""
_SAMPLE_CHARACTERS = 2**18
_SEPARATOR_LINE = re.compile(r"""["']?sep=(.)["']?[,;\t|]*\r?\n""", re.IGNORECASE)
"""What report tools write before the header for Excel. The content tells the delimiter in any case."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written: the delimiter, whether quotes quote, and whether a backslash escapes."""

    delimiter: str
    quoting: int = csv.QUOTE_MINIMAL
    escapechar: str | None = None

    def reader(self, lines: Iterator[str] | io.StringIO) -> Any:
        """A strict csv reader: it reports a stray quote and does not guess."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=self.quoting,  # type: ignore[arg-type]
            escapechar=self.escapechar,
            doublequote=self.escapechar is None,
            strict=True,
        )


def iter_csv_rows(path: Path) -> Iterator[RawRow | BadRow]:
    """Yields one row a record, values as text, keyed by the header.

    Raises:
        DataError: the file has no header, or holds no table.
    """
    return (row for _, row in numbered_rows(path))


def numbered_rows(path: Path) -> Iterator[tuple[int, RawRow | BadRow]]:
    """The same, each with the line of the file on which it begins, from 1."""
    source = str(path)
    # The csv module keeps one limit for the process; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARACTERS))
    with reading(source), open_text(path, errors="surrogateescape") as handle:
        sample = handle.read(_SAMPLE_CHARACTERS)
    hint = _SEPARATOR_LINE.match(sample)
    dialect = find_dialect(sample[hint.end() :] if hint else sample)
    with reading(source), open_text(path, errors="surrogateescape") as handle:
        if hint:
            handle.readline()
        reader = dialect.reader(_limited_lines(handle, source))
        header = _read_header(reader, source)
        number = 0
        while True:
            line = reader.line_num + 1 + bool(hint)
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                where = f"{source}, row {number}"
                if "field larger" in str(error):
                    raise DataError(f"{where}: a field is larger than {MAX_FIELD_CHARACTERS:,} characters; "
                                    "is a quote never closed?") from error  # fmt: skip
                yield line, BadRow(where, "row is not valid CSV", str(error))
                continue
            if not fields or fields == [""]:
                continue
            number += 1
            where = f"{source}, row {number}"
            if len(fields) != len(header):
                detail = f"{len(fields)} fields, header has {len(header)}"
                yield line, BadRow(where, "row does not fit the header", detail)
            elif any(not field.isascii() and _NOT_UTF8.search(field) for field in fields):
                yield line, BadRow(where, "row is not UTF-8", "convert the file to UTF-8, for example with iconv")
            else:
                yield line, RawRow(dict(zip(header, fields, strict=True)), where)


def find_dialect(sample: str) -> Dialect:
    """The dialect under which most records of the sample fit its header; more columns break a tie."""
    best, best_key = Dialect(","), (-1.0, 0)
    for delimiter in ",\t;|":
        if delimiter not in sample.split("\n", 1)[0]:
            continue
        dialects = [Dialect(delimiter), Dialect(delimiter, quoting=csv.QUOTE_NONE)]
        if '\\"' in sample:
            dialects.append(Dialect(delimiter, escapechar="\\"))
        for dialect in dialects:
            key = _fit(sample, dialect)
            if key > best_key:
                best, best_key = dialect, key
    return best


def _fit(sample: str, dialect: Dialect) -> tuple[float, int]:
    """(share of records that fit the header, number of columns); the cut last record does not count."""
    widths: list[int] = []
    faults = 0
    reader = dialect.reader(io.StringIO(sample, newline=""))
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error:
            faults += 1
            continue
        if fields and fields != [""]:
            widths.append(len(fields))
    if not widths:
        return (-1.0, 0)
    width = widths[0]
    if len(sample) >= _SAMPLE_CHARACTERS:
        # The end of the sample cuts a record: its row, or the fault of a quote left open, is no evidence.
        widths = widths[:-1] if len(widths) > 1 and not faults else widths
        faults = max(0, faults - 1)
    fitting = Counter(widths)[width]
    # To one part in twenty: one odd row in a large sample must not change the quoting of the whole file.
    return (round(20 * fitting / max(1, len(widths) + faults)) / 20, width)


def _read_header(reader: Iterator[list[str]], source: str) -> list[str]:
    try:
        fields = next((fields for fields in reader if fields and fields != [""]), None)
    except csv.Error as error:
        raise DataError(f"{source}, header: not valid CSV: {error}") from error
    if fields is None:
        raise DataError(f"{source}: the file is empty")
    if any(_NOT_UTF8.search(field) for field in fields):
        raise DataError(f"{source}, header: not UTF-8; convert the file to UTF-8, for example with iconv")
    header: list[str] = []
    for index, name in enumerate(fields):
        name = name.strip() or f"column_{index + 1}"
        while name in header:
            name += "_2"
        header.append(name)
    return header


def _limited_lines(handle: io.TextIOWrapper, source: str) -> Iterator[str]:
    number = 0
    while line := handle.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES and not line.endswith(("\n", "\r")):
            raise DataError(f"{source}, line {number}: longer than {MAX_LINE_BYTES // 2**20} million characters")
        yield line
