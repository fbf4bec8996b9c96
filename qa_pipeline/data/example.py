"""What a row of data is on its way: raw, loose, and at last the one canonical example that every stage speaks.

A reader gives a `RawRow` (a dict as the file has it) or a `BadRow`; a field mapping turns a `RawRow` into a
`LooseExample` or a `BadRow`; verification makes an `Example` of it.

Where the answers of a row are a set, every one of them required, its `metadata["all_answers"]` is true. Answers of
other rows are references, each of them right alone.

Invariant past `qa_pipeline.data`: `context[start:start + len(text)] == text` for every answer, ids are unique,
impossible rows have no answers and answers are never empty. Nobody checks again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, Protocol, TypedDict

from qa_pipeline.errors import ConfigError, DataError


@dataclass(slots=True)
class RawRow:
    """One question as its source has it.

    Attributes:
        value: the source's own fields.
        where: the place for messages, such as "train.csv, row 17".
    """

    value: dict[str, Any]
    where: str


@dataclass(slots=True)
class BadRow:
    """A row that cannot become an example. It is counted in the report, never silently lost.

    Attributes:
        where: the place for messages, such as "train.jsonl, line 17".
        reason: a short stable phrase to count by, such as "context is not text".
        detail: what was found, for the first few messages; may be empty.
        id: the row's id where it could be read.
    """

    where: str
    reason: str
    detail: str = ""
    id: str | None = None


Extent = tuple[int, int]
"""The first character (or other unit) of a stretch, and one past its last."""
Label = tuple[str, str]
"""What names a marked span: the tool's control tag, "" where there is none, and the label."""


@dataclass(slots=True)
class LooseAnswer:
    """One answer as the source claims it.

    Attributes:
        text: the answer, or None where the source gives only a span.
        start: first character in the context, None where the source gives only the text, -1 where it says "nowhere".
        end: one past the last character (lengths, and ends that are known to be inclusive, are already converted), or
            None.
        label: what the annotation tool calls it, or None.
    """

    text: str | None
    start: int | None = None
    end: int | None = None
    label: Label | None = None


@dataclass(slots=True)
class LooseExample:
    """One question with its canonical fields, unverified.

    Attributes:
        where: the place for messages.
        id: the source's id as text, or None where it has none.
        context: text, possibly empty.
        question: text, possibly empty.
        answers: claimed answers; sentinels such as ANSWERNOTFOUND, and empty texts with answer_start -1, are gone.
        is_impossible: what the source says, or None where it says nothing.
        answers_given: False where the row has no answer field at all, as in files meant for prediction.
        title: document name, or None.
        metadata: the fields that the mapping asks to keep, or the row's own `metadata` object, or None.
        mended: what reading had to mend, as reasons of the report.
        noticed: what reading did that deserves a look, as reasons of the report.
    """

    where: str
    id: str | None
    context: str
    question: str
    answers: list[LooseAnswer] = field(default_factory=list)
    is_impossible: bool | None = None
    answers_given: bool = True
    title: str | None = None
    metadata: dict[str, Any] | None = None
    mended: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()


ALL_ANSWERS = "all_answers"
"""Key of `metadata` that is true where the answers are a set, every one of them required."""


class Answers(TypedDict):
    """Parallel lists: the answer texts and where they start in the context (characters)."""

    text: list[str]
    answer_start: list[int]


class Example(TypedDict):
    """One question about one context.

    `merged_ids` are those of rows that ask the same and gave this example further references; they share its
    prediction.
    """

    id: str
    context: str
    question: str
    answers: Answers
    is_impossible: bool
    title: NotRequired[str]
    merged_ids: NotRequired[list[str]]
    metadata: NotRequired[dict[str, Any]]


def id_text(value: Any) -> str | None:
    """An id of any type as text; None stays."""
    return None if value is None else str(value)


def ids_of(example: Example) -> list[str]:
    """The ids that share the prediction of an example: its own, and those of the rows merged into it."""
    return [example["id"], *example.get("merged_ids", ())]


def is_labelled(example: Example) -> bool:
    """Whether it has an answer, or is known to have none; of data for prediction some, or all, are neither."""
    return bool(example["answers"]["text"] or example["is_impossible"])


def needs_all(example: Mapping[str, Any]) -> bool:
    """Whether its answers are a set, every one of them required; else each of them is right alone.

    >>> needs_all({"metadata": {"all_answers": True}}), needs_all({"metadata": {"language": "de"}}), needs_all({})
    (True, False, False)
    """
    metadata = example.get("metadata")
    return isinstance(metadata, Mapping) and metadata.get(ALL_ANSWERS) is True


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 (first 16 hex digits) of ids, contexts, questions and answers, in order."""
    digest = hashlib.sha256()
    contexts: dict[str, bytes] = {}
    for example in examples:
        context = example["context"]
        if context not in contexts:
            contexts[context] = hashlib.sha256(context.encode("utf-8", "surrogatepass")).digest()
        answers = example["answers"]
        row = json.dumps([example["id"], example["question"], answers["text"], answers["answer_start"]])
        digest.update(contexts[context])
        digest.update(row.encode("ascii"))
    return digest.hexdigest()[:16]


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
