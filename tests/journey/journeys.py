"""Small journeys for tests: documents, settings of a tiny model, and a process that stops where it is told to.

What two journeys must share is `content`: every artifact, but for times.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.generation.fakes import document
from tests.generation.server import ScriptedServer
from tests.tiny_models import save_tiny

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import json, os, sys, time
moment, count, values = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])

def stopping(function, after=True):
    calls = iter(range(1, 10**9))
    def wrapped(*arguments, **options):
        reached = next(calls) == count
        result = function(*arguments, **options) if after or not reached else None
        if reached:
            print("reached", flush=True)
            time.sleep(600)
        return result
    return wrapped

from qa_pipeline.generation.backends import cache
from qa_pipeline.journey import prompt2model
from qa_pipeline.journey.prompt2model import Prompt2Model

if moment == "storing":  # an answer came back, and is not kept yet
    cache.Cache.put = stopping(cache.Cache.put, after=False)
elif moment == "stored":
    cache.Cache.put = stopping(cache.Cache.put)
elif moment == "renaming":
    os.replace = stopping(os.replace)
elif moment == "checkpoint":
    from transformers import Trainer
    Trainer._save_checkpoint = stopping(Trainer._save_checkpoint)
elif moment != "never":  # the stage of this name has done its work, and that is not noted yet
    [stage] = [one for one in prompt2model.BUILTIN if one.name == moment]
    stage.run = stopping(stage.run)
Prompt2Model(values).run()
print("ended", flush=True)
"""


def write_documents(folder: Path, count: int = 6) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        (folder / f"{i:02}.txt").write_text(document(i))
    return folder


def write_labels(folder: Path, count: int = 24) -> Path:
    """Labelled questions about towns, as a folder that a search may find."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(count):
        text = document(500 + i)
        answer = " ".join(text.split()[:2])
        rows.append({"context": text, "question": f"Which town is number {i} about?", "answer": answer})
    (folder / "towns.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return folder


def save_model(folder: Path) -> str:
    return save_tiny("bert", folder)


def small(tmp_path: Path, model: str, **more: Any) -> dict[str, Any]:
    """Settings of a journey that takes seconds."""
    settings = {
        "prompt": "Answer questions about the records of towns",
        "documents": [str(write_documents(tmp_path / "docs"))],
        "model_name_or_path": model,
        "max_seq_length": 128,
        "doc_stride": 32,
        "max_question_length": 32,
        "num_train_epochs": 2,
        "max_train_samples": 16,
        "learning_rate": 1e-3,
        "num_trials": 2,
        "skip": ["retrieve_data"],
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
        "validation_fraction": 0.2,
        "test_fraction": 0.2,
        "warm_start": "off",
    }
    return {**settings, **more}


def asking(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"backend": "openai", "model": "m", "base_url": server.url, "concurrency": 1, **more}


def start(moment: str, count: int, settings: dict[str, Any]) -> subprocess.Popen:
    """A process that makes the journey, and says "reached" and waits at a moment of it."""
    words = [sys.executable, "-c", CHILD, moment, str(count), json.dumps(settings)]
    environment = {**os.environ, "OPENAI_API_KEY": "k", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        words,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_at(moment: str, count: int, settings: dict[str, Any]) -> None:
    """Starts a journey and kills it at a moment."""
    child = start(moment, count, settings)
    said = _until(child, ("reached", "ended"))
    assert said == "reached", f"{moment} {count} was not reached"
    child.kill()
    child.communicate()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """As many threads as a process of `start` computes with: sums differ in their last digits otherwise."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_to_the_end(settings: dict[str, Any]) -> None:
    child = start("never", 0, settings)
    out, errors = child.communicate()
    assert out.strip().endswith("ended"), errors


def _until(child: subprocess.Popen, words: tuple[str, ...]) -> str:
    for line in child.stdout:
        if line.strip() in words:
            return line.strip()
    raise AssertionError(child.stderr.read())


def content(root: Path) -> dict[str, Any]:
    """Every artifact of a journey, but for times and speeds."""
    found: dict[str, Any] = {}
    for pattern in _SAME:
        found |= {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.glob(pattern))}
    if (root / "metrics.json").exists():
        metrics = json.loads((root / "metrics.json").read_text())
        found["metrics"] = {key: metrics[key] for key in ("exact_match", "f1", "test", "difference", "breakdowns")}
    return found


_SAME = (
    *("parse/prompt_spec.yaml", "retrieve_data/*.json", "process/*.json", "process/review.csv"),
    *("generate/train.json", "generate/validation.json", "generate/test.json"),
    *("train/model.safetensors", "train/qa_config.json", "model/*.safetensors", "model/*.json"),
    "execute/predictions*.json",
)
