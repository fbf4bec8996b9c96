"""Odd and damaged files of every kind: good examples or one clear error, never a traceback."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_pipeline.data import load_examples, to_squad, validate
from qa_pipeline.errors import DataError, QAError
from tests.data.made import CONTEXT, check_invariant, flat, write

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.floats()
    | st.sampled_from(["", " ", "London", "\ud800", CONTEXT])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
fields = [
    "id",
    "context",
    "question",
    "answers",
    "text",
    "answer_start",
    "is_impossible",
    "title",
    "qas",
    "paragraphs",
    "data",
]


def mutate(data, value):
    """Puts something odd, or nothing, somewhere into a JSON value."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: mutate(data, value[key])}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return value[:place] + [mutate(data, value[place])] + value[place + 1 :]
    if isinstance(value, dict) and data.draw(st.booleans()):
        return {**value, data.draw(st.sampled_from(fields)): data.draw(values)}
    return data.draw(values)


def load_or_complain(path: Path, **options) -> None:
    """Loads with every policy: examples that keep the invariant, or a QAError, and nothing else."""
    for policy in ("repair", "drop", "error"):
        try:
            examples, report = load_examples(path, on_bad_data=policy, max_bad_fraction=1.0, **options)
        except QAError as error:
            assert str(error)
            continue
        check_invariant(examples)
        assert report.rows_kept == len(examples)
        assert report.rows_read == report.rows_kept + report.rows_dropped + report.rows_merged
        json.dumps(to_squad(examples), ensure_ascii=False).encode("utf-8")
        validate({"x": report.to_dict()}, "data_report", "report")
        assert report.table()


fuzz = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(data=st.data(), require=st.booleans())
@fuzz
def test_odd_values_in_squad_files_never_end_in_a_traceback(tmp_path, data, require):
    value = to_squad([flat(i, is_impossible=False, title="Ada") for i in range(3)])
    for _ in range(data.draw(st.integers(1, 3))):
        value = mutate(data, value)
    path = tmp_path / "fuzz.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    load_or_complain(path, require_answers=require)


@given(
    data=st.data(),
    mapping=st.sampled_from([None, "squad", {"context": "context", "question": "question", "answers": "answers"}]),
)
@fuzz
def test_odd_values_in_json_lines_never_end_in_a_traceback(tmp_path, data, mapping):
    rows = [mutate(data, flat(i)) if data.draw(st.booleans()) else flat(i) for i in range(4)]
    load_or_complain(write(tmp_path / "fuzz.jsonl", rows), field_mapping=mapping)


@given(
    cells=st.lists(
        st.text(st.sampled_from(string.printable + "é中\u00a0\x00\ufeff"), max_size=12), min_size=3, max_size=12
    ),
    head=st.sampled_from(
        ["context,question,answer", "context\tquestion\tanswer", "id,context,question,answer_text,answer_start", ""]
    ),
)
@fuzz
def test_odd_tables_never_end_in_a_traceback(tmp_path, cells, head):
    path = tmp_path / "fuzz.csv"
    path.write_text(head + "\n" + ",".join(cells) + "\n" + "\t".join(cells), encoding="utf-8", newline="")
    load_or_complain(path)


@given(
    content=st.binary(max_size=200),
    place=st.integers(0, 500),
    name=st.sampled_from(["f.json", "f.jsonl", "f.csv", "f.parquet", "f"]),
)
@fuzz
def test_damaged_files_never_end_in_a_traceback(tmp_path, content, place, name):
    good = json.dumps(to_squad([flat(i, is_impossible=False) for i in range(3)])).encode()
    path = tmp_path / name
    for damaged in (content, good[:place] + content + good[place:], good[:place]):
        path.write_bytes(damaged)
        load_or_complain(path)


@pytest.mark.parametrize(("name", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_small_file_that_unfolds_to_far_more_than_data_is_refused(tmp_path, name, compress):
    path = tmp_path / f"train.json.{name}"
    path.write_bytes(compress(b"[" + b" " * (70 * 2**20)))
    with pytest.raises(DataError, match=rf"json\.{name}: unfolds to more than 64 MiB, over 100 times.*unpack it"):
        load_examples(path)


def test_a_large_compressed_file_of_real_rows_loads(tmp_path):
    rows = "".join(json.dumps(flat(number)) + "\n" for number in range(20_000))
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress(rows.encode()))
    assert len(load_examples(path)[0]) == 20_000
