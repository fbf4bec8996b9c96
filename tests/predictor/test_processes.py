"""A predictor that was loaded and asked answers in the processes of pools, of `datasets.map` and of gunicorn.

Each way runs in a Python of its own whose torch has started threads, and has to end by itself: a process that waits
for the threads of its parent would wait for ever.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from qa_pipeline import QAPredictor
from tests.predictor.made import answer_to
from tests.tiny_models import save_tiny
from tests.tokenizers import TEXTS

SECONDS = 150
"""After which a way of starting processes counts as hanging; the slowest takes 20 on two cores."""

OPTIONS = {"device": "cpu", "dtype": "float32", "allow_new_head": True}
ROWS = [{"question": f"who signed number {i}?", "context": " ".join(TEXTS[i % 5 :] * 3)} for i in range(12)]

LOAD = """
import json, os, sys
import torch
from qa_pipeline import QAPredictor
torch.set_num_threads(2)

def load(folder):
    loaded = QAPredictor.from_pretrained(folder, device="cpu", dtype="float32", allow_new_head=True)
    loaded.ask("who signed?", "Ada Lovelace signed the contract in 1895. " * 60)
    torch.ones(1_000_000).add_(1)  # OpenMP now has threads, which no forked child will have
    return loaded

def ask(predictor, row):
    answer = predictor.ask(row["question"], row["context"])
    return {"text": answer.text, "start": answer.start, "confidence": answer.confidence, "process": os.getpid()}
"""

POOLS = (
    LOAD
    + """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial

PREDICTOR = None

def ask_inherited(row):
    return ask(PREDICTOR, row)

def answers(way, rows):
    kind, _, start = way.partition(" ")
    if kind == "datasets.map":
        from datasets import Dataset
        predictor = PREDICTOR
        found = Dataset.from_list(rows).map(lambda row: ask(predictor, row), num_proc=2)
        return [{name: row[name] for name in ("text", "start", "confidence", "process")} for row in found]
    context = multiprocessing.get_context(start)
    given = ask_inherited if start == "fork" else partial(ask, PREDICTOR)
    if kind == "executor":
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            return list(executor.map(given, rows))
    with context.Pool(2) as pool:
        return pool.map(given, rows, chunksize=1)

if __name__ == "__main__":
    way, folder = sys.argv[1:]
    PREDICTOR = load(folder)
    print(json.dumps([answers(way, json.load(sys.stdin)), os.getpid()]))
"""
)

SERVICE = (
    LOAD
    + """
PREDICTOR = load(os.environ["QA_MODEL"])
PARENT = os.getpid()

def app(environ, start_response):
    row = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    body = json.dumps({**ask(PREDICTOR, row), "parent": PARENT}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""
)

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
needs_gunicorn = pytest.mark.skipif(
    importlib.util.find_spec("gunicorn") is None, reason="the gunicorn package is not installed"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny("bert", tmp_path_factory.mktemp("shared"), seed=3, hidden_size=128, intermediate_size=512)


@pytest.fixture(scope="module")
def expected(folder):
    predictor = QAPredictor.from_pretrained(folder, **OPTIONS)
    found = [answer_to(predictor, **row) for row in ROWS]
    assert len({(answer.text, answer.start) for answer in found}) > 3  # else any answer would do
    return found


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": path, **more}


def check(found: list[dict], expected: list, parent: int) -> None:
    assert [(one["text"], one["start"]) for one in found] == [(answer.text, answer.start) for answer in expected]
    assert [one["confidence"] for one in found] == pytest.approx([one.confidence for one in expected], abs=1e-5)
    assert parent not in {one["process"] for one in found}


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("pool fork", marks=forks),
        "pool spawn",
        pytest.param("executor fork", marks=forks),
        pytest.param("executor forkserver", marks=forks),
        "datasets.map",
    ],
)
def test_processes_of_a_pool_give_the_answers_of_the_one_that_loaded(way, folder, expected, tmp_path):
    script = tmp_path / "pools.py"
    script.write_text(POOLS, encoding="utf-8")
    command = [sys.executable, str(script), way, folder]
    with started(command, tmp_path, HF_HOME=str(tmp_path), HF_DATASETS_CACHE=str(tmp_path)) as process:
        try:
            out, _ = process.communicate(json.dumps(ROWS), timeout=SECONDS)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{way}: no answers within {SECONDS} seconds:\n{log(tmp_path)}")
        assert process.returncode == 0, log(tmp_path)
    found, parent = json.loads(out.splitlines()[-1])
    check(found, expected, parent)


@forks
@needs_gunicorn
@pytest.mark.parametrize("threads", ["1", "4"])
def test_workers_of_a_gunicorn_that_loads_first_give_the_answers_of_one_process(threads, folder, expected, tmp_path):
    (tmp_path / "service.py").write_text(SERVICE, encoding="utf-8")
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers=2", f"--threads={threads}", "--timeout=60"]
    command += ["--bind=127.0.0.1:0", "--no-control-socket", f"--chdir={tmp_path}", "service:app"]
    with started(command, tmp_path, QA_MODEL=folder) as process:
        address = _address(process, tmp_path)

        def ask(row: dict[str, str]) -> dict:
            with urllib.request.urlopen(address, json.dumps(row).encode(), timeout=60) as reply:
                return json.load(reply)

        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(ask, ROWS * 3))
        deadline = time.monotonic() + 60
        while len({one["process"] for one in found}) < 2 and time.monotonic() < deadline:
            found.append(ask(ROWS[len(found) % len(ROWS)]))
    assert len({one["process"] for one in found}) == 2, log(tmp_path)  # none hung, none was replaced
    check(found, [expected[i % len(ROWS)] for i in range(len(found))], process.pid)
    assert {one["parent"] for one in found} == {process.pid}  # loaded once, before the workers were forked


def _address(process: subprocess.Popen, folder: Path) -> str:
    """Where the service listens, once it does."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if match := re.search(r"Listening at: (http://\S+)", log(folder)):
            return match[1]
        time.sleep(0.1)
    pytest.fail(f"gunicorn did not start:\n{log(folder)}")


@contextmanager
def started(command: list[str], folder: Path, **variables: str):
    """A process in a group of its own, so that its children end with it whatever happens; its log is a file."""
    with (folder / "log").open("w") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(**variables),
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if os.name == "posix":
                for step in (signal.SIGTERM, signal.SIGKILL):
                    try:
                        os.killpg(process.pid, step)
                        process.wait(5)
                    except ProcessLookupError:
                        break
                    except subprocess.TimeoutExpired:
                        continue
            else:
                process.kill()
            process.communicate()


def log(folder: Path) -> str:
    return (folder / "log").read_text(encoding="utf-8", errors="replace")
