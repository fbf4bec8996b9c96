from __future__ import annotations

import json

import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.run.folder import RunFolder, differences, write_results


def begun(path, **identity):
    folder = RunFolder(path)
    folder.claim()
    folder.begin({"seed": 1}, identity)
    return folder


def with_checkpoint(path):
    (path / "checkpoint-1").mkdir()


def test_a_folder_with_foreign_content_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match=r"not empty.*thesis\.txt.*overwrite_output_dir"):
        RunFolder(tmp_path).claim()
    RunFolder(tmp_path, overwrite=True).claim()
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(ConfigError, match="is a file"):
        RunFolder(tmp_path / "out").claim()


def test_a_resume_with_another_model_data_or_lora_shape_names_every_difference(tmp_path):
    begun(tmp_path, model={"name": "a"}, lora={"lora_r": 8}, data={"train": "f00"})
    with_checkpoint(tmp_path)
    again = RunFolder(tmp_path)
    again.claim()
    with pytest.raises(ConfigError) as caught:
        again.begin({}, {"model": {"name": "b"}, "lora": {"lora_r": 16}, "data": {"train": "f00"}})
    assert "lora.lora_r was 8 and is now 16" in str(caught.value)
    assert "model.name was 'a' and is now 'b'" in str(caught.value)
    assert "data.train" not in str(caught.value)


def test_a_changed_run_without_checkpoints_or_with_overwrite_begins_afresh(tmp_path):
    begun(tmp_path, model={"name": "a"})
    begun(tmp_path, model={"name": "b"})
    with_checkpoint(tmp_path)
    folder = RunFolder(tmp_path, overwrite=True)
    folder.claim()
    folder.begin({}, {"model": {"name": "c"}})
    assert not (tmp_path / "checkpoint-1").exists()
    assert json.loads((tmp_path / "run.json").read_text())["identity"] == {"model": {"name": "c"}}


def test_stages_survive_a_resume(tmp_path):
    begun(tmp_path, model={"name": "a"}).stage("base", base_f1=12.5)
    with_checkpoint(tmp_path)
    again = begun(tmp_path, model={"name": "a"})
    assert again.finished_stage("base") == {"base_f1": 12.5}
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["resumed"] == 1 and record["versions"]["torch"]


def test_results_are_folded_into_one_file(tmp_path):
    folder = begun(tmp_path)
    write_results(folder, "train", {"train_loss": 1.0})
    write_results(folder, "eval", {"eval_f1": 50.0})
    assert json.loads((tmp_path / "all_results.json").read_text()) == {"train_loss": 1.0, "eval_f1": 50.0}
    assert json.loads((tmp_path / "eval_results.json").read_text()) == {"eval_f1": 50.0}


def test_a_process_that_is_not_the_main_one_writes_nothing(tmp_path):
    folder = RunFolder(tmp_path, is_main=False)
    folder.begin({}, {})
    write_results(folder, "eval", {"eval_f1": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_differences_name_the_leaves():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == [("a.c", 2, 3), ("d", None, 4)]
