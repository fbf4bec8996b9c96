"""Evidence in segments against a plain sum over every span of every window."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from qa_pipeline.arguments import QASettings
from qa_pipeline.postprocess import Postprocess, SegmentEvidence, segment_log_sums


@pytest.mark.parametrize(("length", "temperature"), [(1, 1.0), (3, 0.7), (50, 2.0)])
def test_sums_are_those_over_all_spans_within_a_segment(length: int, temperature: float) -> None:
    rng = np.random.default_rng(0)
    starts, ends = (torch.from_numpy(rng.normal(size=(3, 9))) for _ in range(2))
    segments = np.array([[-1, 0, 0, 0, 1, 1, 2, 2, -1], [0] * 9, [-1, -1, 5, -1, -1, 6, 6, 6, 6]])
    found = segment_log_sums(starts, ends, segments, max_answer_length=length, temperature=temperature)
    plain = segment_log_sums(starts.numpy(), ends.numpy(), segments, max_answer_length=length, temperature=temperature)
    assert np.array_equal(plain, found)
    for row in range(3):
        for i in range(9):
            spans = [
                math.exp(float(starts[row, i] + ends[row, j]) / temperature)
                for j in range(i, min(i + length, 9))
                if segments[row, i] >= 0 and segments[row, j] == segments[row, i]
            ]
            assert float(found[row, i]) == pytest.approx(math.log(sum(spans)) if spans else -math.inf)


def windows_of(tokens: int, sizes: list[tuple[int, int, int]]) -> SimpleNamespace:
    """Windows of contexts whose token t is the characters 2t to 2t + 1; (example, first token, count) each."""
    return SimpleNamespace(
        example_index=np.array([size[0] for size in sizes]),
        offset_begin=np.array([size[1] for size in sizes]),
        offsets=np.array([[2 * t, 2 * t + 1] for t in range(tokens)]),
    )


@pytest.mark.parametrize("negative", [True, False])
def test_shares_are_probabilities_of_one_competition_over_all_windows_and_examples(negative: bool) -> None:
    settings = QASettings(version_2_with_negative=negative, max_answer_length=4, temperature=1.5)
    # Two overlapping windows of the first context of 6 tokens, one of the second.
    sizes = [(0, 0, 4), (0, 2, 4), (1, 0, 5)]
    windows, examples = windows_of(6, sizes), [{"id": "a", "context": "x" * 12}, {"id": "b", "context": "x" * 12}]
    segments = {"a": np.array([[0, 5], [6, 12]]), "b": np.array([[2, 7]])}  # "b" has tokens in no segment
    evidence = SegmentEvidence(settings, segments)
    rng = np.random.default_rng(1)
    starts, ends = (torch.from_numpy(rng.normal(size=(3, 7))).float() for _ in range(2))
    batch = {
        "context_begin": torch.tensor([2, 2, 1]),
        "context_end": torch.tensor([6, 6, 6]),
        "null_index": torch.tensor([0, 0, 0]),
        "window_index": torch.tensor([0, 1, 2]),
    }
    for rows in (slice(0, 2), slice(2, 3)):
        part = {name: values[rows] for name, values in batch.items()}
        evidence.reduce(starts[rows], ends[rows], part, windows=windows, examples=examples)
    shares, silence = evidence.shares()

    weights: dict[tuple[str, int], float] = {}
    total = 1.0 if negative else 0.0
    for row, (example, first, count) in enumerate(sizes):
        name, begin = examples[example]["id"], int(batch["context_begin"][row])
        null = float(starts[row, 0] + ends[row, 0])
        for i in range(count):
            for j in range(i, min(i + 4, count)):
                weight = math.exp((float(starts[row, begin + i] + ends[row, begin + j]) - null) / 1.5)
                total += weight
                for number, (low, high) in enumerate(segments[name].tolist()):
                    if low <= 2 * (first + i) and 2 * (first + j) < high:
                        weights[name, number] = weights.get((name, number), 0.0) + weight
    for (name, number), weight in weights.items():
        assert shares[name][number] == pytest.approx(weight / total, rel=1e-5)
    assert silence == pytest.approx(1 / total if negative else 0.0, rel=1e-5)
    assert sum(one.sum() for one in shares.values()) + silence <= 1 + 1e-9


def test_it_decodes_as_any_postprocess_does() -> None:
    settings = QASettings(n_best_size=3)
    windows, examples = windows_of(6, [(0, 0, 4)]), [{"id": "a", "context": "x" * 12}]
    logits = torch.from_numpy(np.random.default_rng(2).normal(size=(1, 7)))
    batch = {name: torch.tensor([value]) for name, value in [("context_begin", 2), ("context_end", 6)]}
    batch |= {"null_index": torch.tensor([0]), "window_index": torch.tensor([0])}
    evidence = SegmentEvidence(settings, {"a": np.zeros((0, 2), dtype=np.int64)})
    one = evidence.reduce(logits, logits, batch, windows=windows, examples=examples)
    two = Postprocess(settings).reduce(logits, logits, batch)
    assert all(np.array_equal(a, b) for a, b in zip(one.to_arrays().values(), two.to_arrays().values(), strict=True))
    with pytest.raises(ValueError, match="needs the windows"):
        evidence.reduce(logits, logits, batch)
