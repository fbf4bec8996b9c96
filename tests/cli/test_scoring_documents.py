"""Questions with right answers and documents, asked on a folder: what is scored, printed and written."""

from __future__ import annotations

import csv
import json
import re

import pytest

from qa_pipeline.errors import ConfigError, DataError
from qa_predict import main
from tests.predictor.fakes import WordFinder

FILES = {
    "london.md": "# Bridges\n\nThe bridge of London is old.\n",
    "paris.txt": "Paris lies far from Zuse, which many a traveller has seen.\n",
    "old/rome.txt": "All roads lead to Rome.\n",
}
GOLD = """nr,question,answer,document,topic,page
1,Where is London?,London,london.md,=1+1,3
2,Where is Paris?,Paris,PARIS,cities,
3,Who is Zuse?,"[""Konrad"", ""Zuse""]",paris.txt,people,
4,Who is Nobody?,,,people,
5,Which roads lead to Rome?,Rome,london,cities,
"""


@pytest.fixture
def folder(models, tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "gold.csv").write_text(GOLD)
    return tmp_path


def asked(folder, *more, data="gold.csv"):
    words = ["--model", "m", "--data", str(folder / data), "--context_file", str(folder / "documents")]
    return main([*words, *map(str, more)])


def test_a_table_of_gold_questions_is_scored_against_a_folder(folder, capsys):
    assert asked(folder, "--output", folder / "answers.csv") == 0
    printed = capsys.readouterr()
    shares = dict(
        re.findall(r"^(exact match|F1|right document@\d) +([\d.]+)   95% interval", printed.out, re.MULTILINE)
    )
    # The last answer is right, and from another document than the row names, which does not have it.
    assert shares == {"exact match": "100.00", "F1": "100.00", "right document@1": "75.00", "right document@3": "75.00"}
    assert "5 with" not in printed.out and "4 with an answer: exact match 100.00" in printed.out
    assert "right answers in answer, their documents in document" in printed.err
    assert "1 of 5 right answers is not in the document that the row names" in printed.out
    assert re.search(r'row-5: "Rome" in \S*london.md: these words are not there', printed.err)
    with open(folder / "answers.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    ours = ["question", "answer", "document", "page", "start", "end", "confidence", "sentence", "found"]
    assert list(rows[0]) == [*ours, "nr", "gold_answer", "gold_document", "topic", "gold_page"]
    assert [row["answer"] for row in rows] == ["London", "Paris", "Zuse", "", "Rome"]
    assert [row["nr"] for row in rows] == list("12345") and rows[0]["topic"] == "'=1+1"
    assert rows[2]["gold_answer"] == '["Konrad", "Zuse"]' and rows[1]["gold_document"] == "PARIS"
    assert rows[4]["document"].endswith("rome.txt") and rows[0]["sentence"] == "The bridge of London is old."


def test_scores_are_printed_without_an_output(folder, capsys):
    assert asked(folder) == 0
    printed = capsys.readouterr()
    assert "exact match        100.00" in printed.out and "right document@3" in printed.out
    assert "--output FILE.csv writes the answers" in printed.err
    assert sorted(path.name for path in folder.iterdir()) == ["documents", "gold.csv"]


def test_a_name_that_is_no_document_stops_before_the_model_is_loaded(folder, monkeypatch):
    (folder / "gold.csv").write_text(GOLD.replace("PARIS", "pariss.txt").replace("london.md", "londn"))
    monkeypatch.setattr("qa_pipeline.cli.loading.load_predictor", lambda *args: pytest.fail("the model was loaded"))
    with pytest.raises(DataError) as error:
        asked(folder, "--output", folder / "answers.csv")
    assert re.search(r'"londn" \(row 1\): did you mean \S*london.md', str(error.value))
    assert re.search(r'"pariss.txt" \(row 2\): did you mean \S*paris.txt', str(error.value))
    assert not (folder / "answers.csv").exists()


def test_a_mapping_names_the_fields(folder, capsys):
    (folder / "gold.csv").write_text("wissen,soll,wo\nWhere is London?,London,london\nWhere is Paris?,Rome,paris\n")
    mapping = {"question": "wissen", "answers": "soll", "document": "wo"}
    assert asked(folder, "--field_mapping", json.dumps(mapping)) == 0
    printed = capsys.readouterr()
    assert "exact match         50.00" in printed.out and "right document@1   100.00" in printed.out
    assert "right answers in soll, their documents in wo" in printed.err


def test_a_list_without_right_answers_is_asked_as_before(folder, capsys):
    (folder / "q.csv").write_text("question,label\nWhere is London?,cities\nWho is Nobody?,people\n")
    assert asked(folder, data="q.csv") == 0
    printed = capsys.readouterr()
    assert "exact match" not in printed.out and "? Where is London?" in printed.out
    asked(folder, "--output", folder / "answers.jsonl", data="q.csv")
    lines = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert [line["columns"] for line in lines] == [{"label": "cities"}, {"label": "people"}]


def test_a_right_answer_on_a_plain_text_is_scored_without_documents(folder, capsys):
    words = ["--model", "m", "--data", str(folder / "gold.csv"), "--context", "London is far from Paris."]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert "exact match         60.00" in printed.out and "right document" not in printed.out


def test_models_are_compared_on_the_same_folder(folder, models, capsys):
    models |= {"base": WordFinder("base", speaks=False), "tuned": WordFinder("tuned")}
    words = ["--base", "base", "--tuned", "tuned", "--data", str(folder / "gold.csv")]
    words += ["--documents", str(folder / "documents"), "--no_dense", "--num_passages", "3"]
    assert main([*words, "--report", str(folder / "report.html"), "--by", "topic"]) == 0
    printed = capsys.readouterr()
    assert "5 questions of gold.csv, 1 without an answer, on 3 documents, 3 passages; the 3 nearest" in printed.out
    assert re.search(r"^tuned +75.0 \(", printed.out, re.MULTILINE) and "F1 by column topic" in printed.out
    assert "right answers in answer, their documents in document" in printed.err
    stored = json.loads((folder / "comparison.json").read_text())
    assert (stored["folder"]["num_passages"], stored["folder"]["dense"]) == (3, False)
    assert [row["answers"][1]["document"] for row in stored["questions"]] == [
        *("london.md", "paris.txt", "paris.txt", None, "old/rome.txt")
    ]
    assert "on 3 documents" in (folder / "report.html").read_text()


def test_models_are_not_compared_on_a_list_that_does_not_say_what_is_right(folder, models):
    models |= {"base": WordFinder("base"), "tuned": WordFinder("tuned")}
    (folder / "q.csv").write_text("question,by\nWhere is London?,Ann\nWho is Zuse?,Bob\n")
    words = ["--base", "base", "--tuned", "tuned", "--data", str(folder / "q.csv")]
    with pytest.raises(DataError, match="no question says what is right, so no model can be scored"):
        main([*words, "--documents", str(folder / "documents")])
    with pytest.raises(ConfigError, match="--documents: no such file"):
        main([*words, "--documents", str(folder / "nowhere")])
    with pytest.raises(ConfigError, match='did you mean ".*documents"'):
        main([*words, "--documents", str(folder / "document")])


def test_settings_of_printed_answers_print_answers_and_say_where_the_scores_are(folder, capsys):
    assert asked(folder, "--json") == 0
    printed = capsys.readouterr()
    assert len([json.loads(line) for line in printed.out.splitlines()]) == 5
    assert "scores are printed without --json" in printed.err
