"""Runs that were killed, and runs that go on with something else."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback

from qa_pipeline.errors import ConfigError, Interrupted
from qa_pipeline.process import checkpoints
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import STEPS, assert_same_weights, parsed, settings, weights

ROOT = Path(__file__).resolve().parents[2]


class KilledError(Exception):
    pass


class KillAt(TrainerCallback):
    """Stops the run dead at a step, as a kill would, in one of the moments between two checkpoints."""

    def __init__(self, step: int, moment: str):
        self.step, self.moment = step, moment

    def _maybe(self, state, moment):
        if moment == self.moment and state.global_step == self.step:
            raise KilledError

    def on_step_begin(self, args, state, control, **kwargs):
        self._maybe(state, "begin")

    def on_step_end(self, args, state, control, **kwargs):
        self._maybe(state, "end")

    def on_evaluate(self, args, state, control, **kwargs):
        self._maybe(state, "evaluate")

    def on_save(self, args, state, control, **kwargs):
        self._maybe(state, "save")


@pytest.mark.parametrize(
    ("step", "moment"),
    [(2, "end"), (8, "begin"), (12, "save"), (STEPS, "evaluate"), (40, "end"), (2 * STEPS, "evaluate")],
)
def test_a_run_killed_anywhere_ends_with_the_weights_of_an_uninterrupted_one(
    step, moment, finished, data, tiny_bert, tmp_path, monkeypatch
):
    from qa_pipeline.process import trainer

    config = settings(data, tiny_bert, tmp_path / "out")
    init = trainer.QATrainer.__init__

    def killing(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.add_callback(KillAt(step, moment))

    with monkeypatch.context() as patch:
        patch.setattr(trainer.QATrainer, "__init__", killing)
        with pytest.raises(KilledError):
            run_qa(parsed(tmp_path, config))
    assert not (tmp_path / "out" / "adapter_model.safetensors").exists()
    results = run_qa(parsed(tmp_path, config))
    assert_same_weights(tmp_path / "out", finished)
    assert results["eval_f1"] == read_json(finished / "all_results.json")["eval_f1"]


def test_a_run_with_extra_rows_ends_the_same_when_it_is_killed(data, tiny_bert, tmp_path, monkeypatch):
    from qa_pipeline.process import trainer

    changes = {
        "extra_train_files": str(data / "test.json"),
        "extra_train_epochs": 1,
        "num_train_epochs": 3,
        "max_train_samples": 24,
        "do_eval": False,
        "eval_strategy": "no",
    }
    run_qa(parsed(tmp_path / "a", settings(data, tiny_bert, tmp_path / "a" / "out", **changes)))
    config = settings(data, tiny_bert, tmp_path / "b" / "out", **changes)
    init = trainer.QATrainer.__init__

    def killing(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.add_callback(KillAt(20, "end"))

    with monkeypatch.context() as patch:
        patch.setattr(trainer.QATrainer, "__init__", killing)
        with pytest.raises(KilledError):
            run_qa(parsed(tmp_path / "b", config))
    run_qa(parsed(tmp_path / "b", config))
    assert_same_weights(tmp_path / "a" / "out", tmp_path / "b" / "out")


def test_best_model_and_early_stopping_survive_a_kill_after_the_last_checkpoint(data, tiny_bert, tmp_path, monkeypatch):
    changes = {
        "save_strategy": "epoch",
        "num_train_epochs": 6,
        "load_best_model_at_end": True,
        "metric_for_best_model": "f1",
        "early_stopping_patience": 1,
        "learning_rate": 1e-5,
    }
    whole = run_qa(parsed(tmp_path / "a", settings(data, tiny_bert, tmp_path / "a" / "out", **changes)))
    assert read_json(tmp_path / "a" / "out" / "run.json")["stages"]["train"]["steps"] < 6 * STEPS, (
        "it never stopped early"
    )
    import qa_pipeline.run.run as run_module

    config = settings(data, tiny_bert, tmp_path / "b" / "out", **changes)
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "evaluate", lambda *args: (_ for _ in ()).throw(KilledError()))
        with pytest.raises(KilledError):
            run_qa(parsed(tmp_path / "b", config))
    again = run_qa(parsed(tmp_path / "b", config))
    assert_same_weights(tmp_path / "a" / "out", tmp_path / "b" / "out")
    assert again["eval_f1"] == whole["eval_f1"]


def test_a_half_written_checkpoint_is_skipped_with_a_warning(finished, data, tiny_bert, tmp_path, caplog, monkeypatch):
    config = settings(data, tiny_bert, tmp_path / "out", save_total_limit=3)
    run_qa(parsed(tmp_path, config))
    last = checkpoints.list_checkpoints(tmp_path / "out")[-1]
    adapter = last / "adapter_model.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING):
        run_qa(parsed(tmp_path, config))
    assert "Skipping checkpoint" in caplog.text and last.name in caplog.text
    assert_same_weights(tmp_path / "out", finished)


def test_sigkill_at_any_time_and_again_gives_the_same_weights(finished, data, tiny_bert, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings(data, tiny_bert, tmp_path / "out")))
    command = [sys.executable, str(ROOT / "run_qa.py"), str(config)]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.time() + 120
    while not (tmp_path / "out" / "checkpoint-6").exists() and child.poll() is None and time.time() < deadline:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, ended.stderr
    assert_same_weights(tmp_path / "out", finished)


class CtrlC(TrainerCallback):
    """Presses Ctrl-C so many times as a step begins."""

    def __init__(self, step: int, times: int):
        self.step, self.times = step, times

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)


@pytest.fixture
def keyboard():
    """Ctrl-C as in a terminal; a test run that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(config: dict, folder: Path, monkeypatch, *, step: int, times: int = 1) -> str:
    """Runs, with Ctrl-C at a step; the message."""
    from qa_pipeline.process import trainer

    init = trainer.QATrainer.__init__

    def pressing(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.add_callback(CtrlC(step, times))

    with monkeypatch.context() as patch:
        patch.setattr(trainer.QATrainer, "__init__", pressing)
        with pytest.raises(Interrupted) as caught:
            run_qa(parsed(folder, config))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return str(caught.value)


@pytest.mark.usefixtures("keyboard")
@pytest.mark.parametrize("step", [0, 7, STEPS - 1, STEPS, 2 * STEPS - 1])
def test_ctrl_c_writes_a_checkpoint_from_which_the_run_ends_as_if_uninterrupted(
    step, finished, data, tiny_bert, tmp_path, monkeypatch
):
    config = settings(data, tiny_bert, tmp_path / "out")
    message = interrupted(config, tmp_path, monkeypatch, step=step)
    assert message.endswith(f"goes on from {tmp_path / 'out' / f'checkpoint-{step + 1}'}.")
    results = run_qa(parsed(tmp_path, config))
    assert_same_weights(tmp_path / "out", finished)
    assert results["eval_f1"] == read_json(finished / "all_results.json")["eval_f1"]


@pytest.mark.usefixtures("keyboard")
def test_a_second_ctrl_c_stops_at_once_and_says_where_the_next_run_begins(data, tiny_bert, tmp_path, monkeypatch):
    config = settings(data, tiny_bert, tmp_path / "out")
    message = interrupted(config, tmp_path, monkeypatch, step=3, times=2)
    assert "at step 3, before the first checkpoint: the same command starts again" in message
    assert "save_steps" in message and not checkpoints.list_checkpoints(tmp_path / "out")
    message = interrupted(config, tmp_path, monkeypatch, step=8, times=2)
    assert message.endswith(f"goes on from {tmp_path / 'out' / 'checkpoint-6'}.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lora_r": 8}, r"lora\.lora_r was 4 and is now 8"),
        ({"max_train_samples": 10}, r"data\.train was"),
        ({"max_seq_length": 96}, r"windows\.max_seq_length was 128 and is now 96"),
    ],
)
def test_a_resume_of_something_else_is_refused_and_harms_nothing(change, message, data, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", num_train_epochs=1)
    run_qa(parsed(tmp_path, config))
    before = weights(tmp_path / "out")
    with pytest.raises(ConfigError, match=message):
        run_qa(parsed(tmp_path, config | change))
    assert all(torch.equal(before[k], v) for k, v in weights(tmp_path / "out").items())


def test_more_epochs_go_on_from_the_end(data, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", num_train_epochs=1)
    run_qa(parsed(tmp_path, config))
    run_qa(parsed(tmp_path, config | {"num_train_epochs": 2}))
    assert read_json(tmp_path / "out" / "run.json")["stages"]["train"]["steps"] == 2 * STEPS


def test_the_train_loss_is_that_of_the_steps_done_now(data, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", num_train_epochs=1)
    assert run_qa(parsed(tmp_path, config))["train_steps"] == STEPS
    longer = run_qa(parsed(tmp_path, config | {"num_train_epochs": 2, "max_steps": STEPS + 3}))
    assert longer["train_steps"] == 3 and longer["train_loss"] > 0
    shorter = run_qa(parsed(tmp_path, config | {"max_steps": 5}))
    assert (shorter["train_steps"], shorter["train_loss"]) == (3, longer["train_loss"])
