"""Paths, values written as text, and answers in every shape that datasets give them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.data.mapping.values import MISSING, find, parse_structure
from tests.data.reading import CONTEXT, bad_row, found, read_row


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", 1),
        ("b.c", 2),
        ("d[0].e", 3),
        ("d.0.e", 3),
        ("d[-1].e", 4),
        ("d.e", [3, 4]),
        ("d.f", [None, 9]),
        ("with.dot", 5),
        ("cell.text[0]", "nine"),
        ("pair[1]", 8),
        ("b.nothing", MISSING),
        ("d[7].e", MISSING),
        ("a.b", MISSING),
        ("empty.x", []),
    ],
)
def test_paths_reach_nested_listed_and_written_values(path, value):
    row = {
        "a": 1,
        "b": {"c": 2},
        "d": [{"e": 3}, {"e": 4, "f": 9}],
        "with.dot": 5,
        "cell": "{'text': ['nine'], 'answer_start': [20]}",
        "pair": "(3, 8)",
        "empty": [],
    }
    assert find(row, path) == value if value is not MISSING else find(row, path) is MISSING


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(287, 338)", [287, 338]),
        ("[]", []),
        ('["a", "b"]', ["a", "b"]),
        ("['it''s', \"b\"]", None),
        ("['it\\'s']", ["it's"]),
        (
            "{'text': array(['1895'], dtype=object), 'answer_start': array([40], dtype=int32)}",
            {"text": ["1895"], "answer_start": [40]},
        ),
        ("{'text': array([], dtype=object), 'answer_start': array([], dtype=int32)}", {"text": [], "answer_start": []}),
        ("['Denver' 'Broncos']", ["Denver", "Broncos"]),
        ("['it\\'s' \"b's\"\n 'c']", ["it's", "b's", "c"]),
        ("[11 13]", [11, 13]),
        ("[11. 13.5]", [11.0, 13.5]),
        ("[007 1]", None),
        ("[np.int64(11), np.float64(3.0), np.str_('x')]", [11, 3.0, "x"]),
        ("{'text': ['a'], 'answer_start': [numpy.int32(4)]}", {"text": ["a"], "answer_start": [4]}),
        ("[np.load('x')]", None),
        ("__import__('os').system('true')", None),
        ("[__import__('os')]", None),
        ("(1990)", None),
        ("[citation needed]", None),
        ("{nan}", [None]),
        ("[-1, +2]", [-1, 2]),
        ("[" * 5000 + "]" * 5000, None),
        ("plain", None),
    ],
)
def test_written_structures_are_parsed_and_never_evaluated(text, value):
    assert parse_structure(text) == value


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    )
)
def test_what_python_and_json_write_is_read_back(value):
    expected = value if isinstance(value, (list, dict)) else None
    if expected is not None:
        assert parse_structure(repr(value)) == expected
        assert parse_structure(json.dumps(value)) == expected


NINE = [("nine", 20, None)]
NINE_TO = [("nine", 20, 24)]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"text": ["nine"], "answer_start": [20]}, NINE),
        ({"text": "nine", "answer_start": 20}, NINE),
        ([{"text": "nine", "answer_start": 20}], NINE),
        ([{"text": "nine", "answer_start": "20"}], NINE),
        ([{"text": "nine", "answer_start": 20.0}], NINE),
        ([{"answer": "nine", "start": 20, "end": 24}], NINE_TO),
        ([{"text": "nine", "start": 20, "length": 4}], NINE_TO),
        ([{"text": "nine", "span": [20, 24]}], NINE_TO),
        ([{"text": "nine", "span": "(20, 24)"}], NINE_TO),
        ([{"text": ["nine"], "char_spans": [[20, 23]]}], NINE_TO),
        ([{"start": 20, "end": 24}], [(None, 20, 24)]),
        ("{'text': array(['nine'], dtype=object), 'answer_start': array([20])}", NINE),
        ('[{"text": "nine", "answer_start": 20}]', NINE),
        (["nine", "at nine"], [("nine", None, None), ("at nine", None, None)]),
        ("['nine', 'at nine']", [("nine", None, None), ("at nine", None, None)]),
        ("nine", [("nine", None, None)]),
        (9, [("9", None, None)]),
        ([[20, 24, "ANSWER"]], [(None, 20, 24)]),
        ('[[20, 24, "ANSWER"]]', [(None, 20, 24)]),
        ([{"label": "Antwort", "start_offset": 20, "end_offset": 24}], [(None, 20, 24)]),
        ([[20, 24], [17, 24]], [(None, 20, 24), (None, 17, 24)]),
        ([20, 24], [(None, 20, 24)]),
        ("(20, 24)", [(None, 20, 24)]),
        ([{"text": "nine", "answer_start": -1}], [("nine", -1, None)]),
        ([{"text": "nine", "answer_start": None}], [("nine", None, None)]),
        (
            [{"text": "nine", "answer_start": 20}, {"text": {"a": 1}, "answer_start": 2}, 7.5],
            [*NINE, (None, None, None), ("7.5", None, None)],
        ),
        ([{"text": "nine", "answer_start": 20}, {"text": "at", "answer_start": "here"}], [*NINE, (None, None, None)]),
        ([[{"text": "nine", "answer_start": 20}]], NINE),
        (
            {"number": "", "date": {"day": ""}, "spans": ["nine", "at nine"]},
            [("nine", None, None), ("at nine", None, None)],
        ),
        ([], []),
        ({"text": [], "answer_start": []}, []),
        ("[]", []),
    ],
)
def test_one_answers_field_in_every_shape(answers, expected):
    example = read_row({"answers": "answers"}, {"answers": answers})
    assert found(example) == expected
    assert example.answers_given


@pytest.mark.parametrize(
    ("spec", "row", "expected"),
    [
        ({"answers.text": "t", "answers.start": "s"}, {"t": "nine", "s": 20}, NINE),
        ({"answers.text": "t", "answers.answer_start": "s"}, {"t": ["nine"], "s": [20]}, NINE),
        ({"answers": {"text": "t", "start": "s"}}, {"t": "['nine']", "s": "[20]"}, NINE),
        ({"answers.text": "t", "answers.start": "s", "answers.end": "e"}, {"t": "nine", "s": "20", "e": "24"}, NINE_TO),
        ({"answers.start": "s", "answers.length": "n"}, {"s": 20, "n": 4}, [(None, 20, 24)]),
        ({"answers.start": "s", "answers.end": "e", "inclusive_end": True}, {"s": 20, "e": 23}, [(None, 20, 24)]),
        ({"answers.span": "p", "inclusive_end": True}, {"p": [20, 23]}, [(None, 20, 24)]),
        ({"answers.span": "p"}, {"p": "20:24|17:24|None"}, [(None, 20, 24), (None, 17, 24)]),
        ({"answers.span": "p"}, {"p": "20-24"}, [(None, 20, 24)]),
        ({"answers.span": "p"}, {"p": {"start": 20, "end": 24}}, [(None, 20, 24)]),
        ({"answers.span": "p"}, {"p": [{"begin": 20, "length": 4}]}, [(None, 20, 24)]),
        (
            {"answers.text": "t", "answers.span": "p"},
            {"t": ["nine", "at nine"], "p": [(20, 24), (17, 24)]},
            [("nine", 20, 24), ("at nine", 17, 24)],
        ),
        ({"answers.text": "t", "answers.span": "p"}, {"t": "e", "p": [[2, 3], [8, 9]]}, [("e", 2, 3), ("e", 8, 9)]),
        ({"answers.text": "a.value", "answers.start": "a.from"}, {"a": [{"value": "nine", "from": 20}]}, NINE),
        ({"answers.text": "a[1]"}, {"a": ["x", "nine"]}, [("nine", None, None)]),
        ({"answers.text": ["missing", "t"]}, {"t": "nine"}, [("nine", None, None)]),
        ({"answers.text": "t"}, {"t": 1895}, [("1895", None, None)]),
    ],
)
def test_answers_in_parts(spec, row, expected):
    assert found(read_row(spec, row)) == expected


@pytest.mark.parametrize(
    ("spec", "row"),
    [
        ({"answers": "answers"}, {"answers": [{"text": "", "answer_start": -1}]}),
        ({"answers": "answers"}, {"answers": {"text": [""], "answer_start": [0]}}),
        ({"answers": "answers"}, {"answers": ""}),
        ({"answers": "answers"}, {"answers": [" "]}),
        ({"answers.start": "s", "answers.end": "e"}, {"s": -1, "e": -1}),
        ({"answers.text": "t", "no_answer_value": "NONE"}, {"t": "NONE"}),
        ({"answers.text": "t", "no_answer_value": ["-", "NONE"]}, {"t": " - "}),
        ({"answers.text": "t", "no_answer_value": -1}, {"t": -1}),
        ({"answers.span": "p", "no_answer_value": "NONE"}, {"p": "(63, 67)", "context": CONTEXT + " NONE"}),
        ({"is_impossible": "flag"}, {"flag": True}),
        ({"is_impossible": "flag"}, {"flag": "True"}),
        ({"is_impossible": "flag"}, {"flag": 1}),
        ({"answerable": "flag"}, {"flag": "no"}),
    ],
)
def test_every_way_of_saying_no_answer(spec, row):
    example = read_row(spec, row)
    assert (example.answers, example.is_impossible, example.answers_given) == ([], True, True)


def test_a_sentinel_beside_an_answer_leaves_the_answer():
    example = read_row({"answers.text": "t", "no_answer_value": "NONE"}, {"t": ["NONE", "nine"]})
    assert found(example) == [("nine", None, None)]
    assert example.is_impossible is None


def test_a_row_without_an_answer_field_is_unlabelled():
    spec = {"answers": "answers", "is_impossible": "flag"}
    assert not read_row(spec, {}).answers_given
    assert read_row(spec, {"answers": []}).answers_given


@pytest.mark.parametrize(
    ("spec", "row"),
    [
        ({"answers": "answers"}, {"answers": None}),
        ({"answers": "answers"}, {"answers": float("nan")}),
        ({"answers.text": "gold"}, {"gold": None}),
        ({"answers.text": "gold", "no_answer_value": None}, {"gold": None}),
        ({"answers.text": "gold", "no_answer_value": [None, "none"]}, {"gold": None}),
        ({"answers.text": "gold", "answers.start": "begin"}, {"gold": None, "begin": None}),
        ({"answers.text": "gold", "answers.start": "begin"}, {"gold": None, "begin": 7}),
        ({"answers.text": "a.text", "answers.start": "a.start"}, {"a": None}),
    ],
)
def test_null_under_an_answer_field_is_an_empty_answer(spec, row):
    example = read_row(spec, row)
    assert example.answers == [] and example.is_impossible is not False and example.answers_given


def test_null_under_the_text_leaves_a_span_beside_it():
    spec = {"answers.text": "gold", "answers.start": "begin", "answers.end": "end"}
    assert found(read_row(spec, {"gold": None, "begin": 20, "end": 24})) == [(None, 20, 24)]


def test_the_sentinel_at_a_contexts_end_is_cut_only_where_it_is_no_word():
    spec = {"answers.text": "t", "no_answer_value": ["ANSWERNOTFOUND", "no"]}
    assert read_row(spec, {"context": "Good tea. ANSWERNOTFOUND", "t": "no"}).context == "Good tea."
    assert read_row(spec, {"context": "They said no", "t": "no"}).context == "They said no"


def test_text_in_brackets_that_is_in_the_context_is_the_answer_itself():
    context = 'Pass ["a", "b"] or (3, 4) to it.'
    for text in ('["a", "b"]', "(3, 4)"):
        row = {"context": context, "answers": [{"text": text, "answer_start": context.index(text)}]}
        assert found(read_row({"answers": "answers"}, row)) == [(text, context.index(text), None)]


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({"context": None}, "context is missing", "found null"),
        ({"context": 5}, "context is not text", "found int 5"),
        ({"context": ["a", "b"]}, "context is not text", "found list of 2"),
        ({"question": {"a": 1}}, "question is not text", "found dict of 1"),
        (
            {"answers": {"text": ["a", "b"], "answer_start": [1]}},
            "answers are not readable",
            "2 answer texts and 1 pos",
        ),
        (
            {"answers": {"number": "14", "date": {"day": ""}, "spans": []}},
            "answers are not readable",
            "a number or a date that is computed",
        ),
        ({"answers": {"wrong": 1}}, "answers are not readable", "without text or start; it has wrong"),
        (
            {"answers": {"text": "a", "answer_start": "x"}},
            "answers are not readable",
            "expected a position, found str 'x'",
        ),
        ({"answers": {"text": "a", "answer_start": 10**300}}, "answers are not readable", "expected a position"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_bad_row_with_its_reason(row, reason, detail):
    result = bad_row({"answers": "answers", "id": "id"}, {"id": 17, **row})
    assert (result.reason, result.id, result.where) == (reason, "17", "x.json, row 1")
    assert detail in result.detail


def test_ids_titles_and_metadata():
    spec = {"id": "n", "title": "doc.name", "metadata": {"kind": "type", "all": "doc"}}
    row = {"n": 7, "doc": {"name": "Clinic", "size": float("inf")}, "type": "hours"}
    example = read_row(spec, row)
    assert (example.id, example.title) == ("7", "Clinic")
    assert example.metadata == {"kind": "hours", "all": {"name": "Clinic", "size": None}}
    assert read_row({"id": "n"}, {"n": 7.0}).id == "7"
    for value in (None, "", " ", [], True):
        assert read_row({"id": "n"}, {"n": value}).id is None
    for value, written in ((["a", 1], '["a", 1]'), ({"b": 2, "a": 1}, '{"a": 1, "b": 2}')):
        example = read_row({"id": "n"}, {"n": value})
        assert (example.id, example.noticed) == (written, ("structured_id",))
    assert read_row({"id": "n"}, {"n": {"$oid": "65a1"}}).id == "65a1"
    assert read_row({}, {"metadata": {"source": "mock"}}).metadata == {"source": "mock"}
    assert read_row({}, {}).metadata is None


def test_half_characters_become_the_replacement_mark_and_keep_offsets():
    example = read_row({"answers": "a"}, {"context": "x\ud800 nine", "question": "\udfff who?", "a": ["\ud800"]})
    assert example.context == "x\ufffd nine" and example.question == "\ufffd who?"
    assert example.answers[0].text == "\ufffd"
    assert example.mended == ("invalid_characters",)
