from __future__ import annotations

import pytest

from qa_pipeline.wording import counted, describe, error_in_short, first_line, in_short, short


def test_one_is_not_many():
    assert [counted(number, "row") for number in (0, 1, 1.0, 1234)] == ["0 rows", "1 row", "1 row", "1,234 rows"]


def test_a_long_text_is_cut_to_the_limit_and_shows_that_it_was():
    assert short("twelve chars", 12) == "twelve chars"
    assert short("thirteen char", 12) == "thirteen ..."
    assert len(short("x" * 500)) == 80


@pytest.mark.parametrize(
    ("error", "line", "in_short"),
    [
        (ValueError("no such layer\nsee the log"), "no such layer", "ValueError: no such layer"),
        (OSError("\n\nConnection refused\r\n"), "Connection refused", "OSError: Connection refused"),
        (KeyError(), "KeyError", "KeyError"),
        (RuntimeError("\n"), "RuntimeError", "RuntimeError"),
        (ValueError("x" * 500), "x" * 197 + "...", "ValueError: " + "x" * 105 + "..."),
    ],
)
def test_of_an_error_its_first_line_is_shown_and_its_kind_where_it_says_nothing(error, line, in_short):
    assert first_line(error) == line
    assert error_in_short(error) == in_short


def test_a_value_of_any_type_fits_on_a_line():
    assert [in_short(value) for value in ("a\nb", True, 17)] == ["'a\\nb'", "True", "17"]
    assert in_short(10**20) == "a number of more than 20 digits"
    assert in_short(list(range(100))).endswith(" ... (list)") and len(in_short("x" * 500)) < 100


def test_what_a_value_is_is_said_briefly():
    values = (None, [1, 2], {"a": 1}, 17, "x" * 100)
    assert [describe(value) for value in values[:4]] == ["null", "list of 2", "dict of 1", "int 17"]
    assert describe(values[4]) == "str '" + "x" * 56 + "..."
