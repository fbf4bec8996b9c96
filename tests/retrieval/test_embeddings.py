from __future__ import annotations

import numpy as np
import pytest

from qa_pipeline.errors import ModelError
from qa_pipeline.retrieval import Embedder
from qa_pipeline.retrieval.encoders import MAX_TOKENS


def embedder_of(other):
    """One with the same loaded model that remembers nothing."""
    fresh = Embedder()
    fresh.__dict__["_encoder"] = other._encoder
    return fresh


TEXTS = ["a", "holidays of employees " * 9, "", "side effects", "library " * 2000]


def test_vectors_have_length_one_and_are_float32(embedder):
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (5, 384) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_the_order_and_the_company_of_a_text_change_nothing_but_rounding(embedder):
    together = embedder.embed(TEXTS)
    apart = np.concatenate([embedder_of(embedder).embed([text]) for text in TEXTS])
    turned = embedder_of(embedder).embed(TEXTS[::-1])[::-1]
    assert np.abs(together - apart).max() < 1e-5 and np.abs(together - turned).max() < 1e-5
    assert np.array_equal(together, embedder_of(embedder).embed(TEXTS))


def test_a_text_that_was_embedded_before_is_not_computed_again(monkeypatch):
    embedder = Embedder()
    first = embedder.embed(["leave", "soup"])
    computed = []
    monkeypatch.setattr(embedder, "_compute", lambda texts: computed.append(texts) or first[:0])
    assert np.array_equal(embedder.embed(["soup", "leave", "soup"]), first[[1, 0, 1]])
    assert computed == [[]]


def test_pooling_is_the_mean_over_real_tokens(embedder):
    import torch

    tokenizer, encoder = embedder._encoder.tokenizer, embedder._encoder.model
    text = "side effects of medicines"
    with torch.inference_mode():
        hidden = encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
    expected = hidden.mean(axis=0) / np.linalg.norm(hidden.mean(axis=0))
    assert np.abs(embedder.embed([text, "word " * 50])[0] - expected).max() < 1e-5


def test_what_is_beyond_the_limit_is_not_read(embedder):
    long = "library " * MAX_TOKENS
    vectors = embedder.embed([long, long + "soup"])
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-6


def test_no_text_gives_no_vector(embedder):
    assert embedder.embed([]).shape == (0, 384)


def test_a_folder_without_a_model_is_said_in_words(tmp_path):
    with pytest.raises(ModelError, match="holds no model"):
        Embedder(str(tmp_path)).embed(["a"])


def test_a_damaged_model_is_said_in_words(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "none such"}')
    with pytest.raises(ModelError, match="cannot be loaded to compare texts"):
        Embedder(str(tmp_path)).embed(["a"])
