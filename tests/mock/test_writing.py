"""What is checked before mock data is written."""

from __future__ import annotations

import re

import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.mock.writing import check_alignment, write_dataset


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": [{"text": "blue", "answer_start": 3}]}, 'answer "blue" is not at answer_start 3'),
        ({"answers": []}, "is_impossible is False, answers say otherwise"),
        ({"answers": [{"text": " is", "answer_start": 3}]}, 'answer " is" is not at answer_start 3'),
    ],
)
def test_the_check_before_writing_finds_a_broken_question(tmp_path, change, message):
    question = {"id": "a", "question": "?", "is_impossible": False, "answers": [{"text": "blue", "answer_start": 7}]}
    value = {"data": [{"title": "t", "paragraphs": [{"context": "Sky is blue.", "qas": [question | change]}]}]}
    with pytest.raises(DataError, match=re.escape(message)):
        write_dataset({"train": value}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_check_before_writing_finds_an_id_used_twice():
    question = {"id": "a", "question": "?", "is_impossible": True, "answers": []}
    value = {"data": [{"paragraphs": [{"context": "Sky.", "qas": [question, question]}]}]}
    with pytest.raises(DataError, match='"a": id used twice'):
        check_alignment(value, "x.json")
