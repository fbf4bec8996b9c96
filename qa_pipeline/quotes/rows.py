"""Reads the rows that are to be verified from JSON lines. A row that cannot be used is named, and never lost."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_pipeline.data.readers.rawfile import missing_file, reading
from qa_pipeline.errors import DataError
from qa_pipeline.text.encoding import decode
from qa_pipeline.wording import describe, short

BAD_ROW = "bad_row"
"""Status of a row that cannot be used."""
_NOT_JSON = "not JSON"


@dataclass(frozen=True)
class QuoteRow:
    """One thing to verify.

    Attributes:
        id: the row's own, else "line-N".
        quote, claim: one of both; None for the other. Both are None where the row is bad.
        source: the document it is said to be from, or None.
        part: which of a row's `quotes`, from 1; None where it has one.
        error: what is wrong with the row; "" where nothing is.
    """

    id: str
    quote: str | None = None
    claim: str | None = None
    source: str | None = None
    part: int | None = None
    error: str = ""


def read_quote_rows(path: str | Path) -> list[QuoteRow]:
    """The rows of a file of JSON lines, in order: `{"quote": ..., "source": ..., "id": ...}` each.

    Instead of `quote`, a row may have `quotes` (a list; each is a row of its own here) or `claim`.

    Raises:
        DataError: the file cannot be read, has no row, is one JSON list, or has no line that is JSON.
    """
    name = str(path)
    with reading(name):
        try:
            content = Path(path).read_bytes()
        except FileNotFoundError:
            raise missing_file(name) from None
        except ValueError as error:  # a NUL in the name
            raise DataError(f"{name!r}: not the name of a file") from error
    text = decode(content, name)[0]
    _refuse_list(text, name)
    rows: list[QuoteRow] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            rows += _rows_of(line, number)
    if not rows:
        raise DataError(f'{name}: expected a row such as {{"quote": "...", "source": "..."}} on each line; it is empty')
    if all(_NOT_JSON in row.error for row in rows):
        raise DataError(
            f'{name}: expected JSON lines, a row such as {{"quote": "...", "source": "..."}} on each; no line is one '
            f"({rows[0].error})"
        )
    return rows


def _refuse_list(text: str, name: str) -> None:
    """Raises DataError where a file over several lines is one list, of which single lines might pass for rows."""
    if not text.lstrip().startswith("[") or "\n" not in text.strip():
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    raise DataError(f"{name}: expected JSON lines, found one {describe(value)}; try: jq -c '.[]' {shlex.quote(name)}")


def _rows_of(line: str, number: int) -> list[QuoteRow]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return [QuoteRow(f"line-{number}", error=f"line {number}: {_NOT_JSON} ({short(str(error), 100)})")]
    if isinstance(value, str):
        value = {"quote": value}
    if not isinstance(value, dict):
        return [QuoteRow(f"line-{number}", error=f"line {number}: expected an object, found {describe(value)}")]
    identity = value.get("id")
    name = str(identity) if isinstance(identity, str | int) and str(identity).strip() else f"line-{number}"
    fault = _fault(value)
    if fault:
        return [QuoteRow(name, error=f"line {number}: {fault}")]
    source = value.get("source")
    if "claim" in value:
        return [QuoteRow(name, claim=value["claim"], source=source)]
    if "quotes" not in value:
        return [QuoteRow(name, quote=value["quote"], source=source)]
    return [_part(name, one, place, source, number) for place, one in enumerate(value["quotes"], 1)]


def _part(name: str, quote: Any, place: int, source: str | None, number: int) -> QuoteRow:
    if isinstance(quote, str) and quote.strip():
        return QuoteRow(name, quote=quote, source=source, part=place)
    return QuoteRow(name, part=place, error=f"line {number}, quote {place}: expected a text, found {describe(quote)}")


def _fault(row: dict[str, Any]) -> str:
    """What is wrong with a row; "" for nothing."""
    given = [key for key in ("quote", "quotes", "claim") if key in row]
    if len(given) != 1:
        found = " and ".join(given) or f"the keys {', '.join(map(str, list(row)[:10])) or 'none'}"
        return f'expected one of "quote", "quotes" and "claim", found {short(found)}'
    value = row[given[0]]
    if given[0] == "quotes":
        if not isinstance(value, list) or not value:
            return f'"quotes": expected a list of texts, found {describe(value)}'
    elif not isinstance(value, str) or not value.strip():
        return f'"{given[0]}": expected a text, found {describe(value)}'
    if row.get("source") is not None and not isinstance(row["source"], str):
        return f'"source": expected the name of a document, found {describe(row["source"])}'
    return ""
