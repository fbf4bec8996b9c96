"""Tunings with real trainings of a tiny model: fresh weights, no look at test data, scores that come again."""

from __future__ import annotations

import json

import pytest

from qa_pipeline import QAPredictor
from qa_pipeline.arguments import parse_arguments
from qa_pipeline.cli import tune as command
from qa_pipeline.data import validate
from qa_pipeline.errors import ConfigError
from qa_pipeline.run.run import run_qa
from qa_pipeline.tuning.api import tune
from qa_pipeline.tuning.search_space import PER_EPOCH
from tests.conftest import read_json
from tests.tuning.made import SPACE, base, wanted


@pytest.fixture(scope="module")
def unread(tmp_path_factory):
    """Test data that nobody can read without an error."""
    path = tmp_path_factory.mktemp("test_data") / "test.json"
    path.write_text("{ this is no JSON")
    return path


@pytest.fixture(scope="module")
def tuned(data, tiny_bert, unread, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned") / "out"
    return tune(base(data, tiny_bert, do_predict=True, test_file=str(unread)), wanted(), folder)


def test_every_trial_begins_with_the_same_fresh_weights(tuned):
    hashes = {one.initial_weights for one in tuned.trials}
    assert len(tuned.trials) == 3 and len(hashes) == 1 and None not in hashes
    assert all(len(one.epochs) == 2 for one in tuned.trials if one.state == "complete")


def test_a_trial_is_the_training_of_the_file_beside_it(tuned):
    for one in tuned.trials:
        assert (tuned.folder / f"{one.folder}.yaml").exists()
        record = read_json(tuned.folder / one.folder / "run.json")
        assert {name: record["config"][name] for name in SPACE} == one.settings
        assert record["status"] == "finished" and "predict" not in record["stages"]
        assert one.f1 == max(one.epochs) == read_json(tuned.folder / one.folder / "eval_results.json")["eval_f1"]


def test_the_best_settings_trained_anew_give_the_reported_score(tuned, tmp_path):
    best = tuned.folder / "best.yaml"
    results = run_qa(parse_arguments([str(best), "--output_dir", str(tmp_path / "again")]))
    assert results["eval_f1"] == tuned.best.f1 and results["eval_exact_match"] == tuned.best.exact_match
    assert "test_file" not in best.read_text()


def test_what_is_written_fits_its_schema_and_the_model_answers(tuned):
    content = read_json(tuned.folder / "tuning.json")
    validate(content, "tuning", "tuning.json")
    assert content == tuned.to_dict() and content["best_f1"] >= content["default_f1"]
    context = "The clinic is in Basel."
    (answer,) = QAPredictor.from_pretrained(tuned.model).predict([{"question": "Where?", "context": context}])
    assert answer.text and answer.text in context


def test_a_run_of_the_same_settings_is_taken_for_trial_0(tuned, data, tiny_bert, tmp_path):
    values = base(data, tiny_bert)
    run = tmp_path / "run"
    path = tmp_path / "train.json"
    path.write_text(json.dumps(values | PER_EPOCH | {"output_dir": str(run)}))
    run_qa(parse_arguments([str(path)]))
    result = tune(values, wanted(num_trials=1), tmp_path / "out", default_run=run)
    assert result.best.f1 == tuned.trials[0].f1 and max(result.best.epochs) == result.best.f1
    assert result.model == run and not (tmp_path / "out" / "trials" / "0").exists()
    assert (run / "adapter_model.safetensors").exists()


@pytest.mark.parametrize(
    ("record", "config", "why"),
    [
        ({"stages": {}}, {}, "it did not come to its end"),
        ({"data": {}}, {}, "its train data is another"),
        ({}, {"learning_rate": 1e-3}, "its learning_rate is 0.001, and that of trial 0 is 0.005"),
        ({}, {"load_best_model_at_end": False}, "its load_best_model_at_end is False"),
    ],
)
def test_another_run_is_not_taken_for_trial_0(record, config, why, tuned, data, tiny_bert, tmp_path, scripted, caplog):
    run = tmp_path / "run"
    run.mkdir()
    known = read_json(tuned.folder / "trials" / "0" / "run.json")
    (run / "run.json").write_text(json.dumps(known | {"trained_with": known["config"] | config} | record))
    (run / "eval_results.json").write_bytes((tuned.folder / "trials" / "0" / "eval_results.json").read_bytes())
    tune(base(data, tiny_bert), wanted(num_trials=1), tmp_path / "out", default_run=run)
    assert why in caplog.text and len(scripted.runs) == 1


def test_the_command_prints_the_trials_and_the_next_step(scripted, data, tiny_bert, unread, tmp_path, capsys):
    values = base(data, tiny_bert, output_dir=str(tmp_path / "out"), test_file=str(unread), search_space=SPACE)
    (tmp_path / "tune.json").write_text(json.dumps(values | {"num_trials": 4}))
    assert command.main([str(tmp_path / "tune.json")]) == 0
    printed = capsys.readouterr().out
    assert "learning_rate" in printed and f"qa-pipeline train {tmp_path}/out/best.yaml" in printed
    assert "the settings as they are" in printed and f"--do_predict --test_file {unread}" in printed
    assert command.main([]) == 2 and "usage: qa-pipeline tune" in capsys.readouterr().err


def test_the_help_lists_the_settings_of_both(capsys):
    assert command.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"--{name}" in printed for name in ("num_trials", "search_space", "lora_r", "train_file"))


def test_a_folder_with_a_training_is_no_folder_for_a_study(tuned, data, tiny_bert):
    with pytest.raises(ConfigError, match="holds a training; give a folder of its own"):
        tune(base(data, tiny_bert), wanted(), tuned.model)
