"""Vectors as bfloat16 numbers: rounded as torch rounds them, and multiplied as NumPy multiplies float32."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from qa_pipeline.retrieval import vectors
from qa_pipeline.retrieval.vectors import VectorIndex, digest, write_vectors


class DrawnEmbedder:
    """Gives each text a vector that is drawn by what it says."""

    name = "drawn"

    def __init__(self, dim: int):
        self.dim = dim

    def embed(self, texts):
        drawn = [np.random.default_rng(list(text.encode())).standard_normal(self.dim) for text in texts]
        found = np.array(drawn, dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    embed_many = embed


def written(folder, count: int, dim: int) -> tuple[VectorIndex, DrawnEmbedder]:
    embedder = DrawnEmbedder(dim)
    texts = [f"text {number}" for number in range(count)]
    digests = np.array([list(digest(text)) for text in texts], dtype=np.uint8).reshape(count, 16)
    assert write_vectors(folder / "vectors", digests, texts.__getitem__, embedder) == count
    return VectorIndex(folder / "vectors", count), embedder


def test_numbers_are_rounded_to_bfloat16_as_torch_rounds_them():
    import torch

    rng = np.random.default_rng(0)
    drawn = rng.standard_normal(100_000).astype(np.float32) * 10.0 ** rng.integers(-30, 30, 100_000)
    ties = (np.arange(0, 2**16, 7, dtype=np.uint32) << 16 | 0x8000).view(np.float32)
    numbers = np.concatenate([drawn, ties[np.isfinite(ties)], [0.0, -0.0, 1.0]]).astype(np.float32)
    expected = torch.from_numpy(numbers).to(torch.bfloat16)
    bits = vectors._as_bfloat16(numbers)
    assert np.array_equal(bits, expected.view(torch.int16).numpy())
    assert np.array_equal(vectors._as_float32(bits), expected.float().numpy())


@pytest.mark.parametrize("dim", [384, 33])
def test_cosines_are_those_of_the_vectors_but_for_rounding(tmp_path, dim, monkeypatch):
    index, embedder = written(tmp_path, vectors._ROWS * 2 + 3, dim)
    question = index.of_question("text 5", embedder)
    exact = embedder.embed([f"text {number}" for number in range(vectors._ROWS * 2 + 3)]) @ question
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", None)  # as where it is not loaded
        cosines = index.cosines(question)
    assert index.cosines(question) == pytest.approx(cosines, abs=0.005), "torch multiplies bfloat16"
    assert cosines.dtype == np.float32 and cosines.argmax() == 5
    assert np.abs(cosines - exact).max() < 0.003
    some = np.array([5, 0, vectors._ROWS * 2 + 2])
    assert index.exact_cosines(question, some) == pytest.approx(cosines[some], abs=1e-6)


def test_an_index_without_texts_has_no_cosines(tmp_path):
    index, embedder = written(tmp_path, 0, 8)
    assert index.cosines(index.of_question("a", embedder)).shape == (0,)
