"""`answer_file` as a function: what it reads, writes and gives back. What its files hold is tested by the command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.predictor.files.answering import answer_file
from qa_pipeline.predictor.files.question_lists import read_data, read_questions
from tests.predictor.fakes import CONTEXT, WordFinder, data_file


def test_data_is_answered_written_and_kept_for_scores(tmp_path):
    path = data_file(tmp_path)
    done = answer_file(WordFinder(), path, tmp_path / "out" / "answers.json")
    answers = {"q0": "London", "q1": "engines", "q2": "London", "q3": "engines"}
    assert [file.name for file in done.files] == ["answers.json", "answers_nbest.json", "answers_null_odds.json"]
    assert json.loads(done.files[0].read_text()) == done.scored.texts == answers
    assert (done.computed, len(done.scored.confidence), done.left_out) == (4, 4, {}) and done.seconds > 0
    assert answer_file(WordFinder(), read_data(str(path), max_samples=2), None).scored.texts == {
        "q0": "London",
        "q1": "engines",
    }


def test_questions_alone_are_asked_on_documents(tmp_path):
    (tmp_path / "a.txt").write_text(CONTEXT)
    (tmp_path / "q.jsonl").write_text(
        '{"question": "Where is London?"}\n{"question": ""}\n{"question": "Who is Zuse?"}\n'
    )
    for data in (tmp_path / "q.jsonl", read_questions(str(tmp_path / "q.jsonl"))):
        done = answer_file(WordFinder(), data, tmp_path / "answers.csv", documents=tmp_path / "a.txt")
        with open(tmp_path / "answers.csv", newline="") as handle:
            rows = list(csv.DictReader(handle))
        assert [(row["answer"], Path(row["document"]).name) for row in rows] == [
            *(("London", "a.txt"), ("", "a.txt"), ("", ""))
        ]
        assert list(done.left_out) == ["row-2"] and done.computed == 2
    answer_file(WordFinder(), tmp_path / "q.jsonl", tmp_path / "plain.csv", documents=CONTEXT)
    with open(tmp_path / "plain.csv", newline="") as handle:
        assert not {"document", "page"} & {*next(csv.reader(handle))}


def test_what_cannot_be_is_said_before_anything_is_asked(tmp_path):
    predictor, path = WordFinder(), data_file(tmp_path)
    alone = tmp_path / "q.txt"
    alone.write_text("Where is London?\n")
    with pytest.raises(ConfigError, match=r"output: expected a name that ends in .json, .jsonl, .csv, .tsv, found .*x"):
        answer_file(predictor, path, tmp_path / "answers.xlsx")
    with pytest.raises(DataError, match="holds questions without texts; give the documents to ask as --documents"):
        answer_file(predictor, alone, tmp_path / "answers.csv")
    for given, said in (
        ({"output": tmp_path / "answers.csv"}, "documents: are required for questions that stand alone"),
        ({"output": None, "documents": CONTEXT}, "output: is required for questions that come without right answers"),
    ):
        with pytest.raises(ConfigError, match=said):
            answer_file(predictor, read_questions(str(alone)), **given)
    assert predictor.decoded_with == []
