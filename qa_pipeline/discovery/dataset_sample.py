"""Whether a sample of a data set is extractive question answering, so that the rest may be used. Reads nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from qa_pipeline.data import DataReport, Example
from qa_pipeline.data.report import MEANINGS
from qa_pipeline.wording import counted

LEAST_HELD = 0.8
"""Share of a data set's rows whose answer must be in its text (or that must be known to have none)."""
_UNLIKELY = 0.05
"""A sample is refused where a data set with `LEAST_HELD` would give one as bad more seldom than this."""
_LEAST_ANSWERABLE = 0.1
_MOST_AMBIGUOUS = 0.5
_MOST_OF_ONE_ANSWER = 0.5
_MOST_WHOLE = 0.5
_ENOUGH_TO_JUDGE = 20
"""Rows from which the variety of answers says something."""


@dataclass(frozen=True)
class Held:
    """What a sample of a data set showed.

    Attributes:
        rows: examples that hold.
        share: of the rows read, in [0, 1].
        problem: why it cannot be used; None: it can.
    """

    rows: int
    share: float
    problem: str | None


def verify_sample(examples: Sequence[Example], report: DataReport) -> Held:
    """Whether a sample is extractive question answering: most rows hold, and answers are parts of their texts.

    Args:
        examples: of the sample.
        report: on it.
    """
    whole = report.rows_read
    share = (report.rows_kept + report.rows_merged) / whole if whole else 0.0
    answerable = [example for example in examples if example["answers"]["text"]]
    return Held(len(examples), round(share, 4), _problem(examples, answerable, report, share))


def _problem(
    examples: Sequence[Example], answerable: Sequence[Example], report: DataReport, share: float
) -> str | None:
    if _is_too_low(report.rows_kept + report.rows_merged, report.rows_read):
        reasons = [f"{MEANINGS.get(name, name)} ({count})" for name, count in report.dropped.most_common(2)]
        return (
            f"only {share:.0%} of {counted(report.rows_read, 'row')} hold, {LEAST_HELD:.0%} must: {'; '.join(reasons)}"
        )
    if len(answerable) < max(1, _LEAST_ANSWERABLE * len(examples)):
        return f"{len(answerable)} of {counted(len(examples), 'row')} have an answer in their text"
    if report.noticed["located_ambiguous"] > _MOST_AMBIGUOUS * len(answerable):
        return "most answers occur several times in their texts, and nothing says which place is meant"
    if len(answerable) < _ENOUGH_TO_JUDGE:
        return None
    whole = sum(example["answers"]["text"][0].strip() == example["context"].strip() for example in answerable)
    if whole > _MOST_WHOLE * len(answerable):
        return "most answers are their whole text: nothing is left to find"
    answer, count = Counter(example["answers"]["text"][0].casefold() for example in answerable).most_common(1)[0]
    if count > _MOST_OF_ONE_ANSWER * len(answerable):
        return f'{count} of {len(answerable)} answers are "{answer[:40]}": it reads like classification'
    return None


def _is_too_low(held: int, rows: int) -> bool:
    """Whether so few of so many rows hold that it is no chance: the lower tail of the binomial distribution."""
    if held >= LEAST_HELD * rows:
        return False
    tail = sum(
        math.comb(rows, count) * LEAST_HELD**count * (1 - LEAST_HELD) ** (rows - count) for count in range(held + 1)
    )
    return held == 0 or tail < _UNLIKELY
