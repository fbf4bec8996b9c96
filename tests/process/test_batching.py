from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.preprocess.batching import padded_lengths
from qa_pipeline.preprocess.windows import PAD_MULTIPLE
from qa_pipeline.process.batching import LengthGroupedBatches, StagedBatches

lengths_strategy = st.lists(st.integers(1, 384), min_size=1, max_size=200).map(np.array)


@settings(deadline=None, max_examples=50)
@given(lengths=lengths_strategy, tokens=st.integers(64, 4096), world=st.integers(1, 4), epoch=st.integers(0, 3))
def test_every_window_is_in_every_epoch_and_all_processes_take_equally_many_steps(lengths, tokens, world, epoch):
    seen = []
    counts = set()
    for rank in range(world):
        batches = LengthGroupedBatches(lengths, batch_tokens=tokens, seed=3, rank=rank, world_size=world)
        batches.set_epoch(epoch)
        mine = list(batches)
        counts.add(len(mine))
        assert len(mine) == len(batches)
        seen += [i for batch in mine for i in batch]
    assert len(counts) == 1
    assert set(seen) == set(range(len(lengths)))


@settings(deadline=None, max_examples=50)
@given(lengths=lengths_strategy, tokens=st.integers(64, 4096))
def test_no_batch_holds_more_padded_tokens_than_allowed_unless_one_window_alone_does(lengths, tokens):
    for batch in LengthGroupedBatches(lengths, batch_tokens=tokens):
        padded = int(padded_lengths(lengths[batch]).max()) * len(batch)
        assert padded <= tokens or len(batch) == 1


def test_the_number_of_steps_is_the_same_in_every_epoch_and_the_order_is_not():
    lengths = np.random.default_rng(0).integers(10, 384, 500)
    batches = LengthGroupedBatches(lengths, batch_tokens=2048, seed=1)
    epochs = []
    for epoch in range(3):
        batches.set_epoch(epoch)
        epochs.append(list(batches))
    assert len({len(e) for e in epochs}) == 1
    assert epochs[0] != epochs[1]
    batches.set_epoch(1)
    assert list(batches) == epochs[1]


def test_grouping_wastes_little_padding_and_random_order_wastes_much():
    lengths = np.random.default_rng(0).integers(10, 384, 2000)

    def padded_tokens(order: str) -> int:
        batches = LengthGroupedBatches(lengths, batch_size=16, order=order)
        return sum(int(padded_lengths(lengths[b]).max()) * len(b) for b in batches)

    assert padded_tokens("group_by_length") < 1.12 * lengths.sum()
    assert padded_tokens("random") > 1.5 * lengths.sum()


def test_processes_get_batches_of_about_the_same_length_in_each_step():
    lengths = np.random.default_rng(0).integers(10, 384, 2000)
    shares = [list(LengthGroupedBatches(lengths, batch_size=8, rank=r, world_size=2)) for r in range(2)]
    gaps = [abs(int(lengths[a].max()) - int(lengths[b].max())) for a, b in zip(*shares, strict=True)]
    assert np.mean(gaps) < PAD_MULTIPLE


def test_a_sampler_without_a_bound_is_refused():
    with pytest.raises(ValueError, match="batch_size and batch_tokens"):
        LengthGroupedBatches(np.array([1, 2]))


def test_sequential_order_is_kept():
    batches = LengthGroupedBatches(np.array([30, 300, 20, 10]), batch_size=2, order="sequential")
    assert list(batches) == [[0, 1], [2, 3]]


@settings(deadline=None, max_examples=50)
@given(
    lengths=lengths_strategy,
    share=st.floats(0, 0.9),
    epochs=st.integers(1, 5),
    extra_epochs=st.integers(1, 5),
    world=st.integers(1, 3),
)
def test_extra_windows_are_in_the_first_passes_and_the_others_in_all(lengths, share, epochs, extra_epochs, world):
    extra = np.random.default_rng(0).random(len(lengths)) < share
    extra[0] = False
    extra_epochs = min(extra_epochs, epochs)
    options = {"epochs": epochs, "extra_epochs": extra_epochs, "batch_tokens": 512, "seed": 3, "world_size": world}
    steps: list[list[list[int]]] = []  # what all processes see, step by step
    ranks = [StagedBatches(lengths, extra, rank=rank, **options) for rank in range(world)]
    for epoch in range(epochs):
        shares = []
        for batches in ranks:
            batches.set_epoch(epoch)
            shares.append(list(batches))
            assert len(shares[-1]) == len(batches) == len(ranks[0])
        steps += [list(step) for step in zip(*shares, strict=True)]
    seen = Counter(window for step in steps for batch in step for window in batch)
    for window, is_extra in enumerate(extra.tolist()):
        assert seen[window] >= (extra_epochs if is_extra else epochs)
    last = max((n for n, step in enumerate(steps) for batch in step if extra[batch].any()), default=-1)
    with_extra = -(-len(LengthGroupedBatches(lengths, batch_tokens=512)) // world) * extra_epochs
    assert last < with_extra
    if world == 1:  # nothing is filled up but the end
        assert all(seen[window] == extra_epochs for window in np.flatnonzero(extra).tolist())
        passes_end = with_extra + (epochs - extra_epochs) * len(LengthGroupedBatches(lengths[~extra], batch_tokens=512))
        counted = Counter(window for step in steps[:passes_end] for batch in step for window in batch)
        assert all(counted[window] == epochs for window in np.flatnonzero(~extra).tolist())


def test_a_staged_epoch_is_the_same_when_it_is_read_again_and_what_follows_the_last_has_no_extra_windows():
    lengths = np.random.default_rng(0).integers(10, 384, 300)
    extra = np.arange(300) >= 100
    batches = StagedBatches(lengths, extra, epochs=4, extra_epochs=1, batch_tokens=1024, seed=1)
    batches.set_epoch(2)
    first = list(batches)
    assert list(batches) == first
    batches.set_epoch(7)
    after = [window for batch in batches for window in batch]
    assert after and max(after) < 100
