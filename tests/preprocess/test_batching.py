from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.preprocess.windows import cut, inference_batches, padded_lengths

lengths_strategy = st.lists(st.integers(1, 384), min_size=1, max_size=200).map(np.array)


@settings(deadline=None, max_examples=50)
@given(lengths=lengths_strategy, tokens=st.integers(64, 4096), world=st.integers(1, 3))
def test_inference_batches_hold_every_window_once_longest_first(lengths, tokens, world):
    shares = [inference_batches(lengths, tokens, rank, world) for rank in range(world)]
    assert sorted(i for share in shares for batch in share for i in batch) == list(range(len(lengths)))
    padded = padded_lengths(lengths)
    longest = [int(padded[batch].max()) for batch in shares[0]]
    assert longest == sorted(longest, reverse=True)


@settings(deadline=None, max_examples=50)
@given(lengths=lengths_strategy, tokens=st.integers(64, 4096), size=st.integers(1, 9))
def test_no_batch_goes_beyond_its_bounds_unless_it_is_one_window(lengths, tokens, size):
    padded = np.sort(padded_lengths(lengths))
    for batch in cut(padded, size, tokens):
        count = batch.stop - batch.start
        assert count == 1 or (count <= size and count * padded[batch.stop - 1] <= tokens)


def test_lengths_are_rounded_up_but_not_beyond_the_longest():
    assert padded_lengths(np.array([1, 32, 33, 150])).tolist() == [32, 32, 64, 160]
    assert padded_lengths(np.array([1, 33, 150]), longest=150).tolist() == [32, 64, 150]
