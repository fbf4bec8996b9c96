"""Cuts windows into batches of similar length. Sees lengths only, never tokens or models.

Training (which draws its batches at random) and inference (which wants every window once) both build on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_pipeline.preprocess.windows import PAD_MULTIPLE, padded_length

MODEL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""What of a collated batch goes into a model; the rest is for the loss and for decoding."""


def padded_lengths(
    lengths: np.ndarray,
    multiple: int = PAD_MULTIPLE,
    longest: int | None = None,
    pad_to: Sequence[int] | None = None,
) -> np.ndarray:
    """Rounds lengths (tokens) up to the next multiple, never above `longest` where that still holds them all.

    With `pad_to`, the only lengths that a batch may have, up to the smallest of these that is long enough instead.
    """
    if pad_to is not None:
        return np.array([padded_length(length, pad_to) for length in np.asarray(lengths).tolist()], dtype=np.int64)
    rounded = -(-np.asarray(lengths, dtype=np.int64) // multiple) * multiple
    if longest is not None and len(rounded) and longest >= int(np.max(lengths)):
        rounded = np.minimum(rounded, longest)
    return rounded


def cut(padded: np.ndarray, batch_size: int | None, batch_tokens: int | None) -> list[slice]:
    """Cuts windows that are sorted by padded length into batches.

    Args:
        padded: (num_windows,) padded lengths in tokens, ascending.
        batch_size: most windows in a batch, or None for no such bound.
        batch_tokens: most padded tokens in a batch (a window longer than this is alone), or None for no such bound.
    """
    batches = []
    begin = 0
    for position, length in enumerate(padded.tolist()):
        count = position - begin
        full = batch_size is not None and count >= batch_size
        heavy = batch_tokens is not None and (count + 1) * length > batch_tokens
        if count and (full or heavy):
            batches.append(slice(begin, position))
            begin = position
    if len(padded) > begin:
        batches.append(slice(begin, len(padded)))
    return batches


def inference_batches(
    lengths: np.ndarray,
    batch_tokens: int | None,
    rank: int = 0,
    world_size: int = 1,
    longest: int | None = None,
    batch_size: int | None = None,
    pad_to: Sequence[int] | None = None,
) -> Sequence[list[int]]:
    """Batches that hold every window once, longest first (an out-of-memory error comes at once, not after an hour).

    Args:
        lengths: (num_windows,) tokens.
        batch_tokens, batch_size: bounds of a batch, see `cut`.
        rank, world_size: this process takes every `world_size`-th batch from `rank` on.
        longest, pad_to: how batches are padded, see `padded_lengths`.
    """
    padded = padded_lengths(lengths, longest=longest, pad_to=pad_to)
    order = np.argsort(padded, kind="stable")
    slices = cut(padded[order], batch_size, batch_tokens)
    return [order[s].tolist() for s in reversed(slices)][rank::world_size]
