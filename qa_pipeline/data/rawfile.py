"""Opens a data file as bytes or text, whatever its compression, and turns every reading fault into a DataError.

Knows nothing of rows. Memory is bounded: nothing here reads a file whole.
"""

from __future__ import annotations

import bz2
import difflib
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from qa_pipeline.errors import DataError

HEAD_BYTES = 65536
MAX_LINE_BYTES = 64 * 2**20
"""A longer line means that the file is not line by line; reading on would take the file whole."""

_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))
_NOT_TEXT = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook; unpack it, or save the sheet as CSV UTF-8"),
    (b"\x28\xb5\x2f\xfd", "Zstandard-compressed; unpack it first (zstd -d)"),
    (b"\xff\xfe", "UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 IN > OUT"),
    (b"\xfe\xff", "UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 IN > OUT"),
    (b"version https://git-lfs", "a Git LFS pointer, not the data; fetch the data with git lfs pull"),
    (b"%PDF", "a PDF document, not labelled data"),
    (b"<", "an HTML or XML page, not labelled data; a download may have saved a web page instead"),
)


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turns the faults of reading `source` (missing, forbidden, cut, wrongly encoded) into DataError."""
    try:
        yield
    except UnicodeDecodeError as error:
        found = error.object[error.start : error.start + 1]
        raise DataError(
            f"{source}: expected UTF-8 text, found byte {found!r} that is not UTF-8; convert the file, for example: "
            "iconv -f WINDOWS-1252 -t UTF-8 IN > OUT"
        ) from error
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(f"{source}: the compressed data is cut short or damaged ({error}); fetch it again") from error
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise DataError(f"{source}: cannot be read: {reason}") from error


def missing_file(source: str) -> DataError:
    """The error for a file that is not there, with the nearest name of its folder."""
    path = Path(source)
    names: dict[str, str] = {}  # by stem: a common ending says nothing of how near two names are
    try:
        if path.is_symlink():
            return DataError(f"{source}: a link to {os.readlink(path)}, which is not there")
        if path.parent.is_dir():
            files = sorted(path.parent.iterdir(), key=lambda p: (p.suffix == path.suffix, p.name))
            names = {p.name.split(".")[0]: p.name for p in files}
    except OSError:
        pass
    near = [names[stem] for stem in difflib.get_close_matches(path.name.split(".")[0], names, n=1, cutoff=0.7)]
    hint = f'; did you mean "{path.parent / near[0]}"?' if near else ""
    return DataError(f"{source}: no such file or folder{hint}")


def open_bytes(path: Path) -> IO[bytes]:
    """Opens a file, decompressed by its first bytes (gzip, bzip2, xz) and not by its name."""
    with open(path, "rb") as handle:
        start = handle.read(8)
    kind = next((name for magic, name in _COMPRESSED if start.startswith(magic)), None)
    if kind == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if kind == "bzip2":
        return cast(IO[bytes], bz2.open(path, "rb"))
    if kind == "xz":
        return cast(IO[bytes], lzma.open(path, "rb"))
    return open(path, "rb")


def read_head(path: Path) -> bytes:
    """The first `HEAD_BYTES` of the decompressed content."""
    with reading(str(path)), open_bytes(path) as handle:
        return handle.read(HEAD_BYTES)


def refuse_not_text(head: bytes, source: str) -> None:
    """Raises DataError where the first bytes show that a file is no text, saying what it is."""
    if not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise DataError(f"{source}: the file is empty")
    for magic, what in _NOT_TEXT:
        if head.lstrip().startswith(magic) if magic == b"<" else head.startswith(magic):
            raise DataError(f"{source}: this is {what}")
    sample = head[:4096]
    zeros = sample.count(0)
    if zeros > len(sample) // 4 and len(sample) >= 4:
        raise DataError(f"{source}: this looks like UTF-16 or UTF-32 text or binary data; expected UTF-8 text")
    # Text of any language holds no control characters but tabs, line ends and the odd form feed.
    control = sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in sample)
    if control > len(sample) // 50 + 1:
        raise DataError(
            f"{source}: this is binary data of an unknown kind; expected JSON, JSONL, CSV, Parquet or Arrow"
        )


def open_text(path: Path, errors: str = "strict") -> io.TextIOWrapper:
    """Opens decompressed UTF-8 text with line ends kept and a byte order mark dropped."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", errors=errors, newline="")


def iter_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    r"""Yields (line number from 1, line without its end), blank lines left out.

    Lines end at \n or \r\n only, because JSON text may hold other line separators.
    """
    source = str(path)
    with reading(source), open_bytes(path) as handle:
        number = 0
        while line := handle.readline(MAX_LINE_BYTES):
            number += 1
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                raise DataError(
                    f"{source}, line {number}: longer than {MAX_LINE_BYTES // 2**20} MiB; expected one row a line"
                )
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            line = line.strip()
            if line:
                yield number, line
