"""Tokenizers that are not compositional, and those that cannot be used."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from qa_pipeline.arguments import QASettings
from qa_pipeline.errors import ModelError
from qa_pipeline.preprocess import Preprocess
from tests.preprocess.made import (
    QUESTIONS,
    assert_same_as_pair_call,
    decode,
    example,
)
from tests.tokenizers import TEXTS, bert, tokenizer

# Tokenizers that are not compositional, and those that cannot be used


def joining_tokenizer() -> Any:
    """Writes an end into the question if the context has one: a pair is more than its two parts."""
    from transformers import BertTokenizer

    class JoiningTokenizer(BertTokenizer):
        def _encode_plus(self, text, text_pair=None, **options):
            if isinstance(text, list) and text_pair is not None:
                text = [q + " in the morning" if "clinic" in c else q for q, c in zip(text, text_pair, strict=True)]
            return super()._encode_plus(text, text_pair, **options)

    plain = bert()
    return JoiningTokenizer(vocab=plain.get_vocab())


def test_a_tokenizer_that_is_not_compositional_is_used_as_it_is(caplog):
    made = joining_tokenizer()
    rows = [example(text, question, (4, 10)) for text in [*TEXTS, " ".join(TEXTS)] for question in QUESTIONS]
    preprocess = Preprocess(made, QASettings(max_seq_length=64, doc_stride=8, max_question_length=40))
    with caplog.at_level(logging.WARNING):
        windows = preprocess.labelled_windows(rows)
    assert not preprocess.compositional
    assert "does not join a question and a context from their separate encodings" in caplog.text
    assert_same_as_pair_call(windows, made, rows, max_seq_length=64, doc_stride=8)
    plain = Preprocess(bert(), QASettings(max_seq_length=64, doc_stride=8, max_question_length=40)).labelled_windows(
        rows
    )
    for made_windows in (windows, plain):
        first = np.unique(made_windows.example_index, return_index=True)[1]
        spans = {decode(made_windows, index, rows[made_windows.example_index[index]]["context"]) for index in first}
        assert (4, 10) in spans
    again = Preprocess(made, QASettings(max_seq_length=64, doc_stride=8, max_question_length=4))
    again.compositional = False
    assert again.windows(rows[:2]).max_length <= 64
    assert again.stats.questions_truncated == 0 + sum(len(made.tokenize(row["question"])) > 4 for row in rows[:2])


def test_a_fallback_question_is_cut_in_its_text(caplog):
    preprocess = Preprocess(tokenizer("bert"), QASettings(max_seq_length=48, doc_stride=8, max_question_length=5))
    row = example(TEXTS[0], "the clinic opens in the morning and the documents arrive")
    parts = preprocess.windows([row])
    preprocess.compositional = False
    with caplog.at_level(logging.WARNING):
        whole = preprocess.windows([row])
    assert "1 of 1 questions are longer than max_question_length=5 tokens" in caplog.text
    assert np.array_equal(parts.token_ids, whole.token_ids)
    assert np.array_equal(parts.null_index, whole.null_index)


def test_a_tokenizer_that_is_not_fast_is_refused():
    class SlowTokenizer:
        is_fast = False

    with pytest.raises(ModelError, match="SlowTokenizer is not a fast tokenizer, so .* use another model"):
        Preprocess(SlowTokenizer())


def test_a_tokenizer_that_takes_no_text_pairs_is_refused():
    from transformers import BertTokenizer

    class BoxTokenizer(BertTokenizer):
        def _encode_plus(self, text, text_pair=None, **options):
            raise ValueError("You must provide corresponding bounding boxes")

    with pytest.raises(ModelError, match="BoxTokenizer cannot encode a question with a context .*bounding boxes"):
        Preprocess(BoxTokenizer(vocab=bert().get_vocab()))
