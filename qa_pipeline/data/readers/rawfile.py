"""Opens a data file as UTF-8, whatever its compression and encoding, and turns every reading fault into a DataError.

Knows nothing of rows. Memory is bounded: nothing here reads a file whole.
"""

from __future__ import annotations

import bz2
import codecs
import difflib
import gzip
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

from qa_pipeline.errors import DataError
from qa_pipeline.text.encoding import detect, name_of

HEAD_BYTES = 65536
MAX_LINE_BYTES = 64 * 2**20
"""A longer line means that the file is not line by line; reading on would take the file whole."""

_ALWAYS_UNFOLDED = 64 * 2**20
_MOST_FOLDED = 100
"""A compressed file may unfold to this many times its size, and to _ALWAYS_UNFOLDED bytes whatever its size: text is
seldom 20 times as long as when it is compressed, a thousand times only when it was made to fill a memory."""

_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))
_NOT_TEXT = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook; unpack it, or save the sheet as CSV UTF-8"),
    (b"\x28\xb5\x2f\xfd", "Zstandard-compressed; unpack it first (zstd -d)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the data; fetch the data with git lfs pull"),
    (b"%PDF", "a PDF document, not labelled data"),
    (b"<", "an HTML or XML page, not labelled data; a download may have saved a web page instead"),
)
_ESCAPED = re.compile("[\udc80-\udcff]")
_DEFINED = bytes(byte for byte in range(255) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D))  # 255 is in hardly any text
_EASTERN = frozenset("\u0160\u0161\u017d\u017e\xd0\xf0\xdd\xfd\xde\xfe")
"""Letters that Windows-1252 shares with few western languages and that other code pages have in their places: Turkish,
Czech, Croatian and Baltic texts would be read with them."""
_TILDE, _DOTS = frozenset("\xd5\xf5"), frozenset("\xf6\xfc\xfb\xd6\xdc\xdb")  # together: Hungarian in Windows-1250
_CUT = re.compile(b"\xe2[\x80\x82]|\xef\xbf|\xf0\x9f")
_SIGN_IN_WORD = re.compile("[^\\W\\d_][\xa1-\xac\xae-\xb6\xb8-\xbf\xd7\xf7][^\\W\\d_]")
ENCODINGS = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252"}
"""The names of the encodings that `encoding_of` finds, for people."""


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
    try:
        if (path := Path(source)).is_symlink():
            return DataError(f"{source}: a link to {os.readlink(path)}, which is not there")
    except OSError:
        pass
    return DataError(f"{source}: no such file or folder{nearest_name(source)}")


def nearest_name(source: str) -> str:
    """What may have been meant by the name of a file that is not there, as the end of a message; "" for nothing.

    >>> nearest_name("qa_pipelines/missing.json")
    ''
    """
    path = Path(source)
    names: dict[str, str] = {}  # by stem: a common ending says nothing of how near two names are
    try:
        if path.parent.is_dir():
            files = sorted(path.parent.iterdir(), key=lambda p: (p.suffix == path.suffix, p.name))
            names = {p.name.split(".")[0]: p.name for p in files}
    except OSError:
        pass
    near = [names[stem] for stem in difflib.get_close_matches(path.name.split(".")[0], names, n=1, cutoff=0.7)]
    return f'; did you mean "{path.parent / near[0]}"?' if near else ""


def open_bytes(path: Path) -> IO[bytes]:
    """Opens a file as UTF-8, decompressed by its first bytes (gzip, bzip2, xz) and not by its name.

    Text in UTF-16 or Windows-1252 is decoded and given as UTF-8; `encoding_of` says so.
    """
    encoding = encoding_of(path)
    raw = _open_raw(path)
    return raw if encoding is None else cast(IO[bytes], io.BufferedReader(_Recoded(raw, encoding)))


def encoding_of(path: Path) -> str | None:
    """The encoding of a text file that is not UTF-8: "utf-16", "utf-16-le", "utf-16-be" or "cp1252"; else None.

    A file that holds other characters beside bytes that are not UTF-8 is UTF-8 with damaged places, which the readers
    report row by row.

    Raises:
        DataError: the file is text of another code page, which cannot be told from the text alone.
    """
    stat = path.stat()
    return _encoding_of(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=32)
def _encoding_of(path: Path, changed: int, size: int) -> str | None:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    others = 0
    foreign = bytearray()
    letters = 0
    sample = b""
    with _open_raw(path) as handle:
        while chunk := handle.read(2**20):
            if not sample:
                sample = chunk[: 2**16]
                if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
                    return "utf-16"
                if (wide := _wide(sample)) is not None:
                    return wide
                if not _is_text(sample):
                    return None
            if chunk.isascii() and not others and not foreign:
                continue  # what a split character leaves in the decoder ends in a chunk that is not ASCII
            text = decoder.decode(chunk)
            found = _ESCAPED.findall(text)
            foreign += bytes(ord(character) - 0xDC00 for character in found[: max(0, 2**16 - len(foreign))])
            others += sum(not character.isascii() for character in text) - len(found)
            letters += sum(map(str.isalpha, text))
            if len(foreign) >= 2**16 or others > 2**20:
                break
    if len(foreign) <= 10 * others or _cut_utf8(path):
        return None
    return _western(path, foreign, letters)


def _cut_utf8(path: Path) -> bool:
    """Whether the start of the file has what is left of a longer character of UTF-8, such as a dash, when it is cut."""
    with _open_raw(path) as handle:
        return _CUT.search(handle.read(2**20)) is not None


def _western(path: Path, foreign: bytearray, letters: int) -> str:
    """Windows-1252, where the file reads like text in it."""
    with _open_raw(path) as handle:
        text = handle.read(2**18).decode("cp1252", errors="replace")
    undefined = bytes(foreign).translate(None, delete=_DEFINED)
    letters_of_others = set(text) & _EASTERN or (_TILDE & set(text) and _DOTS & set(text))
    # In western languages few letters have accents; a sign within a word is a letter of another code page.
    if undefined or letters_of_others or len(foreign) > 0.4 * (len(foreign) + letters) or _SIGN_IN_WORD.search(text):
        with _open_raw(path) as handle:
            guess = detect(handle.read(2**18).rpartition(b"\n")[0])
        looks = f" (it looks like {name_of(guess)})" if guess != "cp1252" else ""
        encoding = guess.upper().replace("_", "-") if looks else "ENCODING"
        raise DataError(
            f"{path}: expected UTF-8 text, found an encoding that is not UTF-8, UTF-16 or Windows-1252{looks}; convert "
            f"it: iconv -f {encoding} -t UTF-8 IN > OUT (CP1250 for Polish or Czech, CP1251 for Cyrillic, CP1254 for "
            "Turkish, GB18030 for Chinese, SHIFT_JIS for Japanese, EUC-KR for Korean, MACINTOSH)"
        )
    return "cp1252"


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a byte order mark: most of every second byte is zero in text of Latin letters."""
    even, odd = sample[0:4096:2], sample[1:4096:2]
    if len(sample) < 8:
        return None
    if odd.count(0) > 0.6 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if even.count(0) > 0.6 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return None


def _is_text(sample: bytes) -> bool:
    return sample[:4096].count(0) == 0 and not sample.startswith((b"PAR1", b"ARROW1", b"PK\x03\x04", b"%PDF"))


class _Recoded(io.RawIOBase):
    """Bytes of another encoding, read as UTF-8."""

    def __init__(self, handle: IO[bytes], encoding: str):
        self._handle = handle
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = self._handle.read(2**16)
            self._rest = self._decoder.decode(chunk, final=not chunk).encode("utf-8", errors="surrogatepass")
            if not chunk:
                break
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def close(self) -> None:
        self._handle.close()
        super().close()


class _Unfolded(io.RawIOBase):
    """Decompressed bytes; refuses to give far more of them than a file of this size holds data for."""

    def __init__(self, handle: IO[bytes], path: Path):
        self._handle, self._path = handle, path
        self._left = self._most = max(_ALWAYS_UNFOLDED, _MOST_FOLDED * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._handle.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise DataError(
                f"{self._path}: unfolds to more than {self._most / 2**20:,.0f} MiB, over {_MOST_FOLDED} times its "
                "size, as no real data does; if it is real, unpack it first (gunzip, bunzip2, unxz) and give that file"
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._handle.close()
        super().close()


def _open_raw(path: Path) -> IO[bytes]:
    with open(path, "rb") as handle:
        start = handle.read(8)
    kind = next((name for magic, name in _COMPRESSED if start.startswith(magic)), None)
    if kind is None:
        return open(path, "rb")
    openers: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    return cast(IO[bytes], io.BufferedReader(_Unfolded(openers[kind](path, "rb"), path)))


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
        raise DataError(f"{source}: this looks like UTF-32 text or binary data; expected UTF-8 text")
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
