"""A damaged file ends in DataError that names it, or in bad rows; never in a traceback."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_pipeline.data import load_examples
from qa_pipeline.data.mapping.values import parse_structure
from qa_pipeline.data.readers import read_rows
from qa_pipeline.errors import DataError
from tests.data.reading import (
    BASE,
    FLAT,
    NAMES,
    SQUAD,
    csv_text,
    jsonl,
    label_studio_task,
    mrqa_lines,
    read_all,
    write,
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n\t\n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty|expected JSON"),
        ('{"a": 1}'.encode("utf-16") + b"\x00", "expected UTF-8 text, found byte"),
        ('{"a": 1}'.encode("utf-32"), "looks like UTF-32"),
        (
            "id;context\n1;клуб основан\n".encode("cp1251"),
            r"an encoding that is not UTF-8.*\(it looks like Windows-1251 \(Cyrillic\)\).*iconv -f CP1251 ",
        ),
        ("id;context\n1;kłódka i złoto".encode("cp1250"), "an encoding that is not UTF-8.*iconv"),
        ("id;context\n1;Češi žijí v Praze".encode("cp1250"), "an encoding that is not UTF-8.*iconv"),
        (
            "id;context\n1;Győr szép, fűzfa közel".encode("cp1250"),
            "an encoding that is not UTF-8.*iconv",
        ),
        ("id;context\n1;Ağrı Dağı yüksek".encode("cp1254"), "an encoding that is not UTF-8.*iconv"),
        (b"a1b2c3" + bytes(range(1, 9)) * 600, "binary data"),
        (b"PK\x03\x04" + b"\x00" * 50, "zip archive or an Excel workbook"),
        (b"<!doctype html><html>", "an HTML or XML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "a Git LFS pointer"),
        (b"just some words\nand more words\n", "expected JSON, JSONL, CSV"),
        (b"[]", "holds no rows"),
        (b'{"data": []}', "holds no rows"),
        (b"{}", "holds no rows"),
        (b"id,context,question\n", "holds no rows"),
        (b'{"data": [{"id": 1}, {"id": ', r"line 1, column \d+: not valid JSON: the file ends inside data\[1\]"),
        (b'{"data": [{"id": 1} {"id": 2}]}', r"expected ',' or '\]' after data\[0\]"),
        (b'[{"id": 1},\n {"id": tru}]', r"line 2, column 9: not valid JSON: Expecting value in \[1\]"),
        (b"[{'id': 1}]", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'[{"id": ' + b"9" * 5000 + b"}]", "cannot be read"),
        (b'[{"id": "\xff"}]', "expected UTF-8 text"),
        (b'{"data": [1]} trailing', "expected the end of the file"),
        (b"PAR1 not really parquet PAR1", "cannot be read as Parquet"),
        (b"ARROW1\x00\x00 not really arrow", "cannot be read as Arrow"),
        (b"\xff\xff\xff\xff\x10\x00\x00\x00nonsense", "cannot be read as Arrow"),
        (gzip.compress(b'{"id": 1}\n' * 1000, mtime=0)[:-20], "cut short or damaged"),
        (b"\x1f\x8b\x08\x00junkjunkjunk", "cut short or damaged|cannot be read"),
    ],
)
@pytest.mark.parametrize("name", ["train.json", "train.csv"])
def test_a_damaged_file_is_a_data_error_that_names_it(tmp_path, content, message, name):
    path = write(tmp_path / name, content)
    with pytest.raises(DataError, match=message) as caught:
        list(read_rows(path).rows)
    assert str(path) in str(caught.value)


def test_a_missing_file_suggests_the_nearest_name(tmp_path):
    write(tmp_path / "train.json", "[]")
    with pytest.raises(DataError, match=r'trian\.json: no such file or folder; did you mean ".*train\.json"'):
        read_rows(tmp_path / "trian.json")
    for name in ("", "\0", "x" * 5000, str(tmp_path / "a" / "b.json"), "/dev/null"):
        with pytest.raises(DataError):
            read_rows(name)


def test_a_common_ending_makes_no_name_near(tmp_path):
    for name in ("broken.json", "answers.json", "data.json"):
        (tmp_path / name).write_text("[]")
    with pytest.raises(DataError, match=r"nothere\.json: no such file or folder$"):
        read_rows(tmp_path / "nothere.json")


def test_an_unreadable_file_is_a_data_error(tmp_path, monkeypatch):
    path = write(tmp_path / "x.json", "[]")
    monkeypatch.setattr(
        "builtins.open", lambda *a, **k: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_rows(path)


SEEDS = [
    json.dumps(SQUAD).encode(),
    json.dumps(FLAT, indent=1).encode(),
    jsonl(FLAT).encode(),
    jsonl(mrqa_lines()).encode(),
    json.dumps([label_studio_task()]).encode(),
    csv_text().encode(),
    csv_text("\t").encode(),
    gzip.compress(jsonl(FLAT).encode(), mtime=0),
]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_files_cut_or_overwritten_anywhere_never_end_in_a_traceback(tmp_path, data):
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(content)))
        end = min(len(content), begin + data.draw(st.integers(0, 40)))
        tokens = [
            b"",
            b"null",
            b"[]",
            b"{}",
            b"-1",
            b"1e999",
            b'"',
            b"\\",
            b"\x00",
            b"\xff",
            b"\n",
            b",",
            b"NaN",
            b"\\ud800",
        ]
        content[begin:end] = data.draw(st.binary(max_size=8) | st.sampled_from(tokens))
    read_all(write(tmp_path / data.draw(st.sampled_from(["x.json", "x.jsonl", "x.csv"])), bytes(content)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.text(alphabet='{}[]",:\\ \n\tabc019.-', max_size=80).map(str.encode))
def test_arbitrary_bytes_never_end_in_a_traceback(tmp_path, content):
    read_all(write(tmp_path / "x.json", content))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_parquet_and_arrow_never_end_in_a_traceback(tmp_path, data):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    good_file = tmp_path / "good.parquet"
    if not good_file.exists():
        parquet.write_table(pa.Table.from_pylist(FLAT), good_file)
    content = bytearray(good_file.read_bytes())
    begin = data.draw(st.integers(4, len(content) - 1))
    content[begin : begin + data.draw(st.integers(1, 20))] = data.draw(st.binary(max_size=20))
    read_all(write(tmp_path / "x.parquet", bytes(content)))


@pytest.mark.parametrize("kind", ["file", "stream", "lz4", "folder"])
def test_a_damaged_arrow_file_does_not_kill_the_process(tmp_path, kind):
    """Offsets that point anywhere: reading them ended in signal 11. Tried in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _DAMAGE, kind, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    refused, read = map(int, done.stdout.split())
    assert refused > 20 and refused + read == 60


ROOT = Path(__file__).resolve().parents[2]
_DAMAGE = """
import random, sys, pathlib
import pyarrow as pa
from qa_pipeline.data import load_examples
from qa_pipeline.data.mapping.values import parse_structure
from qa_pipeline.data.readers import read_rows
from qa_pipeline.errors import DataError

kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
answers = [{"text": ["x"] * (i % 3), "answer_start": [0] * (i % 3)} for i in range(200)]
rows = [{"id": str(i), "context": "x" * 50, "question": f"Why {i}?", "answers": answers[i]} for i in range(200)]
table = pa.Table.from_pylist(rows)
sink = pa.BufferOutputStream()
options = pa.ipc.IpcWriteOptions(compression="lz4" if kind == "lz4" else None)
opened = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
with opened(sink, table.schema, options=options) as writer:
    writer.write_table(table, max_chunksize=100)
whole = sink.getvalue().to_pybytes()
target = folder / "rows.arrow"
if kind == "folder":
    import datasets
    datasets.Dataset(table).save_to_disk(folder / "saved")
    target = next((folder / "saved").glob("*.arrow"))
    whole = target.read_bytes()
rng = random.Random(0)
refused = read = 0
for _ in range(60):
    content = bytearray(whole)
    for _ in range(3):
        at = rng.randrange(len(content) - 8)
        if rng.random() < 0.3:
            del content[at : at + rng.randrange(1, 64)]
        else:
            content[at : at + 4] = rng.choice([2**31 - 1, 2**31, 10**6, 2**24]).to_bytes(4, "little")
    target.write_bytes(content)
    try:
        list(read_rows(target.parent if kind == "folder" else target).rows)
        read += 1
    except DataError:
        refused += 1
print(refused, read)
"""


DEEP = "[" * 600 + "]" * 600


def table(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_lists_in_lists_without_end_are_a_bad_row(tmp_path, name):
    if name.endswith("csv"):
        content = table([{**BASE, "id": i, "answers": answers} for i, answers in enumerate((DEEP, "nine"))])
    else:
        content = json.dumps({**FLAT[0], "extra": "DEEP"}).replace('"DEEP"', DEEP) + "\n" + json.dumps(FLAT[1])
    examples, report = load_examples(write(tmp_path / name, content), max_bad_fraction=1.0)
    assert len(examples) == 1 and report.rows_dropped == 1 and report.rows_read == 2


@pytest.mark.parametrize("token", ["12", 1.5, None, [1], {"a": 1}, True, "9" * 5000])
def test_tokens_of_natural_questions_that_are_no_numbers_are_a_bad_row(tmp_path, token):
    good = [{"short_answers": [{"start_token": 1, "end_token": 2}]}]
    bad = [{"short_answers": [{"start_token": token, "end_token": 2}]}]
    rows = [
        {
            "example_id": i,
            "document_text": "It opens at nine",
            "question_text": f"When {i}?",
            "annotations": annotations,
        }
        for i, annotations in enumerate((good, bad))
    ]
    examples, report = load_examples(
        write(tmp_path / "nq.jsonl", "\n".join(map(json.dumps, rows))), max_bad_fraction=1.0
    )
    assert [example["answers"]["text"] for example in examples] == [["opens"]]
    assert report.dropped == {"row is not in the Natural Questions layout": 1}


@pytest.mark.parametrize(
    "cell",
    ["9" * 5000, f"[{'9' * 5000}]", f"[0x{'f' * 5000}]", f"{'9' * 5000}:{'9' * 5000}", f"[{'9' * 25}, {'9' * 25}]"],
    ids=["number", "list", "hexadecimal", "range", "span"],
)
def test_positions_of_thousands_of_digits_are_bad_rows(tmp_path, cell):
    spans = ("[20, 24]", cell)
    content = table([{**BASE, "id": i, "answer_span": span} for i, span in enumerate(spans)])
    path = write(tmp_path / "rows.csv", content)
    try:
        examples, report = load_examples(path, max_bad_fraction=1.0, field_mapping={**NAMES, "answers": "answer_span"})
    except DataError:
        return
    assert report.rows_read == report.rows_kept + report.rows_dropped + report.rows_merged
    assert all(example["answers"]["text"] in ([], ["nine"]) for example in examples)


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("[" + ", ".join(f"'it\\'s {i}'" for i in range(20_000)) + "]", 20_000),
        ("[" + ", ".join('"it\'s"' for _ in range(20_000)) + "]", 20_000),
        ("[" + ", ".join("'a' 'b'" for _ in range(20_000)) + "]", None),
        ("[0x" + "f" * 5000 + "]", None),
        (DEEP, None),
    ],
    ids=["escaped", "quoted", "adjacent", "digits", "deep"],
)
def test_a_cell_of_thousands_of_strings_is_read_in_a_moment(cell, count):
    began = time.perf_counter()
    found = parse_structure(cell)
    assert time.perf_counter() - began < 5
    assert (None if found is None else len(found)) == count
