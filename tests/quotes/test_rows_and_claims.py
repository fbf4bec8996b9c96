"""Rows are read or named as bad, and a claim gets the sentence that is nearest to it."""

from __future__ import annotations

import pytest

from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import DataError
from qa_pipeline.postprocess import Span
from qa_pipeline.predictor.answer import Answer
from qa_pipeline.quotes.claims import find_evidence
from qa_pipeline.quotes.rows import read_quote_rows
from qa_pipeline.quotes.sources import QuoteSources

LENDING = "Machines stay in the house. If you lose a tool, you pay half of its price. Tools come back clean."
SOURCES = QuoteSources([Document("We open at nine. We close at six.", "hours.md"), Document(LENDING, "lending.md")])


def test_every_line_is_a_row_or_is_named(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"id": 7, "quote": "one", "source": "a.md"}\n\n"two"\n{"quotes": ["three", 4]}\n'
        b'{"claim": "five"}\n'
        b'{"quote": " "}\n[1]\n{"text": "x"}\nnot json\n{"quote": "y", "source": 3}\n{"quote": "y", "claim": "z"}\n'
    )
    rows = read_quote_rows(path)
    assert [(row.id, row.quote, row.claim, row.part) for row in rows if not row.error] == [
        ("7", "one", None, None),
        ("line-3", "two", None, None),
        ("line-4", "three", None, 1),
        ("line-5", None, "five", None),
    ]
    assert rows[0].source == "a.md"
    assert [row.error.split("(")[0].strip() for row in rows if row.error] == [
        "line 4, quote 2: expected a text, found int 4",
        "line 6: \"quote\": expected a text, found str ' '",
        "line 7: expected an object, found list of 1",
        'line 8: expected one of "quote", "quotes" and "claim", found the keys text',
        "line 9: not JSON",
        'line 10: "source": expected the name of a document, found int 3',
        'line 11: expected one of "quote", "quotes" and "claim", found quote and claim',
    ]


def test_a_file_without_rows_and_one_that_is_not_there_are_named(tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match=r"empty.jsonl: expected a row such as"):
        read_quote_rows(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match="missing.jsonl"):
        read_quote_rows(tmp_path / "missing.jsonl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("question,answer\nHow much?,25 euros\n", r"rows: expected JSON lines, a row such as .* \(line 1: not JSON"),
        (
            '[\n  {"quote": "25 euros"},\n  {"quote": "in May"}\n]\n',
            r"rows: expected JSON lines, found one list of 2; try: jq",
        ),
    ],
)
def test_a_file_of_another_format_is_one_fault_and_not_one_for_each_line(tmp_path, content, message):
    (tmp_path / "rows").write_text(content)
    with pytest.raises(DataError, match=message):
        read_quote_rows(tmp_path / "rows")


def test_a_claim_gets_the_sentence_that_shares_its_rarest_words():
    evidence = find_evidence("Who loses a tool has to pay: lose it and pay the price", SOURCES)
    assert (evidence.found, evidence.document) == ("If you lose a tool, you pay half of its price.", "lending.md")
    assert LENDING[evidence.start : evidence.end] == evidence.found
    assert evidence.by == "words" and evidence.score is None and 0.5 < evidence.words < 1


def test_a_claim_is_looked_for_in_its_source_only():
    assert find_evidence("you pay the price at six", SOURCES, source="hours").found == "We close at six."
    none = find_evidence("zebras", SOURCES, source="nothing.md")
    assert (none.status, none.note) == ("no_evidence", 'no document is called "nothing.md"')


def test_a_reader_chooses_the_sentence_around_its_best_span():
    class Reader:
        def predict(self, rows):
            for number, row in enumerate(rows):
                start = max(0, row["context"].find("come back"))
                sure = 0.6 if "come back" in row["context"] else 0.1
                span = Span(row["context"][start : start + 9], start, start + 9, sure, sure)
                yield Answer(str(number), row["question"], "", None, None, 0.3, 0.3, 0.0, 0.0, 1, [span])

        def together(self, answers):
            return answers

    evidence = find_evidence("Tools must be clean when you open", SOURCES, predictor=Reader())
    assert (evidence.found, evidence.by, evidence.score) == ("Tools come back clean.", "reader", 0.6)
