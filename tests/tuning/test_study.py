"""Which trials there are, in which order, and what becomes of them. The trainings themselves are scripted."""

from __future__ import annotations

import json
import sqlite3

import optuna
import pytest

from qa_pipeline.errors import ConfigError, DataError, Interrupted, ModelError
from qa_pipeline.tuning import study as studies
from qa_pipeline.tuning.api import tune
from qa_pipeline.tuning.study import TuningWorker, open_study, quiet_optuna, storage_address
from tests.conftest import read_json
from tests.tuning.made import base, tried, wanted


def test_the_settings_as_they_are_come_first_and_the_best_one_is_chosen(scripted, data, tiny_bert, tmp_path):
    result = tune(base(data, tiny_bert), wanted(num_trials=8), tmp_path / "out")
    assert result.trials[0].settings == {"learning_rate": 5e-3, "lora_r": 4}
    assert [one.number for one in result.trials] == list(range(8))
    assert result.best.f1 == max(one.f1 for one in result.trials if one.state == "complete")
    assert result.best_settings["learning_rate"] == result.best.settings["learning_rate"]
    assert [run.lora.lora_r for run in scripted.runs[:1]] == [4]


def test_without_anything_better_the_settings_as_they_are_stay(scripted, data, tiny_bert, tmp_path):
    scripted.f1 = lambda arguments, epoch: 50.0
    result = tune(base(data, tiny_bert), wanted(), tmp_path / "out")
    assert result.best_trial == 0


def test_a_finished_study_trains_nothing_more_and_a_larger_budget_goes_on(scripted, data, tiny_bert, tmp_path):
    first = tune(base(data, tiny_bert), wanted(num_trials=3), tmp_path / "out")
    again = tune(base(data, tiny_bert), wanted(num_trials=3), tmp_path / "out")
    assert len(scripted.runs) == 3 and again == first
    more = tune(base(data, tiny_bert), wanted(num_trials=5), tmp_path / "out")
    assert len(scripted.runs) == 5 and tried(more)[:3] == tried(first)


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(scripted, data, tiny_bert, tmp_path):
    values = [
        tried(tune(base(data, tiny_bert, seed=seed), wanted(num_trials=9), tmp_path / name))
        for seed, name in ((1, "one"), (1, "two"), (2, "three"))
    ]
    assert values[0] == values[1] and values[0] != values[2]


def test_a_study_that_was_interrupted_goes_on_to_the_same_trials(scripted, data, tiny_bert, tmp_path):
    whole = tune(base(data, tiny_bert), wanted(num_trials=9), tmp_path / "whole")
    scripted.runs.clear()

    def interrupt(count, epoch):
        if (count, epoch) in ((3, 2), (9, 1)):
            raise Interrupted("Interrupted at step 1.")

    scripted.at = interrupt
    for _ in range(2):
        with pytest.raises(Interrupted):
            tune(base(data, tiny_bert), wanted(num_trials=9), tmp_path / "cut")
    result = tune(base(data, tiny_bert), wanted(num_trials=9), tmp_path / "cut")
    assert tried(result) == tried(whole)
    assert [one.number for one in result.trials if one.retries] == [2, 7]
    assert len(scripted.runs) == 9 + 2


def test_a_disk_that_is_full_ends_the_tuning_and_costs_no_trial(scripted, data, tiny_bert, tmp_path):
    def full(count, epoch):
        if count == 2:
            raise DataError("out: cannot be written: No space left on device")

    scripted.at = full
    with pytest.raises(DataError, match="No space left"):
        tune(base(data, tiny_bert), wanted(), tmp_path / "out")
    result = tune(base(data, tiny_bert), wanted(), tmp_path / "out")
    assert [one.state for one in result.trials] == ["complete"] * 3 and result.trials[1].retries == 1


def test_values_that_lead_to_no_model_are_a_failed_trial_with_a_reason(scripted, data, tiny_bert, tmp_path):
    def diverge(count, epoch):
        if count == 2:
            raise ModelError("question q1: a logit is no number")

    scripted.at = diverge
    result = tune(base(data, tiny_bert), wanted(), tmp_path / "out")
    assert [one.state for one in result.trials] == ["complete", "failed", "complete"]
    assert result.trials[1].error == "question q1: a logit is no number"


def test_what_is_wrong_with_the_settings_as_they_are_is_raised(scripted, data, tiny_bert, tmp_path):
    def refuse(count, epoch):
        raise ModelError("no layer is called quary")

    scripted.at = refuse
    with pytest.raises(ModelError, match="quary"):
        tune(base(data, tiny_bert), wanted(), tmp_path / "out")


def test_a_trial_that_is_worse_than_the_median_after_an_epoch_ends_there(scripted, data, tiny_bert, tmp_path):
    scripted.f1 = lambda arguments, epoch: (70.0 if len(scripted.runs) <= 4 else 10.0) + epoch
    values = base(data, tiny_bert, num_train_epochs=3)
    pruned = tune(values, wanted(num_trials=6), tmp_path / "pruned")
    assert [one.state for one in pruned.trials] == ["complete"] * 4 + ["pruned"] * 2
    assert pruned.trials[4].epochs == [11.0] and pruned.trials[4].f1 is None
    scripted.runs.clear()
    whole = tune(values, wanted(num_trials=6, prune_trials=False), tmp_path / "whole")
    assert [one.state for one in whole.trials] == ["complete"] * 6


def test_no_trial_begins_once_the_minutes_are_used_up(scripted, data, tiny_bert, tmp_path):
    result = tune(base(data, tiny_bert), wanted(num_trials=None, tuning_minutes=1e-6), tmp_path / "out")
    assert len(result.trials) == 1


def test_settings_that_were_tried_before_are_not_trained_again(scripted, data, tiny_bert, tmp_path):
    few = wanted(num_trials=6, search_space={"lora_r": {"choices": [4, 8]}})
    result = tune(base(data, tiny_bert), few, tmp_path / "out")
    assert len(scripted.runs) == 2
    again = [one for one in result.trials if one.same_as is not None]
    assert len(again) == 4 and all(one.f1 == result.trials[one.same_as].f1 for one in again)


def test_only_the_best_trial_keeps_its_model_and_none_its_checkpoints(scripted, data, tiny_bert, tmp_path):
    result = tune(base(data, tiny_bert), wanted(num_trials=6), tmp_path / "out")
    assert [path.parent for path in (tmp_path / "out").rglob("*.safetensors")] == [result.model]
    assert not list((tmp_path / "out").rglob("checkpoint-*"))
    ended = [one for one in result.trials if one.state == "complete"]
    assert all((tmp_path / "out" / one.folder / "eval_results.json").exists() for one in ended)


def test_a_trial_that_begins_with_other_weights_ends_the_tuning(scripted, data, tiny_bert, tmp_path):
    def leak(count, epoch):
        scripted.weight = 2.0

    scripted.at = leak
    with pytest.raises(ModelError, match="trial 1 begins with the weights .* and trial 0 began with"):
        tune(base(data, tiny_bert), wanted(), tmp_path / "out")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_train_epochs": 3}, "other settings: num_train_epochs was 2 and is now 3"),
        ({"max_train_samples": 8}, "other settings: max_train_samples was 12 and is now 8"),
        ({"lora_alpha": 8}, "lora_alpha was 'not given' and is now 8"),
    ],
)
def test_a_study_of_other_settings_is_refused_or_replaced(changed, message, scripted, data, tiny_bert, tmp_path):
    tune(base(data, tiny_bert), wanted(num_trials=1), tmp_path / "out")
    before = (tmp_path / "out" / "trials" / "0.yaml").read_bytes()
    with pytest.raises(ConfigError, match=message):
        tune(base(data, tiny_bert, **changed), wanted(num_trials=1), tmp_path / "out")
    assert (tmp_path / "out" / "trials" / "0.yaml").read_bytes() == before
    anew = base(data, tiny_bert, **changed, overwrite_output_dir=True)
    assert len(tune(anew, wanted(num_trials=1), tmp_path / "out").trials) == 1
    assert len(scripted.runs) == 2


def test_a_study_of_other_data_is_refused(scripted, data, tiny_bert, tmp_path):
    mine = tmp_path / "train.json"
    mine.write_bytes((data / "train.json").read_bytes())
    values = base(data, tiny_bert, train_file=str(mine))
    tune(values, wanted(num_trials=1), tmp_path / "out")
    content = json.loads(mine.read_text())
    content["data"][0]["paragraphs"][0]["qas"][0]["question"] = "Is this another question?"
    mine.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="other data: train was"):
        tune(values, wanted(num_trials=1), tmp_path / "out")


def test_trials_without_their_study_are_not_gone_on_from(scripted, data, tiny_bert, tmp_path):
    tune(base(data, tiny_bert), wanted(num_trials=1), tmp_path / "out")
    (tmp_path / "out" / "study.db").unlink()
    with pytest.raises(ConfigError, match="holds trials of a study that is not in"):
        tune(base(data, tiny_bert), wanted(num_trials=1), tmp_path / "out")


def test_the_study_is_plain_for_other_programs(scripted, data, tiny_bert, tmp_path):
    result = tune(base(data, tiny_bert), wanted(), tmp_path / "out")
    study = optuna.load_study(study_name="out", storage=f"sqlite:///{tmp_path}/out/study.db")
    assert result.storage == f"sqlite:///{tmp_path}/out/study.db" and result.study_name == "out"
    assert study.best_value == result.best.f1
    assert set(study.user_attrs) == {"settings", "search_space", "data"}
    assert study.trials[0].user_attrs["folder"] == "trials/0"
    assert json.loads(json.dumps(study.trials[1].user_attrs)) == study.trials[1].user_attrs


pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed:UserWarning")


def running_elsewhere(folder, tuning, seed=42) -> None:
    """Leaves a trial that another machine had begun when it was switched off."""
    with quiet_optuna():
        study = open_study(storage_address(tuning.study_storage, folder), "out", seed)
        trial = study.ask()
        trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        trial.suggest_categorical("lora_r", (2, 4, 8))
        TuningWorker(folder).sign(trial)
        trial.set_user_attr("host", "another-machine")
        if tuning.study_storage is None:
            study._storage.record_heartbeat(trial._trial_id)


def test_a_trial_of_a_machine_whose_heart_has_stopped_is_done_again(scripted, data, tiny_bert, tmp_path):
    folder = tmp_path / "out"
    tune(base(data, tiny_bert), wanted(num_trials=1), folder)
    running_elsewhere(folder, wanted())
    alive = tune(base(data, tiny_bert), wanted(num_trials=2), folder)
    assert [one.state for one in alive.trials] == ["complete", "running"] and len(scripted.runs) == 1
    with sqlite3.connect(folder / "study.db") as database:
        database.execute("update trial_heartbeats set heartbeat = '2020-01-01 00:00:00'")
    result = tune(base(data, tiny_bert), wanted(num_trials=2), folder)
    assert [one.state for one in result.trials] == ["complete"] * 2
    assert result.trials[1].settings == alive.trials[1].settings and result.trials[1].retries == 1


def test_a_journal_has_no_heartbeat_and_is_told_that_nobody_is_at_work(scripted, data, tiny_bert, tmp_path):
    folder, journal = tmp_path / "out", {"study_storage": "journal"}
    tune(base(data, tiny_bert), wanted(num_trials=1, **journal), folder)
    assert (folder / "study.journal").exists() and not (folder / "study.db").exists()
    running_elsewhere(folder, wanted(**journal))
    stuck = tune(base(data, tiny_bert), wanted(num_trials=2, **journal), folder)
    assert [one.state for one in stuck.trials] == ["complete", "running"]
    result = tune(base(data, tiny_bert), wanted(num_trials=2, release_trials=True, **journal), folder)
    assert [one.state for one in result.trials] == ["complete", "complete"]
    assert result.trials[1].settings == stuck.trials[1].settings


def test_a_trial_of_a_process_that_lives_is_left_alone(scripted, data, tiny_bert, tmp_path):
    folder = tmp_path / "out"
    tune(base(data, tiny_bert), wanted(num_trials=1), folder)
    with quiet_optuna(), TuningWorker(folder) as other:
        study = open_study(storage_address(None, folder), "out", 42)
        trial = study.ask()
        other.sign(trial)
        with TuningWorker(folder) as worker, worker.its_turn():
            assert studies.release_dead(study, worker) == []
    with quiet_optuna(), TuningWorker(folder) as worker, worker.its_turn():
        assert studies.release_dead(study, worker) == [trial.number]


def test_a_trial_that_kills_its_process_again_and_again_is_given_up(scripted, data, tiny_bert, tmp_path):
    folder = tmp_path / "out"
    tune(base(data, tiny_bert), wanted(num_trials=1), folder)
    with quiet_optuna(), TuningWorker(folder) as worker, worker.its_turn():
        study = open_study(storage_address(None, folder), "out", 42)
        for number in range(1, studies.MOST_RETRIES + 2):
            study.ask()  # and gone, before it signed
            assert studies.release_dead(study, worker) == [number]
    result = tune(base(data, tiny_bert), wanted(num_trials=2), folder)
    assert [one.state for one in result.trials] == ["complete", "failed"]
    assert "killed" in result.trials[1].error and read_json(folder / "tuning.json")["trials"][1]["state"] == "failed"
