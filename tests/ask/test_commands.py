"""qa_predict.py's commands: what they print and write, with a model that needs no training."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from qa_pipeline.ask import commands
from qa_pipeline.ask.commands import main
from qa_pipeline.ask.found import ask_all
from qa_pipeline.ask.terminal import shown
from qa_pipeline.data import load_examples
from qa_pipeline.data.documents import Document, Page
from qa_pipeline.data.fingerprint import fingerprint
from qa_pipeline.errors import DataError, ModelError, run_script
from tests.ask.fakes import WordFinder

CONTEXT = "Ada Lovelace lived in London. She wrote about engines. London was large."
FILLING = "Nothing of interest stands here. " * 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def models(monkeypatch) -> dict[str, WordFinder]:
    """Models by name, instead of those of files."""
    known: dict[str, WordFinder] = {"m": WordFinder("m")}
    monkeypatch.setattr(commands, "load_predictor", lambda name, arguments, allow_new_head=False: known[name])
    return known


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of documents."""
    (tmp_path / "long.txt").write_text(FILLING + "He lives in London now. " + FILLING)
    (tmp_path / "short.md").write_text("The bridge of London is old.")
    (tmp_path / "none.html").write_text("<p>About Paris.</p>")
    return tmp_path


def data_file(folder: Path, answered: bool = True, count: int = 4) -> Path:
    rows = []
    for i in range(count):
        row = {"id": f"q{i}", "context": CONTEXT, "question": f"{i}: what about {'engines' if i % 2 else 'London'}?"}
        if answered:
            row["answers"] = {"text": ["London"], "answer_start": [22]}
        rows.append(row)
    path = folder / "questions.json"
    path.write_text(json.dumps(rows))
    return path


def test_the_answer_is_shown_in_its_sentence(models, capsys):
    assert main(["--model", "m", "--question", "Where is London?", "--context", CONTEXT]) == 0
    assert capsys.readouterr().out == ("London  (confidence 0.84)\n    Ada Lovelace lived in [[London]].\n")


def test_a_terminal_gets_colours_unless_it_says_no(models, monkeypatch):
    for variables, coloured in (
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
    ):
        for name in ("NO_COLOR", "TERM"):
            monkeypatch.setenv(name, variables.get(name, "" if name == "NO_COLOR" else "xterm"))
        monkeypatch.setattr("sys.stdout", out := Terminal())
        main(["--model", "m", "--question", "Where is London?", "--context", CONTEXT])
        assert ("\x1b[1;30;43mLondon\x1b[0m" in out.getvalue()) is coloured
        assert ("[[London]]" in out.getvalue()) is not coloured


def test_control_characters_of_a_document_do_not_reach_the_terminal(models, capsys):
    main(["--model", "m", "--question", "Where is London?", "--context", "Go \x1b[2J to \u202eLondon \x9b31m\r\nnow."])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "\u202e" not in printed and "\x9b" not in printed and "\r" not in printed
    assert "[[London]] \ufffd31m now." in printed
    assert shown("a\tb\n\nc  ") == "a b c"


def test_the_best_of_all_documents_is_given_with_its_place(models, folder, capsys):
    main(["--model", "m", "--question", "Where is London?", "--context_file", str(folder), "--top_k", "3"])
    first, second = capsys.readouterr().out.strip().split("\n\n")
    assert first.startswith("1. London  (confidence 0.88)") and "short.md" in first
    assert "The bridge of [[London]] is old." in first
    assert "long.txt" in second and "... " not in second and "    He lives in [[London]] now." in second


def test_json_has_places_in_the_documents_own_text(models, folder, capsys):
    path = folder / "short.md"
    main(["--model", "m", "--question", "Where is London?", "--context_file", str(path), "--json"])
    reply = json.loads(capsys.readouterr().out)
    (answer,) = reply["answers"]
    assert reply["question"] == "Where is London?" and answer["source"] == str(path)
    assert path.read_text()[answer["start"] : answer["end"]] == answer["text"] == "London"
    assert answer["sentence"] == "The bridge of London is old."


def test_no_answer_is_said_once_with_the_lowest_confidence_of_all_documents(models, folder, capsys):
    main(["--model", "m", "--question", "Who is Zuse?", "--context_file", str(folder)])
    assert capsys.readouterr().out == "no answer in any of the documents  (confidence 0.11)\n"
    main(["--model", "m", "--question", "Who is Zuse?", "--context", CONTEXT, "--json"])
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert (answer["text"], answer["start"], answer["end"]) == ("", None, None)


def test_all_answers_are_given_down_to_a_confidence(models, capsys):
    asked = ["--model", "m", "--question", "Where is London?", "--context", CONTEXT, "--all_answers"]
    main([*asked, "--json"])
    assert [a["start"] for a in json.loads(capsys.readouterr().out)["answers"]] == [22, 55]
    main([*asked, "--min_confidence", "0.6", "--json"])
    assert [a["start"] for a in json.loads(capsys.readouterr().out)["answers"]] == [22]
    main([*asked, "--min_confidence", "0.95"])
    assert capsys.readouterr().out == "no answer of enough confidence\n"


def test_enough_spans_are_asked_for(models):
    main(["--model", "m", "--question", "Where is London?", "--context", CONTEXT, "--top_k", "50"])
    main(["--model", "m", "--question", "Where?", "--context", "x", "--all_answers", "--min_confidence", "0.01"])
    assert [options["n_best_size"] for options in models["m"].decoded_with] == [50, 100]


def test_the_page_of_an_answer_is_known():
    document = Document("One page.\n\nLondon is here.", "a.pdf", [Page(1, 0, 9), Page(2, 11, 26)])
    (found,) = ask_all(WordFinder(), "Where is London?", [document]).answers
    assert (found.page, found.document) == (2, document)


def test_spans_follow_where_no_answer_won():
    class Unsure(WordFinder):
        def predict(self, examples, **decoding):
            for answer in super().predict(examples, **decoding):
                object.__setattr__(answer, "start", None)
                yield answer

    reply = ask_all(Unsure(), "Where is London?", [Document(CONTEXT, "")], top_k=2)
    assert [found.start for found in reply.answers] == [None, 22]


def test_questions_are_asked_line_by_line(models, folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("Where is London?\n\nDo crash\nAnd Paris?\nexit\nnever asked\n"))
    code = main(["--model", "m", "--interactive", "--context_file", str(folder)])
    printed = capsys.readouterr()
    assert [line for line in printed.out.split("\n") if "confidence" in line] == [
        f"London  (confidence 0.88)  {folder / 'short.md'}",
        f"Paris  (confidence 0.89)  {folder / 'none.html'}",
    ]
    assert printed.err == "ModelError: cannot compute this\n" and code == 2
    assert len(models["m"].decoded_with) == 3


def test_a_file_is_answered_scored_and_written(models, tmp_path, capsys):
    target = tmp_path / "out" / "preds.json"
    assert main(["--model", "m", "--data", str(data_file(tmp_path)), "--output", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "exact match     50.00   95% interval" in printed and "4 questions in" in printed
    assert json.loads(target.read_text()) == {"q0": "London", "q1": "engines", "q2": "London", "q3": "engines"}
    nbest = json.loads((tmp_path / "out" / "preds_nbest.json").read_text())
    assert [(span["start"], span["end"]) for span in nbest["q0"]] == [(22, 28), (55, 61)]
    assert json.loads((tmp_path / "out" / "preds_null_odds.json").read_text()).keys() == nbest.keys()


def test_json_lines_hold_each_answer_whole(models, tmp_path):
    target = tmp_path / "preds.jsonl"
    main(["--model", "m", "--data", str(data_file(tmp_path)), "--output", str(target), "--max_eval_samples", "3"])
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["q0", "q1", "q2"]
    assert {"question", "text", "start", "end", "confidence", "no_answer_confidence", "nbest"} <= rows[0].keys()


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
    with pytest.raises(DataError, match="cannot write"):
        main(["--model", "m", "--data", str(path), "--output", str(tmp_path / "file" / "preds.json")])
    assert models["m"].decoded_with == []


def test_models_are_compared_and_the_report_written(models, tmp_path, capsys):
    models |= {"base": WordFinder("base", sure=0.2), "tuned": WordFinder("tuned")}
    target = tmp_path / "out" / "report.html"
    path = data_file(tmp_path, count=6)
    assert main(["--base", "base", "--tuned", "tuned", "m", "--data", str(path), "--report", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "tuned" in printed and f"written: {target}" in printed
    value = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [model["name"] for model in value["models"]] == ["base", "tuned", "m"]
    assert value["source"] == "questions.json" and "<html" in target.read_text().lower()


def test_only_the_base_may_be_untrained(monkeypatch, tmp_path):
    asked = []

    def load(name, arguments, allow_new_head=False):
        asked.append((name, allow_new_head))
        return WordFinder(name)

    monkeypatch.setattr(commands, "load_predictor", load)
    main(["--base", "b", "--tuned", "t1", "t2", "--data", str(data_file(tmp_path))])
    assert asked == [("b", True), ("t1", False), ("t2", False)]


def test_a_reader_that_has_enough_is_no_error(models, monkeypatch, capfd):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            return reader

    reader = commands.os.open(commands.os.devnull, commands.os.O_WRONLY)
    monkeypatch.setattr("sys.stdout", Closed())
    assert main(["--model", "m", "--question", "Where is London?", "--context", CONTEXT]) == 0


def test_a_model_error_reaches_the_user(models):
    with pytest.raises(ModelError, match="cannot compute this"):
        main(["--model", "m", "--question", "crash", "--context", CONTEXT])


# With real models


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory) -> str:
    """A folder with a tiny question-answering model, saved as any other project would."""
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from tests.tiny_models import save_tiny

    folder = save_tiny("bert", tmp_path_factory.mktemp("tiny"), seed=3)
    AutoModelForQuestionAnswering.from_pretrained(folder).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


LIMITS = ["--max_seq_length", "64", "--doc_stride", "16", "--max_question_length", "16", "--dtype", "float32"]


def test_a_real_model_answers_from_a_document(tiny_model, tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("The committee wrote a report about the river. " * 12)
    asked = ["--model", tiny_model, *LIMITS, "--question", "Who wrote it?", "--context_file", str(path)]
    assert main([*asked, "--json", "--top_k", "3"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert len(answers) == 3
    assert all(path.read_text()[answer["start"] : answer["end"]] == answer["text"] for answer in answers)


def test_real_models_are_predicted_with_and_compared(tiny_model, tiny_bert, tmp_path, capsys):
    path = data_file(tmp_path, count=8)
    assert main(["--model", tiny_model, *LIMITS, "--data", str(path), "--output", str(tmp_path / "preds.json")]) == 0
    assert len(json.loads((tmp_path / "preds.json").read_text())) == 8
    target = tmp_path / "report.html"
    compared = ["--base", str(tiny_bert), "--tuned", tiny_model, *LIMITS, "--data", str(path), "--report", str(target)]
    assert main(compared) == 0
    assert target.exists() and (tmp_path / "comparison.json").exists()
    assert "difference" in capsys.readouterr().out


def test_a_model_without_a_head_is_one_message(tiny_bert, capsys):
    assert run_script(main, ["--model", str(tiny_bert), *LIMITS, "--question", "Who?", "--context", CONTEXT]) == 2
    message = capsys.readouterr().err
    assert message.startswith("ModelError: ") and "no trained question-answering head" in message
