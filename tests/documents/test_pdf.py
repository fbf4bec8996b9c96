"""PDF: tables keep their rows, forms their values, pages without text are named, words at line ends stay whole."""

from __future__ import annotations

import io
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.documents.pdf import join_hyphenated
from qa_pipeline.documents.reading import read_document
from qa_pipeline.documents.table_rows import CELL, with_rows
from tests.data.made import write_document
from tests.documents.test_reading import make_pdf

pypdf = pytest.importorskip("pypdf")


def draw(cells: list[tuple[int, int, str]]) -> list[str]:
    """Lines for `make_pdf` that draw each text at its place (points from the left and from the bottom)."""
    return [") Tj ET BT /F1 11 Tf " + f"1 0 0 1 {x} {y} Tm ({text}" for x, y, text in cells]


def read(tmp_path, content: bytes) -> str:
    return read_document(write_document(tmp_path, "a.pdf", content)).text


PRICES = [["Item", "Monthly", "Deposit"], ["Garage", "80 EUR", "160 EUR"], ["Cellar", "", "25 EUR"]]
ROWS = "Item | Monthly | Deposit\nGarage | 80 EUR | 160 EUR\nCellar | 25 EUR"


def places() -> dict[tuple[int, int], tuple[int, int, str]]:
    return {
        (row, column): (72 + 130 * column, 700 - 20 * row, text)
        for row, cells in enumerate(PRICES)
        for column, text in enumerate(cells)
        if text
    }


@pytest.mark.parametrize("order", [lambda place: place, lambda place: place[::-1]], ids=["by row", "by column"])
def test_a_table_keeps_its_rows_in_whatever_order_it_is_drawn(tmp_path, order):
    cells = [places()[place] for place in sorted(places(), key=order)]
    text = read(tmp_path, make_pdf(draw([(72, 760, "Prices of the house"), *cells, (72, 600, "Signed in Bern.")])))
    assert text == f"Prices of the house\n{ROWS}\nSigned in Bern."


def test_a_long_cell_of_a_table_stays_in_one_piece(tmp_path):
    cells = [(72, 700, "Flat"), (160, 700, "1,250 EUR and"), (160, 686, "heating costs"), (320, 700, "2,500 EUR")]
    cells += [(72, 660, "Garage"), (160, 660, "80 EUR"), (320, 660, "160 EUR")]
    text = read(tmp_path, make_pdf(draw(cells)))
    assert text == "Flat | 1,250 EUR and\nheating costs | 2,500 EUR\nGarage | 80 EUR | 160 EUR"


def test_columns_of_prose_are_read_one_after_the_other(tmp_path):
    left = ["The quick history of ferries in the bay", "begins with a boat that carried the mail", "across it."]
    right = ["In 1902 the first steam ferry came to it", "and had room for two hundred passengers", "and a bar."]
    cells = [(x, 700 - 14 * i, line) for x, lines in ((72, left), (320, right)) for i, line in enumerate(lines)]
    assert read(tmp_path, make_pdf(draw(cells))) == "\n".join(left + right)


@pytest.mark.parametrize(
    ("drawn", "shown", "text"),
    [
        ("a\nb\nc\nd", "a    b\nc    x", "a\nb\nc\nd"),  # other characters: nothing is touched
        ("- one\n- two\n- three", "-    one\n-    two\n-    three", "- one\n- two\n- three"),
        ("1.\none\n2.\ntwo", "1.    one\n2.    two", "1.\none\n2.\ntwo"),
        ("", "", ""),
        ("a b\nc d", "a    b\nc    d", "a | b\nc | d"),
    ],
)
def test_only_tables_whose_characters_are_found_are_changed(drawn, shown, text):
    assert with_rows(drawn, shown) == text


def test_rows_that_differ_in_numbers_are_text(tmp_path):
    slips = [
        [
            "Acme Ltd",
            f"Pay slip {month:02d}/2025",
            f"Gross pay {400 + month}.00",
            "Tax 812.40",
            f"Page {month} of 3",
        ]
        for month in (1, 2, 3)
    ]
    text = read(tmp_path, make_pdf(*slips))
    for month in (1, 2, 3):
        assert f"Pay slip {month:02d}/2025\nGross pay {400 + month}.00" in text
    assert text.startswith("Acme Ltd\n") and text.endswith("\nTax 812.40")
    assert text.count("Acme") == text.count("Tax") == 1 and "Page" not in text


# Forms and notes


def with_annotations(*entries: str) -> bytes:
    reader = pypdf.PdfReader(io.BytesIO(make_pdf(["Registration of a dog"])))
    writer = pypdf.PdfWriter(clone_from=reader)
    from pypdf.generic import ArrayObject, read_object

    notes = [read_object(io.BytesIO(entry.encode() + b" "), writer) for entry in entries]
    writer.pages[0][pypdf.generic.NameObject("/Annots")] = ArrayObject(notes)
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_values_of_a_form_and_notes_on_a_page_are_text(tmp_path):
    content = with_annotations(
        "<< /Subtype /Widget /FT /Tx /T (dog_name) /TU (Name of the dog:) /V (Bello) >>",
        "<< /Subtype /Widget /FT /Btn /T (vaccinated) /V /Yes >>",
        "<< /Subtype /Widget /FT /Btn /T (sold) /V /Off >>",
        "<< /Subtype /Widget /FT /Ch /T (sizes) /V [(small) (medium)] >>",
        "<< /Subtype /Widget /FT /Tx /T (secret) /Ff 8192 /V (pass) >>",
        "<< /Subtype /Widget /FT /Tx /T (empty) >>",
        "<< /Subtype /FreeText /Contents (Paid on 3 March) >>",
        "<< /Subtype /Link /Contents (no text) >>",
    )
    assert read(tmp_path, content) == (
        "Registration of a dog\nName of the dog: Bello\nvaccinated: Yes\nsizes: small, medium\nPaid on 3 March"
    )


# Pages without text


def test_a_half_scanned_file_names_its_pages_without_text(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        read(tmp_path, make_pdf(["One"], [], ["Three"], [], [], [], ["Seven"]))
    assert "pages 2, 4-6 of 7 hold no text; if they are scans or pictures, make them text with OCR" in caplog.text
    caplog.clear()
    read(tmp_path, make_pdf(["One"], ["Two"]))
    assert not caplog.text


# Words at the end of a line


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("thirty-\nfive days", "thirty-five days"),
        ("Thirty-\nfirst of May", "Thirty-first of May"),
        ("a long-\nterm plan. Other long-term plans", "a long-term plan. Other long-term plans"),
        ("a long-\nterm plan. It takes long, term by term", "a long-term plan. It takes long, term by term"),
        ("a self-\nservice shop", "a self-service shop"),
        ("Pets are wel-\ncome", "Pets are welcome"),
        ("some-\nthing, something, some thing", "something, something, some thing"),
        ("over-\nview; over a view; some-\nthing, something", "overview; over a view; something, something"),
        ("the EU-\nLaw", "the EU-\nLaw"),
        ("2019-\n2020", "2019-\n2020"),
    ],
)  # fmt: skip
def test_a_hyphen_at_a_line_end_stays_where_the_word_has_one(page, text):
    assert join_hyphenated([page]) == [text]


# Titles


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("(anonymous)", None),
        ("untitled", None),
        ("Untitled-1", None),
        ("Document1", None),
        ("Microsoft Word - Lease 2025.doc", "Lease 2025.doc"),
        ("Unknown pleasures", "Unknown pleasures"),
    ],
)
def test_a_title_that_nobody_gave_is_none(tmp_path, given, title):
    escaped = given.replace("(", "\\(").replace(")", "\\)")
    assert read_document(write_document(tmp_path, "a.pdf", make_pdf(["x"], title=escaped))).title == title


def test_a_line_of_blanks_is_read_at_once(tmp_path):
    blanks = " " * 100_000
    assert read(tmp_path, make_pdf([f"Rent{blanks}is due", blanks])).split() == ["Rent", "is", "due"]


@given(st.lists(st.lists(st.sampled_from(["a", "bb", "1", "", "c d", "x-"]), max_size=4), max_size=6), st.randoms())
@settings(max_examples=300, deadline=None)
def test_no_character_of_a_page_is_lost_or_said_twice(rows, rng):
    drawn = [text for row in rows for text in row if text]
    if rng.random() < 0.7:
        rng.shuffle(drawn)
    shown = "\n".join("".join(text.ljust(8) for text in row).rstrip() for row in rows)
    text = with_rows("\n".join(drawn), shown)
    assert sorted("".join(text.replace(CELL, "").split())) == sorted("".join("".join(drawn).split()))
