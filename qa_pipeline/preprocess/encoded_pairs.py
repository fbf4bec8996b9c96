"""Holds encoded questions and contexts as flat arrays, and cuts them into windows.

Never sees a tokenizer: it is given token ids and character offsets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np

from qa_pipeline.errors import DataError
from qa_pipeline.preprocess.windows import Windows, ragged_index, to_splits

BLOCK = 1 << 12
"""Windows that are put together at once; bounds the memory for indices."""


@dataclass
class EncodedPairs:
    """Tokens of E examples, cut at the context. S distinct surroundings, K distinct contexts.

    Ragged columns are flat arrays with boundaries: row i of `before_ids` is
    `before_ids[before_splits[i]:before_splits[i + 1]]`. Ids are int32, type ids int8, boundaries int64.

    Attributes:
        before_ids, before_types, before_splits: S rows, special tokens and question in front of the context.
        after_ids, after_types, after_splits: S rows, special tokens behind the context.
        null_position: (S,) position of the no-answer token in its before row, or in its after row if `null_is_after`.
        null_is_after: (S,) bool.
        context_ids, context_types, context_splits: K rows.
        offsets: (context tokens, 2) int32, see `Windows.offsets`.
        surroundings: (E,) row of before and after of each example.
        contexts: (E,) row of context_ids of each example.
        truncated: (E,) bool, the question was longer than allowed and was cut.
    """

    before_ids: np.ndarray
    before_types: np.ndarray
    before_splits: np.ndarray
    after_ids: np.ndarray
    after_types: np.ndarray
    after_splits: np.ndarray
    null_position: np.ndarray
    null_is_after: np.ndarray
    context_ids: np.ndarray
    context_types: np.ndarray
    context_splits: np.ndarray
    offsets: np.ndarray
    surroundings: np.ndarray
    contexts: np.ndarray
    truncated: np.ndarray


def compose_windows(
    pairs: EncodedPairs, max_seq_length: int, doc_stride: int, truncation_side: str = "right"
) -> Windows:
    """Cuts contexts so that each window has at most max_seq_length tokens, and puts the windows together.

    Args:
        pairs: encoded examples.
        max_seq_length: tokens of a full window.
        doc_stride: tokens that neighbouring windows share.
        truncation_side: "right" lays windows from the context's begin on, "left" from its end backwards.

    Raises:
        DataError: what stands around a context leaves no room for more than doc_stride tokens of it.
    """
    before_length = np.diff(pairs.before_splits)[pairs.surroundings]
    after_length = np.diff(pairs.after_splits)[pairs.surroundings]
    context_length = np.diff(pairs.context_splits)[pairs.contexts]
    room = max_seq_length - before_length - after_length
    bad = np.flatnonzero((room <= doc_stride) & (context_length > room))
    if len(bad):
        raise DataError(
            f"row {bad[0]}: the question leaves room for {max(int(room[bad[0]]), 0)} tokens of context in a window of "
            f"{max_seq_length}, not more than doc_stride={doc_stride}; lower doc_stride or max_question_length"
        )

    step = np.maximum(room - doc_stride, 1)
    counts = 1 + np.maximum(-(-(context_length - room) // step), 0)
    example = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(example)) - np.repeat(to_splits(counts)[:-1], counts)
    if truncation_side == "left":
        end = context_length[example] - number * step[example]
        begin = np.maximum(end - room[example], 0)
    else:
        begin = number * step[example]
        end = np.minimum(begin + room[example], context_length[example])

    row = pairs.surroundings[example]
    offset_begin = pairs.context_splits[pairs.contexts[example]] + begin
    context_begin = before_length[example]
    context_end = context_begin + end - begin
    lengths = context_end + after_length[example]
    # Each window is three stretches of one pool of tokens.
    after_base = len(pairs.before_ids)
    context_base = after_base + len(pairs.after_ids)
    begins = np.stack([pairs.before_splits[row], context_base + offset_begin, after_base + pairs.after_splits[row]], 1)
    pieces = np.stack([context_begin, end - begin, after_length[example]], 1)
    ids = np.concatenate([pairs.before_ids, pairs.after_ids, pairs.context_ids])
    types = np.concatenate([pairs.before_types, pairs.after_types, pairs.context_types])
    row_splits = to_splits(lengths)
    token_ids = np.empty(int(row_splits[-1]), dtype=np.int32)
    type_ids = np.empty(int(row_splits[-1]), dtype=np.int8)
    for first in range(0, len(lengths), BLOCK):
        block = slice(first, first + BLOCK)
        index = ragged_index(begins[block].ravel(), pieces[block].ravel())
        tokens = slice(int(row_splits[first]), int(row_splits[first]) + len(index))
        token_ids[tokens], type_ids[tokens] = ids[index], types[index]

    return Windows(
        token_ids=token_ids,
        row_splits=row_splits,
        token_type_ids=type_ids,
        example_index=example.astype(np.int32),
        null_index=(pairs.null_position[row] + pairs.null_is_after[row] * context_end).astype(np.int32),
        context_begin=context_begin.astype(np.int32),
        context_end=context_end.astype(np.int32),
        offset_begin=offset_begin,
        offsets=pairs.offsets,
    )


class PairRows:
    """Collects lists until they are joined into an EncodedPairs.

    Args:
        ids_of_text: see the function of that name.
    """

    def __init__(self, ids_of_text: np.ndarray) -> None:
        self.ids_of_text = ids_of_text
        self.before: list[list[int]] = []
        self.before_types: list[list[int]] = []
        self.after: list[list[int]] = []
        self.after_types: list[list[int]] = []
        self.null_position: list[int] = []
        self.null_is_after: list[bool] = []
        self.context_ids: list[np.ndarray] = []
        self.context_types: list[np.ndarray] = []
        self.context_lengths: list[int] = []
        self.offsets: list[np.ndarray] = []

    def add_null(self, wanted: Sequence[int], before: list[int], special: list[int], after: list[int]) -> None:
        """Finds where "no answer" is in a window.

        It is the first special token whose id is the first in `wanted` that occurs, else the first special token, else
        position 0. Only what the template put there counts, not a "[CLS]" that somebody wrote into a question.

        Args:
            wanted: ids in order of preference, that is CLS and BOS.
            before: tokens in front of the context.
            special: positions in `before` that are special tokens.
            after: tokens behind the context, all of them special.
        """
        places = [(position, False) for position in special] + [(position, True) for position in range(len(after))]
        ids = [before[position] for position in special] + after
        first = next((ids.index(token) for token in wanted if token in ids), 0)
        position, is_after = places[first] if places else (0, False)
        self.null_position.append(position)
        self.null_is_after.append(is_after)

    def add_contexts(
        self,
        texts: Sequence[str],
        lengths: Sequence[int],
        ids: Iterable[list[int]],
        offsets: Iterable[list[tuple[int, int]]],
        types: int | Iterable[list[int]],
    ) -> None:
        """Adds a batch of contexts with so many tokens each; `types` is one value for all of them, or lists too.

        Give iterators that make one list at a time: many live tuples would keep the garbage collector busy.
        """
        total = sum(lengths)
        raw = np.fromiter(chain.from_iterable(chain.from_iterable(offsets)), dtype=np.int32, count=2 * total)
        self.offsets.append(trim_offsets(raw.reshape(total, 2), np.array(lengths, dtype=np.int64), texts))
        self.context_ids.append(self.ids_of_text[np.fromiter(chain.from_iterable(ids), dtype=np.int32, count=total)])
        if isinstance(types, int):
            self.context_types.append(np.full(total, types, dtype=np.int8))
        else:
            self.context_types.append(np.fromiter(chain.from_iterable(types), dtype=np.int8, count=total))
        self.context_lengths.extend(lengths)

    def pairs(self, surroundings: np.ndarray, contexts: np.ndarray, truncated: np.ndarray) -> EncodedPairs:
        """Joins what was collected."""
        return EncodedPairs(
            before_ids=_flatten(self.before, np.int32),
            before_types=_flatten(self.before_types, np.int8),
            before_splits=to_splits(np.array([len(row) for row in self.before])),
            after_ids=_flatten(self.after, np.int32),
            after_types=_flatten(self.after_types, np.int8),
            after_splits=to_splits(np.array([len(row) for row in self.after])),
            null_position=np.array(self.null_position, dtype=np.int64),
            null_is_after=np.array(self.null_is_after, dtype=bool),
            context_ids=np.concatenate([np.zeros(0, np.int32), *self.context_ids]),
            context_types=np.concatenate([np.zeros(0, np.int8), *self.context_types]),
            context_splits=to_splits(np.array(self.context_lengths, dtype=np.int64)),
            offsets=np.concatenate([np.zeros((0, 2), np.int32), *self.offsets]),
            surroundings=surroundings,
            contexts=contexts,
            truncated=truncated,
        )


def trim_offsets(offsets: np.ndarray, lengths: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Moves the borders of tokens off spaces, see `Windows.offsets`.

    Byte-level and sentencepiece tokens include the space before a word, and tokens of nothing but space exist.

    Args:
        offsets: (N, 2) int32 characters of the text that the token is from, end exclusive.
        lengths: (K,) tokens of each text, N in all.
        texts: (K,) texts.

    Returns:
        (N, 2) int32.
    """
    bases = to_splits(np.array([len(text) for text in texts], dtype=np.int64))
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    base = np.repeat(bases[:-1], lengths)
    begin, end = offsets[:, 0] + base, offsets[:, 1] + base
    if (begin < end).all() and not _is_space(points[begin]).any() and not _is_space(points[end - 1]).any():
        return offsets  # most tokenizers, most texts
    size = len(points)
    visible, places = ~_is_space(points), np.arange(size)
    following = np.full(size + 1, size, dtype=np.int64)
    following[:size] = np.minimum.accumulate(np.where(visible, places, size)[::-1])[::-1]
    preceding = np.zeros(size + 1, dtype=np.int64)
    preceding[1:] = np.maximum.accumulate(np.where(visible, places + 1, 0))
    trimmed = np.empty_like(offsets)
    trimmed[:, 0] = np.minimum(following[begin], np.repeat(bases[1:], lengths)) - base
    trimmed[:, 1] = np.maximum(preceding[end], base) - base
    return trimmed


def _is_space(points: np.ndarray) -> np.ndarray:
    """Whether str.isspace calls each code point a space."""
    table = _space_table()
    is_space: np.ndarray = table[np.minimum(points, len(table) - 1)]
    return is_space


@cache
def _space_table() -> np.ndarray:
    """True for the code points that str.isspace calls a space; the last of them is U+3000, the last entry is False."""
    return np.array([chr(point).isspace() for point in range(0x3002)])


def _flatten(rows: Sequence[list[int]], dtype: type) -> np.ndarray:
    return np.fromiter(chain.from_iterable(rows), dtype=dtype, count=sum(map(len, rows)))
