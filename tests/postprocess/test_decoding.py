"""The search for the best spans of a window, against brute force and in the cases that are got wrong elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.postprocess.decoding import Candidates, top_spans
from tests.oracles import best_spans

# Multiples of 1/4 add up without rounding, so that brute force in double precision sees the very same ties.
logits = st.integers(-12, 12).map(lambda x: x / 4)


def spans_of(candidates: Candidates, row: int = 0) -> list[tuple[float, int, int]]:
    columns = (candidates.score[row], candidates.start[row], candidates.end[row])
    return [(s, a, b) for s, a, b in zip(*(column.tolist() for column in columns), strict=True) if s > -math.inf]


def decode(
    start: torch.Tensor, end: torch.Tensor, begin: list[int], stop: list[int], null: list[int], **options: Any
) -> Candidates:
    """The candidates of torch tensors; those of NumPy arrays are compared with them."""
    options = {"n_best_size": 20, "max_answer_length": 30} | options
    index = torch.arange(len(start))
    found = top_spans(start, end, torch.tensor(begin), torch.tensor(stop), torch.tensor(null), index, **options)
    columns = (np.array(column, dtype=np.int64) for column in (begin, stop, null, index))
    same = top_spans(start.float().numpy(), end.float().numpy(), *columns, **options)
    for name, values in found.to_arrays().items():
        if name.startswith("log_partition"):
            np.testing.assert_allclose(getattr(same, name), values, rtol=1e-5, atol=1e-5)
        else:
            assert np.array_equal(getattr(same, name), values), name
    return found


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Any]:
    length, size = draw(st.integers(2, 14)), draw(st.integers(1, 4))
    rows = []
    for _ in range(size):
        begin = draw(st.integers(0, length))
        stop = draw(st.integers(begin, length))
        row = [draw(st.lists(logits, min_size=length, max_size=length)) for _ in range(2)]
        rows.append((row[0], row[1], begin, stop, draw(st.integers(0, length - 1))))
    return {"rows": rows, "n_best_size": draw(st.integers(1, 25)), "max_answer_length": draw(st.integers(1, 16))}


@settings(deadline=None, max_examples=150)
@given(batches())
def test_the_n_best_and_the_log_partition_equal_brute_force(case: dict[str, Any]) -> None:
    starts, ends, begins, stops, nulls = zip(*case["rows"], strict=True)
    options = {name: case[name] for name in ("n_best_size", "max_answer_length")}
    found = decode(torch.tensor(starts), torch.tensor(ends), list(begins), list(stops), list(nulls), **options)
    assert found.score.shape == (len(starts), options["n_best_size"])
    for row in range(len(starts)):
        expected, log_partition = best_spans(starts[row], ends[row], begins[row], stops[row], *options.values())
        assert spans_of(found, row) == expected
        assert found.log_partition[row] == pytest.approx(log_partition, abs=1e-5)
        assert found.null_score[row] == starts[row][nulls[row]] + ends[row][nulls[row]]


@settings(deadline=None, max_examples=80)
@given(batches(), st.sampled_from([0.2, 0.5, 1.0, 2.0, 10.0]))
def test_temperature_changes_the_log_partition_only_and_a_grid_gives_each_of_its_temperatures(
    case: dict[str, Any], temperature: float
) -> None:
    starts, ends, begins, stops, nulls = zip(*case["rows"], strict=True)
    options = {name: case[name] for name in ("n_best_size", "max_answer_length")}
    batch = (torch.tensor(starts), torch.tensor(ends), list(begins), list(stops), list(nulls))
    plain = decode(*batch, **options)
    tempered = decode(*batch, **options, temperature=temperature)
    grid = decode(*batch, **options, temperatures=(3.0, temperature, 1.0))
    for name in ("start", "end", "score", "null_score"):
        np.testing.assert_array_equal(getattr(tempered, name), getattr(plain, name))
    for row in range(len(starts)):
        cooled = [[value / temperature for value in logits[row]] for logits in (starts, ends)]
        _, log_partition = best_spans(*cooled, begins[row], stops[row], *options.values())
        assert tempered.log_partition[row] == pytest.approx(log_partition, abs=1e-4)
    np.testing.assert_array_equal(grid.log_partition, plain.log_partition)
    np.testing.assert_array_equal(grid.log_partitions[:, 1], tempered.log_partition)
    np.testing.assert_array_equal(grid.log_partitions[:, 2], plain.log_partition)
    assert plain.log_partitions.shape == (len(starts), 0)


def test_the_grid_survives_joining_and_transport() -> None:
    start = torch.tensor([[0.0, 2.0, 1.0], [0.0, 1.0, 5.0]])
    found = decode(start, start, [1, 1], [3, 3], [0, 0], temperatures=(1.0, 2.0))
    sent = Candidates.from_arrays({name: values.tolist() for name, values in found.to_arrays().items()})
    joined = Candidates.concatenate([found, sent])
    assert joined.log_partitions.shape == (4, 2) and joined.log_partitions.dtype == np.float64
    np.testing.assert_array_equal(joined.log_partitions[:2], joined.log_partitions[2:])
    assert Candidates.concatenate([]).log_partitions.shape == (0, 0)


@pytest.mark.parametrize(
    ("length", "max_answer_length", "scale"), [(384, 30, 3), (200, 200, 10), (97, 1, 1), (512, 64, 50)]
)
def test_long_windows_equal_brute_force(length: int, max_answer_length: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(length)
    start, end = (scale * torch.randn(3, length, generator=generator) for _ in range(2))
    found = decode(start, end, [9] * 3, [length - 1] * 3, [0] * 3, max_answer_length=max_answer_length)
    for row in range(3):
        spans, log_partition = best_spans(start[row].tolist(), end[row].tolist(), 9, length - 1, 20, max_answer_length)
        assert [place for _, *place in spans_of(found, row)] == [place for _, *place in spans]
        assert found.log_partition[row] == pytest.approx(log_partition, rel=1e-6)


def test_a_large_batch_is_cut_without_changing_a_window() -> None:
    generator = torch.Generator().manual_seed(0)
    start, end = (torch.randn(150, 60, generator=generator).mul(4).round().div(4) for _ in range(2))
    lengths = torch.randint(1, 58, (150,), generator=generator)
    together = decode(start, end, [2] * 150, (2 + lengths).tolist(), [0] * 150)
    for row in range(150):
        alone = decode(start[row : row + 1], end[row : row + 1], [2], [2 + int(lengths[row])], [0])
        assert spans_of(together, row) == spans_of(alone)
        assert together.log_partition[row] == pytest.approx(alone.log_partition[0], abs=1e-5)


def test_equal_scores_are_ordered_by_start_and_then_by_length() -> None:
    zeros = torch.zeros(2, 40)
    zeros[1, ::2] = -0.0
    found = decode(zeros, zeros, [0, 0], [40, 40], [0, 0], n_best_size=5, max_answer_length=3)
    for row in range(2):
        assert [place for _, *place in spans_of(found, row)] == [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2]]


def test_question_and_special_tokens_use_up_no_places() -> None:
    start, end = torch.zeros(1, 60), torch.zeros(1, 60)
    start[0, :30], end[0, :30] = 50.0, 50.0  # a question of 30 tokens that all score higher than the context
    found = decode(start, end, [30], [59], [0], n_best_size=20, max_answer_length=2)
    assert len(spans_of(found)) == 20
    assert (found.score[0] == 0).all()


def test_spans_run_forward_and_stay_within_the_longest_answer() -> None:
    start, end = torch.zeros(1, 12), torch.zeros(1, 12)
    start[0, 8], end[0, 2], end[0, 11] = 9.0, 9.0, 8.0
    found = decode(start, end, [1], [12], [0], n_best_size=200, max_answer_length=3)
    assert all(a <= b < a + 3 for _, a, b in spans_of(found))
    assert spans_of(found)[0] == (9.0, 0, 1)  # the pair (8, 2) runs backward, (8, 11) is four tokens long
    assert len(spans_of(found)) == 11 + 10 + 9


def test_padding_on_the_left_or_right_changes_nothing_even_when_it_is_not_a_number() -> None:
    generator = torch.Generator().manual_seed(3)
    start, end = (torch.randn(1, 20, generator=generator) for _ in range(2))
    plain = decode(start, end, [6], [19], [0])
    rubbish = torch.tensor([[math.nan, math.inf, 1e30, -math.inf, 77.0]])
    left = decode(torch.cat([rubbish, start], 1), torch.cat([rubbish, end], 1), [11], [24], [5])
    right = decode(torch.cat([start, rubbish], 1), torch.cat([end, rubbish], 1), [6], [19], [0])
    for other in (left, right):
        assert spans_of(other) == spans_of(plain)
        assert other.null_score == plain.null_score
        assert other.log_partition == plain.log_partition
    # Beside a longer window, the shorter one's padding lies where the other has context.
    longer = torch.zeros(1, 25)
    both = decode(
        torch.cat([torch.cat([start, rubbish], 1), longer]),
        torch.cat([torch.cat([end, rubbish], 1), longer]),
        [6, 2],
        [19, 25],
        [0, 0],
    )
    assert spans_of(both) == spans_of(plain)


def test_half_precision_logits_are_added_in_float32() -> None:
    start, end = torch.tensor([[0.0, 256.0, 0.0]]), torch.tensor([[0.0, 1.0, 2.0]])
    found = decode(start.bfloat16(), end.bfloat16(), [1], [3], [0])
    assert spans_of(found)[:2] == [(258.0, 0, 1), (257.0, 0, 0)]  # bfloat16 has no 257


def test_candidates_are_small_survive_transport_and_join() -> None:
    start = torch.randn(4, 300, generator=torch.Generator().manual_seed(0))
    found = decode(start, start, [1] * 4, [299] * 4, [0] * 4, n_best_size=3)
    sizes = {name: array.shape for name, array in found.to_arrays().items()}
    assert sizes == dict.fromkeys(("start", "end", "score"), (4, 3)) | dict.fromkeys(
        ("window_index", "null_score", "log_partition", "temperature"), (4,)
    ) | {"log_partitions": (4, 0)}
    sent = {name: array.astype(np.float64) for name, array in found.to_arrays().items()}
    joined = Candidates.concatenate([Candidates.from_arrays(sent), found])
    assert len(joined) == 8
    assert spans_of(joined, 1) == spans_of(joined, 5) == spans_of(found, 1)
    assert joined.start.dtype == found.start.dtype
    assert len(Candidates.concatenate([])) == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_finds_the_same_spans() -> None:
    generator = torch.Generator().manual_seed(0)
    start, end = (torch.randn(70, 384, generator=generator).mul(8).round().div(8) for _ in range(2))
    shape = ([18] * 70, [383] * 70, [0] * 70)
    here, there = decode(start, end, *shape), decode(start.cuda(), end.cuda(), *shape)
    assert all(spans_of(here, row) == spans_of(there, row) for row in range(70))
    np.testing.assert_allclose(here.log_partition, there.log_partition, atol=1e-4)
