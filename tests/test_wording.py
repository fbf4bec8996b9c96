from __future__ import annotations

from qa_pipeline.wording import counted, describe, in_short, short


def test_one_is_not_many():
    assert [counted(number, "row") for number in (0, 1, 1.0, 1234)] == ["0 rows", "1 row", "1 row", "1,234 rows"]


def test_a_long_text_is_cut_to_the_limit_and_shows_that_it_was():
    assert short("twelve chars", 12) == "twelve chars"
    assert short("thirteen char", 12) == "thirteen ..."
    assert len(short("x" * 500)) == 80


def test_a_value_of_any_type_fits_on_a_line():
    assert [in_short(value) for value in ("a\nb", True, 17)] == ["'a\\nb'", "True", "17"]
    assert in_short(10**20) == "a number of more than 20 digits"
    assert in_short(list(range(100))).endswith(" ... (list)") and len(in_short("x" * 500)) < 100


def test_what_a_value_is_is_said_briefly():
    values = (None, [1, 2], {"a": 1}, 17, "x" * 100)
    assert [describe(value) for value in values[:4]] == ["null", "list of 2", "dict of 1", "int 17"]
    assert describe(values[4]) == "str '" + "x" * 56 + "..."
