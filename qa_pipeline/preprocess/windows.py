"""Windows of question and context tokens as plain arrays, cut into batches of like length, and as torch tensors.

Knows nothing of tokenizers or of models: `qa_pipeline.preprocess` fills these arrays, training (which draws its batches
at random) and inference (which wants every window once) read them. Importing this module does not import torch;
`collate` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

IGNORE = -100
"""Label of a window that takes no part in the loss. Note that the question-answering heads of transformers clamp
negative labels to 0 instead of ignoring them: compute the loss outside the model, or drop these windows."""

PAD_MULTIPLE = 32
"""Without a list of sizes, batches are padded to the next multiple of this: few shapes, little waste."""


@dataclass(eq=False)
class Windows:
    """Every window of a list of examples, column by column. W windows, T tokens in all, C distinct context tokens.

    The windows of one example stand together, in the order in which they run over its context. Overlapping windows and
    questions about the same context share the rows of `offsets`.

    Attributes:
        token_ids: (T,) int32, the windows one after the other, without padding.
        row_splits: (W + 1,) int64, window i has the tokens `token_ids[row_splits[i]:row_splits[i + 1]]`.
        token_type_ids: (T,) int8, or None where the tokenizer gives none.
        example_index: (W,) int32, row of the list of examples.
        null_index: (W,) int32, position in the window of the token that stands for "no answer".
        context_begin: (W,) int32, position in the window of the first context token.
        context_end: (W,) int32, one past the last context token; equal to `context_begin` if no token is left.
        offset_begin: (W,) int64, row of `offsets` of the window's first context token.
        offsets: (C, 2) int32, characters of the context, end exclusive, trimmed to non-space: the first visible
            character at or after the token's begin, and one past the last visible one before the token's end. The text
            of tokens i..j is `context[offsets[i, 0]:offsets[j, 1]]`, which never begins or ends with a space; it is
            empty (begin >= end) where these tokens hold nothing but space.
        start_positions: (W,) int32 labels, position in the window, `null_index` for no answer, IGNORE for no loss;
            None for inference.
        end_positions: (W,) int32 labels, inclusive; None for inference.
    """

    token_ids: np.ndarray
    row_splits: np.ndarray
    token_type_ids: np.ndarray | None
    example_index: np.ndarray
    null_index: np.ndarray
    context_begin: np.ndarray
    context_end: np.ndarray
    offset_begin: np.ndarray
    offsets: np.ndarray
    start_positions: np.ndarray | None = None
    end_positions: np.ndarray | None = None

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.row_splits) - 1

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One window as a dict of arrays and ints, so that a Windows is a map-style torch dataset."""
        index = range(len(self))[index]  # negative indices, and IndexError past the end, as a list has them
        tokens = slice(self.row_splits[index], self.row_splits[index + 1])
        item: dict[str, Any] = {"input_ids": self.token_ids[tokens]}
        if self.token_type_ids is not None:
            item["token_type_ids"] = self.token_type_ids[tokens]
        for name in ("start_positions", "end_positions", "context_begin", "context_end", "null_index"):
            column = getattr(self, name)
            if column is not None:
                item[name] = int(column[index])
        item["window_index"] = index
        return item

    @cached_property
    def lengths(self) -> np.ndarray:
        """(W,) int64, tokens of each window, for length-grouped batches."""
        return np.diff(self.row_splits)

    @cached_property
    def max_length(self) -> int:
        """Tokens of the longest window, 0 if there is none."""
        return int(self.lengths.max(initial=0))

    def select(self, indices: np.ndarray | Sequence[int]) -> Windows:
        """The windows at `indices`, in that order, repeats allowed. `offsets` is shared, not copied."""
        indices = np.asarray(indices, dtype=np.int64)
        tokens = ragged_index(self.row_splits[indices], self.lengths[indices])
        columns = ("example_index", "null_index", "context_begin", "context_end", "offset_begin")
        labels = () if self.start_positions is None else ("start_positions", "end_positions")
        return replace(
            self,
            token_ids=self.token_ids[tokens],
            row_splits=to_splits(self.lengths[indices]),
            token_type_ids=None if self.token_type_ids is None else self.token_type_ids[tokens],
            **{name: getattr(self, name)[indices] for name in (*columns, *labels)},
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the cached properties, which are quick to make again."""
        return {name: value for name, value in self.__dict__.items() if name not in ("lengths", "max_length")}


def collate_arrays(
    items: Sequence[int | Mapping[str, Any]],
    windows: Windows,
    pad_token_id: int,
    padding_side: str = "right",
    pad_to: Sequence[int] | None = None,
    pad_token_type_id: int = 0,
) -> dict[str, np.ndarray]:
    """Batch of windows, padded on either side, with every position moved along where the padding is on the left.

    Args:
        items: indices into `windows`, or items of it (of which only "window_index" is read).
        windows: where the tokens come from.
        pad_token_id: id that fills up; also valid for tokenizers without a padding token, since it is masked.
        padding_side: "right" or "left".
        pad_to: the lengths that a batch may have, see `padded_length`.
        pad_token_type_id: type id of padding (XLNet has its own).

    Returns:
        int64: input_ids, attention_mask and token_type_ids if there are any, (batch, length); context_begin,
        context_end, null_index, window_index, and the labels start_positions and end_positions if there are any,
        (batch,). IGNORE stays IGNORE.
    """
    index = np.array([item["window_index"] if isinstance(item, Mapping) else item for item in items], dtype=np.int64)
    lengths = windows.lengths[index]
    width = padded_length(int(lengths.max(initial=0)), pad_to, windows.max_length)
    tokens = ragged_index(windows.row_splits[index], lengths)
    columns = np.arange(width)
    if padding_side == "left":
        shift = width - lengths
        filled = columns >= shift[:, None]
    else:
        shift = np.zeros_like(lengths)
        filled = columns < lengths[:, None]

    def spread(values: np.ndarray, fill: int) -> np.ndarray:
        table = np.full(filled.shape, fill, dtype=np.int64)
        table[filled] = values[tokens]  # a mask is filled row by row, which is the order of `tokens`
        return table

    batch = {"input_ids": spread(windows.token_ids, pad_token_id), "attention_mask": filled.astype(np.int64)}
    if windows.token_type_ids is not None:
        batch["token_type_ids"] = spread(windows.token_type_ids, pad_token_type_id)
    for name in ("context_begin", "context_end", "null_index", "start_positions", "end_positions"):
        column = getattr(windows, name)
        if column is not None:
            position = column[index].astype(np.int64)
            batch[name] = np.where(position == IGNORE, IGNORE, position + shift)
    batch["window_index"] = index
    return batch


def collate(
    items: Sequence[int | Mapping[str, Any]],
    windows: Windows,
    pad_token_id: int,
    padding_side: str = "right",
    pad_to: Sequence[int] | None = None,
    pad_token_type_id: int = 0,
) -> dict[str, torch.Tensor]:
    """As `collate_arrays`, with torch tensors."""
    import torch

    arrays = collate_arrays(items, windows, pad_token_id, padding_side, pad_to, pad_token_type_id)
    return {name: torch.from_numpy(values) for name, values in arrays.items()}


def padded_length(longest: int, pad_to: Sequence[int] | None = None, limit: int | None = None) -> int:
    """Length to which a batch is padded.

    Args:
        longest: tokens of the longest window of the batch.
        pad_to: allowed lengths; the smallest that is long enough is taken, or `longest` where none is. Without it, the
            next multiple of PAD_MULTIPLE, but no more than `limit`.
        limit: length that no batch needs to exceed, such as that of the longest window of all.
    """
    if pad_to is not None:
        return min((size for size in pad_to if size >= longest), default=longest)
    rounded = -(-longest // PAD_MULTIPLE) * PAD_MULTIPLE
    return rounded if limit is None else max(longest, min(rounded, limit))


def to_splits(lengths: np.ndarray) -> np.ndarray:
    """(N,) lengths to (N + 1,) int64 boundaries, beginning with 0."""
    splits = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=splits[1:])
    return splits


def ragged_index(begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Indices begins[0] .. begins[0] + lengths[0] - 1, then those of the next row, and so on, as one (sum,) array."""
    ends = np.cumsum(lengths)
    return np.repeat(begins - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)


# Batches. They see lengths only.

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
