from __future__ import annotations

import logging

from qa_pipeline.process import checkpoints


def make(folder, step, sealed=True):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"x" * 100)
    (path / "trainer_state.json").write_text("{}")
    if sealed:
        checkpoints.seal(path)
    return path


def test_the_newest_whole_checkpoint_is_found_by_step_not_by_name(tmp_path):
    make(tmp_path, 9)
    assert checkpoints.last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-9"
    make(tmp_path, 10)
    assert checkpoints.last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_a_checkpoint_without_manifest_is_skipped_with_a_warning(tmp_path, caplog):
    make(tmp_path, 1)
    make(tmp_path, 2, sealed=False)
    with caplog.at_level(logging.WARNING):
        assert checkpoints.last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-1"
    assert "checkpoint-2" in caplog.text and "written last" in caplog.text


def test_a_truncated_or_missing_file_is_noticed(tmp_path):
    path = make(tmp_path, 1)
    (path / "model.safetensors").write_bytes(b"x" * 60)
    assert checkpoints.fault(path) == "model.safetensors has 60 bytes, expected 100"
    (path / "model.safetensors").unlink()
    assert checkpoints.fault(path) == "model.safetensors is missing"
    (path / "checkpoint_manifest.json").write_text('{"fil')
    assert "cannot be read" in (checkpoints.fault(path) or "")


def test_no_folder_and_no_checkpoint_give_none(tmp_path):
    assert checkpoints.last_whole_checkpoint(tmp_path / "absent") is None
    assert checkpoints.last_whole_checkpoint(tmp_path) is None


def test_removing_broken_ones_keeps_whole_ones_and_foreign_folders(tmp_path):
    make(tmp_path, 1)
    make(tmp_path, 2, sealed=False)
    (tmp_path / "checkpoint-best").mkdir()
    checkpoints.remove_broken(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-1", "checkpoint-best"]
