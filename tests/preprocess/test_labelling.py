"""Every line of the labelling table."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qa_pipeline.arguments import QASettings
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.preprocess import IGNORE, Preprocess, Windows
from tests.preprocess.made import (
    LENGTHS,
    LONG,
    RANDOM_TEXT,
    decode,
    example,
    find,
    many_windows,
)
from tests.tokenizers import FAMILIES, TEXTS, bert, tokenizer

# Labels: every line of the labelling table


def trimmed_offsets(tokenizer: Any, question: str, context: str) -> list[tuple[int, int]]:
    """Oracle: the tokenizer's own offsets of the whole context, trimmed with plain Python."""
    encoding = tokenizer([question.lstrip()], [context], split_special_tokens=True, verbose=False).encodings[0]
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
    preprocess = Preprocess(tokenizer(family), QASettings(max_seq_length=32, doc_stride=12, max_question_length=10))
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
    preprocess = Preprocess(tokenizer("bert"), QASettings(max_seq_length=16, doc_stride=4, max_question_length=4))
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
    preprocess = Preprocess(tokenizer("bert"), QASettings(max_seq_length=64, doc_stride=16, max_question_length=20))
    with caplog.at_level(logging.WARNING):
        windows = preprocess.windows(rows)
    assert len(caplog.records) == 1
    assert (
        "2 of 3 questions are longer than max_question_length=20 tokens and were cut (the first is long)" in caplog.text
    )
    assert preprocess.stats.questions_truncated == 2
    assert windows.context_begin[0] == 1 + 20 + 1
    assert windows.max_length == 64


@pytest.mark.parametrize(("max_seq_length", "doc_stride"), [(64, 40), (64, 37), (25, 0), (16, 0)])
def test_a_stride_without_room_is_refused_with_the_numbers(max_seq_length, doc_stride):
    room = max(max_seq_length - 3 - 24, 0)
    message = (
        f"doc_stride is {doc_stride}, but .* max_seq_length {max_seq_length} has room for {room} tokens of context"
    )
    with pytest.raises(ConfigError, match=message):
        Preprocess(
            tokenizer("bert"), QASettings(max_seq_length=max_seq_length, doc_stride=doc_stride, max_question_length=24)
        )


def test_every_wrong_option_is_reported_at_once():
    with pytest.raises(ConfigError) as error:
        Preprocess(
            tokenizer("bert"),
            QASettings(doc_stride=317),
            straddle="drop",
            answer_choice="last",
            negative_window_ratio=float("nan"),
        )
    assert len(error.value.problems) == 4
    assert "straddle is 'drop'; choose one of ignore, null" in str(error.value)


def test_the_longest_window_is_lowered_to_what_the_model_takes(caplog):
    with caplog.at_level(logging.WARNING):
        preprocess = Preprocess(bert(model_max_length=256), QASettings(max_seq_length=384))
    assert preprocess.settings.max_seq_length == 256
    assert "max_seq_length 384 is lowered to 256" in caplog.text


def straddled(gold_text: str, **options: Any) -> tuple[Preprocess, Windows]:
    preprocess = Preprocess(
        tokenizer("bert"), QASettings(max_seq_length=22, doc_stride=2, max_question_length=4), **options
    )
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
    preprocess = Preprocess(tokenizer("bert"), QASettings(max_seq_length=22, doc_stride=2, max_question_length=4))
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
    short = QASettings(max_seq_length=48, doc_stride=2, max_question_length=4)
    windows = Preprocess(tokenizer("bert"), short).labelled_windows([row])
    kinds = [overlap(windows, index, other) for index in range(len(windows))]
    assert decode(windows, 0, context) == (0, 3)
    assert kinds.count("whole") > 0
    for index, kind in list(enumerate(kinds))[1:]:
        assert windows.start_positions[index] == (windows.null_index[index] if kind == "none" else IGNORE)
    both = Preprocess(tokenizer("bert"), short, answer_choice="all").labelled_windows([row])
    assert decode(both, kinds.index("whole"), context) == other


def test_all_windows_without_the_answer_are_kept_as_null_by_default():
    preprocess = Preprocess(tokenizer("bert"), QASettings(**LENGTHS))
    rows = many_windows()
    windows = preprocess.labelled_windows(rows)
    assert len(windows) == len(preprocess.windows(rows))
    null = windows.start_positions == windows.null_index
    assert null.sum() > 10
    assert null[windows.example_index == 3].all()


@pytest.mark.parametrize("ratio", [0, 0.5, 1, 2, 1000])
def test_negative_window_ratio_keeps_some_and_never_touches_the_unanswerable(ratio):
    rows = many_windows()
    every = Preprocess(tokenizer("bert"), QASettings(**LENGTHS)).labelled_windows(rows)
    preprocess = Preprocess(tokenizer("bert"), QASettings(**LENGTHS), negative_window_ratio=ratio)
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
    windows = Preprocess(made, QASettings(**LENGTHS)).windows(rows)
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
