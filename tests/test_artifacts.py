"""Files that are whole or absent, objects written a member at a time, and journals that outlive a kill."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_pipeline import artifacts
from qa_pipeline.artifacts import Journal
from qa_pipeline.errors import ConfigError, DataError

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=6,
)


@UNHURRIED
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON, max_size=4))
def test_objects_written_a_member_at_a_time_are_those_written_whole(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("objects")
    whole, all_of_it, none, some = (folder / name for name in ("whole", "all", "none", "some"))
    members = ((name, {all_of_it: one} | ({some: one} if one else {})) for name, one in value.items())
    artifacts.write_objects([all_of_it, none, some], members)
    artifacts.write_json(whole, value)
    assert all_of_it.read_bytes() == whole.read_bytes()
    assert none.read_bytes() == b"{}\n"
    artifacts.write_json(whole, {name: one for name, one in value.items() if one})
    assert some.read_bytes() == whole.read_bytes()


def test_where_members_fail_no_file_is_touched(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("before")

    def members():
        yield "a", {one: 1, two: 2}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        artifacts.write_objects([one, two], members())
    assert [path.name for path in tmp_path.iterdir()] == ["one"] and one.read_text() == "before"


def kept(path: Path, count: int, identity: dict | None = None) -> bytes:
    """A journal with so many results, as a killed run leaves it."""
    with Journal(path) as journal:
        assert journal.begin(identity or {"model": 1}, (f"q{i}" for i in range(9))) == []
        for number in range(len(journal), count):
            journal.append({"id": f"q{number}", "text": "\u00fc\n" * number})
    return path.read_bytes()


@UNHURRIED
@given(st.integers(0, 400))
def test_a_journal_that_is_cut_anywhere_keeps_its_whole_lines(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("journal") / "j"
    content = kept(path, 6)
    path.write_bytes(content[:cut])
    with Journal(path) as journal:
        changed = journal.begin({"model": 1}, (f"q{i}" for i in range(9)))
        assert changed == [] and len(journal) == max(content[:cut].count(b"\n") - 1, 0)
        assert [value["id"] for value in journal] == [f"q{i}" for i in range(len(journal))]
        for number in range(len(journal), 6):
            journal.append({"id": f"q{number}", "text": "\u00fc\n" * number})
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("identity", "changed"),
    [
        ({"model": 2, "data": "x"}, ["model"]),
        ({"model": 1, "data": "y"}, ["data"]),
        ({"model": 1, "data": "x", "batch": 3}, ["batch"]),
    ],
)
def test_a_journal_of_other_work_is_begun_anew(tmp_path, identity, changed):
    kept(tmp_path / "j", 4, {"model": 1, "data": "x"})
    with Journal(tmp_path / "j") as journal:
        assert journal.begin(identity, ["q0"]) == changed
        assert len(journal) == 0 == len(list(journal))
        journal.append({"id": "q0"})
    assert [json.loads(line) for line in (tmp_path / "j").read_bytes().splitlines()] == [identity, {"id": "q0"}]


def test_results_count_up_to_the_first_of_another_item(tmp_path):
    kept(tmp_path / "j", 4)
    with Journal(tmp_path / "j") as journal:
        assert journal.begin({"model": 1}, ["q0", "q1", "other", "q3"]) == [] and len(journal) == 2
    with Journal(tmp_path / "j") as journal:
        journal.begin({"model": 1}, ["q0"])
        assert len(journal) == 1
        journal.remove()
    assert not (tmp_path / "j").exists()


def test_a_journal_without_a_result_leaves_no_file_and_one_that_was_not_begun_stays(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.begin({}, ["q0"])
    assert not (tmp_path / "j").exists()
    kept(tmp_path / "j", 1)
    with Journal(tmp_path / "j"):
        pass
    assert (tmp_path / "j").exists()


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


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"QA_PIPELINE_CACHE": "/own", "XDG_CACHE_HOME": "/system"}, "/own/indexes"),
        ({"XDG_CACHE_HOME": "/system"}, "/system/qa-pipeline/indexes"),
        ({"XDG_CACHE_HOME": "not/absolute"}, "/home/ada/.cache/qa-pipeline/indexes"),
        ({"QA_PIPELINE_CACHE": "", "XDG_CACHE_HOME": ""}, "/home/ada/.cache/qa-pipeline/indexes"),
    ],
)
def test_the_cache_is_where_the_first_variable_that_is_set_says(monkeypatch, variables, expected):
    for name, value in ({"QA_PIPELINE_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/home/ada"} | variables).items():
        monkeypatch.setenv(name, value)
    assert artifacts.cache_folder("indexes") == Path(expected)


def test_without_a_home_the_cache_says_which_variable_to_set(monkeypatch):
    monkeypatch.delenv("QA_PIPELINE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("Could not determine home directory")))
    with pytest.raises(ConfigError, match="QA_PIPELINE_CACHE: Could not determine home directory: set it to a folder"):
        artifacts.cache_folder("indexes")
