"""Schemas: what we write fits them, and a violation names file, path, expectation and what was found."""

from __future__ import annotations

import copy
import json

import pytest
from jsonschema import Draft202012Validator

from qa_pipeline.data import validate
from qa_pipeline.data.mapping.field_mapping import PRESETS, mapping_from_dict
from qa_pipeline.data.schema import NAMES, load_schema, violations
from qa_pipeline.errors import DataError

SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Ada",
            "paragraphs": [
                {
                    "context": "Born in London.",
                    "qas": [
                        {"id": "1", "question": "Where?", "answers": [{"text": "London", "answer_start": 8}]},
                        {"id": "2", "question": "Why?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_a_valid_schema(name):
    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["title"]


def test_a_squad_file_fits():
    validate(SQUAD, "squad", "train.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["data"], {}, r"train.json, data: expected array, found \{\}"),
        (
            ["data", 0, "paragraphs", 0, "context"],
            7,
            r"train.json, data\[0\].paragraphs\[0\].context: expected string, found 7",
        ),
        (
            ["data", 0, "paragraphs", 0, "qas", 0, "answers", 0, "answer_start"],
            "8",
            r'data\[0\].paragraphs\[0\].qas\[0\].answers\[0\].answer_start: expected integer, found "8"',
        ),
        (["data", 0, "paragraphs", 0, "qas", 1], {"id": "2"}, r'qas\[1\]: "question" is missing, found \{"id": "2"\}'),
        (["data", 0, "paragraphs", 0, "qas", 0, "answers", 0, "answer_start"], -1, "-1 is less than the minimum of 0"),
    ],
)
def test_a_violation_names_file_path_and_value(path, value, message):
    broken = copy.deepcopy(SQUAD)
    place = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(DataError, match=message):
        validate(broken, "squad", "train.json")


def test_many_violations_come_together():
    broken = {"data": [{"paragraphs": [{"context": i, "qas": []}]} for i in range(30)]}
    with pytest.raises(DataError) as caught:
        validate(broken, "squad", "train.json")
    lines = str(caught.value).splitlines()
    assert lines[0] == "train.json does not fit the squad schema:" and len(lines) == 12 and "more" in lines[-1]


def test_the_whole_value_can_be_wrong():
    with pytest.raises(DataError, match=r"x.json, the whole value: expected object, found \[\] \(schema: squad\)"):
        validate([], "squad", "x.json")


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_fit_the_mapping_schema(name):
    validate(PRESETS[name], "field_mapping", name)
    validate(mapping_from_dict(PRESETS[name], name).to_dict(), "field_mapping", name)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"context": 3, "question": "q"}, "context: expected a path such as document.text.*found 3"),
        ({"context": "c"}, "the whole value: "),
        ({"context": "c", "question": "q", "contxt": "x"}, "'contxt' was unexpected"),
        (
            {"context": "c", "question": "q", "answers": {"txt": "a"}},
            "answers: expected a path, a list of paths, or an",
        ),
    ],
)
def test_a_wrong_mapping_is_told_apart(mapping, message):
    with pytest.raises(DataError, match=message):
        validate(mapping, "field_mapping", "mapping.json")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("predictions", {"1": "London", "2": ""}, {"1": None}),
        ("null_odds", {"1": -3.5}, {"1": "x"}),
        (
            "nbest",
            {"1": [{"text": "a", "start": 0, "end": 1, "score": 2.5, "confidence": 0.5}]},
            {"1": [{"text": "a", "start": 0, "end": 1, "score": 2.5, "confidence": 1.5}]},
        ),
        ("results", {"eval_f1": 80.0, "epoch": 1.0}, {"eval_f1": "high"}),
        (
            "qa_config",
            {"max_seq_length": 384, "doc_stride": 128, "max_answer_length": 30},
            {"max_seq_length": 384, "max_answer_length": 30},
        ),
        (
            "run",
            {"status": "finished", "stages": {}, "config": {"token": None}, "identity": {}, "versions": {"torch": "2"}},
            {"status": "x", "stages": {}, "config": {"token": "hf_secret"}, "identity": {}, "versions": {}},
        ),
    ],
)
def test_artifacts(name, good, bad):
    assert violations(json.loads(json.dumps(good)), name) == []
    assert len(violations(bad, name)) == 1
