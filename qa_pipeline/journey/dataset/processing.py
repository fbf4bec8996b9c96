"""Turns rows of several sources into one data set: each question once, splits that share nothing, mixed, with a report.

Sources are rows that `qa_pipeline.data` has verified or a generator has made. The result hangs on the rows, the choice
and its seed alone: not on the order in which the sources are given. Never reads or writes a file, never asks a model.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from qa_pipeline.data import Example, to_squad, validate
from qa_pipeline.documents.passages import rank
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.dataset import SPLITS, most_impossible
from qa_pipeline.journey.dataset.provenance import describe_splits, made_by, report_on, warnings_about
from qa_pipeline.journey.dataset.rows import KINDS, LABELLED, Conflicts, Removals, Source, SourcedRow, distinct, gather
from qa_pipeline.journey.dataset.splitting import divide

__all__ = ["ProcessChoice", "ProcessedDataset", "Source", "check_examples", "process_rows"]


@dataclass(frozen=True)
class ProcessChoice:
    """What the data set should be.

    Attributes:
        validation_fraction, test_fraction: share of the rows, each in [0, 1), together below 1; 0 makes no such split.
        unanswerable_fraction: at most this share of each split has no answer, in [0, 1]; None leaves it as it is.
        max_rows: exactly so many training rows, where there are as many; None takes all. Held-out splits that people
            did not make are cut to their share of it.
        near_duplicate_threshold: Jaccard of character trigrams from which two questions say the same, in (0, 1]; None
            leaves near-duplicates in.
        seed: decides which documents are held out and which rows are taken.
    """

    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    unanswerable_fraction: float | None = None
    max_rows: int | None = None
    near_duplicate_threshold: float | None = 0.7
    seed: int = 0

    def check(self) -> None:
        """Raises ConfigError for values out of range, all at once."""
        problems = []
        for name in ("validation_fraction", "test_fraction"):
            if not 0 <= getattr(self, name) < 1:
                problems.append(f"{name}: must be at least 0 and below 1; found {getattr(self, name)!r}")
        if not problems and self.validation_fraction + self.test_fraction >= 1:
            problems.append("validation_fraction, test_fraction: must leave a share for training, so be below 1 in all")
        if self.unanswerable_fraction is not None and not 0 <= self.unanswerable_fraction <= 1:
            problems.append(f"unanswerable_fraction: must be between 0 and 1; found {self.unanswerable_fraction!r}")
        if self.max_rows is not None and self.max_rows < 1:
            problems.append(f"max_rows: must be at least 1; found {self.max_rows!r}")
        threshold = self.near_duplicate_threshold
        if threshold is not None and not 0 < threshold <= 1:
            problems.append(f"near_duplicate_threshold: must be above 0 and at most 1; found {threshold!r}")
        if problems:
            raise ConfigError("processing of rows", problems)


@dataclass(frozen=True)
class ProcessedDataset:
    """What processing ends in.

    Attributes:
        splits: canonical examples by "train", "validation" and "test"; each has `source`, `kind` and, where it is
            known, `licence` in its metadata. A split may be empty.
        report: what it is made of, what was removed and why, in the form of `dataset_report.json`.
    """

    splits: dict[str, list[Example]]
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def test_made_by(self) -> str:
        """Who asked the test questions: "people", "generator", "mixed" or "none"."""
        return made_by(self.splits["test"])

    def samples(self, of_each: int = 3) -> list[dict[str, Any]]:
        """The first training rows of each source, with where they come from, for people to look at."""
        taken: dict[str, list[dict[str, Any]]] = {}
        for example in self.splits["train"]:
            rows = taken.setdefault(example["metadata"]["source"], [])
            if len(rows) < of_each:
                rows.append({**example, "source": example["metadata"]["source"]})
        return [row for rows in taken.values() for row in rows]


def process_rows(sources: Iterable[Source], choice: ProcessChoice | None = None) -> ProcessedDataset:
    """One data set of the rows of all sources.

    Rows that ask the same of the same text are kept once; whole documents go to splits, tests being people's questions
    first; rows of training whose document, context or repeated question is held out are removed; rows without answer
    are cut to their share, and training rows mixed by weight to the limit.

    Args:
        sources: in any order.
        choice: its defaults where None is given.

    Raises:
        ConfigError: a source or the choice is not as it should be.
        DataError: a row breaks the invariant of examples, or no row is left for training.

    Example:
        >>> from qa_pipeline import load_examples
        >>> rows, _ = load_examples("docs/examples/labels.csv")
        >>> made = process_rows([Source("labels.csv", "labelled", rows)])
        >>> {name: len(split) for name, split in made.splits.items()}, made.test_made_by
        ({'train': 3, 'validation': 3, 'test': 2}, 'people')
    """
    choice = choice or ProcessChoice()
    choice.check()
    sources = list(sources)
    removals, conflicts = Removals(), Conflicts()
    gathered = gather(sources, removals)
    rows = distinct(gathered, choice.near_duplicate_threshold, removals, conflicts)
    fractions = {"validation": choice.validation_fraction, "test": choice.test_fraction}
    division = divide(rows, fractions, choice.near_duplicate_threshold, choice.seed, removals)
    chosen = {}
    for name, side in division.splits.items():
        side = _with_share(side, choice, removals)
        if name == "train":
            weights = {source.name: source.weight for source in sources}
            side = _mixed(side, weights, choice, removals)
        elif choice.max_rows is not None:
            share = fractions[name] / (1 - sum(fractions.values()))
            side = _cut(side, max(1, round(share * choice.max_rows)), choice, removals)
        chosen[name] = sorted(side, key=lambda row: row.place)
    if not chosen["train"]:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in removals.by_reason.most_common())
        raise DataError(f"no row is left for training, of {len(gathered):,}" + (f" ({reasons})" if reasons else ""))
    splits = {name: [row.example for row in chosen[name]] for name in SPLITS}
    check_examples(splits)
    report = report_on(sources, chosen, division.split_by, removals, conflicts, asdict(choice))
    return ProcessedDataset(splits, report)


def _with_share(rows: Sequence[SourcedRow], choice: ProcessChoice, removals: Removals) -> list[SourcedRow]:
    """The rows with no more without answer than asked for; of these people's stay first. None is made up."""
    fraction = choice.unanswerable_fraction
    if fraction is None:
        return list(rows)
    impossible = [row for row in rows if row.example["is_impossible"]]
    most = most_impossible(len(rows) - len(impossible), len(impossible), fraction)
    surplus = set(sorted(impossible, key=lambda row: (KINDS.index(row.kind), rank(choice.seed, row.id)))[most:])
    return _without(rows, surplus, "over_unanswerable_share", removals)


def _cut(rows: Sequence[SourcedRow], most: int, choice: ProcessChoice, removals: Removals) -> list[SourcedRow]:
    """People's rows, and at most `most` of the others."""
    others = sorted((row for row in rows if row.kind != LABELLED), key=lambda row: rank(choice.seed, row.id))
    return _without(rows, set(others[most:]), "over_limit", removals)


def _mixed(
    rows: Sequence[SourcedRow], weights: Mapping[str, float | None], choice: ProcessChoice, removals: Removals
) -> list[SourcedRow]:
    """The training rows by weight, exactly as many as asked for where there are as many.

    People's rows without a weight are taken first, all of them; without any weight the others are taken in proportion.
    """
    by_origin: dict[str, list[SourcedRow]] = {}
    for row in sorted(rows, key=lambda row: rank(choice.seed, row.id)):
        by_origin.setdefault(row.origin, []).append(row)
    most = len(rows) if choice.max_rows is None else choice.max_rows
    first = {name for name, own in by_origin.items() if own[0].kind == LABELLED and weights[name] is None}
    sizes = {name: len(by_origin[name]) for name in sorted(by_origin)}
    taken = shares({name: sizes[name] for name in first}, {name: float(sizes[name]) for name in first}, most)
    rest = {name: size for name, size in sizes.items() if name not in first}
    weighted = any(weights[name] is not None for name in rest)
    asked = {name: 1.0 if weights[name] is None else weights[name] for name in rest} if weighted else rest
    taken |= shares(rest, {name: float(weight or 0) for name, weight in asked.items()}, most - sum(taken.values()))
    kept = {row for name, own in by_origin.items() for row in own[: taken[name]]}
    if choice.unanswerable_fraction is not None:
        kept = _swapped(kept, [row for own in by_origin.values() for row in own], choice.unanswerable_fraction)
    return _without(rows, set(rows) - kept, "over_limit", removals)


def _swapped(kept: set[SourcedRow], rows: Sequence[SourcedRow], fraction: float) -> set[SourcedRow]:
    """As many rows, but answerable ones for the unanswerable ones that chance took beyond their share."""
    impossible = [row for row in rows if row in kept and row.example["is_impossible"]]
    surplus = impossible[int(fraction * len(kept) + 1e-9) :]
    origins = {row.origin for row in surplus}
    spare = [row for row in rows if row not in kept and not row.example["is_impossible"]]
    spare.sort(key=lambda row: row.origin not in origins)
    return (kept - set(surplus[: len(spare)])) | set(spare[: len(surplus)])


def shares(sizes: Mapping[str, int], weights: Mapping[str, float], most: int) -> dict[str, int]:
    """How many of each to take, in proportion to the weights, `most` in all where there are as many.

    What one has too few of, others give. Fractions go to the largest remainders.

    Args:
        sizes: how many there are of each.
        weights: 0 takes none of it.
        most: 0 or more.

    Example:
        >>> shares({"made": 900, "found": 100}, {"made": 1.0, "found": 1.0}, 500)
        {'made': 400, 'found': 100}
    """
    taken = dict.fromkeys(sizes, 0)
    left, waiting = most, [name for name in sizes if sizes[name] and weights[name] > 0]
    while left and waiting:
        total = sum(weights[name] for name in waiting)
        quotas = {name: left * weights[name] / total for name in waiting}
        full = [name for name in waiting if sizes[name] <= quotas[name]]
        for name in full:
            taken[name] = sizes[name]
        left -= sum(sizes[name] for name in full)
        waiting = [name for name in waiting if name not in full]
        if not full:
            taken |= {name: int(quotas[name]) for name in waiting}
            rest = left - sum(taken[name] for name in waiting)
            for name in sorted(waiting, key=lambda name: (int(quotas[name]) - quotas[name], name))[:rest]:
                taken[name] += 1
            break
    return taken


def _without(rows: Sequence[SourcedRow], gone: set[SourcedRow], reason: str, removals: Removals) -> list[SourcedRow]:
    for row in rows:
        if row in gone:
            removals.add(row, reason)
    return [row for row in rows if row not in gone]


def check_examples(splits: Mapping[str, Sequence[Example]]) -> None:
    """Holds the rows against the squad schema. Of rows of one shape (types, and what is empty) the first is checked.

    Raises:
        DataError: a row does not fit, or an id stands twice.
    """
    ids: set[str] = set()
    shapes: set[Hashable] = set()
    for name, examples in splits.items():
        for example in examples:
            if example["id"] in ids:
                raise DataError(f"{name}, id {example['id']}: two rows have this id; ids must be unique")
            ids.add(example["id"])
            shape = _shape({**example, "metadata": len(example.get("metadata", ()))})
            if shape not in shapes:
                validate(to_squad([example]), "squad", f"{name}, id {example['id']}")
                shapes.add(shape)


def _shape(value: Any) -> Hashable:
    """What the schema asks of a value: its type, whether it is empty or below 0, and the same of its parts."""
    if isinstance(value, Mapping):
        return tuple([(name, _shape(part)) for name, part in value.items()])
    if isinstance(value, list):
        return frozenset([_shape(part) for part in value])
    return type(value), bool(value), isinstance(value, int) and value < 0


def recount(dataset: ProcessedDataset) -> dict[str, Any]:
    """The report with its counts and warnings as the rows are now."""
    report, splits = dataset.report, dataset.splits
    warnings = warnings_about(splits, report["split_by"], report["settings"], report["conflicts"]["count"])
    return {**report, **describe_splits(splits, report["split_by"]), "warnings": warnings}
