"""Headers and footers of pages: kept once, and nothing else is left out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.documents.page_furniture import is_page_number, without_furniture


@pytest.mark.parametrize(
    ("pages", "left"),
    [
        (
            ["Town Hall - Rules\nFees are due.\nPage 1 of 2", "Town Hall - Rules\nDogs may come.\nPage 2 of 2"],
            ["Town Hall - Rules\nFees are due.", "Dogs may come."],
        ),
        (["Fees are due.\n11/21/26, 4:54 PM\nfile:///srv/b.html 1/1"], ["Fees are due."]),
        (["3/4/2025, 10:12 Fees of the town\nFees are due.\nhttps://town.org/fees 1/3"], ["Fees are due."]),
        (["Chapter 1\nOne.", "Chapter 2\nTwo.", "Chapter 3\nThree."],) * 2,
        (["Rules 1\nOne.", "Rules 2\nTwo.", "Rules 3\nThree."], ["Rules 1\nOne.", "Two.", "Three."]),
        (
            ["Fees are due.\nThe rules are at https://town.org/fees"],
            ["Fees are due.\nThe rules are at https://town.org/fees"],
        ),
        (["Fees\n12", "Dogs\n3 dogs"], ["Fees\n12", "Dogs\n3 dogs"]),
        (["Page 1 of 2", ""], ["Page 1 of 2", ""]),
        (["Rent 500\nOne.", "Rent 510\nTwo.", "Rent 520\nThree."],) * 2,
        (["Results 2023\n12 million", "Results 2024\n15 million", "Results 2025\n19 million"],) * 2,
        (["Slip 01/2025\nOne.", "Slip 02/2025\nTwo.", "Slip 03/2025\nThree."],) * 2,
        (["Grade 4.1\nOne.", "Grade 4.2\nTwo.", "Grade 4.3\nThree."],) * 2,
        (["One.\nRooms 11", "Two.\nRooms 12"],) * 2,
        (["12.03.2025, 14:30 Meeting of the board\nOne."],) * 2,
        (
            ["One.\nHandbook | 7", "Two.\nHandbook | 8", "Three.\nHandbook | 9"],
            ["One.", "Two.", "Three.\nHandbook | 9"],
        ),
        (["Fees of 2025\nOne.", "Fees of 2025\nTwo."], ["Fees of 2025\nOne.", "Two."]),
        # A header that two pages lack; the two headers of a book; a section's title on half of the slides.
        (
            ["Cover", *(f"Rules of the house\nText {c}." for c in "abcdefg"), "A picture"],
            ["Cover", "Rules of the house\nText a.", *(f"Text {c}." for c in "bcdefg"), "A picture"],
        ),
        (
            [f"{'Left' if i % 2 else 'Right'} header\nText {c}." for i, c in enumerate("abcdef")],
            ["Right header\nText a.", "Left header\nText b.", *(f"Text {c}." for c in "cdef")],
        ),
        ([f"Fees and deposits\nText {c}." for c in "abcde"] + [f"Text {c}." for c in "fghij"],) * 2,
        ([f"Text {c}.\nLate fees" for c in "abc"] + [f"Text {c}.\nRepairs" for c in "def"],) * 2,
        (["Deposits\nOne.", "Deposits\nTwo.", "Three."],) * 2,
        (["Seite 1 von 3\nOne.", "Seite 2 von 3\nTwo.", "Seite 3 von 3\nThree."], ["One.", "Two.", "Three."]),
    ],
)
def test_headers_and_footers_of_pages_are_kept_once(pages, left):
    assert without_furniture(pages) == left


def test_letters_of_one_form_keep_what_they_have_in_common():
    pages = [
        f"Town Hall\nDear {name},\nyour fee of 40 EUR is due.\nPlease pay by 1 May.\nYours faithfully\nAda Smith"
        for name in ("Bob", "Eve", "Ann")
    ]
    assert without_furniture(pages) == pages


LINES = ["Town Hall", "Fees 2025", "Page 2 of 9", "Handbook | 3", "One.", "Two.", "Chapter 2", "", "Rooms 11", "- 4 -"]


@given(st.lists(st.lists(st.sampled_from(LINES), max_size=7), min_size=1, max_size=9))
@settings(max_examples=400, deadline=None)
def test_nothing_is_left_out_but_page_numbers_and_what_is_there_once_more(pages):
    kept = without_furniture(["\n".join(page) for page in pages])

    def words(line: str) -> str:
        return re.sub(r"\d+", "#", line.strip())  # a line that repeats may differ in the number of the page

    there = {words(line) for page in kept for line in page.split("\n")}
    for page, left in zip(pages, kept, strict=True):
        rest = iter(page or [""])
        assert all(line in rest for line in left.split("\n"))  # in their order
        assert all(words(line) in there for line in page if line and not is_page_number(line))


@given(st.lists(st.lists(st.sampled_from("abcdefghij"), max_size=6, unique=True), min_size=2, max_size=2))
def test_a_line_that_is_on_one_page_alone_is_kept(pages):
    pages[1] = [line.upper() for line in pages[1]]
    assert without_furniture(["\n".join(page) for page in pages]) == ["\n".join(page) for page in pages]
