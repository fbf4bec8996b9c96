"""`qa-pipeline serve` as a process: from its command line to SIGTERM while a request is inside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.cli.serve import parse
from qa_pipeline.errors import ConfigError
from tests.serve.fakes import LEAVE

ROOT = Path(__file__).resolve().parents[3]

_HELD = """
import pathlib, sys, time
from qa_pipeline.cli import serve
from qa_pipeline.errors import run_script
from tests.predictor.made import lookup
predictor = lookup({"Ostermann": 9.0}, max_question_length=20)
answered_rows = predictor.answered_rows
folder = pathlib.Path(sys.argv.pop(1))
def held(rows, **options):
    rows = list(rows)
    if any("hold" in row["question"] for row in rows):
        (folder / "entered").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
    return answered_rows(rows, **options)
predictor.answered_rows = held
serve.load_predictor = lambda name, arguments, **options: predictor
sys.exit(run_script(serve.main))
"""
TEXT = "The lighthouse was built by Ostermann."


@pytest.fixture
def start(tmp_path):
    """Starts the command with a model that is loaded at once; gives the process and its address."""
    started = []

    def _start(*words, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", _HELD, str(tmp_path), "runs/any", "--port", "0", *words],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path), "QA_PIPELINE_CACHE": str(tmp_path / "cache"), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return process, line

    yield _start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_that_is_inside_is_answered_before_the_server_ends_with_0(start, tmp_path, number):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "leave.md").write_text(LEAVE)
    process, line = start("--documents", str(tmp_path / "docs"), "--no_dense")
    assert line.startswith("Serving lookup with 1 document at http://127.0.0.1:") and line.endswith("(Ctrl-C ends)\n")
    address = line.split()[6]
    client = httpx.Client(base_url=address, timeout=60, trust_env=False)
    added = client.post("/documents", files={"file": ("new.md", b"New words.")})
    assert added.status_code == 201 and list(tmp_path.glob("qa_pipeline_uploads_*/new.md"))
    replies = []
    body = {"question": "Who built it? hold", "context": TEXT}
    asking = threading.Thread(target=lambda: replies.append(httpx.post(f"{address}/answer", json=body, timeout=60)))
    asking.start()
    while not (tmp_path / "entered").exists():
        time.sleep(0.01)
    process.send_signal(number)
    host, port = address.removeprefix("http://").split(":")
    while _listens(host, int(port)):
        time.sleep(0.01)
    assert process.poll() is None, "it waits for the request"
    (tmp_path / "go").touch()
    asking.join(60)
    assert replies[0].json()["answer"] == "Ostermann"
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed, errors) == (0, "", "")
    assert not list(tmp_path.glob("qa_pipeline_uploads_*"))


def _listens(host, port):
    with socket.socket() as trial:
        return trial.connect_ex((host, port)) == 0


def test_a_key_of_the_environment_is_asked_for(start):
    _, line = start(QA_PIPELINE_API_KEY="secret")
    address = line.split()[6]
    assert httpx.get(f"{address}/documents", trust_env=False).status_code == 401
    headers = {"Authorization": "Bearer secret"}
    assert httpx.get(f"{address}/documents", headers=headers, trust_env=False).json()["total"] == 0


def test_an_open_address_without_a_key_is_warned_of(monkeypatch, capsys):
    monkeypatch.delenv("QA_PIPELINE_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="cannot be listened on"):
        main(["serve", "runs/any", "--host", "192.0.2.1", "--allow_no_key"])
    assert "warning: the server has no key. Whoever reaches it can ask" in capsys.readouterr().err


def test_a_port_in_use_is_said_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr("qa_pipeline.cli.serve.load_predictor", lambda *_, **__: pytest.fail("it was loaded"))
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--port: {port} is in use by another program; give another, or 0"):
            main(["serve", "runs/any", "--port", str(port)])


def test_an_address_that_is_not_this_machines_is_said(monkeypatch):
    monkeypatch.setattr("qa_pipeline.cli.serve.load_predictor", lambda *_, **__: pytest.fail("it was loaded"))
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(
            ConfigError, match=f"--host: '{host}' (cannot be listened on|is no address of this machine)"
        ):
            main(["serve", "runs/any", "--host", host, "--allow_no_key"])


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "python_multipart", "prometheus_client"])
def test_what_is_not_installed_is_said_with_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"needs {package}.*pip install fastapi uvicorn"):
        main(["serve", "runs/any", "--port", "0"])


def test_the_model_stands_first_or_has_a_flag_and_lists_are_lists(tmp_path):
    (tmp_path / "a").mkdir()
    given = parse(["runs/a", "--documents", str(tmp_path), str(tmp_path / "a"), "--allowed_hosts", "qa.example.com"])
    assert (given.model, given.paths) == ("runs/a", [str(tmp_path), str(tmp_path / "a")])
    assert (given.names, given.origins, given.port) == (["qa.example.com"], [], 8000)
    (tmp_path / "serve.yaml").write_text("model: runs/a\nport: 9000\ntimeout: 5\n")
    assert (parse([str(tmp_path / "serve.yaml")]).port, parse([str(tmp_path / "serve.yaml")]).timeout) == (9000, 5.0)


def test_all_faults_of_a_command_line_are_said_at_once(tmp_path, monkeypatch):
    monkeypatch.delenv("QA_PIPELINE_API_KEY", raising=False)
    (tmp_path / "file").write_text("x")
    words = ["--host", "0.0.0.0", "--documents", "nowhere", "--uploads", str(tmp_path / "file"), "--timeout", "0"]
    with pytest.raises(ConfigError) as refused:
        parse([*words, "--cors_origins", "intranet", "--encoding", "klingon", "--most_waiting", "0"])
    for said in (
        "--model: is required",
        "--documents: no such file or folder: nowhere",
        "file is a file; give a folder, which is made if missing",
        "--timeout: expected above 0",
        "--host: whoever reaches 0.0.0.0 could ask the model",
        "--cors_origins: expected a site such as",
        "--encoding: ",
        "--most_waiting: expected at least 1",
    ):
        assert said in str(refused.value)


def test_help_names_what_the_command_takes(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    printed = capsys.readouterr().out
    for word in (
        "qa-pipeline serve --model MODEL",
        "--documents",
        "--uploads",
        "--allow_no_key",
        "QA_PIPELINE_API_KEY",
    ):
        assert word in printed
