"""Lays the words of a quotation over a stretch of a source at the least cost. Knows tokens by number only.

The quotation must be used up; the stretch may go on before and after it. Dots leave words of the source out at next to
no cost, a bracket up to eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_pipeline.quotes.writing import BRACKET, GAP, WORD

MOST_IN_BRACKETS = 8
"""Words of the source that a bracket can stand for."""
_EDIT = 10_000
_SHARED = 100  # less for a word that both have: of two ways with as many edits the one that shares more
_LEFT_OUT = 1  # per word that dots leave out: of two places behind them the nearer one
_REPLACED = 10
_MATCH = "match"
_OTHER = "other"


@dataclass(frozen=True)
class Step:
    """One step of an alignment.

    Attributes:
        kind: "match"; "other" for words that differ or that only one side has; GAP or BRACKET.
        items: of the quotation, (begin, end).
        places: of the stretch, (begin, end).
    """

    kind: str
    items: tuple[int, int]
    places: tuple[int, int]

    @property
    def is_match(self) -> bool:
        """Whether both have the same word."""
        return self.kind == _MATCH


def align(kinds: Sequence[str], numbers: np.ndarray, stretch: np.ndarray) -> tuple[int, list[Step]]:
    """The cheapest alignment.

    Args:
        kinds: WORD, GAP or BRACKET of each item of the quotation.
        numbers: (num_items,) tokens; anything where it is no word.
        stretch: (num_places,) tokens of the source.

    Returns:
        How many edits it takes, and its steps in order; neighbouring ones that are no match are one step.
    """
    size = len(stretch)
    ramp = np.arange(size + 1, dtype=np.int64)
    rows = [np.zeros(size + 1, dtype=np.int64)]
    for kind, number in zip(kinds, numbers, strict=True):
        before = rows[-1]
        if kind == GAP:
            row = np.minimum.accumulate(before - _LEFT_OUT * ramp) + _LEFT_OUT * ramp
        elif kind == BRACKET:
            row = before.copy()
            for skipped in range(1, min(MOST_IN_BRACKETS, size) + 1):
                np.minimum(row[skipped:], before[:-skipped] + _REPLACED * skipped, out=row[skipped:])
        else:
            row = before + _EDIT
            np.minimum(row[1:], before[:-1] + np.where(stretch == number, -_SHARED, _EDIT), out=row[1:])
            row = np.minimum.accumulate(row - _EDIT * ramp) + _EDIT * ramp
        rows.append(row)
    end = size - int(np.argmin(rows[-1][::-1]))  # a last word that differs stands for one of the source
    steps = _steps(kinds, numbers, stretch, rows, end)
    edits = sum(
        max(step.items[1] - step.items[0], step.places[1] - step.places[0]) for step in steps if step.kind == _OTHER
    )
    return edits, _joined(steps)


def _steps(
    kinds: Sequence[str], numbers: np.ndarray, stretch: np.ndarray, rows: list[np.ndarray], place: int
) -> list[Step]:
    steps: list[Step] = []
    item = len(kinds)
    while item:
        kind, here, before = kinds[item - 1], rows[item][place], rows[item - 1]
        if kind == WORD:
            same = place > 0 and stretch[place - 1] == numbers[item - 1]
            if place and here == before[place - 1] + (-_SHARED if same else _EDIT):
                step = Step(_MATCH if same else _OTHER, (item - 1, item), (place - 1, place))
            elif place and here == rows[item][place - 1] + _EDIT:
                step = Step(_OTHER, (item, item), (place - 1, place))
            else:
                step = Step(_OTHER, (item - 1, item), (place, place))
        else:
            cost, most = (_LEFT_OUT, place) if kind == GAP else (_REPLACED, min(place, MOST_IN_BRACKETS))
            skipped = next(n for n in range(most + 1) if here == before[place - n] + cost * n)
            step = Step(kind, (item - 1, item), (place - skipped, place))
        steps.append(step)
        item, place = step.items[0], step.places[0]
    return steps[::-1]


def _joined(steps: list[Step]) -> list[Step]:
    joined: list[Step] = []
    for step in steps:
        if step.kind == _OTHER and joined and joined[-1].kind == _OTHER:
            last = joined[-1]
            joined[-1] = Step(_OTHER, (last.items[0], step.items[1]), (last.places[0], step.places[1]))
        else:
            joined.append(step)
    return joined
