"""Runs a model over stretches of contexts and keeps the few best spans of each window, as characters of the context.

Never decides an answer: that is Postprocess, once all windows of a question are there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.postprocess import Candidates, Postprocess
from qa_pipeline.preprocess import Preprocess, Windows, collate_arrays
from qa_pipeline.preprocess.windows import inference_batches

if TYPE_CHECKING:
    from qa_pipeline.predictor.questions import Stretch
    from qa_pipeline.predictor.readers import Reader

BATCH_TOKENS_CPU, BATCH_TOKENS = 4096, 65536
"""Padded tokens in a batch where the caller does not say."""


@dataclass
class FoundSpans:
    """The best spans of W windows in characters of the whole contexts; what `Postprocess.predictions` calls windows.

    Attributes:
        candidates: of the windows, `start` and `end` being columns: its span j is `offsets[offset_begin + j]`.
        example_index: (W,) int64, row of the chunk that a window is of.
        offset_begin: (W,) int64.
        offsets: (W * n_best_size, 2) int64, characters of the context, end exclusive.
    """

    candidates: Candidates
    example_index: np.ndarray
    offset_begin: np.ndarray
    offsets: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[tuple[Candidates, np.ndarray, np.ndarray]]) -> FoundSpans:
        """Joins what `find_spans` gave for several lots of stretches."""
        candidates = Candidates.concatenate([part[0] for part in parts])
        windows, width = candidates.score.shape
        columns = np.broadcast_to(np.arange(width, dtype=np.int32), (windows, width))
        return cls(
            candidates=replace(candidates, window_index=np.arange(windows), start=columns, end=columns),
            example_index=np.concatenate([part[1] for part in parts]),
            offset_begin=np.arange(windows, dtype=np.int64) * width,
            offsets=np.concatenate([part[2] for part in parts]),
        )


def find_spans(
    reader: Reader,
    stretches: Sequence[Stretch],
    rows: Sequence[dict[str, str]],
    preprocess: Preprocess,
    postprocess: Postprocess,
    *,
    batch_tokens: int | None,
    batch_size: int | None = None,
    on_batch: Callable[[float], None] | None = None,
) -> tuple[Candidates, np.ndarray, np.ndarray]:
    """The best spans of all windows of some stretches, in no particular order. Logits live for one batch.

    Args:
        reader: computes logits.
        stretches: parts of the contexts of `rows`.
        rows: the chunk.
        preprocess, postprocess: with the limits of this call.
        batch_tokens, batch_size: bounds of a batch, see `preprocess.windows.cut`.
        on_batch: told after every batch which share of the windows it was.

    Returns:
        Candidates of W windows, (W,) rows of the chunk, and (W * n_best_size, 2) characters of their spans.

    Raises:
        NonFiniteLogitsError: a logit is NaN or infinite; the question is named.
        ModelError: a batch does not fit in the memory.
    """
    parts = [{**rows[stretch.row], "context": stretch.text} for stretch in stretches]
    windows = preprocess.windows(parts)  # type: ignore[arg-type]  # answers are not read
    tokenizer = preprocess.tokenizer
    found = []
    for indices in inference_batches(windows.lengths, batch_tokens, longest=windows.max_length, batch_size=batch_size):
        batch = collate_arrays(
            indices,
            windows,
            pad_token_id=tokenizer.pad_token_id or 0,
            padding_side=tokenizer.padding_side,
            pad_token_type_id=tokenizer.pad_token_type_id,
        )
        start_logits, end_logits = reader.logits(batch)
        found.append(postprocess.reduce(start_logits, end_logits, batch, windows=windows, examples=parts))
        if on_batch is not None:
            on_batch(len(indices) / len(windows))
    return _in_characters(Candidates.concatenate(found), windows, stretches)


def _in_characters(
    candidates: Candidates, windows: Windows, stretches: Sequence[Stretch]
) -> tuple[Candidates, np.ndarray, np.ndarray]:
    part = windows.example_index[candidates.window_index]
    row_of_part = np.array([stretch.row for stretch in stretches], dtype=np.int64)
    begin_of_part = np.array([stretch.begin for stretch in stretches], dtype=np.int64)
    # A context of which the tokenizer kept nothing has a window without tokens, whose candidates are all empty.
    offsets = windows.offsets if len(windows.offsets) else np.zeros((1, 2), dtype=np.int32)
    first = windows.offset_begin[candidates.window_index][:, None]
    places = [np.minimum(first + column, len(offsets) - 1) for column in (candidates.start, candidates.end)]
    spans = np.stack([offsets[places[0], 0], offsets[places[1], 1]], axis=2).astype(np.int64)
    spans += begin_of_part[part][:, None, None]
    return candidates, row_of_part[part], spans.reshape(-1, 2)


PATIENCE = 3.0
"""Seconds without a bar."""


class Progress:
    """Counts questions, in fractions while a long context is being read.

    Args:
        shown: True or False; None shows it where stderr is a terminal.
        total: questions, where that is known.
    """

    def __init__(self, shown: bool | None, total: int | None):
        self._bar: Any = None
        if shown or (shown is None and sys.stderr is not None and sys.stderr.isatty()):
            from tqdm import tqdm

            left = "{percentage:3.0f}%|{bar}| " if total else ""
            right = "{n:.0f}" + ("/{total:.0f}" if total else "") + " [{elapsed}<{remaining}]"
            bar_format = "{desc}: " + left + right
            self._bar = tqdm(desc="questions", total=total, delay=PATIENCE, bar_format=bar_format, leave=False)

    def add(self, questions: float) -> None:
        """So many more are done."""
        if self._bar is not None:
            self._bar.update(questions)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
