from __future__ import annotations

import errno
import os

import pytest

from qa_pipeline import artifacts
from qa_pipeline.errors import DataError


@pytest.mark.parametrize("name", ["file/below.json", "a\0b"])
def test_what_cannot_be_written_is_one_error_that_names_it(tmp_path, name):
    (tmp_path / "file").write_text("x")
    path = f"{tmp_path}/{name}"
    with pytest.raises(DataError) as caught, artifacts.writing(path):
        artifacts.write_text(path, "text")
    assert str(caught.value).startswith(f"{path}: cannot be written: ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_work_that_goes_on_is_said_to_be_kept():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for resumes, end in ((True, r"\. What is done is kept: .*then the same command goes on"), (False, "")):
        with pytest.raises(DataError, match=f"^out: cannot be written: No space left on device{end}$"):  # noqa: SIM117
            with artifacts.writing("out", resumes):
                raise full
