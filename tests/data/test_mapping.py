"""Field mappings as users write them: presets, files, inline objects; and no value ends in a traceback."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_pipeline.data.example import BadRow, LooseExample, RawRow
from qa_pipeline.data.mapping import apply
from qa_pipeline.data.mapping.field_mapping import ALIASES, PRESETS, mapping_from_dict, read_mapping
from qa_pipeline.data.mapping.inference import resolve_mapping
from qa_pipeline.data.readers import read_rows
from qa_pipeline.errors import ConfigError, DataError, QAError
from tests.data.reading import BASE, CONTEXT, NAMES, rows_of


def test_every_preset_and_alias_is_sound_and_written_back():
    for name in PRESETS:
        mapping = read_mapping(name)
        assert mapping_from_dict(mapping.to_dict(), mapping.name) == mapping
    for alias, name in ALIASES.items():
        assert read_mapping(alias.upper().replace("_", "-")) == read_mapping(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.json", '{"context": "body", "question": "q", "no_answer_value": "-"}'),
        ("m.json", '\ufeff{"context": "body", "question": "q", "no_answer_value": ["-"]}'),
        ("m.yaml", "# reviews\ncontext: body\nquestion: q\nno_answer_value: '-'\n"),
        ("m.txt", "{context: body, question: q, no_answer_value: '-'}"),
    ],
)
def test_a_mapping_from_a_file_and_inline_text(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    mapping = read_mapping(str(path))
    assert mapping == read_mapping(path)
    assert (mapping.context, mapping.question, mapping.no_answer_values) == (("body",), ("q",), frozenset({"-"}))
    if name == "m.json":
        assert read_mapping(text.lstrip("\ufeff")).context == ("body",)


def test_a_preset_can_be_started_from():
    mapping = read_mapping({"preset": "squad", "question": "query"})
    assert (mapping.context, mapping.question, mapping.answers) == (("context",), ("query",), ("answers", "answer"))


@pytest.mark.parametrize(
    ("spec", "messages"),
    [
        ("squadd", ['did you mean "squad"?', "Presets: cmrc"]),
        ("/no/such/file.json", ["no preset or file"]),
        ("", ["no preset or file"]),
        ("\0", ["no preset or file|cannot read"]),
        ("{", ["not valid JSON"]),
        ("{}", ['"context" is missing', '"question" is missing']),
        ([], ["expected a preset name, a file or an object"]),
        (5, ["expected a preset name"]),
        (
            {"context": "a", "questoin": "b"},
            ['unknown key "questoin"; did you mean "question"?', '"question" is missing'],
        ),
        ({"context": 5, "question": "b"}, ['"context": expected a path such as "document.text", found int 5']),
        ({"context": "a", "question": ""}, ['"question": expected a path']),
        ({"context": "a[", "question": "b"}, ['"context": expected a path']),
        ({"context": "a", "question": "b", "inclusive_end": "yes"}, ['"inclusive_end": expected true or false']),
        ({"context": "a", "question": "b", "no_answer_value": {}}, ['"no_answer_value": expected a text']),
        ({"context": "a", "question": "b", "metadata": 3}, ['"metadata": expected a list of paths']),
        ({"preset": "nope", "context": "a", "question": "b"}, ["no preset 'nope'"]),
        (
            {"context": "a", "question": "b", "answers": {"txt": "c"}},
            ['unknown key "answers.txt"; did you mean "answers.text"'],
        ),
    ],
)
def test_a_wrong_mapping_is_a_config_error_with_all_its_faults(spec, messages):
    with pytest.raises(ConfigError) as caught:
        read_mapping(spec)
    for message in messages:
        assert message in str(caught.value) or re.search(message, str(caught.value))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "expected UTF-8"),
        (b"a: [", "not valid YAML"),
        (b"- a\n", "expected an object"),
        (b"", "expected an"),
    ],
)
def test_a_damaged_mapping_file_is_a_config_error(tmp_path, content, message):
    path = tmp_path / "m.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_mapping(str(path))


def test_a_mapping_that_fits_no_row_names_the_nearest_field():
    rows = rows_of({"review": CONTEXT, "question": "q?", "span": "nine"})
    with pytest.raises(DataError, match=r'x\.csv: .*context -> "reviews" .*did you mean "review"\?.*Fields: "review"'):
        resolve_mapping({"context": "reviews", "question": "question"}, rows, "x.csv")
    with pytest.raises(DataError, match=r'answers -> "spans" is in none of the first 1 rows; did you mean "span"\?'):
        resolve_mapping({"context": "review", "question": "question", "answers": "spans"}, rows, "x.csv")


def test_a_mapping_without_id_takes_an_id_that_is_different_in_every_row():
    rows = rows_of({"id": 1, **BASE}, {"id": 2, **BASE})
    assert resolve_mapping(NAMES, rows, "x").id == ("id",)
    rows[1].value["id"] = 1
    assert resolve_mapping(NAMES, rows, "x").id == ()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 70)
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        [CONTEXT, "nine", "(20, 24)", "[1]", "['a']", "{'text': 'a'}", "20:24", "", "-1", "NaN", "\ud800"]
    )
)
KEYS = st.sampled_from(
    [
        "context",
        "question",
        "answers",
        "answer",
        "text",
        "answer_start",
        "start",
        "end",
        "span",
        "length",
        "id",
        "title",
        "is_impossible",
        "char_spans",
        "detected_answers",
        "qas",
        "paragraphs",
        "annotations",
        "data",
        "result",
        "value",
        "document",
        "tokens",
        "document_text",
        "short_answers",
        "query",
        "consensus",
        "metadata",
        "human_ans_spans",
        "review",
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=14
)


def check(result: LooseExample | BadRow) -> None:
    if isinstance(result, BadRow):
        return
    result.context.encode()
    assert all(a.text is None or a.text.strip() for a in result.answers)
    assert all(a.start is None or a.start >= 0 or (a.start == -1 and a.text) for a in result.answers)
    json.dumps(result.metadata, allow_nan=False)


@settings(max_examples=300, deadline=None)
@given(answers=VALUES, parts=st.dictionaries(KEYS, VALUES, max_size=6), preset=st.sampled_from([*PRESETS, "parts"]))
def test_no_value_anywhere_ends_in_a_traceback(answers, parts, preset):
    every = {**NAMES, "id": "id", "answers.text": "text", "answers.start": "start", "answers.end": "end",
             "answers.span": "span", "answers.length": "length", "is_impossible": "is_impossible",
             "metadata": ["value", "document.tokens"]}  # fmt: skip
    mapping = mapping_from_dict(every, "all parts") if preset == "parts" else read_mapping(preset)
    for row in ({**BASE, "answers": answers}, {**BASE, **parts}, parts):
        check(apply(mapping, RawRow(row, "r")))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(st.dictionaries(KEYS, VALUES, max_size=6) | VALUES, min_size=1, max_size=4))
def test_no_document_ends_in_a_traceback(tmp_path: Path, items):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(items), encoding="utf-8")
    try:
        stream = read_rows(path)
        mapping = resolve_mapping(None, stream)
        for row in stream.rows:
            check(apply(mapping, row))
    except QAError as error:
        assert str(path) in str(error)


@settings(max_examples=200, deadline=None)
@given(spec=st.dictionaries(KEYS | st.sampled_from(["answers.text", "preset", "no_answer_value"]), VALUES, max_size=6))
def test_no_mapping_ends_in_a_traceback(spec):
    try:
        mapping = read_mapping(spec)
    except ConfigError:
        return
    check(apply(mapping, RawRow({**BASE, "answers": ["nine"]}, "r")))
