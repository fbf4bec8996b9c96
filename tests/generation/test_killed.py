"""The command is killed in every phase and started again: the same bytes, and nothing that is kept is asked again."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from qa_pipeline.cli.main import main
from tests.generation.fakes import document
from tests.generation.server import Reply, ScriptedServer, like_a_model

ROOT = Path(__file__).resolve().parents[2]
FILES = ("train.json", "validation.json", "test.json")

CHILD = """
import os, sys, time
phase, count, *words = sys.argv[1:]

def stopping(function, after=False):
    calls = iter(range(1, 10**9))
    def wrapped(*arguments, **options):
        reached = next(calls) == int(count)
        result = function(*arguments, **options) if after or not reached else None
        if reached:
            print("reached", flush=True)
            time.sleep(600)
        return result
    return wrapped

from qa_pipeline import artifacts
from qa_pipeline.cli.main import main
from qa_pipeline.generation import filters, journal, outputs
from qa_pipeline.generation.backends import cache

if phase == "storing":  # an answer has come back, and is not kept yet, or just now
    cache.Cache.put = stopping(cache.Cache.put, after=True)
elif phase == "filters":
    filters.apply_filters = stopping(filters.apply_filters)
elif phase in ("noting", "noted"):  # the end of a block in the journal
    journal.DraftJournal.finish = stopping(journal.DraftJournal.finish, after=phase == "noted")
elif phase == "splitting":
    outputs.choose_dataset = stopping(outputs.choose_dataset, after=True)
elif phase == "renaming":  # a temporary file is there, the file itself not yet
    os.replace = stopping(os.replace)
elif phase == "renamed":
    os.replace = stopping(os.replace, after=True)
sys.exit(main(words))
"""


def documents(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        (folder / f"{i:02}.txt").write_text(document(i))
    return folder


def command(server: ScriptedServer, docs: Path, out: Path, *more: str) -> list[str]:
    words = ["generate", "--documents", str(docs), "--backend=openai", "--model=m", "--base_url", server.url]
    return [*words, "--output_dir", str(out), "--concurrency=4", "--questions_per_context=3", *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def start(phase: str, count: int, words: list[str]) -> subprocess.Popen:
    child = [sys.executable, "-c", CHILD, phase, str(count), *words]
    return subprocess.Popen(child, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def kill(child: subprocess.Popen) -> None:
    assert child.poll() is None, "it ended before it was killed"
    child.kill()
    child.communicate()


def kept(cache: Path) -> int:
    return sqlite3.connect(cache).execute("SELECT count(*) FROM completions").fetchone()[0] if cache.exists() else 0


# The blocks hold 64 passages: with 70 documents the second is begun when the first is in the journal.
PHASES = [
    ("storing", 5),
    ("filters", 20),
    ("storing", 66),
    ("filters", 5),
    ("noting", 1),
    ("noted", 1),
    ("splitting", 1),
    ("renaming", 1),
    ("renaming", 2),
    ("renamed", 3),
    ("renamed", 5),
]


def test_killed_in_every_phase_the_files_are_those_of_a_run_that_was_not(tmp_path):
    """In one folder, one kill after the other; each run goes on from what the one before left."""
    docs = documents(tmp_path / "docs", 70)
    with ScriptedServer() as server:
        assert main(command(server, docs, tmp_path / "whole")) == 0
    out = tmp_path / "killed"
    cache = out / "work" / "completions.sqlite"
    slow = lambda number, body: Reply(like_a_model(body), seconds=0.002)  # noqa: E731
    with ScriptedServer(slow) as server:
        words, lost, asking = command(server, docs, out), 0, 0
        for phase, count in PHASES:
            before, had = len(server.log), kept(cache)
            child = start(phase, count - had if phase == "storing" else count, words)
            assert child.stdout.readline() == "reached\n", f"{phase} {count} was not reached"
            kill(child)
            sent = len(server.log) - before
            lost += sent - (kept(cache) - had)
            asking += sent > 0
            assert sent - (kept(cache) - had) <= 4, phase  # what was under way
            assert sent == 0 or had < 70, phase  # all are kept: nothing is asked
        before = len(server.log)
        assert main(words) == 0
        assert len(server.log) == before
        asked = [entry.asked for entry in server.log]
    assert len(asked) == len(set(asked)) + lost and lost <= asking * 4
    assert contents(out) == contents(tmp_path / "whole")


def test_shards_killed_at_random_moments_merge_to_the_same_files(tmp_path):
    rng = random.Random()
    docs = documents(tmp_path / "docs", 60)
    with ScriptedServer() as server:
        assert main(command(server, docs, tmp_path / "whole")) == 0
    slow = lambda number, body: Reply(like_a_model(body), seconds=0.03)  # noqa: E731
    with ScriptedServer(slow) as server:
        for part in ("1/3", "2/3", "3/3"):
            words = command(server, docs, tmp_path / "out", f"--shard={part}")
            child = start("none", 0, words)
            before = len(server.log)
            while len(server.log) == before and child.poll() is None:
                time.sleep(0.01)
            time.sleep(rng.random() * 0.3)
            child.kill()  # or it has ended just before, which is a moment too
            child.communicate()
            assert main(words) == 0
        asked = [entry.asked for entry in server.log]
    assert len(asked) - len(set(asked)) <= 3 * 4  # at most what was under way at each kill
    assert main(["merge", str(tmp_path / "out"), "--output_dir", str(tmp_path / "merged")]) == 0
    assert contents(tmp_path / "merged") == contents(tmp_path / "whole")
