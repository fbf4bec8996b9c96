"""Decides what a bootstrap draws, and draws whole clusters of questions. Pure functions of rows and arrays.

Questions about one text are not independent: a model that misreads the text misses several of them. Drawing single
questions then gives intervals that are too narrow, so whole clusters are drawn with all their questions (Davison &
Hinkley 1997, "Bootstrap Methods and their Application", section 3.8; Field & Welsh 2007, "Bootstrapping clustered
data"; for reading comprehension Miller 2024, "Adding Error Bars to Evals", arXiv:2411.00640). With few clusters the
method itself is too sure (Cameron, Gelbach & Miller 2008, "Bootstrap-based improvements for inference with clustered
errors"), so the widest unit is drawn of which there are enough. What lies above it counts as given: intervals then say
what more texts of the same documents would give, or more questions about the same texts, and nothing beyond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from qa_pipeline.errors import ConfigError

Unit = Literal["document", "context", "question"]
UNITS: tuple[Unit, ...] = ("document", "context", "question")

FEWEST = 30
"""Clusters from which on they are drawn; below 20 to 50, the literature says, the cluster bootstrap is unreliable."""


@dataclass(frozen=True)
class Resampling:
    """What is drawn with replacement.

    Attributes:
        unit: "document" (rows of one title; without a title, of one context), "context", or "question".
        clusters: (num_questions,) int64 number of the unit that each row belongs to; None for single questions.
        num_documents: how many documents the rows are about.
    """

    unit: Unit
    clusters: np.ndarray | None
    num_documents: int


def resampling_of(rows: Sequence[Mapping[str, Any]], unit: str = "auto") -> Resampling:
    """The unit to draw for these rows.

    Args:
        rows: with "context", and "title" where there is one.
        unit: one of UNITS, or "auto" for the widest of which there are FEWEST or more, else "question".

    Raises:
        ConfigError: no unit has that name.
    """
    if unit not in (*UNITS, "auto"):
        raise ConfigError("resampling", f'expected "auto", {", ".join(map(repr, UNITS))}, found {unit!r}')
    documents = _numbered([("title", row["title"]) if row.get("title") else ("", row["context"]) for row in rows])
    contexts = _numbered([row["context"] for row in rows])
    sizes = {"document": _count(documents), "context": _count(contexts), "question": len(rows)}
    if unit == "auto":
        unit = next((name for name in UNITS if sizes[name] >= FEWEST), "question")
        # Where every document is one context, or every context has one question, the plainer name says all.
        unit = next(name for name in reversed(UNITS) if sizes[name] == sizes[unit])
    clusters = {"document": documents, "context": contexts, "question": None}[unit]
    return Resampling(unit, clusters, sizes["document"])  # type: ignore[arg-type]  # checked above


def clustered_means(values: np.ndarray, clusters: np.ndarray, rng: np.random.Generator, samples: int) -> np.ndarray:
    """(samples,) means over the questions of as many clusters as there are, drawn with replacement.

    Args:
        values: (num_questions,) scores.
        clusters: (num_questions,) number of the cluster of each, from 0 without a gap.
        rng: numpy Generator.
        samples: number of resamples.
    """
    sums, sizes = np.bincount(clusters, values), np.bincount(clusters)
    means = np.empty(samples)
    rows = max(1, 2_000_000 // len(sums))  # resamples at a time: 16 MB of indices
    for begin in range(0, samples, rows):
        drawn = rng.integers(0, len(sums), (min(rows, samples - begin), len(sums)))
        questions = sizes[drawn].sum(axis=1) if len(sums) < len(values) else len(values)
        means[begin : begin + len(drawn)] = sums[drawn].sum(axis=1) / questions
    return means


def _numbered(keys: Sequence[Any]) -> np.ndarray:
    """(len(keys),) int64: equal keys get one number, in order of appearance."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _count(clusters: np.ndarray) -> int:
    return int(clusters.max(initial=-1)) + 1
