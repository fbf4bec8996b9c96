"""From the command line to Ctrl-C, in a process whose sockets reach this machine alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from qa_pipeline.cli.demo import main, parse
from qa_pipeline.errors import ConfigError
from qa_pipeline.serve.demo.server import FIRST_PORT, PORTS, free_port, serve_demo, uploads_of_this_run

ROOT = Path(__file__).resolve().parents[3]

_ALONE = """
import signal, socket, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", None)
outside = []
def guard(name):
    real = getattr(socket.socket, name)
    def guarded(self, address, *rest):
        if isinstance(address, tuple) and address[0] not in LOCAL:
            print("OUTSIDE", name, address, file=sys.stderr, flush=True)
            raise OSError("this machine is alone")
        return real(self, address, *rest)
    setattr(socket.socket, name, guarded)
guard("connect"); guard("connect_ex"); guard("sendto")
lookup = socket.getaddrinfo
def getaddrinfo(host, *rest, **options):
    if host not in LOCAL and host not in (b"127.0.0.1", b"localhost"):
        print("OUTSIDE lookup", host, file=sys.stderr, flush=True)
        raise OSError("this machine is alone")
    return lookup(host, *rest, **options)
socket.getaddrinfo = getaddrinfo
from qa_pipeline.cli import demo
from qa_pipeline.errors import run_script
from tests.serve.fakes import PhraseFinder
demo.load_predictor = lambda name, arguments, **options: PhraseFinder(name)
sys.exit(run_script(demo.main))
"""


@pytest.fixture
def start(tmp_path):
    """Starts the command with a model that is loaded at once; gives the process when it has said its address."""
    pytest.importorskip("gradio", reason="the gradio package is not installed")
    started = []

    def _start(*words, **environment):
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("proxy")}
        process = subprocess.Popen(
            [sys.executable, "-c", _ALONE, *words],
            cwd=ROOT,
            env={**kept, "TMPDIR": str(tmp_path), "HOME": str(tmp_path), **environment},
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


def test_one_line_says_the_address_nothing_goes_outside_and_ctrl_c_ends_quietly(start, tmp_path):
    gradio_client = pytest.importorskip("gradio_client")
    process, line = start(
        "runs/any", "--base", "other", HTTP_PROXY="http://192.0.2.1:9", ALL_PROXY="http://192.0.2.1:9"
    )
    assert line.startswith("Ask at http://127.0.0.1:") and line.endswith("(Ctrl-C ends)\n")
    address = line.split()[2]
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address) as page:
        html = page.read().decode()
    assert "Ask runs/any" in html
    (tmp_path / "mine.txt").write_text("It is 14 days.")
    client = gradio_client.Client(address, verbose=False, httpx_kwargs={"timeout": 120})
    file = gradio_client.handle_file(tmp_path / "mine.txt")
    reply = client.predict(question="Which: 14 days", files=[file], api_name="/ask")
    assert (reply["answer"], reply["base"]["model"]) == ("14 days", "other")
    assert list(tmp_path.glob("qa_pipeline_demo_*/**/mine.txt"))  # uploads are kept while it runs
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed, errors) == (0, "", "")
    assert not list(tmp_path.glob("qa_pipeline_demo_*"))


def test_a_public_address_is_made_only_when_asked_for_and_with_a_warning(start):
    process, line = start("runs/any", "--share")
    assert line.startswith("Ask at http://127.0.0.1:") and "everybody" not in line
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "warning: --share makes a public address. Whoever has it can ask" in errors
    assert "OUTSIDE lookup api.gradio.app" in errors  # the one thing that --share is for
    assert "no public address could be made" in errors and "Traceback" not in errors


@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_port_in_use_is_said_before_anything_is_loaded(taken, monkeypatch):
    monkeypatch.setattr("qa_pipeline.cli.demo.load_predictor", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(ConfigError, match=f"--port: {taken} is in use by another program; give another"):
        main(["runs/any", "--port", str(taken)])


def test_without_a_port_the_first_that_is_free_is_taken(taken, monkeypatch):
    assert FIRST_PORT <= free_port(None) < FIRST_PORT + PORTS
    monkeypatch.setattr("qa_pipeline.serve.demo.server.FIRST_PORT", taken)
    assert free_port(None) > taken
    monkeypatch.setattr("qa_pipeline.serve.demo.server.PORTS", 1)
    with pytest.raises(ConfigError, match="all from .* are in use"):
        free_port(None)


def test_a_port_that_is_taken_meanwhile_is_said_too(monkeypatch):
    class Demo:
        def launch(self, **_):
            raise OSError("Cannot find empty port")

    with pytest.raises(ConfigError, match="was taken by another program"):
        serve_demo(Demo())


def test_what_is_uploaded_is_gone_at_the_end_and_the_environment_is_as_it_was(monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "/before")
    with uploads_of_this_run():
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        (folder / "kept.txt").write_text("words")
    assert not folder.exists() and os.environ["GRADIO_TEMP_DIR"] == "/before"
    monkeypatch.delenv("GRADIO_TEMP_DIR")
    with uploads_of_this_run():
        pass
    assert "GRADIO_TEMP_DIR" not in os.environ


def test_the_model_stands_first_or_has_a_flag_or_is_in_a_file(tmp_path):
    assert parse(["runs/a", "--base", "b"]).model == parse(["--model", "runs/a"]).model == "runs/a"
    (tmp_path / "demo.yaml").write_text("model: runs/a\nport: 8000\n")
    assert parse([str(tmp_path / "demo.yaml")]).port == 8000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--model: is required"),
        (["m", "--port", "0"], "port: expected from 1 to 65535|port: expected at least 1"),
        (["m", "--documents", "nowhere"], "documents: no such file or folder: nowhere"),
        (["m", "--examples", "nowhere.json"], "examples: no such file or folder"),
        (["m", "--prot", "8000"], 'nearest.*"port"'),
        (["m", "--temperature", "0"], "temperature"),
    ],
)
def test_a_wrong_command_line_is_refused_in_words(words, said):
    with pytest.raises(ConfigError, match=said):
        parse(words)


def test_help_names_what_the_command_takes(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert "qa-pipeline demo MODEL" in printed and "--documents" in printed and "--device" in printed


def test_ctrl_c_while_the_model_loads_ends_quietly(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("qa_pipeline.cli.demo.load_predictor", interrupted)
    monkeypatch.setattr("qa_pipeline.serve.demo.page.load_gradio", lambda: None)
    assert main(["runs/any", "--port", str(free_port(None))]) == 0
