"""Says how much of what a model points at lies in each segment of a text, a sentence for example. Never sees a file.

The evidence in a segment is the sum of the probabilities of all spans that begin and end in it: of all spans that
decoding allows, not of the few best. As with confidences, gaps above "no answer" of all windows are one competition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.lib.stride_tricks import sliding_window_view

from qa_pipeline.arguments import QASettings
from qa_pipeline.postprocess.decoding import Array, Candidates, to_numpy
from qa_pipeline.postprocess.postprocess import Postprocess, WindowTable

_AT_ONCE = 2**21
"""Scores of spans in memory at once."""


def segment_log_sums(
    start_logits: Array,
    end_logits: Array,
    segments: np.ndarray,
    *,
    max_answer_length: int,
    temperature: float = 1.0,
) -> np.ndarray:
    """For every token the log of the sum of exp(score / temperature) over the spans that begin there.

    Only spans that stay in the segment of their first token count, of at most `max_answer_length` tokens.

    Args:
        start_logits, end_logits: (batch, seq_len).
        segments: (batch, seq_len) number of each token's segment, the same for neighbours; -1 where it has none.

    Returns:
        (batch, seq_len) float64; -inf for tokens without a segment.
    """
    xp = array_namespace(start_logits)
    starts, ends = (to_numpy(xp.astype(logits, xp.float64)) / temperature for logits in (start_logits, end_logits))
    length = min(max_answer_length, starts.shape[1])
    rows = max(1, _AT_ONCE // (starts.shape[1] * length))
    parts = []
    for first in range(0, len(starts), rows):
        some = slice(first, first + rows)
        padded_ends = np.pad(ends[some], ((0, 0), (0, length - 1)), constant_values=-np.inf)
        padded_segments = np.pad(segments[some], ((0, 0), (0, length - 1)), constant_values=-1)
        same = sliding_window_view(padded_segments, length, axis=1) == segments[some][:, :, None]
        reach = np.where(same, sliding_window_view(padded_ends, length, axis=1), -np.inf)
        sums = starts[some] + _log_sum_exp(reach)
        parts.append(np.where(segments[some] >= 0, sums, -np.inf))
    return np.concatenate(parts)


def _log_sum_exp(values: np.ndarray) -> np.ndarray:
    """Over the last axis; -inf where all are."""
    largest = values.max(axis=-1, keepdims=True)
    shift = np.where(largest == -np.inf, 0.0, largest)
    with np.errstate(divide="ignore", under="ignore"):
        return np.asarray((np.log(np.exp(values - shift).sum(axis=-1, keepdims=True)) + shift)[..., 0])


class SegmentEvidence(Postprocess):
    """A Postprocess that adds up the evidence in segments of the contexts while their logits are there.

    Args:
        settings: as of Postprocess.
        segments: of each example's id, (num_segments, 2) characters of its context, in order, not overlapping.

    After all batches, `shares` gives what was found.
    """

    def __init__(self, settings: QASettings, segments: Mapping[str, np.ndarray]) -> None:
        super().__init__(settings)
        self.segments = segments
        self._sums = {name: np.full(len(places), -np.inf) for name, places in segments.items()}
        self._total = -np.inf

    def reduce(
        self,
        start_logits: Array,
        end_logits: Array,
        batch: Mapping[str, Array],
        *,
        windows: WindowTable | None = None,
        examples: Sequence[Mapping[str, Any]] | None = None,
        temperatures: Sequence[float] = (),
    ) -> Candidates:
        """As of Postprocess; windows and examples must be given."""
        found = super().reduce(
            start_logits, end_logits, batch, windows=windows, examples=examples, temperatures=temperatures
        )
        if windows is None or examples is None:
            raise ValueError("evidence in segments needs the windows and their examples")
        numbers = np.full(tuple(start_logits.shape), -1, dtype=np.int64)
        names = []
        for row, window in enumerate(found.window_index.tolist()):
            names.append(examples[int(windows.example_index[window])]["id"])
            begin, end = int(batch["context_begin"][row]), int(batch["context_end"][row])
            first = int(windows.offset_begin[window])
            places, tokens = self.segments[names[-1]], windows.offsets[first : first + end - begin]
            number = np.searchsorted(places[:, 0], tokens[:, 0], side="right") - 1
            inside = (number >= 0) & (tokens[:, 0] < places[np.maximum(number, 0), 1]) if len(places) else number >= 0
            numbers[row, begin:end] = np.where(inside, number, -1)
        self._add(found, names, numbers, start_logits, end_logits)
        return found

    def _add(
        self,
        found: Candidates,
        names: Sequence[str],
        numbers: np.ndarray,
        start_logits: Array,
        end_logits: Array,
    ) -> None:
        temperature = self.settings.temperature
        sums = segment_log_sums(
            start_logits,
            end_logits,
            numbers,
            max_answer_length=self.settings.max_answer_length,
            temperature=temperature,
        )
        gaps = sums - found.null_score.astype(np.float64)[:, None] / temperature
        for row, name in enumerate(names):
            own = numbers[row] >= 0
            np.logaddexp.at(self._sums[name], numbers[row][own], gaps[row][own])
        window_totals = found.log_partition - found.null_score.astype(np.float64) / temperature
        self._total = float(np.logaddexp.reduce([self._total, *window_totals.tolist()]))

    def shares(self) -> tuple[dict[str, np.ndarray], float]:
        """The share of each segment in everything the model could have said, and that of "no answer".

        Returns:
            Example id -> (num_segments,) 0 to 1, and 0 to 1; of all examples together at most 1. The share of "no
            answer" is 0 where every question has one.
        """
        total = float(np.logaddexp(self._total, 0.0)) if self.settings.version_2_with_negative else self._total
        if total == -np.inf:  # nothing could have been said
            return {name: np.zeros(len(sums)) for name, sums in self._sums.items()}, 0.0
        with np.errstate(under="ignore"):
            shares = {name: np.minimum(np.exp(sums - total), 1.0) for name, sums in self._sums.items()}
            silence = float(np.exp(-total)) if self.settings.version_2_with_negative else 0.0
        return shares, min(silence, 1.0)
