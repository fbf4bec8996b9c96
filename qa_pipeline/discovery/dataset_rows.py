"""Takes rows out of data sets that were found: verifies a sample of each, reads it, mixes them to the wanted number.

The way into each data set is proposed (the catalogue's mapping, else none) and has to hold on a sample; where it does
not, the mapping is inferred from the rows and has to hold too. What then holds too little is refused with the reason:
classification, yes or no, answers that are not in the text. Never ranks.
"""

from __future__ import annotations

import logging
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from qa_pipeline.data import DataReport, Example, load_examples
from qa_pipeline.discovery.arguments import DatasetSearchArguments, weight_problems
from qa_pipeline.discovery.dataset_candidate import DatasetCandidate
from qa_pipeline.discovery.dataset_sample import verify_sample
from qa_pipeline.errors import ConfigError, QAError
from qa_pipeline.wording import in_one_line

logger = logging.getLogger(__name__)

SAMPLE_ROWS = 200
_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class UsedDataset:
    """A data set that rows were taken from.

    Attributes:
        id, config, split: what was read.
        source: "catalogue", "hub" or "folder".
        rows: taken.
        rows_read: rows of it that could be used.
        weight: its share of the rows, as wanted, in [0, 1].
        held: share of the sample's rows that held, in [0, 1].
        licence, languages: as known.
        field_mapping: how it was read.
        reason: why it was used.
    """

    id: str
    config: str | None
    split: str | None
    source: str
    rows: int
    rows_read: int
    weight: float
    held: float
    licence: str | None
    languages: tuple[str, ...]
    field_mapping: dict[str, Any] | None
    reason: str


@dataclass(frozen=True)
class RefusedDataset:
    """A data set that was to be used and cannot be."""

    id: str
    reason: str


@dataclass(frozen=True)
class RetrievedRows:
    """Rows of data sets, and what became of each data set that was tried.

    Attributes:
        rows: canonical examples; `metadata` has source, licence, config, split.
        used: where they come from, in the order of the ranking.
        refused: what was tried and refused.
    """

    rows: list[Example] = field(default_factory=list)
    used: list[UsedDataset] = field(default_factory=list)
    refused: list[RefusedDataset] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the rows as their number."""
        used = [asdict(one) | {"languages": list(one.languages)} for one in self.used]
        return {"rows": len(self.rows), "used": used, "refused": [asdict(one) for one in self.refused]}


def retrieve_rows(
    candidates: Sequence[DatasetCandidate],
    settings: DatasetSearchArguments,
    *,
    seed: int = 0,
    offline: bool = False,
    cache_dir: str | None = None,
) -> RetrievedRows:
    """Rows of the best candidates that fit and can be used, exactly `max_retrieved_rows` where there are enough.

    Args:
        candidates: ranked, as `find_datasets` gives them.
        settings: how many data sets and rows, and their weights.
        seed: of the choice of rows; the same gives the same rows.
        offline: opens no socket: folders, and of the Hub what the local cache has.
        cache_dir: where `datasets` keeps downloads; None: its own place.

    Raises:
        ConfigError: the weights are wrong or name a data set that is no candidate.

    Example:
        >>> folder = DatasetCandidate(
        ...     "docs/examples", "folder", "library", files={"train": ("docs/examples/labels.csv",)}, fits=True
        ... )
        >>> retrieved = retrieve_rows([folder], DatasetSearchArguments(max_retrieved_rows=3))
        >>> len(retrieved.rows), retrieved.used[0].held, retrieved.rows[0]["metadata"]["source"]
        (3, 0.8889, 'docs/examples')
    """
    weights = _weights(candidates, settings)
    with _offline() if offline else nullcontext():
        read, refused = _read_best(candidates, settings, weights, offline, cache_dir)
    limits = [len(one.examples) for one in read]
    shares = [weights.get(one.candidate.id, 1.0) if weights else 1.0 for one in read]
    taken = quotas(shares, limits, settings.max_retrieved_rows)
    rows: list[Example] = []
    used: list[UsedDataset] = []
    for one, count, share in zip(read, taken, shares, strict=True):
        # A generator of its own, so that one data set's rows do not hang on which others are used.
        chosen = _choose(one.examples, count, random.Random(f"{seed} {one.candidate.id}"))
        rows += [_with_provenance(example, one) for example in chosen]
        used.append(one.used(len(chosen), share / sum(shares)))
    return RetrievedRows(rows, used, refused)


def quotas(weights: Sequence[float], limits: Sequence[int], total: int) -> list[int]:
    """How many rows of each, in shares by weight, by largest remainder; what one lacks the others give.

    Args:
        weights: above 0.
        limits: rows that each has.
        total: rows wanted; where there are fewer, all are taken.

    >>> quotas([1, 1, 1], [100, 100, 100], 100), quotas([1, 3], [500, 30], 100)
    ([34, 33, 33], [70, 30])
    """
    taken = [0] * len(weights)
    left = min(total, sum(limits))
    while left:
        open_ = [place for place in range(len(weights)) if taken[place] < limits[place]]
        whole = sum(weights[place] for place in open_)
        exact = {place: left * weights[place] / whole for place in open_}
        full = [place for place in open_ if taken[place] + exact[place] >= limits[place]]
        if full:  # they give all that they have; the rest is shared anew
            for place in full:
                left -= limits[place] - taken[place]
                taken[place] = limits[place]
            continue
        for place in open_:
            taken[place] += int(exact[place])
        left -= sum(int(share) for share in exact.values())
        for place in sorted(open_, key=lambda place: (int(exact[place]) - exact[place], place))[:left]:
            taken[place] += 1
        left = 0
    return taken


# Reading


@dataclass
class _Read:
    """A data set that was verified and read."""

    candidate: DatasetCandidate
    split: str | None
    examples: list[Example]
    mapping: dict[str, Any] | None
    held: float

    def used(self, rows: int, weight: float) -> UsedDataset:
        one = self.candidate
        return UsedDataset(
            id=one.id,
            config=one.config,
            split=self.split,
            source=one.source,
            rows=rows,
            rows_read=len(self.examples),
            weight=round(weight, 4),
            held=self.held,
            licence=one.licence,
            languages=one.languages,
            field_mapping=self.mapping,
            reason=one.reason,
        )


def _weights(candidates: Sequence[DatasetCandidate], settings: DatasetSearchArguments) -> dict[str, float]:
    given: Any = settings.dataset_weights
    problems = weight_problems(given)
    known = {one.id for one in candidates}
    if not problems:
        problems = [f"dataset_weights: {name} is none of the data sets found" for name in (given or {}).keys() - known]
    if problems:
        raise ConfigError("data sets", sorted(problems))
    return {name: float(weight) for name, weight in (given or {}).items()}


def _read_best(
    candidates: Sequence[DatasetCandidate],
    settings: DatasetSearchArguments,
    weights: Mapping[str, float],
    offline: bool,
    cache_dir: str | None,
) -> tuple[list[_Read], list[RefusedDataset]]:
    """The best candidates that can be used, read; and those that were tried in vain."""
    read: list[_Read] = []
    refused: list[RefusedDataset] = []
    most = len(weights) or settings.num_datasets
    for one in candidates:
        if len(read) == most:
            break
        if not _is_wanted(one, candidates, settings, weights):
            continue
        if one.why_not:
            refused.append(RefusedDataset(one.id, one.why_not))
            continue
        if offline and one.source != "folder" and not is_cached(one.id, cache_dir):
            reason = "it is not in the local cache of datasets, and the network may not be used (offline)"
            refused.append(RefusedDataset(one.id, reason))
            continue
        try:
            read.append(_read(one, settings.max_retrieved_rows, cache_dir))
        except QAError as error:
            logger.info("%s: refused: %s", one.id, error)
            refused.append(RefusedDataset(one.id, in_one_line(error)))
    return read, refused


def _is_wanted(
    one: DatasetCandidate,
    candidates: Sequence[DatasetCandidate],
    settings: DatasetSearchArguments,
    weights: Mapping[str, float],
) -> bool:
    if weights:
        return one.id in weights
    if one.fits:
        return True
    nothing_fits = not any(other.fits and other.usable for other in candidates)
    return settings.general_datasets and one.general and nothing_fits


class _Refusal(QAError):
    """A data set whose rows cannot be used."""


def _read(candidate: DatasetCandidate, wanted: int, cache_dir: str | None) -> _Read:
    """Verifies a sample with the proposed mapping, then with an inferred one, and reads all with the one that holds.

    Raises:
        QAError: neither holds, or it cannot be read.
    """
    proposals = [candidate.field_mapping, None] if candidate.field_mapping else [None]
    faults: list[str] = []
    for proposal in proposals:
        name = "inferred mapping" if proposal is None else "known mapping"
        try:
            split, examples, report = _load(candidate, proposal, SAMPLE_ROWS, cache_dir)
        except QAError as error:
            faults.append(f"{name}: {in_one_line(error)}")
            continue
        held = verify_sample(examples, report)
        if held.problem is None:
            split, examples, report = _load(candidate, proposal, None, cache_dir)
            return _Read(candidate, split, examples, report.field_mapping, held.share)
        faults.append(f"{name}: {held.problem}")
    raise _Refusal("; ".join(dict.fromkeys(faults)))


def _load(
    candidate: DatasetCandidate, mapping: Mapping[str, Any] | str | None, most: int | None, cache_dir: str | None
) -> tuple[str | None, list[Example], DataReport]:
    """The split that is read (train, or what there is in its place), and its examples."""
    field_mapping = dict(mapping) if isinstance(mapping, Mapping) else mapping
    options: dict[str, Any] = {"field_mapping": field_mapping, "max_bad_fraction": 1.0, "max_samples": most}
    splits = list(candidate.files or candidate.rows)
    split = next((name for name in (*_SPLITS, *splits) if name in splits), None)
    if candidate.source == "folder":
        if split is None:
            raise _Refusal("it holds no file")
        parts = [load_examples(path, **options) for path in candidate.files[split]]
        if len(parts) == 1:
            return split, *parts[0]
        every = [{**one, "id": f"{part}/{one['id']}"} for part, (rows, _) in enumerate(parts) for one in rows]
        return split, cast(list[Example], every), parts[0][1]
    options |= {"dataset_config_name": candidate.config, "cache_dir": cache_dir}
    try:
        return split or "train", *load_examples(candidate.id, split=split or "train", **options)
    except QAError as error:
        if split is not None or "no split" not in str(error):
            raise
    return None, *load_examples(candidate.id, **options)  # it has one split, with a name of its own


def _choose(examples: Sequence[Example], count: int, rng: random.Random) -> list[Example]:
    """Rows of contexts in random order, each context whole (but the last), in the order of the source."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        places[example["context"]].append(place)
    contexts = list(places)
    rng.shuffle(contexts)
    order = [place for context in contexts for place in places[context]]
    return [examples[place] for place in sorted(order[:count])]


def _with_provenance(example: Example, read: _Read) -> Example:
    """The example with an id that no other data set has, and where it comes from."""
    one = read.candidate
    origin = {"source": one.id, "licence": one.licence, "config": one.config, "split": read.split}
    named: Example = {**example, "id": f"{one.id}#{example['id']}"}
    named["metadata"] = {**example.get("metadata", {}), **origin}
    if "merged_ids" in example:
        named["merged_ids"] = [f"{one.id}#{id}" for id in example["merged_ids"]]
    return named


# Without a network


def is_cached(id: str, cache_dir: str | None = None) -> bool:
    """Whether `datasets` has prepared this data set on this machine before."""
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    *owner, name = id.split("/")
    folder = Path(os.path.expanduser(cache_dir or config.HF_DATASETS_CACHE)) / "___".join(
        [*owner, camelcase_to_snakecase(name)]
    )
    return any(path.is_dir() for path in folder.glob("*/*/*"))


@contextmanager
def _offline() -> Iterator[None]:
    """Nothing in here asks the Hub. The libraries read the environment when they are imported, so it is too late."""
    import datasets
    from huggingface_hub import constants

    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before
