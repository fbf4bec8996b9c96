"""A run folder that was damaged: the run goes on from a whole checkpoint, or says what is wrong in one message."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.modeling.settings import read_settings
from qa_pipeline.process import checkpoints
from qa_pipeline.run.folder import RunFolder, fold_results
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import assert_same_weights, parsed, settings


def short(data: Path, model: Path, out: Path, **changes) -> dict:
    few = {"max_train_samples": 8, "num_train_epochs": 1, "save_steps": 2, "save_total_limit": 3}
    return settings(data, model, out, **few | {"do_eval": False, "eval_strategy": "no"} | changes)


@pytest.fixture(scope="module")
def run(data, tiny_bert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_qa(parsed(folder, short(data, tiny_bert, folder / "out")))
    return folder / "out"


@pytest.fixture
def killed(run, tmp_path) -> Path:
    """The run as it was when the last checkpoint had been written."""
    shutil.copytree(run, tmp_path / "out")
    record = read_json(tmp_path / "out" / "run.json")
    (tmp_path / "out" / "run.json").write_text(json.dumps(record | {"stages": {}}))
    for path in (tmp_path / "out").glob("*.safetensors"):
        path.unlink()
    return tmp_path / "out"


def flip(path: Path) -> None:
    """Changes a byte in the middle of a file; its size stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["optimizer.pt", "trainer_state.json", "adapter_model.safetensors", "scheduler.pt", "rng_state.pth"]
)
def test_a_checkpoint_with_wrong_bytes_of_the_right_size_gives_way_to_the_one_before(
    name, killed, run, data, tiny_bert, tmp_path, caplog
):
    last = checkpoints.list_checkpoints(killed)[-1]
    flip(last / name)
    results = run_qa(parsed(tmp_path / "c", short(data, tiny_bert, killed)))
    assert f"Skipping checkpoint {last}: {name} is not as it was written: its bytes have changed" in caplog.text
    assert results["train_steps"] == 1 and checkpoints.fault(last) is None
    assert_same_weights(killed, run)


@pytest.mark.parametrize("content", ["[1, 2]", "7", '{"files": 3}', '{"files": [1]}', '{"files": {}, "sha256": 1}', ""])
def test_a_manifest_that_is_none_gives_way_to_the_checkpoint_before(content, killed):
    last = checkpoints.list_checkpoints(killed)[-1]
    (last / "checkpoint_manifest.json").write_text(content)
    assert "cannot be read" in (checkpoints.fault(last) or "")
    assert checkpoints.last_whole_checkpoint(killed) == checkpoints.list_checkpoints(killed)[-2]


@pytest.mark.parametrize("content", ["[1, 2]", "{}", '{"global_step": "x"}', "{"])
def test_a_damaged_state_under_a_manifest_without_hashes_is_one_message(content, killed, data, tiny_bert, tmp_path):
    last = checkpoints.list_checkpoints(killed)[-1]
    (last / "trainer_state.json").write_text(content)
    manifest = read_json(last / "checkpoint_manifest.json")
    manifest["files"]["trainer_state.json"] = len(content)
    (last / "checkpoint_manifest.json").write_text(json.dumps({"files": manifest["files"]}))
    with pytest.raises(ModelError, match=rf"trainer_state.json is damaged \(.*; move {last.name} away, and the che"):
        run_qa(parsed(tmp_path / "c", short(data, tiny_bert, killed)))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"stages": [1]}, r"stages: expected object, found \[1\]"),
        ({"stages": {"train": 5}}, "stages.train: expected object, found 5"),
        ({"stages": {"train": {"steps": "x"}}}, "stages.train.steps: expected integer"),
        ({"config": 1}, "config: expected object"),
        ({"trained_with": {"num_train_epochs": "x"}}, "trained_with.num_train_epochs: expected number or null"),
        ({"identity": None}, "identity: expected object"),
        ({"process_changes": 4}, "process_changes: expected array"),
        ({"resumed": "often"}, "resumed: expected integer"),
    ],
)
def test_a_record_with_other_things_in_it_is_one_message(changes, problem, run, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(read_json(run / "run.json") | changes))
    with pytest.raises(ConfigError, match=rf"run.json is damaged: {problem}.*overwrite_output_dir=true"):
        RunFolder(tmp_path).claim()
    RunFolder(tmp_path, overwrite=True).claim()


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\x00", "[1]"])
def test_a_record_that_is_no_record_is_one_message(content, tmp_path):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ConfigError, match="run.json is damaged: .*put it back as it was"):
        RunFolder(tmp_path).claim()


def test_results_that_are_no_results_are_one_message_or_none(tmp_path):
    for content in ("[1]", "[[1, 2]]", "5", "{"):
        (tmp_path / "train_results.json").write_text(content)
        assert RunFolder(tmp_path).results("train") == {}
        with pytest.raises(
            DataError, match=r"train_results.json: (not JSON|expected a JSON object, found a (list|int))"
        ):
            fold_results(tmp_path / "train_results.json", "train", {"train_loss": 1.0})


def test_a_saved_model_that_is_cut_short_is_made_again_from_the_last_checkpoint(run, data, tiny_bert, tmp_path, caplog):
    out = shutil.copytree(run, tmp_path / "out")
    path = out / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    run_qa(parsed(tmp_path / "c", short(data, tiny_bert, out)))
    assert_same_weights(out, run)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"max_seq_length": -5}, "max_seq_length: expected at least 16, found -5"),
        ({"n_best_size": 0, "doc_stride": -1}, "doc_stride: expected at least 0, found -1; n_best_size: expected at l"),
        ({"null_score_diff_threshold": float("nan")}, "null_score_diff_threshold: expected a number, found nan"),
        ({"temperature": float("nan")}, "temperature: expected at least 0.001 and at most 1000, found nan"),
    ],
)
def test_stored_settings_out_of_range_are_one_message(changes, problem, run, tmp_path):
    (tmp_path / "qa_config.json").write_text(json.dumps(read_json(run / "qa_config.json") | changes))
    with pytest.raises(ModelError, match=problem):
        read_settings(tmp_path)
