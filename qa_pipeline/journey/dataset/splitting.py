"""Puts rows of several sources into splits, and takes out of training what would give a held-out question away.

What is kept whole is a document: rows with one document name or one context, and rows of other sources whose context
holds most of that context (people's paragraphs in generated passages). Where that leaves no split, or too little to
train on, passages are kept whole instead, and the caller says so. Never sees a file.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, cast

from qa_pipeline.data import Example, split_by_document
from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.dedup import without_repeats_of
from qa_pipeline.generation.types import Row
from qa_pipeline.journey.dataset.rows import GENERATED, KINDS, LABELLED, RETRIEVED, Removals, SourcedRow

DOCUMENT, PASSAGE = "document", "passage"
HELD_OUT = ("test", "validation")
"""In the order in which they are filled: what tests must be people's before anything else is."""
LEAST_PEOPLE = 10
"""People's questions from which a held-out split is made of them alone; of fewer, a score says nothing."""
ENOUGH = {"test": 100, "validation": 50}
"""People's questions that a held-out split gets, where there are others to train on: of 100 the interval of a score is
about 10 points to each side."""
_RUN = 8  # words in a row that two texts share only where one was copied
_SAMPLE = 4  # one in so many runs is looked up; which ones hangs on the run alone
_COMMON = 50  # texts that share a run from which it is a phrase of the trade
_HOLDS = 0.5  # share of a text's runs from which another one holds it


@dataclass(frozen=True)
class Division:
    """Rows by split.

    Attributes:
        splits: by "train", "validation" and "test".
        split_by: what was kept whole, "document" or "passage".
    """

    splits: dict[str, list[SourcedRow]]
    split_by: str


def divide(
    rows: Sequence[SourcedRow], fractions: Mapping[str, float], threshold: float | None, seed: int, removals: Removals
) -> Division:
    """Splits rows, and removes those that are on the wrong side.

    Args:
        rows: in their stable order, without duplicates.
        fractions: share of the rows for "test" and "validation", each in [0, 1); 0 asks for none.
        threshold: of near-duplicate questions; None leaves them.
        seed: decides which documents are held out.
        removals: where removed rows are counted.
    """
    links = overlaps(rows)
    for split_by in (DOCUMENT, PASSAGE):
        units = units_of(rows, links, split_by)
        held = _held_out(rows, units, fractions, seed)
        lost = _on_both_sides(rows, held, units, split_by)
        if split_by == PASSAGE or _is_enough(rows, held, lost, fractions):
            break
    return Division(_clean(rows, held, lost, threshold, removals), split_by)


def keep_apart(
    splits: Mapping[str, Sequence[SourcedRow]], changed: set[SourcedRow], threshold: float | None, removals: Removals
) -> dict[str, list[SourcedRow]]:
    """Splits in which some rows were changed or added, without rows that a change has put on both sides.

    Args:
        splits: rows that were apart before the change; of those with a new context `origin` is another one.
        changed: the rows that are not as they were.
        threshold: of near-duplicate questions; None leaves them.
        removals: where removed rows are counted.
    """
    rows = [row for side in splits.values() for row in side]
    held = {row: name for name in HELD_OUT for row in splits[name]}
    lost = _on_both_sides(rows, held, units_of(rows, overlaps(rows), PASSAGE), PASSAGE)
    for name, other in (("validation", "test"), ("train", "test"), ("train", "validation")):
        if threshold is not None:
            leaks = _leaks([row for row in splits[name] if row in changed], splits[other], threshold)
            leaks |= _leaks(splits[name], [row for row in splits[other] if row in changed], threshold)
            lost = {**dict.fromkeys(leaks, f"question_in_{other}"), **lost}
    for row in rows:
        if row in lost:
            removals.add(row, lost[row])
    return {name: [row for row in side if row not in lost] for name, side in splits.items()}


def _clean(
    rows: Sequence[SourcedRow],
    held: Mapping[SourcedRow, str],
    lost: Mapping[SourcedRow, str],
    threshold: float | None,
    removals: Removals,
) -> dict[str, list[SourcedRow]]:
    """The splits without lost rows, and without rows that repeat one of a split that is held out before them."""
    splits: dict[str, list[SourcedRow]] = {"train": [], "validation": [], "test": []}
    for row in rows:
        if row in lost:
            removals.add(row, lost[row])
        else:
            splits[held.get(row, "train")].append(row)
    if threshold is None:
        return splits
    for name, before in (("validation", ["test"]), ("train", ["test", "validation"])):
        leaks = _leaks(splits[name], [row for other in before for row in splits[other]], threshold)
        of_tests = _leaks([row for row in splits[name] if row in leaks], splits["test"], threshold)
        for row in splits[name]:
            if row in leaks:
                removals.add(row, "question_in_test" if row in of_tests else "question_in_validation")
        splits[name] = [row for row in splits[name] if row not in leaks]
    return splits


def _is_enough(
    rows: Sequence[SourcedRow],
    held: Mapping[SourcedRow, str],
    lost: Mapping[SourcedRow, str],
    fractions: Mapping[str, float],
) -> bool:
    """Whether no held-out split is missing, and of the rows that are made for training half of their share is left."""
    wanted = {name for name in HELD_OUT if fractions[name] > 0}
    if wanted - {name for row, name in held.items() if row not in lost}:
        return False
    kinds = {row.kind for row in rows}
    main = GENERATED if GENERATED in kinds else RETRIEVED if RETRIEVED in kinds else LABELLED
    own = [row for row in rows if row.kind == main]
    left = sum(row not in held and row not in lost for row in own)
    return left >= 0.5 * (1 - sum(fractions.values())) * len(own)


def units_of(rows: Sequence[SourcedRow], links: Sequence[tuple[str, str]], split_by: str) -> dict[SourcedRow, int]:
    """For each row the number of what must stay together with it.

    Args:
        rows: any.
        links: contexts that belong together, see `overlaps`.
        split_by: "document" or "passage".
    """
    parents: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        while parents.setdefault(key, key) != key:
            parents[key] = parents[parents[key]]
            key = parents[key]
        return key

    for left, right in links:
        parents[root(("text", left))] = root(("text", right))
    for row in rows:
        if split_by == DOCUMENT and row.document:
            parents[root(("text", row.form))] = root(("document", row.document))
    numbers: dict[tuple[str, str], int] = {}
    return {row: numbers.setdefault(root(("text", row.form)), len(numbers)) for row in rows}


def overlaps(rows: Sequence[SourcedRow]) -> list[tuple[str, str]]:
    """Contexts of different sources (as their `form`) of which one holds at least half of the other.

    Compared are runs of eight words, as checks for test data in training texts do (Brown et al. 2020, appendix C, with
    13), looked up by a sample of them and then counted exactly.
    """
    origins: dict[str, set[str]] = {}
    for row in rows:
        origins.setdefault(row.form, set()).add(row.origin)
    if len(set().union(*origins.values())) < 2:
        return []
    forms = list(origins)
    homes: dict[int, list[int]] = {}
    for number, form in enumerate(forms):
        for run in {crc for text in _runs(form) if (crc := zlib.crc32(text.encode())) % _SAMPLE == 0}:
            homes.setdefault(run, []).append(number)
    pairs = {
        pair
        for numbers in homes.values()
        if 1 < len(numbers) <= _COMMON
        for pair in combinations(numbers, 2)
        if len(origins[forms[pair[0]]] | origins[forms[pair[1]]]) > 1
    }
    return [(forms[a], forms[b]) for a, b in sorted(pairs) if _holds(forms[a], forms[b])]


def _runs(form: str) -> Iterator[str]:
    found = form.split()
    return (" ".join(found[i : i + _RUN]) for i in range(max(1, len(found) - _RUN + 1)))


def _holds(left: str, right: str) -> bool:
    a, b = set(_runs(left)), set(_runs(right))
    return len(a & b) >= _HOLDS * min(len(a), len(b))


def _held_out(
    rows: Sequence[SourcedRow], units: Mapping[SourcedRow, int], fractions: Mapping[str, float], seed: int
) -> dict[SourcedRow, str]:
    """Which rows test and validate: people's; generated ones where there are hardly any; else retrieved ones."""
    held: dict[SourcedRow, str] = {}
    present = {row.kind for row in rows}
    for kind in KINDS:
        own = [row for row in rows if row.kind == kind]
        for_tests_first = kind == LABELLED and present != {LABELLED}  # there are others to train on
        for name in HELD_OUT:
            there = sum(split == name for split in held.values())
            least = {LABELLED: 1, GENERATED: LEAST_PEOPLE, RETRIEVED: 1}[kind]
            if not own or there >= least or fractions[name] <= 0:
                continue
            chosen = [row for row in own if row.split == name]
            if not chosen:
                target = fractions[name] * len(own)
                fixed = (*HELD_OUT, "train") if kind == LABELLED else HELD_OUT  # people's own splits stay
                free = [row for row in own if row not in held and row.split not in fixed]
                if for_tests_first and len(free) <= max(target, ENOUGH[name]):
                    chosen = free
                else:
                    target = max(target, ENOUGH[name]) if for_tests_first else target
                    chosen = _part(free, units, target, random.Random(seed))
            held.update(dict.fromkeys(chosen, name))
    return held


def _part(
    rows: Sequence[SourcedRow], units: Mapping[SourcedRow, int], target: float, rng: random.Random
) -> list[SourcedRow]:
    """About `target` rows, whole units; none where there is one unit only."""
    if len({units[row] for row in rows}) < 2:
        return []
    stubs = cast(list[Example], [{"context": str(units[row]), "place": place} for place, row in enumerate(rows)])
    _, chosen = split_by_document(stubs, min(target / len(rows), 0.999), rng)
    return [rows[cast(dict[str, Any], stub)["place"]] for stub in chosen]


def _on_both_sides(
    rows: Sequence[SourcedRow], held: Mapping[SourcedRow, str], units: Mapping[SourcedRow, int], split_by: str
) -> dict[SourcedRow, str]:
    """Rows whose context or unit a split has that is held out before theirs, with the reason."""
    lost: dict[SourcedRow, str] = {}
    for name in HELD_OUT:
        own = [row for row in rows if held.get(row) == name and row not in lost]
        texts, taken = {row.form for row in own}, {units[row] for row in own}
        for row in rows:
            if row not in lost and units[row] in taken and held.get(row) not in HELD_OUT[: HELD_OUT.index(name) + 1]:
                what = "context" if row.form in texts else "document" if split_by == DOCUMENT else "overlapping_text"
                lost[row] = f"{what}_in_{name}"
    return lost


def _leaks(rows: Sequence[SourcedRow], others: Sequence[SourcedRow], threshold: float) -> set[SourcedRow]:
    """Those of the rows that repeat one of the others, see `generation.dedup.repeats`."""
    asked = [question for row in rows for question in _questions(row)]
    left = {
        id(question) for question in without_repeats_of(asked, [q for o in others for q in _questions(o)], threshold)
    }
    return {question.details["row"] for question in asked if id(question) not in left}


def _questions(row: SourcedRow) -> Iterator[Row]:
    """The row as generation has it, once for each of its references."""
    example = row.example
    passage = Passage(id="", document=row.document or "", text=example["context"])
    spans = zip(example["answers"]["text"], example["answers"]["answer_start"], strict=True)
    answers: dict[str | None, int | None] = {**dict(spans)} or {None: None}
    for answer, start in answers.items():
        yield Row(passage, example["question"], answer, start, row.kind, details={"row": row})
