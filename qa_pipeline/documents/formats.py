"""What the readers of all formats share: the message for a missing package, titles, and archives that are too large."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qa_pipeline.errors import DataError

_PLACEHOLDER = re.compile(
    r"\W*(?:anonymous|untitled|unspecified|unknown|unnamed|none|null|no title|title|document|new document|"
    r"microsoft word|word document|powerpoint presentation|pdf|scan|scanned document)?[\W\d_]*",
    re.IGNORECASE,
)
_BY_PROGRAM = re.compile(r"microsoft (?:word|powerpoint|excel) - ", re.IGNORECASE)
_LONGEST_TITLE = 300


@contextmanager
def library(name: str, what: str, *packages: str) -> Iterator[None]:
    """Says what to install where the import inside fails."""
    try:
        yield
    except ImportError as error:
        needed = " and ".join(packages)
        raise DataError(f"{name}: {what} needs {needed}; run: pip install {' '.join(packages)}") from error


def own_title(title: Any) -> str | None:
    """A title as a file gives it, on one line; None where it is what a program writes when nobody gave one."""
    if not isinstance(title, str):
        return None
    title = _BY_PROGRAM.sub("", " ".join(title[: 10 * _LONGEST_TITLE].split()), count=1)[:_LONGEST_TITLE].strip()
    return None if _PLACEHOLDER.fullmatch(title) else title


_MOST_XML, _MOST = 100 * 2**20, 2**30
"""Bytes of an unpacked document: of its texts, which take ten times as much when they are read, and of all of it."""
_MOST_FOLDED = 200
"""Unpacked size by packed size: of real documents it is below 50."""
_TEXTS = (".xml", ".rels", ".html", ".xhtml", ".htm", ".opf", ".ncx")


def refuse_folded(entries: list[zipfile.ZipInfo], name: str) -> None:
    """Raises DataError for an archive that would fill the memory."""
    texts = [entry for entry in entries if entry.filename.lower().endswith(_TEXTS)]
    total, packed = sum(entry.file_size for entry in texts), sum(entry.compress_size for entry in texts)
    everything = sum(entry.file_size for entry in entries)
    if total > _MOST_XML or everything > _MOST or total > max(10 * 2**20, _MOST_FOLDED * packed):
        raise DataError(
            f"{name}: unfolds to {max(total, everything) / 2**20:,.0f} MiB, more than a document does; if it is one, "
            "save it as text (.txt) or in parts"
        )
