from __future__ import annotations

import pytest

from qa_pipeline.documents.page_furniture import without_furniture


@pytest.mark.parametrize(
    ("pages", "left"),
    [
        (
            ["Town Hall - Rules\nFees are due.\nPage 1 of 2", "Town Hall - Rules\nDogs may come.\nPage 2 of 2"],
            ["Fees are due.", "Dogs may come."],
        ),
        (["Fees are due.\n11/21/26, 4:54 PM\nfile:///srv/b.html 1/1"], ["Fees are due."]),
        (["3/4/2025, 10:12 Fees of the town\nFees are due.\nhttps://town.org/fees 1/3"], ["Fees are due."]),
        (["Chapter 1\nOne.", "Chapter 2\nTwo.", "Chapter 3\nThree."], ["One.", "Two.", "Three."]),
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
        (["One.\nHandbook | 7", "Two.\nHandbook | 8", "Three.\nHandbook | 9"], ["One.", "Two.", "Three."]),
        (["Fees of 2025\nOne.", "Fees of 2025\nTwo."], ["Fees of 2025\nOne.", "Two."]),
        # A header that two pages lack; the two headers of a book; a section's title on half of the slides.
        (
            ["Cover", *(f"Rules of the house\nText {c}." for c in "abcdefg"), "A picture"],
            ["Cover", *(f"Text {c}." for c in "abcdefg"), "A picture"],
        ),
        (
            [f"{'Left' if i % 2 else 'Right'} header\nText {c}." for i, c in enumerate("abcdef")],
            [f"Text {c}." for c in "abcdef"],
        ),
        ([f"Fees and deposits\nText {c}." for c in "abcde"] + [f"Text {c}." for c in "fghij"],) * 2,
        ([f"Text {c}.\nLate fees" for c in "abc"] + [f"Text {c}.\nRepairs" for c in "def"],) * 2,
        (["Deposits\nOne.", "Deposits\nTwo.", "Three."],) * 2,
        (["Seite 1 von 3\nOne.", "Seite 2 von 3\nTwo.", "Seite 3 von 3\nThree."], ["One.", "Two.", "Three."]),
    ],
)
def test_headers_and_footers_of_pages_are_left_out(pages, left):
    assert without_furniture(pages) == left
