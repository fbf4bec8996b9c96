"""A run that is started again: in a folder that was moved, with fewer checkpoints left, for another length."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import TrainerCallback

from qa_pipeline.errors import ConfigError
from qa_pipeline.process import checkpoints, trainer
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import assert_same_weights, parsed, settings, weights

ROOT = Path(__file__).resolve().parents[2]
STEPS = 10
"""Steps of an epoch: 16 questions."""
BEST = {"load_best_model_at_end": True, "save_strategy": "epoch", "metric_for_best_model": "loss"}


def short(data: Path, model: Path, out: Path, **changes) -> dict:
    return settings(
        data, model, out, **{"max_train_samples": 16, "max_eval_samples": 2, "num_train_epochs": 3} | changes
    )


@pytest.fixture
def losses(monkeypatch):
    """What evaluations during training say; the second epoch is the best."""
    told = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    evaluate = trainer.QATrainer.evaluate_windows

    def telling(self, evaluation, prefix):
        metrics, candidates = evaluate(self, evaluation, prefix)
        return (metrics | {"eval_loss": next(told)} if self.is_in_train else metrics), candidates

    monkeypatch.setattr(trainer.QATrainer, "evaluate_windows", telling)


@pytest.fixture
def no_training(monkeypatch):
    """Makes a training step a failure, from the time that it is called."""

    def forbid():
        monkeypatch.setattr(trainer.QATrainer, "training_step", lambda *args: pytest.fail("a step was trained"))

    return forbid


def step_of_weights(folder: Path, run: Path) -> list[int]:
    """Which checkpoints of the run hold the weights of the folder."""
    found = []
    for path in checkpoints.list_checkpoints(run):
        try:
            assert_same_weights(folder, path)
            found.append(checkpoints.step_of(path))
        except AssertionError:
            continue
    return found


@pytest.mark.parametrize("limit", [2, 1, None])
@pytest.mark.usefixtures("losses")
def test_a_finished_run_in_a_moved_folder_keeps_its_best_model(limit, data, tiny_bert, tmp_path, no_training):
    old, new = tmp_path / "old", tmp_path / "elsewhere" / "new"
    config = short(data, tiny_bert, old, save_total_limit=limit, **BEST)
    first = run_qa(parsed(tmp_path, config))
    assert step_of_weights(old, old) == [2 * STEPS]
    before = weights(old)
    new.parent.mkdir()
    old.rename(new)
    no_training()
    again = run_qa(parsed(tmp_path, config | {"output_dir": str(new)}))
    assert not old.exists()
    assert all((before[name] == tensor).all() for name, tensor in weights(new).items())
    assert again["eval_f1"] == first["eval_f1"] and again["train_steps"] == first["train_steps"]
    assert read_json(new / "run.json")["stages"]["train"] == {"steps": 3 * STEPS, "best_step": 2 * STEPS} | {
        "seconds": read_json(new / "run.json")["stages"]["train"]["seconds"]
    }


@pytest.mark.usefixtures("losses")
def test_the_best_model_is_not_taken_from_another_run_that_now_has_the_old_name(data, tiny_bert, tmp_path, no_training):
    out, moved = tmp_path / "out", tmp_path / "moved"
    config = short(data, tiny_bert, out, save_total_limit=3, **BEST)
    run_qa(parsed(tmp_path, config))
    out.rename(moved)
    shutil.copytree(moved, out)
    checkpoint = out / f"checkpoint-{2 * STEPS}"
    shutil.rmtree(checkpoint)
    shutil.copytree(out / f"checkpoint-{STEPS}", checkpoint)
    before = weights(moved)
    no_training()
    run_qa(parsed(tmp_path, config | {"output_dir": str(moved)}))
    assert all((before[name] == tensor).all() for name, tensor in weights(moved).items())


class KilledError(Exception):
    pass


class KillAt(TrainerCallback):
    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KilledError


def killed_at(step: int, config: dict, folder: Path, monkeypatch) -> None:
    init = trainer.QATrainer.__init__

    def killing(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.add_callback(KillAt(step))

    with monkeypatch.context() as patch:
        patch.setattr(trainer.QATrainer, "__init__", killing)
        with pytest.raises(KilledError):
            run_qa(parsed(folder, config))


@pytest.mark.usefixtures("losses")
@pytest.mark.parametrize("old_name_is_taken", [False, True])
def test_a_killed_run_that_was_moved_still_ends_with_its_best_model(
    old_name_is_taken, data, tiny_bert, tmp_path, monkeypatch
):
    out, moved = tmp_path / "out", tmp_path / "moved"
    # Only the best are saved: no later checkpoint would say anew where the best one is.
    config = short(data, tiny_bert, out, save_total_limit=1, **BEST | {"save_strategy": "best"})
    killed_at(2 * STEPS + 4, config, tmp_path, monkeypatch)
    best = weights(out / f"checkpoint-{2 * STEPS}")
    out.rename(moved)
    if old_name_is_taken:
        shutil.copytree(moved, out)
        (out / f"checkpoint-{2 * STEPS}" / "adapter_model.safetensors").unlink()
    run_qa(parsed(tmp_path, config | {"output_dir": str(moved)}))
    assert all((best[name] == tensor).all() for name, tensor in weights(moved).items())


@pytest.mark.usefixtures("losses")
@pytest.mark.parametrize(
    "changes",
    [
        {"save_total_limit": 1},  # without load_best_model_at_end only the best checkpoint is left, too
        {"save_total_limit": 1, "load_best_model_at_end": True},
        {"save_strategy": "best", "load_best_model_at_end": True},
        {"save_strategy": "best"},
        {"save_strategy": "no", "metric_for_best_model": None},
    ],
)
def test_a_finished_run_is_not_trained_again_whatever_checkpoints_are_left(
    changes, data, tiny_bert, tmp_path, no_training
):
    out = tmp_path / "out"
    changes = {"save_strategy": "epoch", "metric_for_best_model": "loss"} | changes
    config = short(data, tiny_bert, out, **changes)
    first = run_qa(parsed(tmp_path, config))
    before, left = weights(out), [path.name for path in checkpoints.list_checkpoints(out)]
    assert f"checkpoint-{3 * STEPS}" not in left
    no_training()
    again = run_qa(parsed(tmp_path, config))
    assert all((before[name] == tensor).all() for name, tensor in weights(out).items())
    assert again["eval_f1"] == first["eval_f1"]
    assert [path.name for path in checkpoints.list_checkpoints(out)] == left


def test_all_weights_of_a_finished_run_come_back_without_a_checkpoint(data, tiny_bert, tmp_path, no_training):
    config = short(data, tiny_bert, tmp_path / "out", save_strategy="no", use_lora=False, num_train_epochs=1)
    del config["lora_r"]
    first = run_qa(parsed(tmp_path, config))
    before = weights(tmp_path / "out")
    no_training()
    assert run_qa(parsed(tmp_path, config))["eval_f1"] == first["eval_f1"]
    assert all((before[name] == tensor).all() for name, tensor in weights(tmp_path / "out").items())


def said(results: dict) -> str:
    return "\n".join(results["warnings"])


def test_another_length_says_what_it_does_and_does_it(data, tiny_bert, tmp_path, caplog):
    out = tmp_path / "out"
    config = short(data, tiny_bert, out, num_train_epochs=1, save_steps=100)
    first = run_qa(parsed(tmp_path, config))
    assert "training had ended" not in said(first)
    assert "training had ended" not in said(run_qa(parsed(tmp_path, config)))  # the same length: the usual way
    longer = run_qa(parsed(tmp_path, config | {"num_train_epochs": 1.5}))
    expected = (
        f"training had ended at step {STEPS} (num_train_epochs 1), and num_train_epochs 1.5 asks for 15: it goes on "
        f"from checkpoint-{STEPS}, with the learning rates of the new length"
    )
    assert expected in longer["warnings"] and longer["train_steps"] == 5
    assert expected in read_json(out / "run.json")["warnings"] and expected in caplog.text
    before = weights(out)
    shorter = run_qa(parsed(tmp_path, config | {"max_steps": 4}))
    assert (
        "training had ended at step 15 (num_train_epochs 1.5), and max_steps 4 asks for 4: nothing is trained"
        in said(shorter)
    )
    assert all((before[name] == tensor).all() for name, tensor in weights(out).items())


def test_more_epochs_without_the_last_checkpoint_say_which_steps_are_trained_again(data, tiny_bert, tmp_path):
    config = short(data, tiny_bert, tmp_path / "out", num_train_epochs=1, save_steps=4, save_total_limit=5)
    run_qa(parsed(tmp_path, config))
    shutil.rmtree(tmp_path / "out" / f"checkpoint-{STEPS}")
    longer = run_qa(parsed(tmp_path, config | {"num_train_epochs": 2}))
    assert "it goes on from checkpoint-8" in said(longer) and "the steps after 8 are trained again" in said(longer)
    assert longer["train_steps"] == 2 * STEPS - 8


def test_more_epochs_without_any_checkpoint_are_refused(data, tiny_bert, tmp_path):
    config = short(data, tiny_bert, tmp_path / "out", num_train_epochs=1, save_strategy="no")
    run_qa(parsed(tmp_path, config))
    with pytest.raises(
        ConfigError, match=r"ended at step 10 \(num_train_epochs 1\), and no checkpoint is left from which"
    ):
        run_qa(parsed(tmp_path, config | {"num_train_epochs": 2}))
    afresh = run_qa(parsed(tmp_path, config | {"num_train_epochs": 2, "overwrite_output_dir": True}))
    assert afresh["train_steps"] == 2 * STEPS


def test_a_resume_with_another_number_of_processes_is_said_in_the_log_the_record_and_the_card(
    data, tiny_bert, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    config = short(data, tiny_bert, out, num_train_epochs=2, save_steps=4, do_eval=False, eval_strategy="no")
    killed_at(6, config, tmp_path, monkeypatch)
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
    command += [str(ROOT / "configs/accelerate/cpu.yaml"), str(ROOT / "run_qa.py"), str(tmp_path / "config.json")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-3000:]
    expected = "this run had 1 process up to step 4 and goes on with 2: a step now has the batches of 2"
    assert ended.stderr.count(expected) == 1 and ended.stdout.count(f"warning: {expected}") == 1
    assert "step 4 counts as epoch 0.80 instead of 0.40" in ended.stdout
    record = read_json(out / "run.json")
    assert record["process_changes"] == [{"step": 4, "before": 1, "now": 2}]
    assert any(expected in text for text in record["warnings"])
    assert "- processes: 1 up to step 4, then 2" in (out / "README.md").read_text()


def test_a_finished_run_may_be_looked_at_with_any_number_of_processes(data, tiny_bert, tmp_path, caplog):
    config = short(data, tiny_bert, tmp_path / "out", num_train_epochs=1)
    run_qa(parsed(tmp_path, config))
    record = read_json(tmp_path / "out" / "run.json") | {"processes": 3}
    (tmp_path / "out" / "run.json").write_text(json.dumps(record))
    with caplog.at_level(logging.INFO, logger="qa_pipeline"):
        assert "goes on with" not in said(run_qa(parsed(tmp_path, config)))
    assert "Training had ended" in caplog.text
