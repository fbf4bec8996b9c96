"""Reads rows from Parquet and Arrow files, `datasets` folders and the Hub, a small batch at a time.

Imports pyarrow and datasets only when such a source is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qa_pipeline.data.readers.json_stream import split_names
from qa_pipeline.errors import DataError

logger = logging.getLogger(__name__)

_BATCH_ROWS = 256
_FOLDER_MARKS = ("dataset_dict.json", "state.json", "dataset_info.json")


def iter_parquet_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yields (place, row) from a Parquet file, decoding a batch of rows at a time."""
    with _arrow_faults(str(path), "Parquet"):
        import pyarrow.parquet as parquet

        with parquet.ParquetFile(path, pre_buffer=False) as file:
            yield from _batch_rows(file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False))


def iter_arrow_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yields (place, row) from an Arrow IPC file or stream (what `datasets` caches), mapped and not loaded."""
    with _arrow_faults(str(path), "Arrow"):
        import pyarrow as pa

        with pa.memory_map(str(path)) as handle:
            if handle.read(6) == b"ARROW1":
                file = pa.ipc.open_file(handle)
                yield from _batch_rows(file.get_batch(i) for i in range(file.num_record_batches))
            else:
                handle.seek(0)
                yield from _batch_rows(pa.ipc.open_stream(handle))


def is_dataset_folder(path: Path) -> bool:
    """True for a folder written by `save_to_disk`."""
    return any((path / name).is_file() for name in _FOLDER_MARKS)


def iter_folder_rows(path: Path, split: str | None) -> Iterator[tuple[str, Any]]:
    """Yields (place, row) from a folder written by `datasets.save_to_disk`."""
    with _dataset_faults(str(path), "a folder written by datasets.save_to_disk"):
        import datasets

        loaded = datasets.load_from_disk(str(path))
    yield from _dataset_rows(loaded, split, str(path))


def iter_hub_rows(repository: str, split: str | None, **options: Any) -> Iterator[tuple[str, Any]]:
    """Yields (place, row) from a dataset of the Hub, or of the local cache when offline.

    Args:
        repository: its name, such as "rajpurkar/squad".
        split: which split; needed where the dataset has several.
        options: passed to `datasets.load_dataset` (name of the configuration, cache_dir, token, revision).
    """
    with _dataset_faults(repository, "a dataset of the Hub, and no file or folder has this name"):
        import datasets

        loaded = datasets.load_dataset(repository, **options)
    yield from _dataset_rows(loaded, split, repository)


def _dataset_rows(loaded: Any, split: str | None, source: str) -> Iterator[tuple[str, Any]]:
    if isinstance(loaded, dict):
        wanted = split_names(split) if split else ()
        chosen = [key for key in loaded if key in wanted] or (list(loaded) if split is None else [])
        if len(chosen) != 1:
            raise DataError(
                f"{source}: {f'no split {split!r}' if split else 'several splits, and none was chosen'}; "
                f"the dataset has: {', '.join(map(str, loaded)) or 'none'}"
            )
        loaded = loaded[chosen[0]]
    number = 0
    with _dataset_faults(source, "dataset rows"):
        for batch in loaded.with_format("arrow").iter(batch_size=_BATCH_ROWS):
            batch.validate(full=True)
            for row in batch.to_pylist():
                yield f"row {number}", row
                number += 1


def _batch_rows(batches: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    number = 0
    for batch in batches:
        batch.validate(full=True)  # offsets of a damaged file may point anywhere, which would end the process
        for begin in range(0, batch.num_rows, _BATCH_ROWS):
            for row in batch.slice(begin, _BATCH_ROWS).to_pylist():
                yield f"row {number}", row
                number += 1


@contextmanager
def _arrow_faults(source: str, kind: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DataError(f"{source}: reading {kind} needs pyarrow; install it with: pip install pyarrow") from error
    except DataError:
        raise
    except Exception as error:
        # pyarrow raises its own kinds, OSError, ValueError (dates out of range), UnicodeDecodeError and more.
        raise DataError(f"{source}: cannot be read as {kind}: {_brief(error)}") from error


@contextmanager
def _dataset_faults(source: str, kind: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise DataError(f"{source}: reading {kind} needs datasets; install it with: pip install datasets") from error
    except DataError:
        raise
    except Exception as error:
        # datasets and huggingface_hub raise many kinds for a missing, gated, scripted or half-written dataset.
        hint = ""
        if "script" in str(error).lower():
            hint = '; loading scripts no longer run: fetch the Parquet files of its "refs/convert/parquet" branch'
        elif "config name is missing" in str(error).lower():
            hint = "; choose with --dataset_config_name"
        raise DataError(f"{source}: cannot be read as {kind}: {_brief(error)}{hint}") from error


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{text[:400]} ({type(error).__name__})" if text else type(error).__name__
