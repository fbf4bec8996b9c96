from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.preprocess.windows import PAD_MULTIPLE, padded_lengths
from qa_pipeline.process.batching import LengthGroupedBatches, MixedBatches

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
    extra_epochs=st.sampled_from([0.5, 1, 2, 3.5, 7]),
    world=st.integers(1, 3),
)
def test_extra_windows_have_passes_of_their_own(lengths, share, epochs, extra_epochs, world):
    extra = np.random.default_rng(0).random(len(lengths)) < share
    extra[0] = False
    options = {"epochs": epochs, "extra_epochs": extra_epochs, "batch_tokens": 512, "seed": 3, "world_size": world}
    ranks = [MixedBatches(lengths, extra, rank=rank, **options) for rank in range(world)]
    parts = []  # the batches that all processes see in each epoch
    for epoch in range(epochs):
        shares = []
        for batches in ranks:
            batches.set_epoch(epoch)
            shares.append(list(batches))
            assert len(shares[-1]) == len(batches) == len(ranks[0])
        parts.append([batch for step in zip(*shares, strict=True) for batch in step])
    assert len({len(part) for part in parts}) == 1
    seen = Counter(window for part in parts for batch in part for window in batch)
    for window, is_extra in enumerate(extra.tolist()):
        assert seen[window] >= (math.floor(extra_epochs) if is_extra else epochs)
    # The last epoch is filled up: fewer batches than there are epochs, and some of each pass with several processes.
    filled = epochs + epochs * world
    longest = max((len(batch) for part in parts for batch in part), default=0)
    wanted = epochs * int((~extra).sum()) + round(extra_epochs * int(extra.sum()))
    assert wanted <= seen.total() <= wanted + filled * longest


def test_every_epoch_has_its_share_of_the_extra_windows():
    lengths = np.random.default_rng(0).integers(10, 384, 900)
    extra = np.arange(900) >= 100
    batches = MixedBatches(lengths, extra, epochs=8, extra_epochs=2, batch_tokens=2048, seed=1)
    seen = []
    for epoch in range(8):
        batches.set_epoch(epoch)
        seen.append([window for batch in batches for window in batch])
        assert 160 <= sum(window >= 100 for window in seen[-1]) <= 240  # 2 / 8 of 800, borders moved
        assert 80 <= sum(window < 100 for window in seen[-1]) <= 120
    batches.set_epoch(3)
    assert [window for batch in batches for window in batch] == seen[3]
    assert seen[0] != seen[4]
    batches.set_epoch(8)  # beyond what was asked for
    assert len([window for batch in batches for window in batch]) > 250
