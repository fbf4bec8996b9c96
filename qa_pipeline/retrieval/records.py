"""A file of JSON lines of which any one is read without the others: the lines, and where each of them begins.

The file is mapped into memory, so that opening it costs nothing, however long it is.
"""

from __future__ import annotations

import json
import mmap
from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

_SURROGATES = "surrogatepass"
"""Half characters, which texts from JSON and names of files may hold, are kept as they are."""


class RecordWriter:
    """Writes records one after the other: `NAME.jsonl`, and `NAME.offsets.npy` with the byte at which each one begins.

    Args:
        folder: a folder that is there.
        name: of the two files, without ending.
    """

    def __init__(self, folder: Path, name: str):
        self._offsets_path = folder / f"{name}.offsets.npy"
        self._file: IO[bytes] = open(folder / f"{name}.jsonl", "wb")  # noqa: SIM115 (open as long as the object)
        self._offsets = array("q", [0])

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None:
            np.save(self._offsets_path, np.asarray(self._offsets, dtype=np.int64))

    def __len__(self) -> int:
        """How many there are by now."""
        return len(self._offsets) - 1

    def append(self, value: Any) -> None:
        """Writes one record."""
        self.append_lines(json.dumps(value, ensure_ascii=False).encode("utf-8", _SURROGATES) + b"\n", [0])

    def append_lines(self, lines: bytes, begins: Sequence[int]) -> None:
        """Writes records as `Records.lines` gives them.

        Args:
            lines: the records, each with its line's end.
            begins: the byte of `lines` at which each of them begins.
        """
        start = self._offsets.pop()
        self._offsets.extend(start + begin for begin in begins)
        self._offsets.append(start + len(lines))
        self._file.write(lines)


class Records:
    """The records that a `RecordWriter` wrote, by number from 0.

    Raises:
        OSError: the files are not there.
        ValueError: they are no such files, or a record that is read is damaged.
    """

    def __init__(self, folder: Path, name: str):
        self._offsets = np.load(folder / f"{name}.offsets.npy", mmap_mode="r")
        with open(folder / f"{name}.jsonl", "rb") as file:
            size = file.seek(0, 2)
            # An empty file cannot be mapped.
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        if self._offsets.ndim != 1 or not len(self._offsets) or self._offsets[-1] != size:
            raise ValueError(f"{name}.jsonl and {name}.offsets.npy do not fit together")

    def __len__(self) -> int:
        """How many there are."""
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> Any:
        """One record."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        line = self._bytes[self._offsets[number] : self._offsets[number + 1]]
        return json.loads(line.decode("utf-8", _SURROGATES))

    def lines(self, first: int, end: int) -> tuple[bytes, list[int]]:
        """Records `first` to `end` (exclusive) as they stand in the file, and the byte at which each of them begins."""
        begin = int(self._offsets[first])
        return self._bytes[begin : self._offsets[end]], (self._offsets[first:end] - begin).tolist()
