"""Splits examples into training and validation so that no document is on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from qa_pipeline.data.example import Example
from qa_pipeline.errors import ConfigError, DataError


class Shuffler(Protocol):
    """What is asked of a random source: `random.Random` and numpy's `Generator` both have it."""

    def shuffle(self, x: Any) -> None:
        """Shuffles a list in place."""


def split_by_document(
    examples: Sequence[Example], fraction: float, rng: Shuffler
) -> tuple[list[Example], list[Example]]:
    """Splits off about `fraction` of the examples, whole documents at a time.

    A document is a title where there are several titles, else a context; rows with the same context always stay
    together. Documents are taken in random order while they fit, then one more if that comes closer: the share misses
    `fraction` by at most half of the smallest document left in training, and each side has at least one document.

    Args:
        examples: canonical examples.
        fraction: share of the examples for validation, in (0, 1).
        rng: `random.Random` or numpy `Generator`; the same state gives the same split.

    Returns:
        Training and validation examples, each in the order given.

    Raises:
        ConfigError: `fraction` is out of range.
        DataError: there is only one document.
    """
    if not 0 < fraction < 1:
        raise ConfigError("split_by_document", f"fraction must be above 0 and below 1; found {fraction!r}")
    documents = _documents(examples)
    if len(documents) < 2:
        raise DataError(
            f"the {len(examples)} examples come from one document, which cannot be on both sides of a split; "
            "give a validation file, or leave validation_split_fraction unset"
        )
    order = list(documents)
    rng.shuffle(order)
    target = fraction * len(examples)
    taken: set[int] = set()
    size = 0
    for document in order:
        if size + len(documents[document]) <= target:
            taken.add(document)
            size += len(documents[document])
    left = [document for document in order if document not in taken]
    smallest = min(left, key=lambda document: len(documents[document]))
    comes_closer = size + len(documents[smallest]) - target < target - size
    if not taken or (comes_closer and len(left) > 1):
        taken.add(smallest)
    in_validation = {row for document in taken for row in documents[document]}
    train = [example for row, example in enumerate(examples) if row not in in_validation]
    validation = [example for row, example in enumerate(examples) if row in in_validation]
    return train, validation


def _documents(examples: Sequence[Example]) -> dict[int, list[int]]:
    """Rows by document: connected through an equal context or, where there are several, an equal title."""
    several_titles = len({title for example in examples if (title := example.get("title"))}) > 1
    parents = list(range(len(examples)))

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    first_with: dict[tuple[str, str], int] = {}
    for row, example in enumerate(examples):
        keys = [("context", example["context"])]
        if several_titles and example.get("title"):
            keys.append(("title", example["title"]))
        for key in keys:
            parents[root(row)] = root(first_with.setdefault(key, row))
    documents: dict[int, list[int]] = {}
    for row in range(len(examples)):
        documents.setdefault(root(row), []).append(row)
    return documents
