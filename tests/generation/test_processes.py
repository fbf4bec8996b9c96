"""With processes of their own: against real servers, and under `accelerate launch`; with a model made here."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples
from tests.generation.backends.tiny_chat import save_tiny_chat
from tests.generation.fakes import document

ROOT = Path(__file__).resolve().parents[2]
TOLD = "Tickets are sold at the northern gate until noon."
QUESTION = "Where does one buy a ticket for the fair?"
REPLY = json.dumps({"questions": [{"question": QUESTION, "evidence": TOLD, "answer": "at the northern gate"}]})
SECONDS_TO_START = 240
SECONDS_TO_END = 420


@pytest.fixture(scope="module")
def chat(tmp_path_factory) -> str:
    """A chat model that always replies REPLY."""
    return save_tiny_chat(tmp_path_factory.mktemp("chat"), longest=8192, reply=REPLY)


@pytest.fixture
def docs(tmp_path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(6):
        (folder / f"{i}.txt").write_text(f"{document(i, 2)} {TOLD if i < 5 else ''}\n")
    return folder


def transformers_serve(chat: str) -> list[str]:
    program = os.path.join(os.path.dirname(sys.executable), "transformers")
    return [program, "serve", chat, "--device", "cpu"]


def vllm_serve(chat: str) -> list[str]:
    return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", chat]


@pytest.fixture(params=[transformers_serve, vllm_serve])
def served(chat, tmp_path, request) -> Iterator[str]:
    """The address of a server with that model; its log is in the message when it does not start."""
    for package in ("fastapi", "uvicorn", "openai", *(["vllm"] if request.param is vllm_serve else [])):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*request.param(chat), "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path / "serve.log"
    with open(log, "wb") as output:
        server = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + SECONDS_TO_START
        while not _is_up(f"http://127.0.0.1:{port}/health"):
            if server.poll() is not None or time.monotonic() > end:
                state = f"ended with {server.poll()}" if server.poll() is not None else f"{SECONDS_TO_START} s passed"
                pytest.fail(f"the server did not start ({state}):\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _is_up(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except (OSError, urllib.error.URLError):
        return False


def check_rows(out: Path, documents: int) -> None:
    paths = [out / f"{name}.json" for name in ("train", "validation", "test")]
    rows = [row for path in paths if path.exists() for row in load_examples(path, on_bad_data="error")[0]]
    homes = [row["metadata"]["document"] for row in rows]
    assert len(set(homes)) == len(homes) == documents
    assert {row["question"] for row in rows} == {QUESTION}
    assert {row["answers"]["text"][0] for row in rows} == {"at the northern gate"}


def test_the_command_asks_a_server(served, chat, docs, tmp_path):
    out = tmp_path / "out"
    words = ["generate", f"--documents={docs}", "--backend=openai", f"--model={chat}", f"--base_url={served}"]
    words += [f"--output_dir={out}", "--questions_per_context=1", "--timeout_s=120", "--max_retries=1"]
    # Generic questions about several documents stay, but this one has the same answering sentence everywhere.
    assert main([*words, "--skip_filters=near_duplicate", "--temperature=0"]) == 0
    check_rows(out, 5)
    report = json.loads((out / "dataset_report.json").read_text())
    assert report["facts"]["requests"] == 6 and report["facts"]["completion_tokens"] > 0
    assert report["rejected"] == {"evidence_not_verbatim": 1}


@pytest.mark.slow
def test_two_processes_of_one_launch_make_one_data_set(chat, docs, tmp_path):
    pytest.importorskip("accelerate")
    out = tmp_path / "out"
    program = os.path.join(os.path.dirname(sys.executable), "accelerate")
    words = [program, "launch", "--config_file", "configs/accelerate/cpu.yaml", "-m", "qa_pipeline", "generate"]
    words += [f"--documents={docs}", "--backend=transformers", f"--model={chat}", f"--output_dir={out}"]
    words += ["--questions_per_context=1", "--skip_filters=near_duplicate"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        words[4:4] = ["--main_process_port", str(free.getsockname()[1])]
    log = tmp_path / "launch.log"
    with open(log, "wb") as output:
        done = subprocess.run(words, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, timeout=SECONDS_TO_END)
    assert done.returncode == 0, log.read_text(errors="replace")[-4000:]
    check_rows(out, 5)
    shards = sorted(path.name for path in (out / "shards").iterdir())
    assert [name[:20] for name in shards] == ["shard-00001-of-00002", "shard-00002-of-00002"]
    report = json.loads((out / "dataset_report.json").read_text())
    assert report["facts"]["requests"] == report["facts"]["passages_asked"] == 6
    single = ["generate", f"--documents={docs}", "--backend=transformers", f"--model={chat}"]
    single += [f"--output_dir={tmp_path / 'one'}", "--questions_per_context=1", "--skip_filters=near_duplicate"]
    assert main(single) == 0
    assert (tmp_path / "one" / "train.json").read_bytes() == (out / "train.json").read_bytes()
