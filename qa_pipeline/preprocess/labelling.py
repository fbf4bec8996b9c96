"""Says at which tokens of a window its answer begins and ends. Sees arrays and answers, never a tokenizer.

The labelled span is the smallest run of whole tokens whose characters include the answer, see `cover`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from qa_pipeline.preprocess.windows import IGNORE, Windows, ragged_index, to_splits

if TYPE_CHECKING:
    from qa_pipeline.data.example import Answers, Example

Straddle = Literal["ignore", "null"]
AnswerChoice = Literal["first", "shortest", "most_frequent", "all"]


@dataclass
class Labels:
    """Labels of L windows, in the order of the windows; a window stands more than once where it has several answers.

    Attributes:
        window: (L,) int64, row of the windows.
        start: (L,) int32, see `Windows.start_positions`.
        end: (L,) int32.
        positive: (L,) bool, the window holds its answer.
        straddling: windows that hold a part of an answer and no whole one.
        answers_lost: answerable examples without a window that holds the chosen answer.
    """

    window: np.ndarray
    start: np.ndarray
    end: np.ndarray
    positive: np.ndarray
    straddling: int
    answers_lost: int


def label_windows(
    windows: Windows,
    context_rows: np.ndarray,
    examples: Sequence[Example],
    *,
    straddle: Straddle = "ignore",
    answer_choice: AnswerChoice = "first",
) -> Labels:
    """Labels every window of `examples`.

    A window that holds the chosen answer, whole, is labelled with it. One that holds a part of any gold answer, or a
    whole one that was not chosen, is no evidence of "no answer": `straddle` says what becomes of it. Every other window
    is labelled with its null position.

    Args:
        windows: all windows of `examples`, unlabelled.
        context_rows: (E, 2) rows of `windows.offsets` of each example's context, end exclusive.
        examples: E canonical rows.
        straddle: "ignore" (label IGNORE) or "null" (label as no answer).
        answer_choice: which gold answer is learnt. "all" gives a window once for each different span that fits in it.
    """
    golds = _gold_spans(examples, answer_choice)
    offsets = windows.offsets if len(windows.offsets) else np.zeros((1, 2), dtype=np.int32)  # so that row 0 exists
    first, last = cover(offsets, context_rows[golds.example], golds.begin, golds.end)

    # Every pair of a window and a gold answer of its example.
    counts = np.bincount(golds.example, minlength=len(examples))
    per_window = counts[windows.example_index]
    window = np.repeat(np.arange(len(windows)), per_window)
    gold = ragged_index(to_splits(counts)[:-1][windows.example_index], per_window)
    width = windows.context_end - windows.context_begin
    window_first, window_end = windows.offset_begin[window], (windows.offset_begin + width)[window]
    fits = (first <= last)[gold] & (first[gold] >= window_first) & (last[gold] < window_end)
    # By characters, so that an answer which the tokenizer dropped altogether still keeps its window from being null.
    touches = (
        (window_first < window_end)
        & (offsets[np.minimum(window_first, len(offsets) - 1), 0] < golds.end[gold])
        & (offsets[np.maximum(window_end - 1, 0), 1] > golds.begin[gold])
    )

    good = np.flatnonzero(fits & golds.chosen[gold])
    shift = windows.context_begin[window[good]] - windows.offset_begin[window[good]]
    table = np.stack([window[good], first[gold[good]] + shift, last[gold[good]] + shift], axis=1)
    if answer_choice == "all":
        table = np.unique(table, axis=0)  # different answers may cover the same tokens

    touched = np.zeros(len(windows), dtype=bool)
    touched[window[touches]] = True
    without = np.ones(len(windows), dtype=bool)
    without[table[:, 0]] = False
    rest = np.flatnonzero(without)
    value = np.where(touched[rest] & (straddle == "ignore"), IGNORE, windows.null_index[rest])
    table = np.concatenate([table, np.stack([rest, value, value], axis=1)])
    positive = np.arange(len(table)) < len(table) - len(rest)
    order = np.argsort(table[:, 0], kind="stable")
    table, positive = table[order], positive[order]

    answered = np.unique(windows.example_index[table[positive, 0]])
    return Labels(
        window=table[:, 0],
        start=table[:, 1].astype(np.int32),
        end=table[:, 2].astype(np.int32),
        positive=positive,
        straddling=int((touched & without).sum()),
        answers_lost=int((counts > 0).sum()) - len(answered),
    )


def cover(offsets: np.ndarray, rows: np.ndarray, begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that stand for the characters begin..end - 1 of a context, for many answers at once.

    Of all runs of tokens whose characters include the answer it is the shortest in characters, and among those the one
    with most tokens (the bytes of one character may be several tokens). Characters that the tokenizer dropped, such as
    control characters, need no token.

    Args:
        offsets: (C, 2) characters of tokens, C > 0, neither column falling within a context.
        rows: (N, 2) rows of `offsets` of each answer's context, end exclusive.
        begin: (N,) characters.
        end: (N,) characters, exclusive.

    Returns:
        First and last row of `offsets`, (N,) each; first > last where no token is left of the answer.
    """
    low, high = rows[:, 0], rows[:, 1]
    begins, ends = offsets[:, 0], offsets[:, 1]
    # Every token that has a part in the answer; neighbours may share a character, so that some may be left away.
    first, last = _search(ends, low, high, begin + 1), _search(begins, low, high, end) - 1
    nearest = _search(begins, low, high, begin + 1) - 1
    tight_first = np.maximum(first, _search(begins, low, high, begins[nearest]))
    farthest = np.minimum(_search(ends, low, high, end), len(ends) - 1)
    tight_last = np.minimum(last, _search(ends, low, high, ends[farthest] + 1) - 1)
    tight_first = np.where(nearest >= first, tight_first, first)
    tight_last = np.where(farthest <= last, tight_last, last)
    # Two tokens of which each holds the whole answer and something else: take the shorter.
    crossed = (first <= last) & (tight_first > tight_last)
    single = np.where(_width(offsets, tight_first) < _width(offsets, tight_last), tight_first, tight_last)
    return np.where(crossed, single, tight_first), np.where(crossed, single, tight_last)


def _width(offsets: np.ndarray, row: np.ndarray) -> np.ndarray:
    row = np.clip(row, 0, len(offsets) - 1)
    width: np.ndarray = offsets[row, 1] - offsets[row, 0]
    return width


@dataclass
class _Golds:
    """Gold answers of all examples, in their order: row of the example, characters, and whether it is to be learnt."""

    example: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    chosen: np.ndarray


def _gold_spans(examples: Sequence[Example], answer_choice: AnswerChoice) -> _Golds:
    values: list[int] = []
    for row, example in enumerate(examples):
        answers = example["answers"]
        if not answers["text"]:
            continue
        chosen = _choose(answers, answer_choice)
        for number, (text, start) in enumerate(zip(answers["text"], answers["answer_start"], strict=True)):
            bare = text.strip()  # offsets of tokens never include outer space, so an answer must not either
            begin = start + text.find(bare)
            values += (row, begin, begin + len(bare), chosen is None or number == chosen)
    table = np.array(values, dtype=np.int64).reshape(-1, 4)
    return _Golds(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(bool))


def _choose(answers: Answers, answer_choice: AnswerChoice) -> int | None:
    """Number of the answer to be learnt, None for all of them. Ties go to the first."""
    texts = answers["text"]
    if answer_choice == "all":
        return None
    if answer_choice == "shortest":
        return min(range(len(texts)), key=lambda number: len(texts[number]))
    if answer_choice == "most_frequent" and len(texts) > 1:
        return texts.index(Counter(texts).most_common(1)[0][0])
    return 0


def _search(values: np.ndarray, low: np.ndarray, high: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each row, the first index in low..high - 1 whose value is at least `wanted`, or high if there is none.

    A binary search in many ranges of one array at once. Within each range the values must not fall.
    """
    low, high = low.copy(), high.copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        below = open_ & (values[np.minimum(middle, len(values) - 1)] < wanted)
        low = np.where(below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    return low
