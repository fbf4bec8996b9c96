from __future__ import annotations

import json
import sys

import pytest

from qa_pipeline.cli import label
from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples
from qa_pipeline.errors import ConfigError, DataError

FEES = "The boat is lent for 40 euros a day. Anna Berg built the old mill of Norby in 1790 and sold it in 1802."


@pytest.fixture
def documents(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "fees.md").write_text(FEES)
    return folder


def test_all_faults_come_at_once(tmp_path):
    words = [str(tmp_path / "nothing"), "--output", "labels.txt", "--questions_per_context", "-1", "--port", "0"]
    with pytest.raises(ConfigError) as error:
        label.parse(words)
    said = str(error.value)
    assert said.startswith("4 problems in")
    assert "no such file or folder" in said and "expected a name that ends in .json, found labels.txt" in said
    assert "questions_per_context" in said and "port" in said


def test_what_is_missing_is_asked_for():
    with pytest.raises(ConfigError) as error:
        label.parse([])
    assert "documents: is required; give files, or folders of them" in str(error.value)
    assert "output: is required" in str(error.value)


def test_a_folder_is_no_file_of_labels(documents, tmp_path):
    (tmp_path / "labels.json").mkdir()
    with pytest.raises(ConfigError, match="is a folder; give the name of a file"):
        label.parse([str(documents), "--output", str(tmp_path / "labels.json")])


def test_documents_stand_first_or_in_a_configuration(documents, tmp_path):
    output = str(tmp_path / "labels.json")
    assert label.parse([str(documents), str(documents), "--output", output]).document_paths == [str(documents)] * 2
    config = tmp_path / "label.yaml"
    config.write_text(f"documents: {documents}\noutput: {output}\nquestions_per_context: 2\n")
    values = label.parse([str(config), "--seed", "7"])
    assert (values.document_paths, values.questions_per_context, values.seed) == ([str(documents)], 2, 7)


def test_help_says_what_it_does(capsys):
    with pytest.raises(SystemExit):
        label.parse(["--help"])
    shown = capsys.readouterr().out
    assert "Every decision is kept at once" in " ".join(shown.split()) and "--unanswerable_fraction" in shown


def test_a_model_answers_what_the_rules_ask(documents, tmp_path, models, monkeypatch):
    monkeypatch.setattr(label, "load_predictor", lambda name, arguments: models[name])
    project = label.make_project(label.parse([str(documents), "--output", str(tmp_path / "l.json"), "--model", "m"]))
    project.suggester.start()
    work = project.next_passage("window", "Ada")
    suggestions = project.suggester.hurry(work["passage"]["id"], wait=60)
    assert suggestions and all(one.proposals[0].by == "m" for one in suggestions)


def test_rules_that_are_not_there_are_refused_at_once(documents, tmp_path):
    words = [str(documents), "--output", str(tmp_path / "labels.json"), "--cloze_plugins", "nonsense"]
    with pytest.raises(ConfigError, match="nonsense"):
        label.make_project(label.parse(words))


def test_documents_without_a_passage_are_refused_and_no_file_is_written(tmp_path):
    (tmp_path / "short.md").write_text("Too short.")
    with pytest.raises(DataError, match="no passage to ask about"):
        label.make_project(label.parse([str(tmp_path / "short.md"), "--output", str(tmp_path / "labels.json")]))
    assert not (tmp_path / "labels.json").exists()


def test_the_journal_beside_the_documents_is_not_read_as_one(documents):
    output = str(documents / "labels.json")
    for _ in range(2):
        project = label.make_project(label.parse([str(documents), "--output", output]))
        assert [one.document for one in project.passages.values()] == ["fees.md"]
        work = project.next_passage("window", "Ada")
        said = {"client": "window", "person": "Ada", "passage": work["passage"]["id"], "item": None, "seen": 0}
        project.decide({**said, "action": str(_), "question": f"How much {_}?", "start": 21, "end": 29})


def test_check_and_train_s_reader_take_the_file_as_it_is(documents, tmp_path, capsys):
    output = tmp_path / "labels.json"
    project = label.make_project(label.parse([str(documents), "--output", str(output)]))
    work = project.next_passage("window", "Ada")
    said = {"client": "window", "person": "Ada", "passage": work["passage"]["id"], "item": None, "seen": 0}
    project.decide({**said, "action": "1", "question": "How much is the boat?", "start": 21, "end": 29})
    project.decide({**said, "action": "2", "question": "Who owns it now?", "start": None, "end": None})
    assert main(["check", str(output)]) == 0
    assert "labels.json" in capsys.readouterr().out
    rows, report = load_examples(output)
    assert report.rows_dropped == 0 and [row["is_impossible"] for row in rows] == [False, True]


def test_a_missing_package_is_named(documents, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ConfigError, match="fastapi, which is not installed; run: pip install"):
        label.run(label.parse([str(documents), "--output", str(tmp_path / "labels.json")]))


@pytest.mark.slow
def test_a_model_is_trained_on_the_file_as_it_is(documents, tmp_path, tiny_bert):
    output = tmp_path / "labels.json"
    project = label.make_project(label.parse([str(documents), "--output", str(output)]))
    work = project.next_passage("window", "Ada")
    said = {"client": "window", "person": "Ada", "passage": work["passage"]["id"], "item": None, "seen": 0}
    for number, (start, end) in enumerate([(21, 29), (37, 46), (78, 82), (None, None)]):
        project.decide(
            {**said, "action": str(number), "question": f"Which is number {number}?", "start": start, "end": end}
        )
    words = ["train", "--model_name_or_path", str(tiny_bert), "--train_file", str(output), "--max_steps", "2"]
    words += ["--warm_start", "off", "--max_seq_length", "128", "--doc_stride", "32"]
    words += ["--version_2_with_negative", "true", "--do_train", "true", "--output_dir", str(tmp_path / "run")]
    assert main(words) == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["data"]["train"]["source"] == str(output)
