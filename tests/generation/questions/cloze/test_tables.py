from __future__ import annotations

import numpy as np

from qa_pipeline.generation.questions.cloze.sentences import lines, plain
from qa_pipeline.generation.questions.cloze.tables import cell_question, table_cells

FEES = (
    "| Service | Fee | Duration |\n|---|---|---|\n| Travel vaccination | £45 | 20 minutes |\n"
    "| Private medical report | £120 | - |\n| Blood test | free | 10 minutes |"
)
HOURS = "Day | Opening hours\nMonday | closed\nTuesday | 9:30 to 17:00"
PRICES = "Size | Price per night\nSmall dog | £22\nLarge dog | £31"


def asked(text: str) -> dict[str, str]:
    cells = list(table_cells(plain(text), lines(text)))
    return {
        cell_question(cell, np.random.default_rng(seed))[0]: text[cell.span.start : cell.span.end]
        for cell in cells
        for seed in range(20)
    }


def test_a_cell_is_asked_for_by_its_row_and_its_header():
    found = asked(FEES)
    assert found["What is the fee for the private medical report?"] == "£120"
    assert found["How much is the travel vaccination?"] == "£45"
    assert found["What is the fee for the blood test?"] == "free"
    assert found["What is the duration of the blood test?"] == "10 minutes"
    assert found["How long does the blood test take?"] == "10 minutes"
    assert found["Which service has a fee of £120?"] == "Private medical report"
    assert "-" not in found.values()


def test_a_table_without_marks_needs_numbers_below_its_header():
    assert asked(HOURS)["What are the opening hours on Tuesday?"] == "9:30 to 17:00"
    assert asked(PRICES)["How much is the large dog per night?"] == "£31"
    assert asked("Home | Rules\nNews | Contact") == {}
    assert asked("Home | Rules | 12") == {}
    assert asked("9:30 | 17:00\n10:00 | 14:00") == {}


def test_a_row_that_is_there_twice_is_not_asked_about():
    assert asked("Size | Price\nDog | £22\nDog | £31\nCat | £9") == {
        "What is the price for the cat?": "£9",
        "How much is the cat?": "£9",
        "Which size has a price of £9?": "Cat",
    }


def test_a_row_about_a_name_keeps_its_capital():
    found = asked("| System | Version |\n|---|---|\n| PostgreSQL | 14 |\n| Redis | 7.0 |\n")
    assert {"What is the version for PostgreSQL?", "What is the version for Redis?"} <= set(found)
    assert "What is the price for the cat?" in asked("Size | Price\nDog | £22\nCat | £9")


def test_a_column_headed_by_a_question_is_no_property():
    found = asked(
        "Signal | What to do | Minutes\n---|---|---\nRed light | Change the filter | 12\nGreen light | Wait | 3"
    )
    assert found and not any("what to do" in question for question in found)
