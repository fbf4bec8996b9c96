"""Reads the rows of one JSON document a row at a time, so that a large file is never held whole.

The standard library's decoder does the decoding; this module finds where each row of the top-level list begins and
ends. Knows nothing of question answering beyond the usual names of a document's list of rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

from qa_pipeline.data.readers.rawfile import open_text, reading
from qa_pipeline.errors import DataError

ROW_LISTS = ("data", "rows", "examples", "items", "records", "documents")
SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "eval"),
    "test": ("test", "testing"),
}
_CHUNK = 2**20
_DECODER = json.JSONDecoder()
_LONGEST_LITERAL = 16


def split_names(split: str) -> tuple[str, ...]:
    """The names under which a split may be found: "validation" is also "dev", "val" ..."""
    return next((names for names in SPLITS.values() if split.lower() in names), (split,))


def iter_json_rows(path: Path, split: str | None = None) -> Iterator[tuple[str, Any]]:
    """Yields (place, row) from a JSON document; place is such as "data[3]".

    Accepted: a list of rows; an object with the list under a usual name ("data", "rows", ...) or under the names of
    splits; an object of equally long columns; an object of id -> row; one object that is itself the only row.

    Raises:
        DataError: the text is not JSON, ends early, or holds several splits and `split` chooses none.
    """
    with reading(str(path)), open_text(path) as handle:
        cursor = _Cursor(handle, str(path))
        start = cursor.peek()
        if start == "[":
            yield from cursor.elements("")
        elif start == "{":
            yield from _object_rows(cursor, split)
        else:
            cursor.fail("expected a JSON list or object")
        if cursor.peek():
            cursor.fail("expected the end of the file after the JSON value (for one object a line, see JSONL)")


def _object_rows(cursor: _Cursor, split: str | None) -> Iterator[tuple[str, Any]]:
    wanted = split_names(split) if split else ()
    all_splits = {name for names in SPLITS.values() for name in names}
    rest: dict[str, Any] = {}
    taken: str | None = None
    skipped: list[str] = []
    for key in cursor.members():
        is_split = key.lower() in all_splits or key in wanted
        if cursor.peek() != "[" or not (is_split or key in ROW_LISTS):
            rest[key] = cursor.value(key)
            continue
        if is_split and split and key.lower() not in wanted:
            skipped.append(key)
            for _ in cursor.elements(key):
                pass
            continue
        if taken is not None:
            raise DataError(
                f'{cursor.source}: the lists "{taken}" and "{key}" may both be the rows; keep one of them in the file, '
                "or name a split"
            )
        taken = key
        columns = rest.get("columns")
        for place, row in cursor.elements(key):
            if isinstance(row, list) and isinstance(columns, list) and len(columns) == len(row):
                row = dict(zip(map(str, columns), row, strict=True))
            yield place, row
    if taken is None:
        if skipped:
            raise DataError(f'{cursor.source}: no split "{split}"; the file has: {", ".join(skipped)}')
        yield from _rows_of_object(rest)


def _rows_of_object(whole: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Rows of an object without a usual list of rows: columns, id -> row, one list, or one row."""
    data = whole.get("data")
    if isinstance(data, dict) and not {"annotations", "completions"} & whole.keys():
        whole = data
    values = list(whole.values())
    if _are_columns(values):
        for index in range(len(values[0])):
            yield f"row {index}", _row_at(whole, index)
    elif _are_objects_alike(values):
        yield from _rows_of_objects(whole)
    elif len(values) == 1 and isinstance(values[0], list) and values[0] and isinstance(values[0][0], dict):
        (name,) = whole
        for index, row in enumerate(values[0]):
            yield f"{name}[{index}]", row
    elif whole:
        yield "the only row", whole


def _rows_of_objects(whole: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Rows of an object of objects: columns of index -> cell, as pandas writes them, or id -> row."""
    first = next(iter(whole.values()))
    if {"context", "question"} & whole.keys() or "0" in first:
        for index in first:
            yield f'row "{index}"', _row_at(whole, index)
    else:
        for key, row in whole.items():
            yield f'"{key}"', {"id": key, **row}


def _row_at(columns: dict[str, Any], index: int | str) -> dict[str, Any]:
    return {name: column[index] for name, column in columns.items()}


def _are_columns(values: list[Any]) -> bool:
    """True for two or more equally long lists."""
    return len(values) > 1 and all(isinstance(v, list) for v in values) and len({len(v) for v in values}) == 1


def _are_objects_alike(values: list[Any]) -> bool:
    """True for two or more objects with the same keys in the same order."""
    return len(values) > 1 and all(isinstance(v, dict) for v in values) and len({tuple(v) for v in values}) == 1


class _Cursor:
    """A place in JSON text that is read on demand."""

    def __init__(self, handle: IO[str], source: str):
        self.source = source
        self._handle = handle
        self._text = ""
        self._at = 0
        self._lines_before = 0
        self._column_before = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is not a blank, or "" at the end."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in " \t\r\n":
                at += 1
            self._at = at
            if at < len(text):
                return text[at]
            if self._ended:
                return ""
            self._fill()

    def value(self, place: str) -> Any:
        """Decodes the value that begins here."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                open_string = error.msg.startswith("Unterminated string")
                if not self._ended and (open_string or error.pos >= len(self._text) - _LONGEST_LITERAL):
                    self._fill()
                    continue
                if open_string or error.pos >= len(self._text.rstrip()):
                    self.fail(f"the file ends inside {place or 'a value'} ({error.msg})", error.pos)
                self.fail(f"{error.msg} in {place or 'a value'}", error.pos)
            except RecursionError:
                self.fail(f"{place or 'a value'} is nested too deeply")
            except ValueError as error:
                self.fail(f"{place or 'a value'} cannot be read: {error}")
            # A number near the end of what is held may go on in the next chunk: "1" or "1." or "1e-".
            if len(self._text) - end < 3 and not self._ended:
                self._fill()
                continue
            self._at = end
            return value

    def elements(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yields (place, element) of the list that begins here."""
        self._expect("[")
        if self.peek() == "]":
            self._at += 1
            return
        index = 0
        while True:
            place = f"{name}[{index}]"
            yield place, self.value(place)
            index += 1
            if self._expect(",]", after=place) == "]":
                return

    def members(self) -> Iterator[str]:
        """Yields the keys of the object that begins here; the caller takes each key's value before the next key."""
        self._expect("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                self.fail("expected a key in double quotes")
            key = self.value("a key")
            self._expect(":", after=f'"{key}"')
            self.peek()
            yield key
            if self._expect(",}", after=f'"{key}"') == "}":
                return

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        at = self._at if at is None else at
        line = self._lines_before + self._text.count("\n", 0, at) + 1
        newline = self._text.rfind("\n", 0, at)
        column = at - newline + (self._column_before if newline < 0 else 0)
        found = self._text[at : at + 20]
        shown = f"; found {found!r}" if found else "; found the end of the file"
        raise DataError(f"{self.source}, line {line}, column {column}: not valid JSON: {problem}{shown}")

    def _expect(self, characters: str, after: str = "") -> str:
        found = self.peek()
        if not found or found not in characters:
            wanted = " or ".join(repr(c) for c in characters)
            self.fail(f"expected {wanted}" + (f" after {after}" if after else ""))
        self._at += 1
        return found

    def _fill(self) -> None:
        # Reading at least as much again as is held keeps repeated attempts at one large value linear.
        kept = self._text[self._at :]
        self._lines_before += self._text.count("\n", 0, self._at)
        newline = self._text.rfind("\n", 0, self._at)
        self._column_before = self._at - newline - 1 + (self._column_before if newline < 0 else 0)
        more = self._handle.read(max(_CHUNK, len(kept)))
        self._ended = not more
        self._text = kept + more
        self._at = 0
