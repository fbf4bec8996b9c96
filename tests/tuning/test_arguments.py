"""One flat file of a training and a tuning: what is wrong is said at once, and trials never see the test data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.tuning.arguments import TuningArguments, make_plan, parse_tuning_arguments
from tests.tuning.made import SPACE, base, wanted


def parsed(tmp_path, values, *words):
    path = tmp_path / "tune.json"
    path.write_text(json.dumps(values))
    return parse_tuning_arguments([str(path), *words])


def test_a_file_and_flags_make_a_plan(data, tiny_bert, tmp_path):
    values = base(data, tiny_bert, output_dir=str(tmp_path / "out"), search_space=SPACE, num_trials=7)
    plan = parsed(
        tmp_path, values, "--num_trials", "9", "--learning_rate", "2e-3", "--search_space", '{"lora_r": [2, 4]}'
    )
    assert plan.most_trials == 9 and plan.base["learning_rate"] == 2e-3 and list(plan.space) == ["lora_r"]
    assert plan.folder == tmp_path / "out" and "num_trials" not in plan.values


def test_the_configuration_for_policyqa_parses(data):
    config = Path(__file__).resolve().parents[2] / "configs" / "tune_policyqa.yaml"
    assert "qa-pipeline tune configs/tune_policyqa.yaml" in config.read_text(encoding="utf-8")
    plan = parse_tuning_arguments([str(config), "--train_file", str(data / "train.json")])
    assert plan.most_trials == 12 and plan.base["validation_file"] is None


def test_without_a_budget_there_are_twenty_trials_or_as_many_as_the_minutes_allow(data, tiny_bert, tmp_path):
    values = base(data, tiny_bert, output_dir=str(tmp_path / "out"))
    assert parsed(tmp_path, values).most_trials == 20
    assert parsed(tmp_path, values, "--tuning_minutes", "5").most_trials is None


def test_no_trial_and_no_best_setting_names_the_test_data(data, tiny_bert, tmp_path):
    asked = {"do_predict": True, "test_file": str(data / "test.json"), "max_predict_samples": 3}
    plan = make_plan(base(data, tiny_bert, **asked), wanted(), tmp_path / "out")
    for settings in (plan.settings_of_trial({"lora_r": 2}, tmp_path / "trial"), plan.best_settings({"lora_r": 2})):
        assert not {"do_predict", "test_file", "max_predict_samples"} & settings.keys()
    assert plan.base["do_predict"] is False and plan.base["test_file"] is None


def test_trials_are_measured_after_each_epoch_whatever_the_file_says(data, tiny_bert, tmp_path):
    otherwise = {"eval_strategy": "steps", "save_strategy": "no", "eval_on_start": True}
    plan = make_plan(base(data, tiny_bert, **otherwise), wanted(), tmp_path / "out")
    settings = plan.settings_of_trial({"lora_r": 2}, tmp_path / "trial")
    assert settings["eval_strategy"] == settings["save_strategy"] == "epoch" and settings["load_best_model_at_end"]
    assert "eval_on_start" not in settings and plan.best_settings({})["eval_on_start"] is True


def test_all_faults_come_at_once_with_their_places(data, tiny_bert, tmp_path):
    space = {"learning_rate": {"low": 1e-3, "high": 7}, "lora_r": [0, 4], "doc_stride": [32, 120], "dropout": [1]}
    values = base(data, tiny_bert, output_dir=str(tmp_path / "out"), search_space=space, num_trials=0, lora_r=4)
    with pytest.raises(ConfigError) as caught:
        parsed(tmp_path, values, "--num_train_epochs", "0")
    text = "\n".join(caught.value.problems)
    assert "num_trials: expected at least 1, found 0" in text
    assert "--num_train_epochs: expected above 0, found 0" in text
    assert 'search_space: dropout: unknown setting; nearest: "lora_dropout"' in text
    assert "search_space: lora_r 0: lora_r: expected at least 1, found 0" in text
    assert "search_space: learning_rate 7: learning_rate: expected above 0 and at most 1, found 7" in text
    assert "search_space: doc_stride 120: doc_stride: expected less than the room for the context" in text


def test_a_space_that_leaves_out_the_settings_as_they_are_is_refused(data, tiny_bert, tmp_path):
    with pytest.raises(ConfigError, match="search_space: lora_r: one of 8, 16 leaves out 4, .* trial 0"):
        make_plan(base(data, tiny_bert), wanted(search_space={"lora_r": [8, 16]}), tmp_path / "out")


def test_adapters_are_not_tuned_where_there_are_none(data, tiny_bert, tmp_path):
    values = base(data, tiny_bert)
    del values["use_lora"], values["lora_r"]
    with pytest.raises(ConfigError, match="lora_r 8: lora_r: only has a meaning with use_lora"):
        make_plan(values, wanted(search_space={"lora_r": [8, 16]}), tmp_path / "out")


def test_validation_data_is_needed(data, tiny_bert, tmp_path):
    values = base(data, tiny_bert)
    del values["validation_file"]
    with pytest.raises(ConfigError, match="needs validation data"):
        make_plan(values, wanted(), tmp_path / "out")


def test_several_processes_of_one_training_are_refused(data, tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="a trial has one process"):
        make_plan(base(data, tiny_bert), wanted(), tmp_path / "out")


def test_secrets_are_in_no_file_of_a_trial(data, tiny_bert, tmp_path):
    plan = make_plan(base(data, tiny_bert, token="hf_secret"), TuningArguments(), tmp_path / "out")
    assert plan.secrets == {"token": "hf_secret"} and "hf_secret" not in repr(plan)
    assert "hf_secret" not in json.dumps([plan.settings_of_trial({}, "x"), plan.best_settings({})])
