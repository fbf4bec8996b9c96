"""Reads labelled data in whatever shape it has as a stream of raw rows, one a question.

The format is found from the content, not from the name. Memory stays bounded: a row, a batch or a chunk is held at a
time. Knows nothing of which field is the context: that is the work of the field mapping.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from qa_pipeline.data.example import BadRow, RawRow
from qa_pipeline.data.layouts import FLAT, flatten, is_header, layout
from qa_pipeline.data.mapping.values import MAX_NESTED, nested_too_deeply
from qa_pipeline.data.readers.columnar import (
    is_dataset_folder,
    iter_arrow_rows,
    iter_folder_rows,
    iter_hub_rows,
    iter_parquet_rows,
)
from qa_pipeline.data.readers.csv_file import find_dialect, iter_csv_rows
from qa_pipeline.data.readers.json_stream import iter_json_rows, split_names
from qa_pipeline.data.readers.rawfile import (
    ENCODINGS,
    encoding_of,
    iter_lines,
    missing_file,
    open_bytes,
    read_head,
    reading,
    refuse_not_text,
)
from qa_pipeline.errors import DataError

logger = logging.getLogger(__name__)

HEAD_ROWS = 200
_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".gz", ".bz2", ".xz")
_SHARD = re.compile(r"-\d+-of-\d+")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")

Row = RawRow | BadRow
Items = Iterator[tuple[str, Any] | BadRow]


@dataclass
class RowStream:
    """Rows of one source, read once.

    Attributes:
        rows: raw rows, and bad rows in their places; reading on may raise DataError where the source is damaged.
        format: the layout (squad, mrqa, cmrc, newsqa, side_by_side, label_studio, prodigy, haystack, natural_questions,
            tydi, multispanqa, bioasq) or, for flat rows, the container (json, jsonl, csv, parquet, arrow,
            dataset_folder, hub).
        source: the name for messages.
        encoding: how the text is decoded where it is not UTF-8, or None.
    """

    rows: Iterator[Row]
    format: str
    source: str
    encoding: str | None = None

    def head(self, count: int = HEAD_ROWS) -> list[Row]:
        """The first `count` rows that were not yet taken; they stay in the stream."""
        first = list(islice(self.rows, count))
        self.rows = chain(first, self.rows)
        return first


def read_rows(
    source: str | Path,
    *,
    split: str | None = None,
    dataset_config_name: str | None = None,
    cache_dir: str | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
) -> RowStream:
    """Opens a data source and finds its format.

    Args:
        source: a file (JSON, JSONL, CSV, TSV, Parquet, Arrow; also gzip, bzip2 or xz compressed), a folder written by
            `datasets.save_to_disk`, a folder of such files, or the name of a dataset on the Hub.
        split: "train", "validation" or "test", where the source holds several; "dev" and "val" are understood.
        dataset_config_name: configuration of a Hub dataset.
        cache_dir: where `datasets` keeps downloads.
        token: Hub token.
        revision: branch, tag or commit of a Hub dataset.

    Raises:
        DataError: the source is missing, empty, damaged or of no known format.
    """
    name = str(source)
    path = Path(name)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError):
        raise DataError(f"{name[:200]!r}: not the name of a file, a folder or a Hub dataset") from None
    items: Items
    if is_folder and is_dataset_folder(path):
        container, items = "dataset_folder", _placed(iter_folder_rows(path, split), name)
    elif is_folder:
        container, items = _folder_items(path, split)
    elif exists:
        container, items = _file_items(path, split)
    elif _HUB_NAME.fullmatch(name) and not name.lower().endswith(_SUFFIXES):
        options = {"name": dataset_config_name, "cache_dir": cache_dir, "token": token, "revision": revision}
        options = {key: value for key, value in options.items() if value is not None}
        container, items = "hub", _placed(iter_hub_rows(name, split, **options), name)
    else:
        raise missing_file(name)
    encoding = _encoding(path) if exists and container in ("json", "jsonl", "csv", "tsv") else None
    stream = _stream(container, items, name, encoding)
    logger.info("%s: read as %s", name, stream.format)
    return stream


def _stream(container: str, items: Items, source: str, encoding: str | None = None) -> RowStream:
    """Looks at the first items for the layout and flattens all of them."""
    first = list(islice(items, 20))
    kinds = [layout(item[1]) for item in first if not isinstance(item, BadRow) and isinstance(item[1], dict)]
    found = next((kind for kind in kinds if kind != FLAT), container)
    stream = RowStream(_rows(chain(first, items)), found, source, encoding)
    if not stream.head(1):
        raise DataError(f"{source}: read as {found}, but it holds no rows")
    return stream


def _rows(items: Items) -> Iterator[Row]:
    for item in items:
        if isinstance(item, BadRow):
            yield item
        else:
            where, value = item
            if nested_too_deeply(value):
                yield BadRow(
                    where, "row is nested too deeply", f"more than {MAX_NESTED} lists and objects in each other"
                )
            elif not is_header(value):
                yield from flatten(value, where)


def _placed(rows: Iterator[tuple[str, Any]], source: str) -> Iterator[tuple[str, Any]]:
    return ((f"{source}, {place}", row) for place, row in rows)


def _file_items(path: Path, split: str | None) -> tuple[str, Items]:
    """(container, items) of a file, by its first bytes."""
    source = str(path)
    if not path.is_file():
        raise DataError(f"{source}: not a regular file")
    with reading(source), open(path, "rb") as handle:
        magic = handle.read(8)
    if magic.startswith(b"PAR1"):
        return "parquet", _placed(iter_parquet_rows(path), source)
    if magic.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow", _placed(iter_arrow_rows(path), source)
    head = read_head(path)
    refuse_not_text(head, source)
    container = _text_container(path, head.removeprefix(b"\xef\xbb\xbf"))
    if container == "jsonl":
        return container, _json_lines(path)
    if container == "json":
        return container, _placed(iter_json_rows(path, split), source)
    return container, _csv_items(path)


def _folder_items(folder: Path, split: str | None) -> tuple[str, Items]:
    """Items of a folder's one data file, or of the shards of one, such as train-00000-of-00002.parquet."""
    with reading(str(folder)):
        files = sorted(p for p in folder.iterdir() if p.is_file() and p.name.lower().endswith(_SUFFIXES))
    if split:
        named = [p for p in files if set(re.split(r"[^a-z]+", p.name.lower())) & set(split_names(split))]
        files = named or (files if len(files) == 1 else [])
    stems = {_SHARD.sub("", p.name) for p in files}
    if len(stems) != 1:
        found = ", ".join(p.name for p in files[:10]) or "none"
        first = next((p for p in files if p.name.startswith("train.")), files[0] if files else None)
        raise DataError(
            f"{folder}: expected a folder written by datasets.save_to_disk, or one data file"
            f"{f' for the split {split!r}' if split else ''}; found {found}; name the file itself"
            f"{f', such as {first}' if first else ''}"
        )
    opened = [_file_items(path, split) for path in files]
    return opened[0][0], chain.from_iterable(items for _, items in opened)


def _encoding(path: Path) -> str | None:
    """For the report: how the text was decoded where it is not UTF-8."""
    if not path.is_file() or (found := encoding_of(path)) is None:
        return None
    return f"not UTF-8; read as {ENCODINGS[found]}"


def _csv_items(path: Path) -> Items:
    for row in iter_csv_rows(path):
        yield row if isinstance(row, BadRow) else (row.where, row.value)


def _json_lines(path: Path) -> Items:
    for number, line in iter_lines(path):
        where = f"{path}, line {number}"
        try:
            yield where, json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield BadRow(where, "row is not UTF-8", str(error))
        except (ValueError, RecursionError) as error:
            yield BadRow(where, "row is not valid JSON", str(error) or type(error).__name__)


def _text_container(path: Path, head: bytes) -> str:
    """Tells JSON, JSON lines, CSV and TSV apart by how the first lines begin and end."""
    lines = [line for line in (line.strip() for line in head.split(b"\n")[:20]) if line]
    objects = sum(line.startswith(b"{") and line.endswith(b"}") for line in lines)
    named_lines = bool({".jsonl", ".ndjson"} & {suffix.lower() for suffix in path.suffixes})
    opening = lines[0][:1]
    if opening in (b"{", b"["):
        closing, next_opening = _ends_of_first_line(path)
        complete = opening + closing in (b"{}", b"[]")
        # Nothing may follow a complete JSON value but, in a list or object, these.
        if complete and next_opening and next_opening not in b",]}":
            return "jsonl"
        return "jsonl" if named_lines and objects else "json"
    if objects > len(lines) // 2 or (named_lines and objects):
        return "jsonl"
    columns = find_dialect(head.decode("utf-8", "replace"))
    if columns.delimiter.encode() in head.split(b"\n", 1)[0]:
        return "tsv" if columns.delimiter == "\t" else "csv"
    raise DataError(
        f"{path}: expected JSON, JSONL, CSV, TSV, Parquet or Arrow, found text that begins with "
        f"{lines[0][:40].decode('utf-8', 'replace')!r}"
    )


def _ends_of_first_line(path: Path) -> tuple[bytes, bytes]:
    """(last byte of the first line with content, first byte of the next one), blanks apart; a line may be the file."""
    last = b""
    ended = False
    with reading(str(path)), open_bytes(path) as handle:
        chunk = handle.read(2**20).removeprefix(b"\xef\xbb\xbf").lstrip()
        while chunk:
            if not ended:
                line, newline, chunk = chunk.partition(b"\n")
                last = line.rstrip()[-1:] or last
                ended = bool(newline)
            if ended and (rest := chunk.lstrip()):
                return last, rest[:1]
            chunk = handle.read(2**20)
    return last, b""
