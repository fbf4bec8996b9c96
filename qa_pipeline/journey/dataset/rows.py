"""Rows that know their source, in one stable order, each question asked once of a text. Never sees a split.

People's rows come before generated ones, and those before retrieved ones: of two rows that ask the same, the first
stays. Within a source nothing is compared that its own reader or maker has judged already.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from qa_pipeline.data import Example, is_labelled
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.dataset import SPLITS
from qa_pipeline.generation.dedup import NearDuplicates
from qa_pipeline.text.words import normalised
from qa_pipeline.wording import short

LABELLED, GENERATED, RETRIEVED = "labelled", "generated", "retrieved"
KINDS = (LABELLED, GENERATED, RETRIEVED)
"""People's own labels, questions that a generator made, rows of data sets that were found; in order of precedence."""
_FIRST = 5
_MOST_CONFLICTS = 20


@dataclass(frozen=True)
class Source:
    """Rows of one origin.

    Attributes:
        name: stands in each row's metadata; a retrieved row that has a `source` in its metadata keeps it.
        kind: one of `KINDS`.
        rows: canonical examples; or by split, where the source has made "train", "validation" and "test" itself.
        weight: share of the training rows relative to that of other sources, 0 or more; None: as many as it has.
        licence: as its card names it; a row that has a `licence` in its metadata keeps it.
    """

    name: str
    kind: str
    rows: Sequence[Example] | Mapping[str, Sequence[Example]]
    weight: float | None = None
    licence: str | None = None

    def by_split(self) -> Mapping[str | None, Sequence[Example]]:
        """The rows by the split that the source put them into; None for those that it left open."""
        return dict(self.rows.items()) if isinstance(self.rows, Mapping) else {None: self.rows}


@dataclass(slots=True, eq=False)
class SourcedRow:
    """An example on its way, and what is known of where it comes from.

    Attributes:
        example: a copy of the caller's.
        origin: name of the `Source` that it came with.
        source: what its metadata says: that name, or the data set's.
        kind: one of `KINDS`.
        split: where its source put it, or None.
        document: name of its document, or None where its source names none.
        form: its context in small letters, words only: the same for the same text.
        place: its number in the stable order.
    """

    example: Example
    origin: str
    source: str
    kind: str
    split: str | None
    document: str | None
    form: str
    place: int = 0

    @property
    def id(self) -> str:
        """The example's id."""
        return self.example["id"]


@dataclass
class Removals:
    """What was taken out, by reason and source; the first ids of each reason are kept."""

    by_source: dict[str, Counter[str]] = field(default_factory=dict)
    first_ids: dict[str, list[str]] = field(default_factory=dict)

    def add(self, row: SourcedRow, reason: str) -> None:
        """Counts one row."""
        self.by_source.setdefault(row.source, Counter())[reason] += 1
        ids = self.first_ids.setdefault(reason, [])
        if len(ids) < _FIRST:
            ids.append(row.id)

    @property
    def by_reason(self) -> Counter[str]:
        """Rows by reason, over all sources."""
        return sum(self.by_source.values(), Counter())


@dataclass
class Conflicts:
    """Questions that were answered in two ways on the same text: how many, and the first of them in words."""

    count: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)

    def add(self, kept: SourcedRow, other: SourcedRow) -> None:
        """Names the two rows."""
        self.count += 1
        if len(self.first) < _MOST_CONFLICTS:
            self.first.append(
                {
                    "question": kept.example["question"],
                    "context": short(kept.example["context"], 160),
                    "answers": [
                        {"id": row.id, "source": row.source, "answer": next(iter(row.example["answers"]["text"]), None)}
                        for row in (kept, other)
                    ],
                }
            )


def gather(sources: Iterable[Source], removals: Removals) -> list[SourcedRow]:
    """All rows, people's first, then by name of the source, then as the source has them; ids are made unique.

    Raises:
        ConfigError: a source has an unknown kind or split, a weight that is no weight, or the name of another.
        DataError: an answer is not where its row says.
    """
    ordered = sorted(sources, key=lambda source: source.name)
    _check(ordered)
    ordered.sort(key=lambda source: KINDS.index(source.kind))
    forms: dict[str, str] = {}
    rows = [row for source in ordered for row in _rows_of(source, forms, removals)]
    ids = {row.id for row in rows}
    used: set[str] = set()
    for place, row in enumerate(rows):
        row.place = place
        if row.id in used:
            row.example["id"] = _free_id(f"{row.origin}-{row.id}", ids)
            ids.add(row.id)
        used.add(row.id)
    return rows


def _check(sources: Sequence[Source]) -> None:
    problems = [
        f"{name}: {count} sources are called this; give each a name of its own"
        for name, count in Counter(source.name for source in sources).items()
        if count > 1
    ]
    for source in sources:
        if source.kind not in KINDS:
            problems.append(f"{source.name}: kind must be one of {', '.join(KINDS)}; found {source.kind!r}")
        if source.weight is not None and not (math.isfinite(source.weight) and source.weight >= 0):
            problems.append(f"{source.name}: weight must be 0 or more; found {source.weight!r}")
        odd = [str(split) for split in source.by_split() if split is not None and split not in SPLITS]
        if odd:
            problems.append(f"{source.name}: splits are {', '.join(SPLITS)}; found {', '.join(odd)}")
    if problems:
        raise ConfigError("sources of rows", problems)


def _rows_of(source: Source, forms: dict[str, str], removals: Removals) -> Iterator[SourcedRow]:
    titles = {title for rows in source.by_split().values() for example in rows if (title := example.get("title"))}
    for split, examples in source.by_split().items():
        for example in examples:
            context = example["context"]
            if context not in forms:
                forms[context] = normalised(context) or context
            metadata = _metadata(source, example)
            title = example.get("title") if len(titles) > 1 else None
            document = metadata.get("document") or title or None
            row = SourcedRow(
                {**example, "metadata": metadata},
                *(source.name, metadata["source"], source.kind, split),
                str(document) if document else None,
                forms[context],
            )
            _check_answers(row)
            if is_labelled(example):
                yield row
            else:
                removals.add(row, "without_answer")


def _metadata(source: Source, example: Example) -> dict[str, Any]:
    own = dict(example.get("metadata") or {})
    if source.kind != RETRIEVED and "source" in own and own["source"] != source.name:
        own["original_source"] = own.pop("source")
    if licence := own.get("licence") or source.licence:
        own["licence"] = licence
    return {**own, "source": str(own.get("source") or source.name), "kind": source.kind}


def _check_answers(row: SourcedRow) -> None:
    example = row.example
    texts, starts = example["answers"]["text"], example["answers"]["answer_start"]
    if len(texts) != len(starts) or (texts and example["is_impossible"]):
        raise DataError(
            f"{row.origin}, {row.id}: texts, places and is_impossible do not fit; read it with load_examples"
        )
    for text, start in zip(texts, starts, strict=True):
        if not text or start < 0 or not example["context"].startswith(text, start):
            raise DataError(
                f"{row.origin}, {row.id}: the answer {short(text)!r} is not at character {start} of its context; "
                "read the file with load_examples, which mends places"
            )


def _free_id(wanted: str, ids: set[str]) -> str:
    number, free = 1, wanted
    while free in ids:
        number += 1
        free = f"{wanted}-{number}"
    return free


def distinct(
    rows: Sequence[SourcedRow], threshold: float | None, removals: Removals, conflicts: Conflicts
) -> list[SourcedRow]:
    """The rows without those that ask of a text what a row before them asks of it.

    The same question with the same or an overlapping answer is a duplicate (where two files of people's labels, or two
    data sets, mark different extents, the further ones become references of the first). With another answer it is a
    conflict: it is named; across sources the first row stays, within a source both do. A question in nearly the same
    words is a duplicate where another source asks it and the answers agree.

    Args:
        rows: in order of precedence.
        threshold: of near-duplicates, see `generation.dedup`; None keeps them.
        removals, conflicts: where it is counted and named.
    """
    texts: dict[str, list[SourcedRow]] = {}
    for row in rows:
        texts.setdefault(row.form, []).append(row)
    kept = [row for group in texts.values() for row in _distinct_of_text(group, threshold, removals, conflicts)]
    return sorted(kept, key=lambda row: row.place)


def _distinct_of_text(
    group: Sequence[SourcedRow], threshold: float | None, removals: Removals, conflicts: Conflicts
) -> Iterator[SourcedRow]:
    asked: dict[str, list[SourcedRow]] = {}
    earlier: dict[bool, NearDuplicates] = {}
    last = group[-1].origin
    for origin, batch in groupby(group, key=lambda row: row.origin):
        new = []
        for row in batch:
            form = normalised(row.example["question"]) or row.example["question"]
            reason = _repeated(row, asked.get(form, ()), conflicts) or _nearly_repeated(row, asked, earlier)
            if reason:
                removals.add(row, reason)
                continue
            asked.setdefault(form, []).append(row)
            new.append(row)
        yield from new
        if threshold is not None and origin != last:
            for row in new:
                known = earlier.setdefault(row.example["is_impossible"], NearDuplicates(threshold))
                known.add(row.example["question"])


def _repeated(row: SourcedRow, firsts: Sequence[SourcedRow], conflicts: Conflicts) -> str | None:
    """Why a row whose very question was asked of this text before is not kept; None where it is."""
    for first in firsts:
        if _agree(first, row):
            return "merged_references" if _add_references(first, row) else "exact_duplicate"
    if not firsts:
        return None
    conflicts.add(firsts[0], row)
    return None if firsts[0].origin == row.origin else "conflicting_answer"


def _nearly_repeated(
    row: SourcedRow, asked: Mapping[str, Sequence[SourcedRow]], earlier: Mapping[bool, NearDuplicates]
) -> str | None:
    known = earlier.get(row.example["is_impossible"])
    for question in known.find_all(row.example["question"]) if known else ():
        if any(_agree(first, row) for first in asked.get(normalised(question) or question, ())):
            return "near_duplicate"
    return None


def _agree(first: SourcedRow, row: SourcedRow) -> bool:
    """Whether neither has an answer, or an answer of one overlaps, or says the same as, one of the other."""
    if first.example["is_impossible"] or row.example["is_impossible"]:
        return first.example["is_impossible"] == row.example["is_impossible"]
    left, right = _spans(first.example), _spans(row.example)
    if {normalised(text) for text, _ in left} & {normalised(text) for text, _ in right}:
        return True
    return first.example["context"] == row.example["context"] and any(
        a < b + len(text_b) and b < a + len(text_a) for text_a, a in left for text_b, b in right
    )


def _add_references(first: SourcedRow, row: SourcedRow) -> bool:
    """Gives the first row the answers of another of its kind, where both have the very same text."""
    if first.kind != row.kind or first.origin == row.origin or first.example["context"] != row.example["context"]:
        return False
    known = _spans(first.example)
    new = [span for span in _spans(row.example) if span not in known]
    if new:
        spans = known + new
        first.example["answers"] = {"text": [text for text, _ in spans], "answer_start": [at for _, at in spans]}
    return bool(new)


def _spans(example: Example) -> list[tuple[str, int]]:
    return list(zip(example["answers"]["text"], example["answers"]["answer_start"], strict=True))
