"""Says how much of what a model points at lies in each segment of a text, a sentence for example. Never sees a file.

The evidence in a segment is the sum of the probabilities of all spans that begin and end in it: of all spans that
decoding allows, not of the few best. As with confidences, gaps above "no answer" of all windows are one competition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.arguments import QASettings
from qa_pipeline.postprocess.decoding import Candidates
from qa_pipeline.postprocess.postprocess import Postprocess, WindowTable

if TYPE_CHECKING:
    import torch

_AT_ONCE = 2**21
"""Scores of spans in memory at once."""


def segment_log_sums(
    start_logits: torch.Tensor,
    end_logits: torch.Tensor,
    segments: torch.Tensor,
    *,
    max_answer_length: int,
    temperature: float = 1.0,
) -> torch.Tensor:
    """For every token the log of the sum of exp(score / temperature) over the spans that begin there.

    Only spans that stay in the segment of their first token count, of at most `max_answer_length` tokens.

    Args:
        start_logits, end_logits: (batch, seq_len).
        segments: (batch, seq_len) number of each token's segment, the same for neighbours; -1 where it has none.

    Returns:
        (batch, seq_len) float64; -inf for tokens without a segment.
    """
    import torch

    starts, ends = (logits.detach().double() / temperature for logits in (start_logits, end_logits))
    length = min(max_answer_length, starts.shape[1])
    rows = max(1, _AT_ONCE // (starts.shape[1] * length))
    parts = []
    for first in range(0, len(starts), rows):
        some = slice(first, first + rows)
        padded_ends = torch.nn.functional.pad(ends[some], (0, length - 1), value=-torch.inf)
        padded_segments = torch.nn.functional.pad(segments[some], (0, length - 1), value=-1)
        same = padded_segments.unfold(1, length, 1) == segments[some][:, :, None]
        reach = torch.where(same, padded_ends.unfold(1, length, 1), -torch.inf)
        sums = starts[some] + torch.logsumexp(reach, dim=2)
        parts.append(torch.where(segments[some] >= 0, sums, -torch.inf))
    return torch.cat(parts)


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
        start_logits: torch.Tensor,
        end_logits: torch.Tensor,
        batch: Mapping[str, torch.Tensor],
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
        start_logits: torch.Tensor,
        end_logits: torch.Tensor,
    ) -> None:
        import torch

        temperature = self.settings.temperature
        sums = segment_log_sums(
            start_logits,
            end_logits,
            torch.from_numpy(numbers).to(start_logits.device),
            max_answer_length=self.settings.max_answer_length,
            temperature=temperature,
        )
        gaps = sums.cpu().numpy() - found.null_score.astype(np.float64)[:, None] / temperature
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
