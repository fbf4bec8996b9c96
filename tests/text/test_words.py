"""Words and sentences: where those around an answer begin and end in real text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.text.words import sentence_around, sentence_spans


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


@pytest.mark.parametrize(
    ("text", "answer", "stretch"),
    [
        ("One. Two is 2.5 m wide. Three.", "wide", "Two is 2.5 m wide."),
        ("No stop at all", "stop", "No stop at all"),
        ("A list\nits second line\nits third", "second", "its second line"),
        ("Is it? It is! Yes.", "It is", "It is!"),
        (
            "\u4eca\u65e5\u306f\u6674\u308c\u3002\u660e\u65e5\u306f\u96e8\u3002",
            "\u96e8",
            "\u660e\u65e5\u306f\u96e8\u3002",
        ),
    ],
)
def test_a_line_break_may_end_a_sentence(text, answer, stretch):
    start = text.index(answer)
    low, high = sentence_around(text, start, start + len(answer), lines=True)
    assert text[low:high] == stretch


@pytest.mark.parametrize(
    ("text", "language", "sentences"),
    [
        ("Ask Dr. Smith. It costs 3.50 EUR.", "en", ["Ask Dr. Smith.", "It costs 3.50 EUR."]),
        ("Ich nehme z.B. Eis. Dann weiter.", "de-AT", ["Ich nehme z.B. Eis.", "Dann weiter."]),
        ("这是。那是。", "zh", ["这是。", "那是。"]),
        ("One. Two.", "no such language", ["One.", "Two."]),
    ],
)
def test_a_text_is_cut_into_its_sentences(text, language, sentences):
    assert [text[start:end] for start, end in sentence_spans(text, language)] == sentences
