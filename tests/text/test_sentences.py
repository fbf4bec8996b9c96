"""The sentence around an answer: where it begins and ends in real text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.text.sentences import sentence_around


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("One. Two is here. Three.", "Two", "Two is here."),
        ("One. Two is here. Three.", "here.", "Two is here."),
        ("One. Two is here. Three.", "here. Three", "Two is here. Three."),
        ("Only words without an end", "words", "Only words without an end"),
        (
            "Ask Dr. Smith or J. Brown, e.g. by letter. Then wait.",
            "Brown",
            "Ask Dr. Smith or J. Brown, e.g. by letter.",
        ),
        ("It costs 3.50 EUR. Pay now!", "EUR", "It costs 3.50 EUR."),
        ('He said "Stop." Then he left.', "Stop", 'He said "Stop."'),
        ("Title\n\nThe first line\ngoes on here.\n\nNext", "line", "The first line\ngoes on here."),
        ("Title\r\n\r\nThe first line\r\n\r\nNext", "first", "The first line"),
        ("これは東京です。次の文です。", "東京", "これは東京です。"),
        ("Что это? Это Москва. Да.", "Москва", "Это Москва."),
        ("See www.example.org for more. End.", "more", "See www.example.org for more."),
        ("   padded   ", "padded", "padded"),
    ],
)
def test_the_sentence_is_found(text, answer, expected):
    start = text.index(answer)
    low, high = sentence_around(text, start, start + len(answer))
    assert text[low:high] == expected


def test_a_long_sentence_is_cut_at_white_space():
    text = "word " * 200 + "ANSWER" + " word" * 200
    start = text.index("ANSWER")
    low, high = sentence_around(text, start, start + 6, most=22)
    assert text[low:high] == "word " * 4 + "ANSWER" + " word" * 4


def test_text_without_any_space_is_cut_anyway():
    low, high = sentence_around("x" * 1000, 500, 510, most=50)
    assert low == 450 and high == 560


@given(st.text(alphabet="aB. \n!?\"'。1", max_size=80), st.data())
def test_the_answer_is_always_inside(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    low, high = sentence_around(text, start, end, most=data.draw(st.integers(0, 30)))
    assert 0 <= low <= start <= end <= high <= len(text)
