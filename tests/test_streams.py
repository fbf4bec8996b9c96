"""Terminals and pipes of every kind: what is printed never ends in a traceback, and never speaks to the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline.wording import plain

ROOT = Path(__file__).resolve().parents[1]
ODD = "r\u00e9sum\u00e9 \U0001f600\x1b[2J\x07\x9b31m\u202eevil\u2066\udc80"


@pytest.fixture
def data(tmp_path) -> Path:
    rows = [
        {
            "id": f"{ODD} {i}",
            "context": f"About {ODD} and London.",
            "question": f"{ODD}?",
            "answers": [{"text": answer}],
        }
        for i, answer in enumerate(("London", "Nowhere"))
    ]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    return path


def run(words: list[str], redirected: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "qa_pipeline", *words]
    shell = ["sh", "-c", f'"$@" {redirected}', "sh", *command]
    return subprocess.run(shell, cwd=ROOT, capture_output=True, env={**os.environ, **variables}, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_a_table_is_printed_in_every_encoding_without_characters_that_a_terminal_obeys(data, encoding):
    done = run(["check", str(data), "--model_name_or_path=none", "--max_bad_fraction=1"], PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    text = done.stdout.decode(encoding)
    assert "rows read" in text and "sum" in text and plain(text) == text


def test_errors_hold_no_characters_that_a_terminal_obeys(tmp_path):
    done = run(["check", str(tmp_path / "\x1b[2J\u202eno.json")])
    error = done.stderr.decode()
    assert done.returncode == 2 and "Traceback" not in error and "no.json" in error and plain(error) == error


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_a_shell_has_closed_are_no_fault(data, tmp_path, closed):
    target = tmp_path / "report.json"
    words = ["check", str(data), "--model_name_or_path=none", "--max_bad_fraction=1", "--report", str(target)]
    done = run(words, closed)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert json.loads(target.read_text())["data"]["rows_read"] == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_takes_no_more_is_one_message(data):
    done = run(["check", str(data), "--model_name_or_path=none", "--max_bad_fraction=1"], ">/dev/full")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == "The output cannot be written: No space left on device."
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


def test_line_ends_and_marks_of_direction_stay():
    assert plain("a\tb\nc \u200f\u05d0 \u0645") == "a\tb\nc \u200f\u05d0 \u0645"
    assert plain("\x1b\x00\r\u202e\u2069") == "\ufffd" * 5


def test_log_lines_hold_no_characters_that_a_terminal_obeys(tmp_path):
    source = tmp_path / "\x1b[31m\u202erows.csv"
    source.write_bytes("id,context,question,answer\n1,Caf\u00e9 opens at nine,When?,nine\n".encode("cp1252"))
    done = run(["check", str(source), "--model_name_or_path=none"])
    lines = done.stderr.decode()
    assert done.returncode == 0 and "read as csv" in lines and plain(lines) == lines
