"""A disk that fills up while a run writes: one message, and the same command goes on once there is room."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, DataError, QAError
from qa_pipeline.run.folder import RunFolder
from qa_pipeline.run.run import run_qa
from tests.run.made import assert_same_weights, parsed, settings


def short(data: Path, model: Path, out: Path, **changes) -> dict:
    few = {"max_train_samples": 8, "max_eval_samples": 4, "num_train_epochs": 1, "save_steps": 2}
    return settings(data, model, out, **few | {"merge_adapter": True, "eval_on_start": True} | changes)


@pytest.fixture(scope="module")
def whole(data, tiny_bert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run_qa(parsed(folder, short(data, tiny_bert, folder / "out")))
    return folder / "out"


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Inside, no file may grow beyond a size (bytes): the nearest to a full disk that every process can have."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# From the record over each kind of file of a checkpoint (weights, tokenizer, optimizer) to the merged model.
@pytest.mark.parametrize("size", [0, 12_000, 20_000, 40_000, 80_000])
def test_every_file_that_cannot_be_written_is_one_message_and_then_the_run_goes_on(
    size, whole, data, tiny_bert, tmp_path
):
    arguments = parsed(tmp_path, short(data, tiny_bert, tmp_path / "out"))
    with (
        pytest.raises(QAError, match=r"cannot be (written|saved).*(File too large|iostream error)") as caught,
        at_most(size),
    ):
        run_qa(arguments)
    assert "\n" not in str(caught.value)
    run_qa(parsed(tmp_path, short(data, tiny_bert, tmp_path / "out")))
    assert_same_weights(tmp_path / "out", whole)
    assert_same_weights(tmp_path / "out" / "merged", whole / "merged")


@pytest.mark.parametrize("name", [artifacts.RUN, artifacts.DATA_REPORT, "base_results.json", "README.md"])
def test_a_full_disk_at_any_file_of_the_record_is_one_message(name, whole, data, tiny_bert, tmp_path, monkeypatch):
    replace = os.replace

    def full(source, target):
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        return replace(source, target)

    config = short(data, tiny_bert, tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(DataError, match=f"out: cannot be written: No space left on device .*{name}.*goes on$"):
            run_qa(parsed(tmp_path, config))
    run_qa(parsed(tmp_path, config))
    assert_same_weights(tmp_path / "out", whole)


def test_what_a_kill_left_before_the_record_is_not_somebody_elses(data, tiny_bert, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / f".{artifacts.RUN}.0a1b2c3d.tmp").write_text('{"status": "sta')
    (out / artifacts.RUN_LOCK).touch()
    run_qa(parsed(tmp_path, short(data, tiny_bert, out, do_eval=False, eval_strategy="no", eval_on_start=False)))
    assert [path.name for path in out.glob(".*")] == [artifacts.RUN_LOCK]


def test_a_place_that_cannot_be_written_is_said_before_data_is_read(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/a/b cannot be written, because of .*file: it is a file; give another"):
        RunFolder(tmp_path / "file" / "a" / "b").claim()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match="because of .*: this user may not write into it"):
        RunFolder(tmp_path / "a" / "b").claim()
