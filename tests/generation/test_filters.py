"""Evidence first, then the answer inside it; what is written is always the source's own slice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.filters import place
from qa_pipeline.generation.types import Draft, Rejected, Row

TEXT = "The fee is 30 euros. Children pay\n  half the \u201cfee\u201d.  The fee for 10 of the 100 clubs is 90 euros."


def placed(answer, evidence=None, start=None, text=TEXT):
    return place(Draft(Passage("p", "d", text), "What?", answer, evidence, start, "llm"))


@pytest.mark.parametrize(
    ("answer", "evidence", "start", "expected"),
    [
        ("30 euros", None, None, (11, "30 euros")),
        ("30 EUROS", "the fee is 30 euros", None, (11, "30 euros")),
        ("half the 'fee'", 'Children pay half the "fee".', None, (36, "half the \u201cfee\u201d")),
        ("10", "The fee for 10 of the 100 clubs", None, (65, "10")),
        ("euros", "The fee is 30 euros.", None, (14, "euros")),
        ("30 euros", None, 11, (11, "30 euros")),
        ("euros", None, None, "answer_ambiguous"),
        ("fee", "The fee", None, "evidence_ambiguous"),
        ("30 pounds", None, None, "answer_not_verbatim"),
        ("30 euros", "The fee was 30 euros.", None, "evidence_not_verbatim"),
        ("90 euros", "The fee is 30 euros.", None, "answer_not_verbatim"),
        ("club", None, None, "answer_cuts_word"),
        ("uros", "uros. Children", None, "answer_cuts_word"),  # whole in the quote, but not in the passage
        ("30 euros", None, 12, "answer_misplaced"),
        (" ", None, None, "empty_answer"),
    ],
)
def test_quotes(answer, evidence, start, expected):
    row = placed(answer, evidence, start)
    if isinstance(expected, str):
        assert row == Rejected(expected, "p")
    else:
        assert isinstance(row, Row) and (row.start, row.answer) == expected


def test_no_answer_stays_no_answer():
    row = placed(None, "The fee is 30 euros.")
    assert (
        isinstance(row, Row) and row.is_impossible and row.to_example()["answers"] == {"text": [], "answer_start": []}
    )


@given(
    st.text("ab \n\u00e9E\u0301\u2019.", max_size=40),
    st.text("ab \n\u00e9e\u0301'.", max_size=8),
    st.none() | st.text("ab .", max_size=20),
)
def test_whatever_is_quoted_a_row_is_a_slice(text, answer, evidence):
    row = placed(answer, evidence, text=text)
    if isinstance(row, Row):
        assert row.answer is not None and row.start is not None
        assert text[row.start : row.start + len(row.answer)] == row.answer != ""
        assert row.evidence is None or row.evidence in text
