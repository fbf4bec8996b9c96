"""Finds documents by the names that people write: with the folder or without, with the ending or without, in any case.

Sees names only. A name that fits several documents, or none, is never guessed at.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

_ENDING = re.compile(r"(?<=[^/.])\.[A-Za-z][A-Za-z0-9]{0,7}$")
_ROW_OF_FILE = re.compile(r"(?<=\.jsonl|ndjson):")
_SPLIT = re.compile(r"\s*[;|\n]\s*")
_MOST_NEAR = 3


class DocumentNames:
    """The names of documents, and how people may write them.

    >>> names = DocumentNames(["fees/2024.pdf", "fees/2025.pdf", "Opening hours.md"])
    >>> names.find("2024.pdf"), names.find("docs/fees/2025"), names.find("opening_hours"), names.find("2026.pdf")
    (['fees/2024.pdf'], ['fees/2025.pdf'], ['Opening hours.md'], [])
    >>> names.near("2026.pdf")
    ['fees/2025.pdf', 'fees/2024.pdf']

    Args:
        names: each once, as the documents have them.
    """

    def __init__(self, names: Iterable[str]):
        self.names = list(names)
        self._tiers = [_Tier(self.names, of_name, of_written) for of_name, of_written in _WAYS]

    def find(self, written: str) -> list[str]:
        """The documents that a name means: one, several where it leaves that open, or none.

        The most literal reading that fits any document counts: as it is written, then in any case, without the ending,
        and at last by letters and digits alone. In each, whole names go before names without the folders before them.
        """
        return next((found for tier in self._tiers if (found := tier.find(written))), [])

    def find_all(self, written: str) -> list[list[str]]:
        """What each of several names means, which a cell has between ; or | or line ends; the whole cell goes first."""
        if found := self.find(written):
            return [found]
        parts = [self.find(part) for part in _SPLIT.split(written) if part]
        return parts if len(parts) > 1 and all(parts) else [[]]

    def near(self, written: str) -> list[str]:
        """The names that look most like one that is none, the nearest first."""
        looks = {_letters(_last(_stem(name))): name for name in reversed(self.names)}
        like = _letters(_last(_stem(written)))
        return [looks[key] for key in difflib.get_close_matches(like, looks, n=_MOST_NEAR, cutoff=0.6)]


def _plain(name: str) -> str:
    """With strokes between folders, and a row of a file as if the file were its folder."""
    name = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return _ROW_OF_FILE.sub("/", re.sub(r"^(?:\./)+|^/+", "", name))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", _plain(name)).casefold()


def _stem(name: str) -> str:
    """Folded, without the ending of a file."""
    return _ENDING.sub("", _folded(name))


def _letters(name: str) -> str:
    """Letters and digits of a folded name, and the strokes between its folders."""
    return re.sub(r"[^\w/]|_", "", name)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


# How the name of a document is read, and how what is written. An ending that is written must be the document's.
_WAYS: tuple[tuple[Callable[[str], str], Callable[[str], str]], ...] = (
    (_plain, _plain),
    (_folded, _folded),
    (_stem, _folded),
    (lambda name: _letters(_folded(name)), lambda name: _letters(_folded(name))),
    (lambda name: _letters(_stem(name)), lambda name: _letters(_folded(name))),
)


class _Tier:
    """All names as one way reads them."""

    def __init__(self, names: Sequence[str], of_name: Callable[[str], str], of_written: Callable[[str], str]):
        self._read = of_written
        self._whole: dict[str, list[str]] = {}
        self._ends: dict[str, list[str]] = {}
        for name in names:
            read = of_name(name)
            self._whole.setdefault(read, []).append(name)
            for end in _ends(read):
                self._ends.setdefault(end, []).append(name)

    def find(self, written: str) -> list[str]:
        read = self._read(written)
        if not read.strip("/"):
            return []
        if found := self._whole.get(read) or self._ends.get(read):
            return found
        return next((found for end in _ends(read) if (found := self._whole.get(end))), [])


def _ends(name: str) -> list[str]:
    """A name without its first folder, without its first two, and so on."""
    parts = name.split("/")
    return ["/".join(parts[begin:]) for begin in range(1, len(parts))]
