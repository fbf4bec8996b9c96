"""`qa-pipeline index`: what it prints, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def documents(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "boats.md").write_text("# Boats\n\nA berth in the harbour costs 40 EUR a year.\n")
    (folder / "leave.txt").write_text("Employees have 30 days of annual leave.\n")
    return folder


def test_an_index_is_made_then_brought_up_to_date(documents, tmp_path, capsys):
    command = ["index", str(documents), "--index", str(tmp_path / "index"), "--no_dense"]
    assert main(command) == 0
    assert f"{tmp_path / 'index'}: 2 documents" in capsys.readouterr().out
    (documents / "leave.txt").write_text("Employees have 28 days of annual leave.\n")
    assert main(command) == 0
    assert "in English; 1 changed; without embeddings" in capsys.readouterr().out


def test_a_search_prints_where_passages_stand_and_how_they_begin(documents, capsys):
    assert main(["index", str(documents), "--no_dense", "--search", "annual leave", "--top_k", "1"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("1. leave.txt  [score 0.0164: words ")
    assert second == "   Employees have 30 days of annual leave."


def test_a_search_that_finds_nothing_says_so(documents, capsys):
    assert main(["index", str(documents), "--no_dense", "--search", "zeppelin"]) == 0
    assert capsys.readouterr().out == "no passage has a word of the question\n"


def test_an_index_is_searched_without_its_documents(documents, tmp_path, capsys):
    where = ["--index", str(tmp_path / "index")]
    main(["index", str(documents), *where, "--no_dense"])
    (documents / "leave.txt").unlink()
    capsys.readouterr()
    assert main(["index", *where, "--search", "annual leave"]) == 0
    assert "leave.txt" in capsys.readouterr().out


def test_json_holds_the_report_and_the_hits_with_their_places(documents, capsys):
    assert main(["index", str(documents), "--no_dense", "--search", "What does a berth cost?", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["documents"] == 2 and value["added"] == ["boats.md", "leave.txt"] and value["embedded"] is None
    (hit, *_) = value["hits"]
    assert hit["passage"]["document"] == "boats.md" and hit["words"] > 0 and hit["meaning"] is None
    text = (documents / "boats.md").read_text()
    assert text[hit["passage"]["start"] : hit["passage"]["end"]] == hit["passage"]["text"]


def test_all_faults_of_the_command_line_come_at_once():
    with pytest.raises(ConfigError) as caught:
        main(["index", "--serch=x", "--top_k", "0", "--max_words", "0"])
    assert 'nearest: "--search"' in str(caught.value)
    assert "--top_k: expected at least 1" in str(caught.value) and "--max_words" in str(caught.value)
    assert "expected DOCUMENTS to index, or --index DIR" in str(caught.value)


def test_an_index_without_documents_and_question_says_what_is_missing(tmp_path):
    with pytest.raises(ConfigError, match="expected DOCUMENTS to bring .* up to date, or --search QUESTION"):
        main(["index", "--index", str(tmp_path)])
    with pytest.raises(DataError, match="holds no index; make one"):
        main(["index", "--index", str(tmp_path), "--search", "leave"])


def test_words_alone_need_no_torch(documents):
    code = (
        "import sys; from qa_pipeline.cli.main import main; "
        "main(['index', sys.argv[1], '--no_dense', '--search', 'leave']); "
        "print(sorted({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(documents)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
