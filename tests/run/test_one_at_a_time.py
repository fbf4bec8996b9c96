"""Two runs in one folder: one writes, the other is refused, whenever it starts; a killed one holds nobody up."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.run.folder import RunFolder
from qa_pipeline.run.run import run_qa
from tests.run.made import assert_same_weights, parsed, settings

ROOT = Path(__file__).resolve().parents[2]
HELD = "another run is writing into .*out; wait for it to end, or choose another output_dir"


def claimed(path: Path, overwrite: bool = False) -> RunFolder:
    folder = RunFolder(path, overwrite=overwrite)
    folder.claim()
    return folder


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_in_use_is_refused_at_once_and_free_when_the_run_ends(tmp_path, overwrite):
    with claimed(tmp_path / "out") as first:
        first.begin({}, {})
        with pytest.raises(ConfigError, match=HELD):
            claimed(tmp_path / "out", overwrite)
    with claimed(tmp_path / "out", overwrite) as second:
        second.begin({}, {})


def test_of_two_that_read_their_data_at_once_the_one_that_begins_later_is_refused(tmp_path):
    first, second, third = (claimed(tmp_path / "out") for _ in range(3))
    with first:
        first.begin({"seed": 1}, {})
        with pytest.raises(ConfigError, match=HELD), second:
            second.begin({"seed": 2}, {})
        first.stage("train", steps=1)
    with pytest.raises(ConfigError, match="another run wrote into it while this one read its data"), third:
        third.begin({"seed": 3}, {})
    assert json.loads((tmp_path / "out" / "run.json").read_text())["config"] == {"seed": 1}


def test_a_run_that_fails_lets_go_of_the_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), claimed(tmp_path / "out") as folder:
        folder.begin({}, {})
        raise ZeroDivisionError
    claimed(tmp_path / "out")


def _sleep() -> None:
    time.sleep(60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_worker_that_outlives_its_run_does_not_hold_the_folder(tmp_path):
    with claimed(tmp_path / "out") as folder:
        folder.begin({}, {})
        worker = multiprocessing.get_context("fork").Process(target=_sleep)
        worker.start()
        with pytest.raises(ConfigError, match=HELD):  # nor lets it go
            claimed(tmp_path / "out")
    claimed(tmp_path / "out")
    worker.kill()
    worker.join()


def launch(folder: Path, processes: int, out: Path) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "run_qa.py")]
    if processes > 1:
        command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
        command += [str(ROOT / "configs/accelerate/cpu.yaml"), str(ROOT / "run_qa.py")]
    return subprocess.Popen(
        [*command, str(folder / "config.json"), "--output_dir", str(out)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def signal_all(process: subprocess.Popen, number: int) -> None:
    """To a launcher and to the processes that it started."""
    for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        one.send_signal(number)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    for _ in range(1200):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()[1][-3000:]
        time.sleep(0.1)
    raise AssertionError(f"{path} did not come")


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_second_start_is_refused_and_a_killed_run_goes_on(processes, data, tiny_bert, tmp_path):
    out = tmp_path / "out"
    config = settings(data, tiny_bert, out, do_eval=False, eval_strategy="no", save_steps=5, max_train_samples=32)
    (tmp_path / "config.json").write_text(json.dumps(config))
    first = launch(tmp_path, processes, out)
    try:
        wait_for(out / "checkpoint-5" / "checkpoint_manifest.json", first)
        signal_all(first, signal.SIGSTOP)
        second = launch(tmp_path, processes, out)
        _, said = second.communicate(timeout=300)
        assert second.returncode != 0 and "ConfigError: output_dir: another run is writing into" in said
        assert "Traceback" not in said or processes > 1  # that of the launcher
    finally:
        signal_all(first, signal.SIGKILL)
        first.communicate()
    third = launch(tmp_path, processes, out)
    _, said = third.communicate(timeout=300)
    assert third.returncode == 0, said[-3000:]
    assert "Going on from" in said
    if processes == 1:
        run_qa(parsed(tmp_path / "whole", config | {"output_dir": str(tmp_path / "whole" / "out")}))
        assert_same_weights(out, tmp_path / "whole" / "out")
