"""Every container is found by its content under any name, and is streamed."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_pipeline.data.example import BadRow, LooseExample, RawRow
from qa_pipeline.data.readers import read_rows
from qa_pipeline.errors import DataError
from tests.data.reading import CONTEXT, FLAT, SQUAD, check_two, examples, good, jsonl, write


def test_nested_squad_gives_one_row_a_question_with_its_place(tmp_path):
    path = write(tmp_path / "train.json", json.dumps(SQUAD, indent=1))
    stream = read_rows(path)
    assert stream.format == "squad"
    rows = list(stream.rows)
    assert rows[1].where == f"{path}, data[0].paragraphs[0].qas[1]"
    mapped = good(path)
    check_two(mapped)
    assert [row.is_impossible for row in mapped] == [False, True]
    assert mapped[0].title == "Clinic"
    assert mapped[0].context is mapped[1].context


@pytest.mark.parametrize(
    "document",
    [
        FLAT,
        {"data": FLAT, "version": "1"},
        {"version": "1", "rows": FLAT},
        {"my_questions": FLAT},
        {"train": FLAT},
        {"context": [r["context"] for r in FLAT], "question": [r["question"] for r in FLAT],
         "id": ["a", "b"], "answers": [r["answers"] for r in FLAT]},
        {key: {str(i): row[key] for i, row in enumerate(FLAT)} for key in ("id", "context", "question", "answers")},
        {row["id"]: {k: v for k, v in row.items() if k != "id"} for row in FLAT},
        {"columns": ["id", "context", "question", "answers"], "index": [0, 1],
         "data": [[row[k] for k in ("id", "context", "question", "answers")] for row in FLAT]},
        SQUAD["data"],
        SQUAD["data"][0],
        SQUAD["data"][0]["paragraphs"],
    ],
    ids=["list", "data", "rows", "one list", "split", "columns", "pandas columns", "by id", "pandas split",
         "articles", "article", "paragraphs"],
)  # fmt: skip
@pytest.mark.parametrize("indent", [None, 2])
def test_json_documents_of_every_layout_read_alike(tmp_path, document, indent):
    check_two(good(write(tmp_path / "data.json", json.dumps(document, indent=indent))))


def test_a_file_with_several_splits_needs_a_choice(tmp_path):
    path = write(tmp_path / "all.json", json.dumps({"train": FLAT[:1], "dev": FLAT[1:]}))
    assert [row.id for row in good(path, split="validation")] == ["b"]
    assert [row.id for row in good(path, split="train")] == ["a"]
    with pytest.raises(DataError, match='"train" and "dev" may both be the rows'):
        list(read_rows(path).rows)
    with pytest.raises(DataError, match='no split "test"; the file has: train, dev'):
        read_rows(path, split="test")


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x.parquet", "noextension", "x.txt"])
def test_json_lines_are_found_by_content_under_any_name(tmp_path, name):
    path = write(tmp_path / name, jsonl(FLAT))
    assert read_rows(path).format == "jsonl"
    check_two(good(path))


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.csv"])
def test_a_json_list_is_found_by_content_under_any_name(tmp_path, name):
    path = write(tmp_path / name, json.dumps(FLAT))
    assert read_rows(path).format == "json"
    check_two(good(path))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\n\n \n").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: gzip.compress(text.encode()),
        lambda text: bz2.compress(text.encode()),
        lambda text: lzma.compress(text.encode()),
        lambda text: gzip.compress(b"\xef\xbb\xbf" + text.encode()),
    ],
    ids=["bom", "crlf", "blank lines", "no last newline", "gzip", "bzip2", "xz", "bom in gzip"],
)
@pytest.mark.parametrize("kind", ["jsonl", "json", "squad"])
def test_encodings_and_compressions_of_text_do_not_matter(tmp_path, change, kind):
    text = {"jsonl": jsonl(FLAT), "json": json.dumps(FLAT, indent=1), "squad": json.dumps(SQUAD)}[kind]
    check_two(good(write(tmp_path / "data", change(text))))


def test_a_bad_line_is_a_bad_row_and_the_rest_is_read(tmp_path):
    lines = [json.dumps(FLAT[0]), '{"id": "x", "context": "cut', "[1, 2]", "17", "null", json.dumps(FLAT[1])]
    other = json.dumps({"é": "é"}, ensure_ascii=False)  # so that the file is known to be UTF-8
    path = write(tmp_path / "x.jsonl", "\n".join([*lines, other]).encode() + b'\n{"id": "\xff"}\n')
    rows = [row for row in examples(path) if row.where != f"{path}, line 7"]
    check_two([row for row in rows if isinstance(row, LooseExample)])
    bad = [row for row in rows if isinstance(row, BadRow)]
    assert [row.reason for row in bad] == ["row is not valid JSON", *["row is not an object"] * 3, "row is not UTF-8"]
    assert bad[0].where == f"{path}, line 2"


def test_a_line_may_be_longer_than_the_chunk_that_is_sniffed(tmp_path):
    long = {**FLAT[0], "context": CONTEXT + " word" * 500_000}
    path = write(tmp_path / "x.json", jsonl([long, FLAT[1]]))
    assert read_rows(path).format == "jsonl"
    assert len(good(path)) == 2


def test_a_large_json_document_is_read_across_chunks(tmp_path):
    rows = [{**FLAT[0], "id": f"id{i}", "context": CONTEXT + " \u00e9\u4e2d\\n" * (i % 600)} for i in range(1200)]
    path = write(tmp_path / "x.json", json.dumps({"version": 1, "data": rows, "more": [1, 2.5, -3e4]}))
    assert path.stat().st_size > 4 * 2**20
    read = good(path)
    assert [row.id for row in read] == [row["id"] for row in rows]
    assert [row.context for row in read] == [row["context"] for row in rows]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(JSON_VALUES, min_size=1, max_size=6),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
    wrapped=st.booleans(),
    chunk=st.integers(1, 12),
)
def test_streamed_json_equals_json_loads_at_any_chunk_size(
    tmp_path, monkeypatch, rows, indent, ascii_only, wrapped, chunk
):
    from qa_pipeline.data.readers import json_stream

    document = {"first": 1, "data": rows, "last": {"a": [2]}} if wrapped else rows
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    path = write(tmp_path / "x.json", text.encode("utf-8", "replace"))
    expected = json.loads(path.read_text(encoding="utf-8"))
    monkeypatch.setattr(json_stream, "_CHUNK", chunk)
    assert [row for _, row in json_stream.iter_json_rows(path)] == (expected["data"] if wrapped else expected)


@pytest.mark.parametrize("name", ["x.parquet", "x.json", "x"])
def test_parquet_is_found_by_content(tmp_path, name):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    parquet.write_table(pa.Table.from_pylist(FLAT), tmp_path / name)
    assert read_rows(tmp_path / name).format == "parquet"
    check_two(good(tmp_path / name))


@pytest.mark.parametrize("stream", [False, True])
def test_arrow_files_and_streams(tmp_path, stream):
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pylist(FLAT)
    path = tmp_path / "x.arrow"
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(str(path), table.schema) as writer:
        writer.write_table(table)
    assert read_rows(path).format == "arrow"
    check_two(good(path))


def test_datasets_folder_and_its_splits(tmp_path):
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset.from_list(FLAT)
    dataset.select([1, 0]).select([1, 0]).save_to_disk(str(tmp_path / "one"))
    check_two(good(tmp_path / "one"))
    datasets.DatasetDict({"train": dataset, "test": dataset.select([0])}).save_to_disk(str(tmp_path / "both"))
    assert read_rows(tmp_path / "both", split="train").format == "dataset_folder"
    check_two(good(tmp_path / "both", split="train"))
    assert len(good(tmp_path / "both", split="test")) == 1
    with pytest.raises(DataError, match="several splits, and none was chosen; the dataset has: train, test"):
        read_rows(tmp_path / "both")
    with pytest.raises(DataError, match="no split 'validation'"):
        read_rows(tmp_path / "both", split="validation")


def test_a_damaged_datasets_folder_is_a_data_error(tmp_path):
    write(tmp_path / "state.json", "{")
    with pytest.raises(DataError, match=r"cannot be read as a folder written by datasets\.save_to_disk"):
        read_rows(tmp_path)


def test_a_folder_of_shards_and_a_folder_that_leaves_a_choice(tmp_path):
    for number in (0, 1):
        write(tmp_path / f"train-0000{number}-of-00002.jsonl", jsonl([FLAT[number]]))
    check_two(good(tmp_path))
    write(tmp_path / "test.jsonl", jsonl(FLAT[:1]))
    check_two(good(tmp_path, split="train"))
    with pytest.raises(DataError, match=r"expected a folder written by .*; found test\.jsonl, train-00000"):
        read_rows(tmp_path)


def test_a_hub_name_is_loaded_with_its_options(monkeypatch):
    datasets = pytest.importorskip("datasets")
    seen: dict[str, Any] = {}

    def load(path: str, **options: Any) -> Any:
        seen.update(path=path, **options)
        return datasets.DatasetDict({"train": datasets.Dataset.from_list(FLAT)})

    monkeypatch.setattr(datasets, "load_dataset", load)
    stream = read_rows("someone/clinic_qa", split="train", dataset_config_name="en", token="secret")
    assert stream.format == "hub"
    assert seen == {"path": "someone/clinic_qa", "name": "en", "token": "secret"}
    assert len(list(stream.rows)) == 2


def test_a_hub_failure_is_a_data_error_that_names_the_dataset(monkeypatch):
    datasets = pytest.importorskip("datasets")

    def load(name: str, **options: Any) -> Any:
        raise RuntimeError("Dataset scripts are no longer supported, but found x.py")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(DataError, match=r"someone/old: cannot be read as a dataset of the Hub, .*refs/convert/parquet"):
        read_rows("someone/old")


def test_rows_before_the_mapping_stay_in_the_stream(tmp_path):
    stream = read_rows(write(tmp_path / "x.jsonl", jsonl([{"n": i} for i in range(10)])))
    assert [row.value["n"] for row in stream.head(3) if isinstance(row, RawRow)] == [0, 1, 2]
    assert len(stream.head(500)) == 10
    assert [row.value["n"] for row in stream.rows if isinstance(row, RawRow)] == list(range(10))
