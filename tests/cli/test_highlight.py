"""`qa-pipeline highlight`: what is printed and written, and what a command line must say."""

from __future__ import annotations

import json

import pytest

from qa_pipeline import QAPredictor
from qa_pipeline.cli.highlight import highlight_text
from qa_pipeline.cli.highlight import main as highlight
from qa_pipeline.cli.main import main
from qa_pipeline.errors import ConfigError
from qa_pipeline.predictor import Excerpt, Highlight
from tests.predictor.made import lookup

TEXT = "Dogs are kept on a lead. The lighthouse was built by Ostermann. It rains a lot here."


@pytest.fixture(autouse=True)
def model(monkeypatch, tmp_path):
    """A model that points at one word, whatever it is called; and a cache of its own."""
    finder = lookup({"Ostermann": 9.0}, version_2_with_negative=True)
    monkeypatch.setattr(QAPredictor, "from_pretrained", classmethod(lambda cls, name, **options: finder))
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(tmp_path / "cache"))


def test_a_text_is_printed_with_its_spans_marked_and_what_was_kept(capsys):
    assert (
        main(["highlight", "--model", "m", "--no_dense", "--context", TEXT, "Who built it?", "--max_words", "6"]) == 0
    )
    printed = capsys.readouterr().out
    assert "The lighthouse was built by [[Ostermann]]." in printed
    assert "6 of 17 words kept (35%)" in printed and "Dogs" not in printed


@pytest.mark.parametrize("order", ["before", "after"])
def test_documents_have_their_names_and_headings(tmp_path, capsys, order):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text(f"# Guide\n\n## Lights\n\n{TEXT}\n")
    words = ["--model", "m", "--documents", str(tmp_path / "docs"), "--no_dense", "--max_words", "6"]
    question = ["Who built the lighthouse?"]
    highlight([*question, *words] if order == "before" else [*words, *question])
    printed = capsys.readouterr().out
    assert "guide.md, Guide > Lights" in printed and "[[Ostermann]]" in printed
    highlight(["--model", "m", "--documents", str(tmp_path / "docs"), "Who built the lighthouse?", "--no_dense"])
    assert "[[Ostermann]]" in capsys.readouterr().out, "the last of the documents may be the question"


def test_json_has_everything_and_points_into_the_text(capsys):
    highlight(["--model", "m", "--no_dense", "--context", TEXT, "Who built it?", "--json", "--keep", "0.4"])
    value = json.loads(capsys.readouterr().out)
    assert set(value) == {
        *("question", "context", "spans", "pieces", "sentences", "no_answer_confidence", "words", "kept_words")
    }
    (span,) = value["spans"]
    assert TEXT[span["start"] : span["end"]] == span["text"] == "Ostermann"
    assert len(value["sentences"]) == 3 and value["words"] == 17


def test_a_file_of_questions_gives_a_line_each(tmp_path, capsys):
    rows = [{"id": f"q{i}", "question": "Who built it?", "context": f"{TEXT} Note {i}."} for i in range(3)]
    data, output = tmp_path / "data.jsonl", tmp_path / "out" / "found.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    highlight(["--model", "m", "--no_dense", "--data", str(data), "--output", str(output), "--max_words", "6"])
    assert capsys.readouterr().out.strip() == f"3 questions: {output}"
    written = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["id"] for row in written] == ["q0", "q1", "q2"]
    assert all("Ostermann" in row["context"] and row["kept_words"] <= 6 for row in written)
    highlight(["--model", "m", "--no_dense", "--data", str(data), "--max_words", "6"])
    assert capsys.readouterr().out == output.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["q?"], "model: is required"),
        (["--model", "m", "q?"], "documents: expected one of these to read, found none"),
        (["--model", "m", "--context", "x", "--data", "y"], "found context and data"),
        (["--model", "m", "--context", "x"], "question: expected a question, or data"),
        (["--model", "m", "--context", "x", "q?", "--keep", "3"], "--keep: expected a share from 0 to 1, found 3"),
        (["--model", "m", "--context", "x", "q?", "--max_words", "0"], "--max_words: expected .*at least 1, found 0"),
        (["--model", "m", "--context", "x", "q?", "--max_word", "3"], "max_word.*max_words"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(words, message):
    with pytest.raises(ConfigError, match=message):
        highlight(words)


def test_colours_mark_what_brackets_mark_and_nothing_found_is_said():
    piece = Excerpt("Built by \x1b[31mOstermann.", 0, 24, 0.9)
    span = Excerpt("Ostermann", 14, 23, 0.8)
    found = Highlight("Who?", [span], [piece], [piece], 0.7, 9, 3, {"": 24})
    plain, coloured = highlight_text(found, colour=False), highlight_text(found, colour=True)
    assert "\x1b" not in plain and "[[Ostermann]]" in plain and "finds no answer here (0.70)" in plain
    assert "\x1b[1;30;43mOstermann\x1b[0m" in coloured
    nothing = Highlight("Who?", [], [piece], [], 0.7, 9, 0, {"": 24})
    assert highlight_text(nothing, colour=False) == "nothing bears on the question enough to be kept"
