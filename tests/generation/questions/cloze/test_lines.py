from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.generation.questions.cloze.sentences import lines, plain, sentences_of


def words(text: str) -> str:
    return " ".join(plain(text).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In an emergency, call **111**.", "In an emergency, call 111 ."),
        ("It takes __two days__ and `make` runs.", "It takes two days and make runs."),
        ("This is *really* new, _said_ he.", "This is really new, said he."),
        ("See [the rules](https://x.org/a_b) now.", "See the rules now."),
        ("## Opening hours ##", "Opening hours"),
        ("- Bring a towel.\n2. Pay at the desk.", "Bring a towel. Pay at the desk."),
        ("A snake_case name and 3 * 4 * 5 stay.", "A snake_case name and 3 * 4 * 5 stay."),
        ("three\u00a0weeks", "three weeks"),
    ],
)
def test_marks_become_spaces_and_nothing_else_moves(text, expected):
    assert words(text) == expected
    assert len(plain(text)) == len(text)
    assert all(a == b or b == " " for a, b in zip(text, plain(text), strict=True))


@given(st.text("ab *_`#|[]()\n-1.:>~! é", max_size=80))
def test_any_text_keeps_its_length(text):
    assert len(plain(text)) == len(text)
    found = lines(text)
    assert all(a.end <= b.start for a, b in zip(found, found[1:], strict=False))


def test_a_wrapped_line_goes_on_and_a_heading_does_not():
    text = (
        "Hillside Kennels - Boarding Terms\nThe practice was founded in the year 1987 by the doctor Helen\n"
        "Marsh and looks after patients.\n- A list item is here.\n- So is another."
    )
    found = [" ".join(plain(text)[line.start : line.end].split()) for line in lines(text)]
    assert found[0] == "Hillside Kennels - Boarding Terms"
    assert found[1].endswith("doctor Helen Marsh and looks after patients.")
    assert found[2:] == ["A list item is here.", "So is another."]


def test_a_long_line_with_a_bar_in_it_is_text():
    text = "Town Hall | " + "The office is closed on Mondays. " * 12
    assert lines(text)[0].kind == "text" and any(sentence.askable for sentence in sentences_of(text))
    assert lines("Town Hall | closed on Mondays")[0].kind == "row"


def test_a_line_that_ends_in_an_abbreviation_goes_on():
    text = "The town hall was opened by Dr.\nMarsh in May 1990."
    assert [sentence.askable for sentence in sentences_of(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "# Riverside Family Practice - Patient Leaflet Today",
        "Welcome to Riverside Family Practice, 14 Mill Lane, Oakham.",
        "| Blood test is | free of charge | for ten minutes |",
        "The file is at /srv/shared/forms/a.pdf for all members.",
        "It is stored as C:\\forms\\all for every member now.",
        "You find it under file:///tmp/a.html for a while.",
        "```\nthis is code that we run\n```",
    ],
)
def test_headings_addresses_rows_paths_and_code_are_not_asked_about(text):
    assert not any(sentence.askable for sentence in sentences_of(text))


@pytest.mark.parametrize("text", [f"{chr(9) * 100_000}a|b", f"---{' ' * 100_000}|x", f"|{' ' * 100_000}-", "![" * 5000])
def test_a_line_of_a_hundred_thousand_blanks_or_marks_takes_no_time(text):
    assert len(plain(text)) == len(text) and len(lines(text)) == 1
