"""Models are tried on the same rows, ordered by what they score, and a finished trial is not done again."""

from __future__ import annotations

import json
import logging

import pytest

from qa_pipeline import ConfigError
from qa_pipeline.discovery import probing
from qa_pipeline.discovery.model_candidate import ModelCandidate
from qa_pipeline.discovery.probing import PROBES, probe_models
from tests.tiny_models import save_tiny

VALUES = {"max_seq_length": 96, "max_question_length": 32, "doc_stride": 16, "use_cpu": True, "bf16": False}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Training and validation rows that a tiny model can tell apart."""
    folder = tmp_path_factory.mktemp("rows")
    names = {"train": 24, "validation": 8}
    for name, count in names.items():
        rows = [
            {"id": f"{name}-{number}", "context": f"the red house {number} stands here", "question": "what stands"}
            | {"answers": {"text": ["red house"], "answer_start": [4]}}
            for number in range(count)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return [folder / f"{name}.jsonl" for name in names]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Candidates: two that can be trained, and one whose folder is gone."""
    folder = tmp_path_factory.mktemp("models")
    good = [save_tiny("bert", folder / f"bert{seed}", seed=seed) for seed in (0, 1)]
    names = [good[0], str(folder / "gone"), good[1]]
    return [ModelCandidate(name, "folder", name, reason="It is here.", method="full") for name in names]


def counting_runs(monkeypatch) -> list[str]:
    """The models that are trained from now on."""
    from qa_pipeline.run import run

    trained: list[str] = []
    real = run.run_qa

    def counted(arguments):
        trained.append(arguments.model.model_name_or_path)
        return real(arguments)

    monkeypatch.setattr(run, "run_qa", counted)
    return trained


def test_the_best_is_first_and_what_cannot_be_loaded_is_left_out_with_its_reason(files, models, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    found = probe_models(models, 2, *files, tmp_path, rows=24, epochs=2, values=VALUES)
    assert {one.name_or_path for one in found} == {models[0].name_or_path, models[2].name_or_path}
    record = json.loads((tmp_path / PROBES).read_text())
    scores = {one["model"]: one.get("f1") for one in record.values()}
    assert [scores[one.name_or_path] for one in found] == sorted(
        (s for s in scores.values() if s is not None), reverse=True
    )
    assert "does not exist" in next(one["why_not"] for one in record.values() if "f1" not in one)
    assert "gone is left out" in caplog.text
    assert found[0].reason.startswith(f"Validation F1 {scores[found[0].name_or_path]:.1f} after a short training")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_finished_trial_is_not_done_again_and_others_go_on(files, models, tmp_path, monkeypatch):
    trained = counting_runs(monkeypatch)
    first = probe_models(models, 1, *files, tmp_path, rows=8, values=VALUES)
    again = probe_models(models, 2, *files, tmp_path, rows=8, values=VALUES)
    assert trained.count(models[0].name_or_path) == 1 and trained.count(models[2].name_or_path) == 1
    assert first[0] in again
    same = probe_models(models, 2, *files, tmp_path, rows=8, values=VALUES)
    assert len(trained) == 3 and same == again  # the one whose folder is gone was tried once too
    probe_models(models, 1, *files, tmp_path, rows=8, seed=1, values=VALUES)
    assert len(trained) == 4


def test_a_trial_that_was_killed_begins_anew(files, models, tmp_path, monkeypatch):
    from qa_pipeline.run import run

    def killed(arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "run_qa", killed)
        with pytest.raises(KeyboardInterrupt):
            probe_models(models, 1, *files, tmp_path, rows=8, values=VALUES)
    uninterrupted = probe_models(models, 1, *files, tmp_path / "other", rows=8, values=VALUES)
    assert probe_models(models, 1, *files, tmp_path, rows=8, values=VALUES) == uninterrupted


def test_all_trials_have_the_same_rows_and_seed(files, models, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(probing, "_trial", lambda settings, folder: seen.append(dict(settings)) or {"f1": 1.0})
    probe_models(models, 3, *files, tmp_path, seed=7, rows=5)
    names = {one.pop("model_name_or_path") for one in seen}
    assert len(names) == 3 and seen[0] == seen[1] == seen[2]
    assert (seen[0]["seed"], seen[0]["max_train_samples"], seen[0]["do_predict"]) == (7, 5, False)


def test_a_trial_is_trained_as_the_model_would_be(files, models, tmp_path, monkeypatch):
    import dataclasses

    seen = []
    monkeypatch.setattr(probing, "_trial", lambda settings, folder: seen.append(settings) or {"f1": 1.0})
    large = dataclasses.replace(models[0], method="4bit", parameters=335_000_000)
    probe_models([models[0], large], 2, *files, tmp_path)
    assert [one["use_lora"] for one in seen] == [False, True] and seen[1]["load_in_4bit"]
    assert [one["learning_rate"] for one in seen] == [1e-4, 3e-4]
    probe_models([large], 1, *files, tmp_path, values={"use_lora": True, "load_in_4bit": False, "learning_rate": 0.01})
    assert (seen[2]["learning_rate"], seen[2]["load_in_4bit"]) == (0.01, False)


def test_candidates_that_do_not_fit_are_passed_over(files, models, tmp_path, monkeypatch):
    import dataclasses

    monkeypatch.setattr(probing, "_trial", lambda settings, folder: {"f1": 1.0})
    refused = dataclasses.replace(models[0], fits=False)
    found = probe_models([refused, models[2]], 2, *files, tmp_path)
    assert [one.name_or_path for one in found] == [models[2].name_or_path]


def test_wrong_settings_end_it_with_their_names(files, models, tmp_path):
    with pytest.raises(ConfigError, match="no_such_setting"):
        probe_models(models, 1, *files, tmp_path, values={"no_such_setting": 1})


def test_missing_data_is_said_once(models, tmp_path):
    with pytest.raises(ConfigError, match="train_file: no such file"):
        probe_models(models, 2, tmp_path / "nothing.json", tmp_path / "nothing.json", tmp_path / "out")
