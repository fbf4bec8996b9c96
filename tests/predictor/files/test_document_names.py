"""Documents found by the names that people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.predictor.files.document_names import DocumentNames

NAMES = DocumentNames(
    [
        "fees.pdf",
        "old/fees.pdf",
        "hr/Leave policy.docx",
        "v1.2.md",
        "rows.jsonl:17",
        "data/\u00dcbersicht.txt",
        "A.md",
        "a.md",
    ]
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("fees.pdf", ["fees.pdf"]),  # the whole name before the end of another
        ("old/fees.pdf", ["old/fees.pdf"]),
        ("/srv/files/old/fees.pdf", ["old/fees.pdf"]),
        (".\\old\\fees.pdf", ["old/fees.pdf"]),
        ("FEES.PDF", ["fees.pdf"]),
        ("old/FEES", ["old/fees.pdf"]),
        ("Leave policy", ["hr/Leave policy.docx"]),
        ("leave_policy.docx", ["hr/Leave policy.docx"]),
        ("leave-policy", ["hr/Leave policy.docx"]),
        ("v1.2", ["v1.2.md"]),
        ("17", ["rows.jsonl:17"]),
        ("rows.jsonl:17", ["rows.jsonl:17"]),
        ("u\u0308bersicht", ["data/\u00dcbersicht.txt"]),
        ("A.md", ["A.md"]),
        ("fees.docx", []),  # another ending is another file
        ("new/fees.pdf", ["fees.pdf"]),  # the folder may be one above those that were given
        ("hr/fees.pdf/x", []),
        ("ees.pdf", []),
        ("", []),
        (" / ", []),
    ],
)
def test_a_name_is_found_as_people_write_it(written, meant):
    assert NAMES.find(written) == meant


def test_a_name_that_fits_several_documents_gives_all_of_them():
    names = DocumentNames(["2024/fees.pdf", "2025/fees.pdf"])
    assert names.find("fees") == names.find("Fees.pdf") == ["2024/fees.pdf", "2025/fees.pdf"]
    assert names.find("2025/fees") == ["2025/fees.pdf"]


def test_several_names_stand_in_one_cell():
    assert NAMES.find_all("fees.pdf; leave policy") == [["fees.pdf"], ["hr/Leave policy.docx"]]
    assert NAMES.find_all("fees.pdf | lost") == [[]]
    assert DocumentNames(["a; b.md"]).find_all("a; b.md") == [["a; b.md"]]


def test_a_name_with_a_slip_has_near_names():
    assert NAMES.near("leave polcy.pdf") == ["hr/Leave policy.docx"]
    assert NAMES.near("fee.pdf")[0] == "fees.pdf"
    assert NAMES.near("something else") == []


@given(st.lists(st.text(min_size=1).filter(str.strip), unique=True))
def test_a_name_as_the_documents_have_it_always_finds_its_document(names):
    found = DocumentNames(names)
    for name in names:
        assert not name.strip("/\\").strip() or name in found.find(name)
