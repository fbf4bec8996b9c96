"""Asking and comparing by command, and qa_predict.py, which does both: what is printed and written."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import pytest

from qa_pipeline import QAPredictor
from qa_pipeline.cli import ask, compare, loading
from qa_pipeline.cli.replies import shown
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, ModelError, run_script
from qa_pipeline.predictor.answer import distinct
from qa_predict import main
from tests.predictor.fakes import CONTEXT, WordFinder, data_file

ROOT = Path(__file__).resolve().parents[2]
FILLING = "Nothing of interest stands here. " * 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of documents."""
    (tmp_path / "long.txt").write_text(FILLING + "He lives in London now. " + FILLING)
    (tmp_path / "short.md").write_text("The bridge of London is old.")
    (tmp_path / "none.html").write_text("<p>About Paris.</p>")
    return tmp_path


def test_the_answer_is_shown_in_its_sentence(models, capsys):
    assert main(["--model", "m", "--question", "Where is London?", "--context", CONTEXT]) == 0
    assert capsys.readouterr().out == ("London  (confidence 0.84)\n    Ada Lovelace lived in [[London]].\n")


def test_a_model_that_is_sure_of_nothing_is_named_once(models, monkeypatch, capsys):
    asked = ["--model", "m", "--question", "Where is London?", "And London?", "--context", CONTEXT]
    main(asked)
    assert not capsys.readouterr().err
    monkeypatch.setattr("qa_pipeline.predictor.documents.LEAST_SURE", 0.9)  # the answers have 0.84
    main(asked)
    assert capsys.readouterr().err.count("note: no answer has a confidence of 0.05 or more") == 1
    main([*asked, "--min_confidence", "0.1"])
    assert not capsys.readouterr().err


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


def test_an_answer_of_a_table_is_shown_on_one_line_without_its_bars():
    assert shown("Fee | 25\neuros |\n|---|:-:|\n| late |") == "Fee 25 euros late"
    assert shown("a|b or a||b") == "a|b or a||b"
    assert shown("| Fee ", strip="left") == "Fee "
    assert shown("5 - 3: x", strip="right") == "5 - 3: x"


def test_several_questions_may_follow_one_flag(models, capsys):
    main(
        [
            "--model",
            "m",
            "--question",
            "Where is London?",
            "Ada?",
            "--question",
            "What of engines",
            "--context",
            CONTEXT,
        ]
    )
    assert [line for line in capsys.readouterr().out.split("\n") if line.startswith("?")] == [
        "? Where is London?",
        "? Ada?",
        "? What of engines",
    ]


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
    assert reply["question"] == "Where is London?" and answer["source"] == "short.md"
    assert path.read_text()[answer["start"] : answer["end"]] == answer["text"] == "London"
    assert answer["sentence"] == "The bridge of London is old."


def test_no_answer_is_said_once_with_the_lowest_confidence_of_all_documents(models, folder, capsys):
    main(["--model", "m", "--question", "Who is Zuse?", "--context_file", str(folder)])
    assert capsys.readouterr().out == "no answer in these texts is sure enough\n"
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
    assert [options["n_best_size"] for options in models["m"].decoded_with] == [1000, 100]


@pytest.mark.parametrize("speaks", [True, False])
def test_an_answer_that_is_less_likely_than_none_is_called_a_guess(models, capsys, speaks):
    models["m"] = WordFinder("m", sure=0.2, speaks=speaks)
    asked = ["--model", "m", "--question", "Where is London?", "--context", CONTEXT]
    main(asked)
    guess = "; best guess: London (0.19)\n    Ada Lovelace lived in [[London]].\n"
    assert capsys.readouterr().out == f"no answer in this text (0.81){guess if speaks else chr(10)}"
    main([*asked, "--top_k", "3"])
    printed = capsys.readouterr().out
    assert "best guess" in printed and "confidence" not in printed
    main([*asked, "--json"])
    assert json.loads(capsys.readouterr().out)["no_answer_confidence"] == pytest.approx(0.8134, abs=1e-3)


def test_all_questions_that_are_asked_are_answered_under_their_own_words(models, capsys):
    asked = ["--model", "m", "--question", "Where is London?", "--question", "What of engines?", "--context", CONTEXT]
    main(asked)
    lines = capsys.readouterr().out.split("\n")
    assert [line for line in lines if line.startswith("? ")] == ["? Where is London?", "? What of engines?"]
    assert lines[1].startswith("London") and lines[5].startswith("engines")
    main([*asked, "--json"])
    replies = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [reply["answers"][0]["text"] for reply in replies] == ["London", "engines"]


def test_a_table_named_as_a_document_is_read_as_text_and_said_so(models, tmp_path, capsys):
    path = tmp_path / "own.csv"
    path.write_text("question,text\nWhere?,Here is London.\n")
    main(["--model", "m", "--question", "Where is London?", "--context_file", str(path)])
    printed = capsys.readouterr()
    assert printed.out.startswith("London") and f"{path}: read as plain text, not as rows" in printed.err


def test_questions_are_asked_line_by_line(models, folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("Where is London?\n\nDo crash\nAnd Paris?\nexit\nnever asked\n"))
    code = main(["--model", "m", "--interactive", "--context_file", str(folder)])
    printed = capsys.readouterr()
    assert [line for line in printed.out.split("\n") if line.startswith("?")] == [
        *("? Where is London?", "? Do crash", "? And Paris?")
    ]
    assert [line for line in printed.out.split("\n") if "confidence" in line] == [
        "London  (confidence 0.88)  short.md",
        "Paris  (confidence 0.89)  none.html",
    ]
    assert printed.err == "ModelError: cannot compute this\n" and code == 2
    assert len(models["m"].decoded_with) == 3


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


def test_the_two_commands_do_what_the_script_does(models, tmp_path, capsys):
    models |= {"base": WordFinder("base", sure=0.2), "tuned": WordFinder("tuned")}
    asked = ["--model", "m", "--question", "Where is London?", "--context", CONTEXT]
    compared = ["--base", "base", "--tuned", "tuned", "--data", str(data_file(tmp_path, count=6))]
    printed = []
    for command, words in ((main, asked), (ask.main, asked), (main, compared), (compare.main, compared)):
        assert command(words) == 0
        printed.append(re.sub(r"\d+(\.\d+)? (ms|a second|s)\b", "TIME", capsys.readouterr().out))
    assert printed[0] == printed[1] and "[[London]]" in printed[0]
    assert printed[2].splitlines()[0] == printed[3].splitlines()[0] and "tuned" in printed[3]
    with pytest.raises(ConfigError, match="base: is for comparing models, which is `qa-pipeline compare`"):
        ask.main([*asked, "--base", "base"])


def test_a_comparison_is_broken_down_by_columns_of_a_table(models, tmp_path, capsys):
    models |= {"base": WordFinder("base", sure=0.2), "tuned": WordFinder("tuned")}
    path = tmp_path / "questions.csv"
    rows = [f"n{i},Where is Paris?,In Paris {i}.,Paris,{'town' if i % 3 else 'land'},2024" for i in range(9)]
    path.write_text("\n".join(["id,question,context,answer,kind,year", *rows]))
    asked = ["--base", "base", "--tuned", "tuned", "--data", str(path), "--report", str(tmp_path / "r.html")]
    assert main([*asked, "--by", "kind", "year"]) == 0
    assert re.search(r"F1 by column kind .*\n-+\ntown +6 .*\nland +3 ", capsys.readouterr().out)
    value = json.loads((tmp_path / "comparison.json").read_text())
    assert [row["id"] for row in value["questions"]] == [f"n{i}" for i in range(9)]
    assert value["questions"][0]["columns"] == {"kind": "land", "year": "2024"}
    with pytest.raises(ConfigError, match="by: the data has no column 'sort'; it has 'kind', 'year'"):
        main([*asked, "--by", "sort"])


def test_only_the_base_may_be_untrained(monkeypatch, tmp_path):
    asked = []

    def load(name, arguments, allow_new_head=False):
        asked.append((name, allow_new_head))
        return WordFinder(name)

    monkeypatch.setattr(loading, "load_predictor", load)
    main(["--base", "b", "--tuned", "t1", "t2", "--data", str(data_file(tmp_path))])
    assert asked == [("b", True), ("t1", False), ("t2", False)]


def test_a_reader_that_has_enough_is_no_error(models, monkeypatch, capfd):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            return reader

    reader = os.open(os.devnull, os.O_WRONLY)
    monkeypatch.setattr("sys.stdout", Closed())
    assert main(["--model", "m", "--question", "Where is London?", "--context", CONTEXT]) == 0


def test_a_model_error_reaches_the_user(models):
    with pytest.raises(ModelError, match="cannot compute this"):
        main(["--model", "m", "--question", "crash", "--context", CONTEXT])


_WITHOUT = """
import runpy, sys
missing, model = sys.argv[1:]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Finder())
sys.argv = ["qa_predict.py", "--model", model, "--question", "Who?", "--context", "Ada did."]
runpy.run_path("qa_predict.py", run_name="__main__")
"""


@pytest.mark.parametrize("package", ["numpy", "torch"])
def test_a_python_without_a_required_package_ends_in_one_line(package, tiny_bert):
    command = [sys.executable, "-c", _WITHOUT, package, str(tiny_bert)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"cannot import {package} " in done.stderr and "pip install -r requirements.txt" in done.stderr


# Folders


def test_a_folder_is_asked_through_an_index_that_stays(models, folder, capsys, tmp_path_factory):
    (folder / "guide.md").write_text("# Towns\n\n## Abroad\n\nLisbon lies by the sea. Its trams are yellow.\n")
    kept = tmp_path_factory.mktemp("kept") / "index"
    asked = ["--model", "m", "--documents", str(folder), "--index", str(kept), "Where are trams? Lisbon"]
    assert main(asked) == 0
    printed = capsys.readouterr()
    assert "Lisbon  (confidence 0.8" in printed.out and "guide.md, Towns > Abroad" in printed.out
    assert "[[Lisbon]] lies by the sea." in printed.out
    assert any(kept.iterdir())
    assert main(["--model", "m", "--index", str(kept), "--json", "Where are trams? Lisbon"]) == 0
    reply = json.loads(capsys.readouterr().out)
    (answer,) = reply["answers"]
    assert reply["found"] and answer["source"] == "guide.md" and answer["headings"] == ["Towns", "Abroad"]
    assert (folder / "guide.md").read_text()[answer["start"] : answer["end"]] == answer["text"] == "Lisbon"
    assert answer["sentence"] == "Lisbon lies by the sea."


def test_copies_are_named_beside_the_answer(models, folder, capsys):
    (folder / "again.md").write_text((folder / "short.md").read_text())
    main(["--model", "m", "--documents", str(folder), "--top_k", "5", "Which bridge is in London"])
    assert re.search(r"London .*(again|short)\.md \(the same in (again|short)\.md\)", capsys.readouterr().out)


def test_small_files_leave_nothing_in_the_cache(models, folder, monkeypatch, tmp_path_factory):
    cache = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(cache))
    main(["--model", "m", "--documents", str(folder / "long.txt"), str(folder / "short.md"), "Where is London?"])
    assert list(cache.iterdir()) == []
    main(["--model", "m", "--documents", str(folder), "Where is London?"])
    assert list(cache.iterdir())


def test_a_guess_of_a_model_that_always_answers_is_called_one(models, capsys):
    models["m"] = WordFinder("m", sure=0.03)
    models["m"].settings.version_2_with_negative = False
    models["m"].together = lambda answers, **decoding: [replace(one, no_answer_confidence=0.0) for one in answers]
    main(["--model", "m", "--question", "Where is London?", "--context", CONTEXT])
    assert capsys.readouterr().out.startswith("no answer in this text is sure enough; best guess: London (0.03)")
    main(["--model", "m", "--question", "Where is London?", "--context", CONTEXT, "--min_confidence", "0.01"])
    assert capsys.readouterr().out.startswith("London  (confidence 0.03)")


# With real models


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory) -> str:
    """A folder with a tiny question-answering model, saved as any other project would."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from tests.tiny_models import save_tiny

    folder = save_tiny("bert", tmp_path_factory.mktemp("tiny"), seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)  # of the new head
        AutoModelForQuestionAnswering.from_pretrained(folder).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


LIMITS = ["--max_seq_length", "64", "--doc_stride", "16", "--max_question_length", "16", "--dtype", "float32"]


def test_without_arguments_the_usage_is_shown():
    done = subprocess.run([sys.executable, "qa_predict.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--interactive --documents" in done.stderr and "--help" in done.stderr


def test_a_real_model_answers_from_a_document(tiny_model, tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("The committee wrote a report about the river. " * 12)
    asked = ["--model", tiny_model, *LIMITS, "--question", "Who wrote it?", "--context_file", str(path)]
    assert main([*asked, "--json", "--top_k", "3"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert len(answers) == 3 == len(distinct(answers, itemgetter("start", "end")))
    assert all(path.read_text()[answer["start"] : answer["end"]] == answer["text"] for answer in answers)


def test_top_k_gives_no_two_answers_that_overlap(tiny_model):
    text = "The committee wrote a report about the river. " * 4
    limits = {"max_seq_length": 64, "doc_stride": 16, "max_question_length": 16}
    predictor = QAPredictor.from_pretrained(tiny_model, device="cpu", dtype="float32", **limits)
    nbest = next(predictor.predict([{"question": "Who?", "context": text}])).nbest
    assert len(distinct(nbest)) < len(nbest)  # else there is nothing to leave out
    spans = predictor.ask("Who?", [Document(text, "")], top_k=4).spans
    assert len(spans) == 4 == len(distinct(spans))
    assert [found.confidence for found in spans] == sorted((f.confidence for f in spans), reverse=True)


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


def test_questions_that_are_no_text_end_nothing(models, monkeypatch, capsys):
    raw = io.TextIOWrapper(io.BytesIO(b"Where is \xff\xfe Nowhere?\nWhere is London?\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", raw)
    assert run_script(main, ["--model", "m", "--interactive", "--context", CONTEXT]) == 0
    printed = capsys.readouterr().out
    assert "? Where is \ufffd\ufffd Nowhere?" in printed and "[[London]]" in printed


def test_json_for_a_terminal_without_all_letters_is_still_whole(models, monkeypatch):
    monkeypatch.setattr("sys.stdout", out := io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    context = "Zo\u00eb lived in Z\u00fcrich."
    assert (
        run_script(main, ["--model", "m", "--json", "--question", "Where is Z\u00fcrich?", "--context", context]) == 0
    )
    [answer] = json.loads(out.buffer.getvalue())["answers"]
    assert answer["text"] == "Z\u00fcrich"
