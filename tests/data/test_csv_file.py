"""Tables are read with any delimiter and quoting; a row that does not fit is handed on as bad."""

from __future__ import annotations

import csv

import pytest

from qa_pipeline.data.example import BadRow, LooseExample, RawRow
from qa_pipeline.data.readers import read_rows
from qa_pipeline.data.readers.csv_file import numbered_rows
from qa_pipeline.errors import DataError
from tests.data.reading import CONTEXT, check_two, csv_text, examples, good, write


@pytest.mark.parametrize(("delimiter", "format"), [(",", "csv"), ("\t", "tsv"), (";", "csv"), ("|", "csv")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["x.csv", "x.json", "x"])
def test_tables_are_found_with_any_delimiter_under_any_name(tmp_path, delimiter, format, end, name):
    path = write(tmp_path / name, "\ufeff" + csv_text(delimiter, end))
    assert read_rows(path).format == format
    check_two(good(path))


def test_quotes_newlines_and_doubled_quotes_in_cells(tmp_path):
    text = 'context,question,answer\n"He said ""nine"",\nthen left.","What, then?",nine\n'
    (row,) = good(write(tmp_path / "x.csv", text))
    assert row.context == 'He said "nine",\nthen left.'
    assert row.question == "What, then?"


def test_a_tsv_whose_quotes_are_only_characters(tmp_path):
    rows = [f'"Nine" is when clinic {i} opens\tWhen does it open?\tnine' for i in range(30)]
    path = write(tmp_path / "x.tsv", "context\tquestion\tanswer\n" + "\n".join(rows) + "\n")
    read = good(path)
    assert len(read) == 30
    assert read[4].context == '"Nine" is when clinic 4 opens'


def test_backslash_escaped_quotes(tmp_path):
    lines = [rf'"He said \"nine\", {i}",What?,nine' for i in range(5)]
    read = good(write(tmp_path / "x.csv", "context,question,answer\n" + "\n".join(lines) + "\n"))
    assert [row.context for row in read] == [f'He said "nine", {i}' for i in range(5)]


def test_ragged_and_undecodable_csv_rows_are_bad_rows(tmp_path):
    content = csv_text().encode() + b"c,too,few\n" + b"d,one,too,many,3,4\n" + b'e,"caf\xe9",Q?,x,1\n' + b"\n"
    content = content.replace(b"Who owns", "Whö owns".encode())  # so that the rest of the file is known to be UTF-8
    rows = examples(write(tmp_path / "x.csv", content))
    assert [row.id for row in rows if isinstance(row, LooseExample)] == ["a", "b"]
    bad = [row for row in rows if isinstance(row, BadRow)]
    assert [(row.reason, row.where.rsplit(", ", 1)[1]) for row in bad] == [
        ("row does not fit the header", "row 3"),
        ("row does not fit the header", "row 4"),
        ("row is not UTF-8", "row 5"),
    ]
    assert bad[0].detail == "3 fields, header has 5"


def test_a_quote_that_never_closes_is_an_error_and_not_one_huge_row(tmp_path, monkeypatch):

    from qa_pipeline.data.readers import csv_file

    old = csv.field_size_limit(20_000)
    monkeypatch.setattr(csv_file, "MAX_FIELD_CHARACTERS", 20_000)
    monkeypatch.setattr(csv_file, "_SAMPLE_CHARACTERS", 5_000)
    try:
        lines = [f"some context number {i},What?,nine" for i in range(4000)]
        lines[1000] = '"never closed,What?,nine'
        path = write(tmp_path / "x.csv", "context,question,answer\n" + "\n".join(lines) + "\n")
        with pytest.raises(DataError, match=r"row 1001: a field is larger than 20,000 characters; is a quote"):
            list(read_rows(path).rows)
    finally:
        csv.field_size_limit(old)


def test_header_names_that_are_empty_or_repeated_stay_apart(tmp_path):
    path = write(tmp_path / "x.csv", ",context,question,answer,answer\n0,A b c.,What?,b,c\n")
    (row,) = list(read_rows(path).rows)
    assert list(row.value) == ["column_1", "context", "question", "answer", "answer_2"]


def test_a_cell_of_three_megabytes_is_read(tmp_path):
    long = CONTEXT + " x" * 1_500_000
    (row,) = good(write(tmp_path / "x.csv", f'context,question,answer\n"{long}",When?,nine\n'))
    assert len(row.context) == len(long)


def test_rows_know_the_line_on_which_they_begin(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('sep=;\nid;text\n1;"two\nlines"\n\n2;one\n3;a;b\n5;last\n', encoding="utf-8")
    found = [(line, row.value["id"] if isinstance(row, RawRow) else row.reason) for line, row in numbered_rows(path)]
    assert found == [(3, "1"), (6, "2"), (7, "row does not fit the header"), (8, "5")]
