"""Several processes make one data set, each started as a launcher would: who waits for what, and what is refused."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.errors import DataError
from qa_pipeline.generation import shards as parts
from tests.generation.fakes import document
from tests.generation.server import Reply, ScriptedServer, like_a_model

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = {"WORLD_SIZE": "2", "RANK": "0"}
SECONDS_TO_END = 180


@pytest.fixture
def words(tmp_path) -> list[str]:
    """A command over some documents, without a model."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for i in range(12):
        (docs / f"{i}.txt").write_text(document(i))
    return ["generate", f"--documents={docs}", f"--output_dir={tmp_path / 'out'}"]


def shards(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "shards").iterdir())


class Launch:
    """Runs the command as rank 0 of two; whenever it waits, the next step happens. One wait too many is a failure."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self._monkeypatch = monkeypatch

    def __call__(self, words: list[str], *steps: Callable[[], object]) -> int:
        waiting = iter(steps)

        def wait(seconds: float) -> None:
            step = next(waiting, None)
            assert step is not None, "it waits for something that does not come"
            with self._monkeypatch.context() as patch:
                for name in LAUNCH:
                    patch.delenv(name)
                step()

        with self._monkeypatch.context() as patch:
            patch.setattr(parts.time, "sleep", wait)
            for name, value in LAUNCH.items():
                patch.setenv(name, value)
            code = main(words)
        assert next(waiting, None) is None, "it did not wait for the other process"
        return code


@pytest.fixture
def launch(monkeypatch) -> Launch:
    return Launch(monkeypatch)


def test_one_process_asks_the_model_what_the_prompt_means_and_all_are_told_the_same(tmp_path, words):
    readings = iter(['["a date"]', '["a name"]'])

    def script(number, body):
        if "Say what the user wants" in body["messages"][-1]["content"]:
            return Reply(f'{{"domain": "towns", "language": "en", "answer_types": {next(readings)}}}', seconds=1.0)
        return Reply(like_a_model(body))

    with ScriptedServer(script) as server:
        command = [sys.executable, "-m", "qa_pipeline", *words, "--prompt=Questions about towns", "--backend=openai"]
        command += ["--model=m", f"--base_url={server.url}"]
        ranks = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **LAUNCH, "RANK": rank},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in ("0", "1")
        ]
        try:
            errors = [rank.communicate(timeout=SECONDS_TO_END)[1] for rank in ranks]
        finally:
            for rank in ranks:
                rank.kill()
        asked = ["Say what the user wants" in entry.body["messages"][-1]["content"] for entry in server.log]
    assert [rank.returncode for rank in ranks] == [0, 0], errors
    assert sum(asked) == 1
    assert json.loads((tmp_path / "out" / "dataset_report.json").read_text())["rows"] > 0


def test_a_new_shard_that_was_made_differently_is_an_error_that_says_how(tmp_path, words, launch):
    with pytest.raises(DataError, match=r"shard-00002-of-00002-\w+\.jsonl: made by .*seed: was 5, is 0.*spec_file"):
        launch(words, lambda: main([*words, "--shard=2/2", "--seed=5"]))


def test_an_old_shard_of_another_run_is_waited_for_and_that_is_said(tmp_path, words, launch, caplog):
    assert main([*words, "--shard=2/2", "--seed=5"]) == 0
    (tmp_path / "out" / "work" / "journal-00002-of-00002.jsonl").unlink()
    with caplog.at_level(logging.INFO):
        assert launch(words, lambda: None, lambda: main([*words, "--shard=2/2"])) == 0
    assert "is of an earlier run (seed: was 5, is 0); waiting" in caplog.text
    assert caplog.text.count("waiting for shard 2 of 2") == 1


def test_an_old_shard_that_cannot_be_read_is_waited_for(tmp_path, words, launch):
    assert main([*words, "--shard=2/2"]) == 0
    path = next((tmp_path / "out" / "shards").iterdir())
    path.write_bytes(path.read_bytes()[:-20])
    assert launch(words, lambda: main([*words, "--shard=2/2"])) == 0


def test_a_shard_is_read_once_since_its_process_may_replace_it(tmp_path, words, launch, monkeypatch):
    assert launch(words, lambda: main([*words, "--shard=2/2"])) == 0
    first = (tmp_path / "out" / "train.json").read_bytes()
    (tmp_path / "out" / "train.json").unlink()
    read = parts.read_shard

    def read_and_gone(path):
        shard = read(path)
        path.unlink()
        return shard

    monkeypatch.setattr(parts, "read_shard", read_and_gone)
    assert launch(words) == 0
    assert (tmp_path / "out" / "train.json").read_bytes() == first


def test_a_shard_that_is_replaced_before_it_is_read_is_not_there_yet(tmp_path, words, launch, monkeypatch):
    assert launch(words, lambda: main([*words, "--shard=2/2"])) == 0
    gone = tmp_path / "out" / "shards" / shards(tmp_path / "out")[1]
    read = parts.read_shard

    def gone_and_read(path):
        if path == gone:
            gone.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(parts, "read_shard", gone_and_read)
    (tmp_path / "out" / "train.json").unlink()

    def written_again():
        monkeypatch.setattr(parts, "read_shard", read)
        main([*words, "--shard=2/2"])

    assert launch(words, written_again) == 0
    assert (tmp_path / "out" / "train.json").exists()


@pytest.mark.parametrize(
    ("more", "name"),
    [(["--shard=1/2"], r"shards/shard-00001-of-00002-\w+\.jsonl"), (["--prompt=Towns"], r"prompt_spec\.yaml")],
)
def test_a_full_disk_is_said_with_the_file_and_the_same_command_goes_on(tmp_path, words, monkeypatch, more, name):
    def full(*paths):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(DataError, match=rf"out/{name}: cannot be written: No space left.*same command goes on"):
            main([*words, *more])
    assert not list((tmp_path / "out").rglob("*.tmp"))
    assert main([*words, *more]) == 0
