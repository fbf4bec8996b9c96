"""The texts that quotations are looked for in, indexed once: their tokens, and where each token stands.

A sequence of tokens is found through its rarest one; a place that holds most of a quotation's words through all its
rare ones. Nothing is compared with every document. Never says whether a place is good enough.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from qa_pipeline.documents.files import source_documents
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import DataError
from qa_pipeline.quotes.tokens import tokens_of

logger = logging.getLogger(__name__)

Sources = str | PathLike[str] | Document | Iterable[str | PathLike[str] | Document]
"""Texts, documents that were read, or `Path` objects of files and folders; one of these, or several."""

UNKNOWN = -1
"""The number of a token that no source has."""
_MOST_PLACES = 100_000
_FEWEST_SEEDS = 4
_EXPECTED = "a text, a Document, or a pathlib.Path of a file or folder"


class QuoteSources:
    """Documents in which quotations can be looked for.

    Args:
        documents: what is looked in.
        notes: files that could not be read, and why.

    Attributes:
        documents, notes: as given.
        ids: (num_tokens,) number of each token, all documents behind each other.
        starts, ends: (num_tokens,) its characters in its document, end exclusive.
        borders: (num_documents + 1,) where the tokens of each document begin.
        vocabulary: token -> number.
        in_small_letters: numbers of tokens that stand somewhere in small letters.
    """

    def __init__(self, documents: Sequence[Document], notes: Sequence[str] = ()):
        self.documents, self.notes = list(documents), list(notes)
        self.vocabulary: dict[str, int] = {}
        self.in_small_letters: set[int] = set()
        ids: list[np.ndarray] = []
        starts: list[np.ndarray] = []
        ends: list[np.ndarray] = []
        for document in self.documents:
            tokens = tokens_of(document.text)
            numbers = [self.vocabulary.setdefault(text, len(self.vocabulary)) for text in tokens.texts]
            text = document.text
            self.in_small_letters.update(
                number for number, start in zip(numbers, tokens.starts, strict=True) if text[start].islower()
            )
            ids.append(np.array(numbers, dtype=np.int32))
            starts.append(np.array(tokens.starts, dtype=np.int32))
            ends.append(np.array(tokens.ends, dtype=np.int32))
        self.borders = np.cumsum([0, *map(len, ids)])
        self.ids = np.concatenate([*ids, np.array([], dtype=np.int32)])
        self.starts = np.concatenate([*starts, np.array([], dtype=np.int32)])
        self.ends = np.concatenate([*ends, np.array([], dtype=np.int32)])
        self._words = list(self.vocabulary)
        self._order = np.argsort(self.ids, kind="stable")
        self._offsets = np.searchsorted(self.ids[self._order], np.arange(len(self._words) + 1))
        self._by_name = self._names()

    def __len__(self) -> int:
        return len(self.documents)

    @classmethod
    def of(cls, sources: Sources, encoding: str | None = None) -> QuoteSources:
        """Reads and indexes texts, documents and paths; a file in a folder is named by its path in the folder.

        Raises:
            DataError: there is none, a path cannot be read, or something else was given.
        """
        if isinstance(sources, str | PathLike | Document):
            given: Iterable[Any] = [sources]
        elif isinstance(sources, Iterable) and not isinstance(sources, Mapping | bytes):
            given = list(sources)
        else:
            raise DataError(f"sources: expected {_EXPECTED}, or several of these, found {type(sources).__name__}")
        notes: list[str] = []
        read: list[Document] = []
        paths: list[str] = []
        for number, one in enumerate(given):
            if isinstance(one, Document):
                read.append(one)
            elif isinstance(one, str):
                read.append(Document(one, ""))
            elif isinstance(one, PathLike):
                paths.append(str(one))
            else:
                raise DataError(f"source {number}: expected {_EXPECTED}, found {type(one).__name__}")
        if paths:
            read += source_documents(paths, notes, encoding=encoding)
        if not read:
            raise DataError(f"sources: none was given; give {_EXPECTED}, or several of these")
        for note in notes:
            logger.warning("%s", note)
        return cls(read, notes)

    def word(self, place: int) -> str:
        """The folded token at a place."""
        word: str = self._words[self.ids[place]]
        return word

    def written(self, begin: int, end: int) -> str:
        """The source's own words from one token to another, end exclusive; both of one document."""
        if end <= begin:
            return ""
        text: str = self.documents[self.document_at(begin)].text
        return text[self.starts[begin] : self.ends[end - 1]]

    def count(self, number: int) -> int:
        """How often a token stands in all sources."""
        return int(self._offsets[number + 1] - self._offsets[number])

    def document_at(self, place: int) -> int:
        """The document that holds a token."""
        return int(np.searchsorted(self.borders, place, side="right")) - 1

    def bounds(self, document: int | None) -> tuple[int, int]:
        """The tokens of one document, or of all."""
        if document is None:
            return 0, len(self.ids)
        return int(self.borders[document]), int(self.borders[document + 1])

    def numbers(self, tokens: Sequence[str]) -> np.ndarray:
        """(num_tokens,) numbers, UNKNOWN for what no source has."""
        return np.array([self.vocabulary.get(token, UNKNOWN) for token in tokens], dtype=np.int32)

    def named(self, name: str) -> int | None:
        """The document of this name: the whole name, or else one that ends in it, with or without its ending.

        None where there is none, or several could be meant.
        """
        for key in _keys(name):
            found = self._by_name.get(key, ())
            if len(found) == 1:
                return found[0]
        return None

    def phrase(self, numbers: np.ndarray, document: int | None = None) -> np.ndarray:
        """(num_found,) places where these tokens follow each other in one document, in order; no character is cut."""
        if not len(numbers) or (numbers == UNKNOWN).any():
            return np.array([], dtype=np.int64)
        rarest = min(range(len(numbers)), key=lambda i: self.count(int(numbers[i])))
        low, high = self.bounds(document)
        places = self._places(int(numbers[rarest])) - rarest
        places = places[(places >= low) & (places + len(numbers) <= high)]
        for offset, number in enumerate(numbers):
            if not len(places):
                return places
            places = places[self.ids[places + offset] == number]
        homes = np.searchsorted(self.borders, places, side="right")
        places = places[places + len(numbers) <= self.borders[homes]]
        return np.asarray(places[~self._cut(places) & ~self._cut(places + len(numbers))])

    def windows(
        self, numbers: np.ndarray, length: int, document: int | None = None, most: int = 3
    ) -> list[tuple[int, int]]:
        """Stretches of one document each (tokens, end exclusive) that hold most of these tokens, the best first.

        Args:
            numbers: of the quotation's tokens.
            length: how many tokens of a source they may stand among.
            document: look in this one only.
            most: how many stretches.
        """
        known = sorted({int(number) for number in numbers if number != UNKNOWN}, key=self.count)
        low, high = self.bounds(document)
        buckets: list[np.ndarray] = []
        weights: list[np.ndarray] = []
        total = 0
        for number in known:
            total += self.count(number)
            if total > _MOST_PLACES and len(buckets) >= _FEWEST_SEEDS:
                break
            places = self._places(number)
            held = _distinct(places[(places >= low) & (places < high)] // length)
            held = _distinct(np.sort(np.concatenate([held - 1, held])))  # a bucket is two lengths long: none is cut
            buckets.append(held)
            weights.append(np.full(len(held), np.log(1 + len(self.ids) / self.count(number))))
        if not total or not buckets:
            return []
        found, inverse = np.unique(np.concatenate(buckets), return_inverse=True)
        scores = np.bincount(inverse, np.concatenate(weights))
        best = found[np.argsort(-scores, kind="stable")[: 4 * most]]
        wanted = np.zeros(len(self._words))
        for number in known[: len(weights)]:
            wanted[number] = np.log(1 + len(self.ids) / self.count(number))
        stretches = self._stretches(best, length, (low, high))
        fits = np.array([wanted[np.unique(self.ids[begin:end])].sum() for begin, end in stretches])
        return [stretches[n] for n in np.argsort(-fits, kind="stable")[:most].tolist()]

    def _stretches(self, buckets: np.ndarray, length: int, bounds: tuple[int, int]) -> list[tuple[int, int]]:
        """The tokens of buckets, with room on both sides, each of one document; none is there twice."""
        made: dict[tuple[int, int], None] = {}
        for bucket in buckets.tolist():
            begin, end = max(bounds[0], (bucket - 1) * length), min(bounds[1], (bucket + 3) * length)
            for document in range(self.document_at(begin), self.document_at(end - 1) + 1) if end > begin else ():
                low, high = max(begin, int(self.borders[document])), min(end, int(self.borders[document + 1]))
                if high > low:
                    made[low, high] = None
        return list(made)

    def _places(self, number: int) -> np.ndarray:
        return self._order[self._offsets[number] : self._offsets[number + 1]]

    def _cut(self, places: np.ndarray) -> np.ndarray:
        """Whether a token and the one before it are of one character of the source, such as a Korean syllable."""
        if len(self.ids) < 2:
            return np.zeros(len(places), dtype=bool)
        inside = np.clip(places, 1, max(1, len(self.ids) - 1))
        same = (self.starts[inside] == self.starts[inside - 1]) & ~np.isin(inside, self.borders)
        return np.asarray(same & (places == inside))

    def is_cut(self, place: int) -> bool:
        """Whether a character of the source would be cut before this token."""
        return bool(self._cut(np.array([place]))[0])

    def _names(self) -> dict[str, list[int]]:
        names: dict[str, list[int]] = {}
        for number, document in enumerate(self.documents):
            for key in _keys(document.source):
                names.setdefault(key, []).append(number)
        return names


def _distinct(values: np.ndarray) -> np.ndarray:
    """Sorted values, each once."""
    return values[np.append(True, values[1:] != values[:-1])] if len(values) else values


def _keys(name: str) -> list[str]:
    """What a document may be called by, the whole name first."""
    path = PurePosixPath(name.strip().replace("\\", "/"))
    return list(dict.fromkeys((name, str(path).casefold(), path.name.casefold(), path.stem.casefold()))) if name else []
