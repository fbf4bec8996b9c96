"""From accepted rows to the data set: duplicates out, rows chosen, documents split. Pure; order of arrival is nothing.

Every choice goes by a key made of seed and row, so that the same rows give the same data whatever order they came in,
and merged shards give what one run over all of them gives.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from qa_pipeline.documents.passages import rank
from qa_pipeline.errors import DataError
from qa_pipeline.generation.dedup import drop_duplicates, without_repeats_of
from qa_pipeline.generation.types import Row

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Choice:
    """What a data set should be.

    Attributes:
        num_examples: rows over all splits, None for as many as there are.
        unanswerable_fraction: most of this share of the rows has no answer.
        questions_per_context: most rows of one passage.
        threshold, scope: of near-duplicates within a split and between splits, see `dedup`; threshold None leaves
            them in.
    """

    num_examples: int | None = None
    unanswerable_fraction: float = 0.0
    questions_per_context: int = 5
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    threshold: float | None = 0.7
    scope: str = "document"
    seed: int = 0


@dataclass
class Dataset:
    """Rows by split, what was left out on the way, by reason, and what was kept whole: "document" or "passage"."""

    splits: dict[str, list[Row]]
    left_out: Counter[str] = field(default_factory=Counter)
    split_by: str = "document"

    @property
    def rows(self) -> list[Row]:
        """The rows of all splits."""
        return [row for name in SPLITS for row in self.splits[name]]


def choose_dataset(rows: Iterable[Row], choice: Choice) -> Dataset:
    """Chooses and splits.

    Raises:
        DataError: no row is left.
    """
    left_out: Counter[str] = Counter()
    unique = distinct(rows, choice, left_out)
    split_by = unit_of(unique)
    splits = split_by_document(unique, choice)
    if choice.threshold is not None:
        # What was seen in training must not decide a test (`dedup.repeats`): the larger side gives way.
        for name, others in (("train", ("validation", "test")), ("validation", ("test",))):
            held_out = [row for other in others for row in splits[other]]
            kept = without_repeats_of(splits[name], held_out, choice.threshold)
            _count(left_out, "repeats_another_split", len(splits[name]) - len(kept))
            splits[name] = kept
    wanted = choice.num_examples
    for name, share in (("test", choice.test_fraction), ("validation", choice.validation_fraction), ("train", 1.0)):
        most = (
            None if choice.num_examples is None else wanted if name == "train" else round(share * choice.num_examples)
        )
        chosen = choose(splits[name], choice, most)
        _count(left_out, "not_needed", len(splits[name]) - len(chosen))
        splits[name] = sorted(chosen, key=_reading_order)
        wanted = None if wanted is None else wanted - len(chosen)
    if not any(splits.values()):
        raise DataError("no row is left: " + (_counts_text(left_out) or "nothing was accepted"))
    return Dataset(splits, left_out, split_by)


def distinct(rows: Iterable[Row], choice: Choice, left_out: Counter[str]) -> list[Row]:
    """The rows without duplicates, in their stable random order; answerable rows have precedence."""
    by_key: dict[str, Row] = {}
    for row in rows:  # of the same row with different provenance, one that does not depend on the order
        by_key[row.key] = min(by_key.get(row.key, row), row, key=_as_text)
    ordered = sorted(by_key.values(), key=lambda row: (row.is_impossible, rank(choice.seed, row.key)))
    if choice.threshold is None:
        return ordered
    kept, counts = drop_duplicates(ordered, choice.threshold, choice.scope)
    left_out.update(counts)
    return [replace(row, passed=(*row.passed, "near_duplicate")) for row in kept]


def choose(rows: Sequence[Row], choice: Choice, most: int | None) -> list[Row]:
    """At most `most` rows (None: all), spread over the passages, with the wanted share of unanswerable ones.

    Too few unanswerable rows: answerable ones take their place. Too few answerable rows: there are fewer rows.

    Args:
        rows: in their order of precedence.
    """
    taken: Counter[tuple[str, bool]] = Counter()
    numbered: list[tuple[int, Row]] = []  # with how many rows of its kind its passage has before it
    for row in rows:
        numbered.append((taken[row.passage.id, row.is_impossible], row))
        taken[row.passage.id, row.is_impossible] += 1
    numbered.sort(key=lambda pair: pair[0])  # stable: rounds over all passages
    answerable = [row for _, row in numbered if not row.is_impossible]
    impossible = [row for _, row in numbered if row.is_impossible]
    impossible = impossible[: most_impossible(len(answerable), len(impossible), choice.unanswerable_fraction)]
    per_passage: Counter[str] = Counter()
    capped = []
    for row in _interleave(answerable, impossible):
        if per_passage[row.passage.id] < choice.questions_per_context:
            per_passage[row.passage.id] += 1
            capped.append(row)
    answerable = [row for row in capped if not row.is_impossible]
    impossible = [row for row in capped if row.is_impossible]
    impossible = impossible[: most_impossible(len(answerable), len(impossible), choice.unanswerable_fraction)]
    if most is not None:
        impossible = impossible[: round(most * choice.unanswerable_fraction)]
        answerable = answerable[: most - len(impossible)]
    return answerable + impossible


def most_impossible(answerable: int, impossible: int, fraction: float) -> int:
    """The most u such that u <= fraction * (answerable + u)."""
    return impossible if fraction >= 1 else min(impossible, int(fraction / (1 - fraction) * answerable + 1e-9))


def split_by_document(rows: Sequence[Row], choice: Choice) -> dict[str, list[Row]]:
    """Whole documents to splits, in stable random order: test and validation are filled first, the rest is training.

    Of a single document the passages are split instead (`unit_of`).

    A document goes to a held-out split while at least half of it fits. Data of few documents may leave a held-out split
    empty; training is never empty. Documents that share a passage's text stay together. Passages whose metadata names a
    "split" go there.
    """
    splits: dict[str, list[Row]] = {name: [] for name in SPLITS}
    documents: dict[str, list[Row]] = {}
    homes = _document_groups(rows)
    whole = unit_of(rows) == "document"
    for row in rows:
        fixed = row.passage.metadata.get("split")
        if fixed in SPLITS:
            splits[fixed].append(row)
        else:
            documents.setdefault(homes[row.passage.document] if whole else row.passage.text, []).append(row)
    total = sum(len(group) for group in documents.values())
    targets = {"test": choice.test_fraction * total, "validation": choice.validation_fraction * total}
    order = sorted(documents, key=lambda name: rank(choice.seed, name))
    left = len(order)
    for document in order:
        group = documents[document]
        fits = [
            name
            for name, target in targets.items()
            if left > 1 and target > 0 and len(splits[name]) + len(group) / 2 <= target
        ]
        splits[fits[0] if fits else "train"] += group
        left -= bool(fits)
    _give_each_one(splits, documents, targets)
    return splits


def unit_of(rows: Sequence[Row]) -> str:
    """What a split keeps whole: "document", or "passage" where all rows come from one document with several."""
    free = [row for row in rows if row.passage.metadata.get("split") not in SPLITS]
    homes = _document_groups(free)
    one = len({homes[row.passage.document] for row in free}) == 1 and len({row.passage.text for row in free}) > 1
    return "passage" if one else "document"


def _give_each_one(splits: dict[str, list[Row]], documents: dict[str, list[Row]], targets: dict[str, float]) -> None:
    """A held-out split that is wanted but empty gets the smallest document, while training keeps at least half."""
    homes = {row.key: name for name, group in documents.items() for row in group}
    for name, target in targets.items():
        in_train = Counter(homes[row.key] for row in splits["train"] if row.key in homes)
        if target <= 0 or splits[name] or len(in_train) < 2:
            continue
        smallest = min(in_train, key=lambda document: (in_train[document], document))
        if in_train[smallest] * 2 > len(splits["train"]):
            continue
        splits[name] = [row for row in splits["train"] if homes.get(row.key) == smallest]
        splits["train"] = [row for row in splits["train"] if homes.get(row.key) != smallest]


def _document_groups(rows: Sequence[Row]) -> dict[str, str]:
    """For each document one name for all documents that share a text with it, directly or through others."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while parents.setdefault(name, name) != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    first_with: dict[str, str] = {}
    for row in rows:
        left, right = root(row.passage.document), root(first_with.setdefault(row.passage.text, row.passage.document))
        parents[max(left, right)] = min(left, right)
    return {name: root(name) for name in list(parents)}


def _interleave(answerable: list[Row], impossible: list[Row]) -> list[Row]:
    """The unanswerable rows spread evenly among the answerable ones, so that a cap per passage hits both alike."""
    places = [((i + 0.5) / len(answerable), row) for i, row in enumerate(answerable)]
    places += [((i + 0.5) / len(impossible), row) for i, row in enumerate(impossible)]
    return [row for _, row in sorted(places, key=lambda pair: pair[0])]


def _reading_order(row: Row) -> tuple[str, int, str, int, str]:
    start = row.passage.metadata.get("document_start", 0)
    return row.passage.document, start, row.passage.id, row.start if row.start is not None else 1 << 60, row.key


def _as_text(row: Row) -> str:
    return json.dumps(row.to_json(), sort_keys=True)


def _count(counts: Counter[str], reason: str, number: int) -> None:
    if number:
        counts[reason] += number


def _counts_text(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
