"""Questions without contexts: from lines, from columns, and asked on documents."""

from __future__ import annotations

import csv
import json

import pytest

from qa_pipeline.cli import loading
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.predictor.files.question_lists import read_questions
from qa_predict import main
from tests.predictor.fakes import WordFinder

TWO = ["How high, exactly, is the fee?", 'Who is "Zuse"?']


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


FILES = {
    "lines.txt": "\n".join(TWO) + "\n\n",
    "one_column.csv": "question\n" + "\n".join(map(quoted, TWO)),
    "unquoted.csv": "Frage\n" + "\n".join(TWO),
    "other_header.tsv": "what they want to know\n" + "\n".join(TWO),
    "no_header.csv": f"{quoted(TWO[0])}\n{TWO[1]}",
    "two_columns.csv": "nr,query\n" + "\n".join(f"{i},{quoted(text)}" for i, text in enumerate(TWO)),
    "rows.jsonl": "\n".join(json.dumps({"asked": text, "by": "Ann"}) for text in TWO),
    "rows.json": json.dumps([{"question": text} for text in TWO]),
}


@pytest.mark.parametrize("name", FILES)
def test_questions_alone_are_read_from_nearly_anything(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    found = read_questions(str(tmp_path / name))
    assert [row["question"] for row in found.rows] == TWO
    assert len({row["id"] for row in found.rows}) == 2 and not found.has_contexts
    assert len(read_questions(str(tmp_path / name), max_samples=1).rows) == 1


def test_ids_and_the_field_of_a_mapping_are_kept(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"id": f"a{i}", "x": text, "y": "no?"}) for i, text in enumerate(TWO)))
    found = read_questions(str(path), field_mapping={"question": "x"})
    assert found.rows == [{"id": f"a{i}", "question": text} for i, text in enumerate(TWO)]
    with pytest.raises(DataError, match="no field z, which the mapping has as the question. Fields: id, x, y"):
        read_questions(str(path), field_mapping={"question": "z"})
    with pytest.raises(ConfigError, match="quesstion"):
        read_questions(str(path), field_mapping={"question": "x", "quesstion": "x"})
    with pytest.raises(DataError, match=r'no field .* the question. Fields: .* --field_mapping .{"question": "PATH"}'):
        read_questions(str(path))


def test_a_file_without_questions_or_that_is_not_there_is_one_message(tmp_path):
    (tmp_path / "a.csv").write_text("question\n")
    with pytest.raises(DataError, match="holds no question"):
        read_questions(str(tmp_path / "a.csv"))
    with pytest.raises(DataError, match="no such file|missing"):
        read_questions(str(tmp_path / "b.csv"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two documents and a list of questions on them."""
    monkeypatch.setattr(loading, "load_predictor", lambda name, arguments: WordFinder(name))
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("The bridge of London is old.")
    (tmp_path / "documents" / "b.txt").write_text("Paris lies far from London, which many a traveller has seen.")
    (tmp_path / "q.csv").write_text("question\nWhere is London?\nWhere is Paris?\nWho is Zuse?\n")
    return tmp_path


def asked(folder, *more):
    return main(
        ["--model", "m", "--data", str(folder / "q.csv"), "--context_file", str(folder / "documents"), *map(str, more)]
    )


def test_a_list_of_questions_is_asked_on_documents_and_written_with_its_places(folder):
    assert asked(folder, "--output", folder / "answers.csv") == 0
    with open(folder / "answers.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == ["question", "answer", "document", "page", "start", "end", "confidence", "sentence"]
    assert [(row["answer"], row["document"]) for row in rows] == [*(("London", "a.txt"), ("Paris", "b.txt"), ("", ""))]
    for row in rows[:2]:
        with open(folder / "documents" / row["document"]) as handle:
            assert handle.read()[int(row["start"]) : int(row["end"])] == row["answer"]
        assert row["answer"] in row["sentence"]
    asked(folder, "--output", folder / "answers.jsonl")
    lines = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    # No answer in the first document says nothing of Paris, which the second has.
    assert [line["no_answer_confidence"] < 0.2 for line in lines] == [True, True, True]
    assert {"sentence", "headings", "answers", "read", "null_odds"} <= lines[0].keys()
    assert [one["document"].rpartition("/")[2] for one in lines[0]["answers"]] == ["a.txt", "b.txt"]
    asked(folder, "--output", folder / "answers.json")
    assert list(json.loads((folder / "answers.json").read_text()).values()) == ["London", "Paris", ""]


def test_without_an_output_the_answers_are_printed(folder, capsys):
    asked(folder, "--max_eval_samples", "2", "--json")
    replies = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [reply["question"] for reply in replies] == ["Where is London?", "Where is Paris?"]
    asked(folder, "--top_k", "2")
    assert "? Who is Zuse?\nno answer in these texts" in capsys.readouterr().out


def test_contexts_that_are_left_aside_are_named(folder, capsys):
    (folder / "q.csv").write_text("question,context\nWhere is London?,Elsewhere\n")
    asked(folder)
    printed = capsys.readouterr()
    assert "in the field question; its contexts are left aside" in printed.err and "a.txt" in printed.out


def test_questions_alone_without_documents_name_the_flag(folder):
    for name, text in (("q.csv", "question\nWho?\n"), ("q.jsonl", '{"question": "Who?"}\n{"question": "Why?"}\n')):
        (folder / name).write_text(text)
        with pytest.raises(DataError, match="holds questions without texts; give the documents to ask as --documents"):
            main(["--model", "m", "--data", str(folder / name), "--output", str(folder / "o.csv")])


@pytest.mark.parametrize("name", ["q.txt", "q.csv"])
@pytest.mark.parametrize("content", ['"\n', '""\n""\n', '" "\n'])
def test_quotes_around_nothing_are_no_question(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match="holds no question"):
        read_questions(str(tmp_path / name))


BROKEN = """{"id": "a", "question": "Where is London?"}
{"id": "b", "question": "Whe
{"id": "c", "question": "Who is Zuse?"}
"""
RAGGED = "id,question,by\na,Where is London?,Ann\nb,Where,is,Paris?,Bob\nc,Who is Zuse?,Cy\nd, ,Di\n"


@pytest.mark.parametrize(
    ("name", "text", "left_out"),
    [
        ("q.jsonl", BROKEN, {"row-2": "q.jsonl, line 2: row is not valid JSON"}),
        (
            "q.csv",
            RAGGED,
            {
                "row-2": "q.csv, row 2: row does not fit the header (5 fields, header has 3)",
                "d": "q.csv, row 4: no text",
            },
        ),
    ],
)
@pytest.mark.parametrize("ending", ["json", "jsonl", "csv"])
def test_every_row_is_answered_under_its_id_or_named_in_the_output_and_at_the_end(
    name, text, left_out, ending, folder, capsys
):
    (folder / "q.csv").unlink()
    (folder / name).write_text(text)
    target = folder / f"answers.{ending}"
    arguments = ["--model", "m", "--data", str(folder / name), "--context_file", str(folder / "documents")]
    assert main([*arguments, "--output", str(target)]) == 2
    said = capsys.readouterr().err
    assert f"{len(left_out)} of {2 + len(left_out)} rows were not answered:" in said
    assert all(f"  {row}: " in said and reason in said for row, reason in left_out.items())
    if ending == "json":
        found = json.loads(target.read_text())
        errors = json.loads((folder / "answers_errors.json").read_text())
    elif ending == "jsonl":
        rows = [json.loads(line) for line in target.read_text().splitlines()]
        found = {row["id"]: row["text"] or "" for row in rows}
        errors = {row["id"]: row["error"] for row in rows if "error" in row}
    else:
        with open(target, newline="") as handle:
            rows = list(csv.DictReader(handle))
        # A row that could not be read has no column of ids; its reason says where it stands.
        names = {reason: name for name, reason in left_out.items()}
        places = [next((names[part] for part in names if part in row["error"]), row["id"]) for row in rows]
        found = {name: row["answer"] for name, row in zip(places, rows, strict=True)}
        errors = {name: row["error"] for name, row in zip(places, rows, strict=True) if row["error"]}
    assert found == {"a": "London", "c": ""} | dict.fromkeys(left_out, "")
    assert errors.keys() == left_out.keys() and all(left_out[row] in errors[row] for row in left_out)
    assert main(arguments) == 2 and "rows were not answered" in capsys.readouterr().err


def test_two_rows_of_one_id_are_both_answered_and_all_other_ids_stay(folder, capsys):
    rows = [("a", "Where is London?"), ("a", "Where is Paris?"), ("b", "Who is Zuse?"), (None, "And London?")]
    path = folder / "q.jsonl"
    path.write_text("".join(json.dumps({"id": name, "question": text}) + "\n" for name, text in rows))
    arguments = ["--model", "m", "--data", str(path), "--context_file", str(folder / "documents")]
    assert main([*arguments, "--output", str(folder / "answers.json")]) == 0
    found = json.loads((folder / "answers.json").read_text())
    assert found == {"a": "London", "a (row 2)": "Paris", "b": "", "row-4": "London"}
    assert 'q.jsonl, line 2: its id a is that of a row before it; here it is "a (row 2)"' in capsys.readouterr().err


def test_ids_that_look_like_the_places_of_rows_stay(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "row-2", "question": "A?"}\n{"question": "B?"}\n{"id": "x", "question": "C?"}\n')
    assert [row["id"] for row in read_questions(str(path)).rows] == ["row-2", "row-2_2", "x"]


def test_a_line_that_holds_odd_separators_is_one_question(tmp_path):
    (tmp_path / "q.txt").write_text("Who is\u2028Zuse?\nWho\x0b is Ada?\r\n" + '"' + "x" * 200_000 + "?\n", newline="")
    assert len(read_questions(str(tmp_path / "q.txt")).rows) == 3
