from __future__ import annotations

import random

import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.serve.label.marking import checked_question, checked_span, word_spans


def words(text):
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's well-known, e.g. \u2018so\u2019.", ["It's", "well-known", "e", "g", "so"]),
        ("\u00a312,700.50 at 10:30", ["\u00a3", "12,700.50", "at", "10:30"]),
        ("cafe\u0301s, nai\u0308ve", ["cafe\u0301s", "nai\u0308ve"]),
        ("a \U0001f469\u200d\U0001f469\u200d\U0001f467 b", ["a", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "b"]),
        ("\u8bb0\u5f55 90\u5929\u3002", ["\u8bb0", "\u5f55", "90", "\u5929"]),
        (
            "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd.",
            ["\u05e9\u05dc\u05d5\u05dd", "\u05e2\u05d5\u05dc\u05dd"],
        ),
        ("one\r\ntwo\ttwo_b", ["one", "two", "two_b"]),
        (" .,; ", []),
    ],
    ids=["apostrophes", "numbers", "combining marks", "emoji", "chinese", "hebrew", "line ends", "no words"],
)
def test_words_are_whole(text, expected):
    assert words(text) == expected


def test_words_follow_each_other_and_hold_no_white_space():
    rng = random.Random(0)
    letters = "ab1 .,-'\u2019\u0301\u200d\u8bb0\u05e9\U0001f469\U0001f3fd\r\n\t_\u20ac\ud800"
    for _ in range(300):
        text = "".join(rng.choices(letters, k=rng.randrange(30)))
        last = 0
        for start, end in word_spans(text):
            assert last <= start < end <= len(text) and text[start:end].strip() == text[start:end]
            last = end


def test_a_question_is_put_on_one_line():
    assert checked_question("  How\n much? ") == "How much?"


@pytest.mark.parametrize(
    ("value", "said"),
    [(" \n", "There is no question yet"), (7, "must be a text, found 7"), ("x" * 1001, "has 1,001 characters")],
)
def test_what_is_no_question_is_said_in_words(value, said):
    with pytest.raises(DataError, match=said):
        checked_question(value)


def test_an_answer_is_characters_of_the_passage():
    assert checked_span("abc", 1, 3) == (1, 3) and checked_span("abc", None, None) is None


@pytest.mark.parametrize("span", [(0, 0), (2, 1), (-1, 2), (0, 9), (None, 2), (0, None), (True, 2), ("0", 2), (0.0, 2)])
def test_characters_that_are_not_of_the_passage_are_refused(span):
    with pytest.raises(DataError, match="must be characters of the passage, from 0 to 7"):
        checked_span("abc  de", *span)


def test_a_blank_answer_is_refused():
    with pytest.raises(DataError, match="The answer is blank"):
        checked_span("abc  de", 3, 5)
