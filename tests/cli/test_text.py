"""`qa-pipeline text FILE`: what was read of a document, as answers point into it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.errors import ConfigError, DataError
from tests.data.made import write_document
from tests.documents.test_reading import make_pdf


def test_the_text_of_a_document_is_printed(tmp_path, capsys):
    path = write_document(tmp_path, "a.md", "---\ntitle: Hours\n---\n# Hours\n\nNine to five.\n")
    assert main(["text", str(path)]) == 0
    assert capsys.readouterr().out == "# Hours\n\nNine to five.\n"


def test_pages_are_told_apart(tmp_path, capsys):
    pytest.importorskip("pypdf")
    path = write_document(tmp_path, "a.pdf", make_pdf(["Rent is due."], [], ["Pets may come."]))
    assert main(["text", str(path)]) == 0
    assert capsys.readouterr().out == (
        "--- page 1 ---\nRent is due.\n\n--- page 2 ---\n\n--- page 3 ---\nPets may come.\n"
    )


def test_passages_are_told_apart_by_page_characters_and_headings(tmp_path, capsys):
    rows = "\n".join(f"| Boat {number} | {number} EUR |" for number in range(40))
    path = write_document(tmp_path, "a.md", f"# Fees\n\n## Boats\n\n| Craft | Fee |\n|---|---|\n{rows}\n")
    assert main(["text", str(path), "--passages", "--max_words", "100"]) == 0
    first, second = capsys.readouterr().out.split("\n\n--- ")
    assert first.startswith("--- characters 0-") and ", Fees > Boats ---\n# Fees\n\n## Boats\n\n| Craft" in first
    assert second.split(" ---\n")[1].startswith("[| Craft | Fee |]\n| Boat 2")
    path = write_document(tmp_path, "a.pdf", make_pdf(["Rent is due."], ["Pets may come."]))
    assert main(["text", str(path), "--passages"]) == 0
    assert capsys.readouterr().out.startswith("--- page 1, characters 0-28 ---\nRent is due.")


def test_several_files_and_folders_are_named(tmp_path, capsys):
    for name in ("a.txt", "b.txt"):
        write_document(tmp_path, name, f"text of {name}")
    write_document(tmp_path, "bad.txt", "")
    assert main(["text", str(tmp_path)]) == 0
    a, b = tmp_path / "a.txt", tmp_path / "b.txt"
    assert capsys.readouterr().out == f"=== {a} ===\ntext of a.txt\n\n=== {b} ===\ntext of b.txt\n"


def test_control_characters_are_not_sent_to_the_terminal(tmp_path, capsys):
    main(["text", str(write_document(tmp_path, "a.txt", "one\x1b[2Jtwo\u202e\tthree\r\nfour"))])
    assert capsys.readouterr().out == "one\ufffd[2Jtwo\ufffd\tthree\nfour\n"


def test_an_encoding_may_be_named(tmp_path, capsys):
    path = write_document(tmp_path, "a.txt", "Kira günü; şu".encode("cp1254"))
    assert main(["text", str(path), "--encoding", "cp1254"]) == 0
    assert capsys.readouterr().out == "Kira günü; şu\n"
    with pytest.raises(ConfigError, match="--encoding: expected the name of an encoding.*found 'klingon'"):
        main(["text", str(path), "--encoding", "klingon"])
    with pytest.raises(DataError, match="no such file"):
        main(["text", str(tmp_path / "b.txt")])


def test_warnings_go_to_stderr_and_a_closed_pipe_is_no_fault(tmp_path):
    path = write_document(
        tmp_path, "a.txt", "Аренда оплачивается первого числа каждого месяца.\n".encode("cp1251") * 9999
    )
    command = f"{sys.executable} -m qa_pipeline text {path} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, encoding="utf-8")
    assert done.stdout == "Аренда оплачивается первого числа каждого месяца.\n"
    assert "read as Windows-1251 (Cyrillic)" in done.stderr and "Traceback" not in done.stderr
