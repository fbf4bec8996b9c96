"""Killed in every phase and started again: the same bytes as an uninterrupted run, and nothing kept is asked again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.generation.server import Reply, ScriptedServer, like_a_model
from tests.optimisation.searches import asked_of, bytes_of, run, values_for

ROOT = Path(__file__).resolve().parents[2]
SOME_PHASES = [("storing", 30), ("noting", 8), ("training", 2)]
ALL_PHASES = [
    ("storing", 7),
    ("noting", 2),
    ("noted", 3),
    ("training", 1),
    ("noted", 5),
    ("storing", 30),
    ("noting", 12),
    ("training", 3),
    ("writing", 2),
    ("writing", 5),
]


@pytest.mark.parametrize(
    "phases", [pytest.param(SOME_PHASES, id="some"), pytest.param(ALL_PHASES, id="all", marks=pytest.mark.slow)]
)
def test_killed_again_and_again_the_tables_are_those_of_a_run_that_was_not(tmp_path, phases):
    with ScriptedServer() as server:
        whole = run(values_for(tmp_path, server.url, out="whole"))
    slow = lambda number, body: Reply(like_a_model(body), seconds=0.002)  # noqa: E731
    with ScriptedServer(slow) as server:
        values = values_for(tmp_path, server.url, out="killed")
        settings = tmp_path / "settings.json"
        settings.write_text(json.dumps(values))
        lost = 0
        for phase, count in phases:
            words = [sys.executable, "-m", "tests.optimisation.searches", phase, str(count), str(settings)]
            child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            assert child.stdout.readline() == "reached\n", f"{phase} {count} was not reached"
            child.kill()
            child.communicate()
            lost += values["concurrency"]
        run(values)
        asked = asked_of(server)
        assert len(asked) - len(set(asked)) <= lost  # what was under way at a kill
        assert server.tokens <= values["max_tokens"]
    assert bytes_of(tmp_path / "killed") == bytes_of(whole.folder)
