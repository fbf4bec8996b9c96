"""Whole optimisations against a scripted server, with quick stand-ins for what reads and trains. Also runs as a child.

    python -m tests.optimisation.searches PHASE COUNT SETTINGS.json

stops for good at the COUNT-th time that it comes to PHASE, so that a test can kill it there.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa_pipeline.optimisation.api import OptimizationResult, optimize
from qa_pipeline.optimisation.arguments import optimization_settings
from qa_pipeline.optimisation.trainings import SeedScores
from tests.generation.fakes import document
from tests.generation.server import Reply, ScriptedServer

TABLES = ("prompts", "evaluations", "pairs", "synthetic_data", "comparison_results")


@dataclass(frozen=True)
class Found:
    text: str
    start: int | None


def reader(rows: Sequence[Any]) -> list[Found]:
    """Finds two answers of three, always the same ones."""
    lucky = [int(row.key, 16) % 3 > 0 for row in rows]
    return [
        Found(row.answer or "", row.start) if good else Found("", None) for row, good in zip(rows, lucky, strict=True)
    ]


def train(rows: Sequence[Any], questions: Sequence[Any], seed: int) -> SeedScores:
    """A reader is the better, the more of its rows ask about places; with the luck of questions and seeds."""
    share = np.mean(["town" in row["question"] or "item" in row["question"] for row in rows]) if rows else 0.0
    luck = hashlib.sha256(json.dumps([seed, [row["id"] for row in rows]]).encode()).digest()
    rng = np.random.default_rng(list(luck[:8]))
    f1 = np.clip(0.3 + 0.2 * share + 0.002 * len(rows) + rng.normal(0, 0.05, len(questions)), 0, 1)
    return SeedScores(tuple(map(float, f1)), tuple(map(float, f1 > 0.5)))


def write_documents(folder: Path, count: int = 12) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:02}.txt").write_text(document(number))
    return folder


def write_questions(path: Path, first: int = 100, count: int = 12) -> Path:
    """Questions of people about documents of their own, two each."""
    articles = []
    for number in range(first, first + count):
        text = document(number)
        answers = [(text.index(word), word) for word in (text.split()[1], text.split()[3])]
        asked = [
            {
                "id": f"{number}-{i}",
                "question": f"Which {i} of {number}?",
                "answers": [{"text": word, "answer_start": at}],
            }
            for i, (at, word) in enumerate(answers)
        ]
        articles.append({"title": f"town {number}", "paragraphs": [{"context": text, "qas": asked}]})
    path.write_text(json.dumps({"version": "v2.0", "data": articles}))
    return path


def values_for(folder: Path, url: str, out: str = "out", **more: Any) -> dict[str, Any]:
    """Settings of a small optimisation with check and test questions; makes the files that it needs."""
    docs, check, test = folder / "docs", folder / "check.json", folder / "test.json"
    if not docs.exists():
        write_documents(docs)
        write_questions(check, 100)
        write_questions(test, 200)
    return {
        **{"documents": [str(docs)], "check_file": str(check), "test_file": str(test)},
        **{"output_dir": str(folder / out), "backend": "openai", "model": "m", "base_url": url, "concurrency": 4},
        **{"validity_passages": 3, "round_trip_passages": 6, "training_passages": 10, "questions_per_context": 3},
        **{"num_candidates": 6, "rounds": 2, "eta": 2, "proposers": ["grid"], "max_tokens": 400_000},
        **{"skip_filters": ["near_duplicate"], "train_seeds": 2},
        **more,
    }


def run(values: dict[str, Any]) -> OptimizationResult:
    return optimize(optimization_settings(values, "test"), reader=reader, train=train)


def asked_of(server: ScriptedServer) -> list[str]:
    """Every request that was answered with a completion, whole: two prompts may differ in their temperature alone."""
    return [json.dumps(entry.body, sort_keys=True) for entry in server.log if isinstance(entry.action, Reply)]


def bytes_of(folder: Path) -> dict[str, bytes]:
    names = [*(f"{name}.parquet" for name in TABLES), "best_prompt.yaml"]
    return {name: (folder / name).read_bytes() for name in names}


def _stopping(function: Any, count: int, after: bool = False) -> Any:
    calls = iter(range(1, 10**9))

    def wrapped(*arguments: Any, **options: Any) -> Any:
        reached = next(calls) == count
        result = function(*arguments, **options) if after or not reached else None
        if reached:
            print("reached", flush=True)
            time.sleep(600)
        return result

    return wrapped


def main(argv: list[str]) -> None:
    from qa_pipeline import artifacts
    from qa_pipeline.generation.backends import cache
    from qa_pipeline.optimisation import stages, trainings

    phase, count, settings = argv[0], int(argv[1]), json.loads(Path(argv[2]).read_text())
    if phase == "storing":  # an answer has come back, and was kept just now
        cache.Cache.put = _stopping(cache.Cache.put, count, after=True)  # type: ignore[method-assign]
    elif phase == "noting":  # a line of the record or of the trainings is about to be written
        artifacts.Lines.append = _stopping(artifacts.Lines.append, count)  # type: ignore[method-assign]
    elif phase == "noted":
        artifacts.Lines.append = _stopping(artifacts.Lines.append, count, after=True)  # type: ignore[method-assign]
    elif phase == "training":
        call = trainings.KeptTrainings.__call__
        trainings.KeptTrainings.__call__ = _stopping(call, count)  # type: ignore[method-assign]
    elif phase == "writing":
        stages.write_table = _stopping(stages.write_table, count)  # type: ignore[attr-defined]
    run(settings)


if __name__ == "__main__":
    main(sys.argv[1:])
