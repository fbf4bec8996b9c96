"""Draws batches for training: windows of similar length together. Sees lengths only, never tokens or models.

Lengths are rounded up to a few sizes, so that a batch is padded very little and the device sees few shapes (kernels
and memory are cached by shape). Within one size windows are drawn at random in every epoch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from qa_pipeline.preprocess.windows import cut, padded_lengths


class LengthGroupedBatches:
    """Batch sampler for training: indices of windows of one size, batches in random order.

    The number of batches is the same in every epoch, which the learning-rate schedule and resuming rely on. With
    several processes each step gives every process a batch of about the same length; the last step is filled up with
    batches drawn again (as torch's DistributedSampler does with rows).

    Args:
        lengths: (num_windows,) tokens.
        batch_size, batch_tokens: bounds of a batch, see `cut`. One of them must be given.
        seed: with the epoch, decides the order.
        rank, world_size: which share of each step this process takes.
        order: "group_by_length"; "random" draws windows over all lengths; "sequential" keeps their order.
        longest, pad_to: how batches are padded, see `padded_lengths`.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        *,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        order: str = "group_by_length",
        longest: int | None = None,
        pad_to: Sequence[int] | None = None,
    ):
        if batch_size is None and batch_tokens is None:
            raise ValueError("one of batch_size and batch_tokens must be given")
        self.padded = padded_lengths(lengths, longest=longest, pad_to=pad_to)
        if order != "group_by_length" and batch_tokens is not None:
            # Any window may be beside the longest one, so a fixed count keeps every batch under the bound.
            fitting = max(1, batch_tokens // int(self.padded.max(initial=1)))
            batch_size, batch_tokens = min(batch_size or fitting, fitting), None
        self.slices = cut(np.sort(self.padded), batch_size, batch_tokens)
        self.seed, self.epoch = seed, 0
        self.rank, self.world_size, self.order = rank, world_size, order

    def set_epoch(self, epoch: int) -> None:
        """Decides the order of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches that this process sees in an epoch."""
        return -(-len(self.slices) // self.world_size)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        windows = np.arange(len(self.padded)) if self.order == "sequential" else rng.permutation(len(self.padded))
        if self.order == "group_by_length":
            windows = windows[np.argsort(self.padded[windows], kind="stable")]
        steps = [self.slices[i : i + self.world_size] for i in range(0, len(self.slices), self.world_size)]
        if steps and len(steps[-1]) < self.world_size:
            missing = self.world_size - len(steps[-1])
            steps[-1] = steps[-1] + [self.slices[i % len(self.slices)] for i in range(missing)]
        for step in range(len(steps)) if self.order == "sequential" else rng.permutation(len(steps)):
            yield windows[steps[step][self.rank]].tolist()


class MixedBatches:
    """Batch sampler for data of which a part, the extra windows, is passed over more or less often than the others.

    Every pass has all other windows and its share of the extra ones. The passes are laid end to end and cut into
    epochs of one length, which the learning-rate schedule and resuming rely on. What is asked for beyond the last pass
    is that one again, in another order.

    Args:
        lengths: (num_windows,) tokens.
        extra: (num_windows,) bool.
        epochs: passes over the windows that are not extra.
        extra_epochs: passes over those that are, spread evenly.
        options: of `LengthGroupedBatches`, for every pass.
    """

    def __init__(self, lengths: np.ndarray, extra: np.ndarray, *, epochs: int, extra_epochs: float, **options: Any):
        self.epoch = 0
        others, added = np.flatnonzero(~extra), np.flatnonzero(extra)
        rng = np.random.default_rng([options.get("seed", 0), len(added)])
        drawn = np.concatenate([rng.permutation(added) for _ in range(math.ceil(extra_epochs))])
        shares = np.array_split(drawn[: round(extra_epochs * len(added))], epochs)
        self._windows = [np.concatenate([others, share]) for share in shares]
        self._passes = [LengthGroupedBatches(lengths[windows], **options) for windows in self._windows]
        self._length = -(-sum(len(batches) for batches in self._passes) // epochs)

    def set_epoch(self, epoch: int) -> None:
        """Decides which part the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches that this process sees in an epoch."""
        return self._length

    def __iter__(self) -> Iterator[list[int]]:
        return itertools.islice(self._from(self.epoch * self._length), self._length)

    def _from(self, position: int) -> Iterator[list[int]]:
        """The batches of all passes from a position on, without end."""
        for number in itertools.count():
            which = min(number, len(self._passes) - 1)
            windows, batches = self._windows[which], self._passes[which]
            if position >= len(batches):
                position -= len(batches)
                continue
            batches.set_epoch(number)
            for batch in itertools.islice(batches, position, None):
                yield windows[batch].tolist()
            position = 0
