from __future__ import annotations

import pytest

from qa_pipeline.data.page_furniture import without_furniture


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
    ],
)
def test_headers_and_footers_of_pages_are_left_out(pages, left):
    assert without_furniture(pages) == left
