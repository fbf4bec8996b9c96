from __future__ import annotations

from qa_pipeline.wording import counted


def test_one_is_not_many():
    assert [counted(number, "row") for number in (0, 1, 1.0, 1234)] == ["0 rows", "1 row", "1 row", "1,234 rows"]
