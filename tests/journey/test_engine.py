"""What is made again and what is not, killed runs, edits, and folders of others; over stages that write a number."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from qa_pipeline.errors import BackendError, ConfigError, DataError
from qa_pipeline.journey.engine import StageRunner
from qa_pipeline.journey.record import JourneyRecord
from qa_pipeline.journey.settings import JourneySettings
from qa_pipeline.journey.stage import Stage, StageResult

DEFAULTS = {"a": 0, "b": 0, "c": 0, "looks": 0, "documents": None, "token": None, "base_url": None, "extra_body": None}


def settings_of(root: Path, **values) -> JourneySettings:
    given = {"output_dir": str(root), **values}
    return JourneySettings(
        {**DEFAULTS, "api_key_env": None, **given}, {**DEFAULTS, "output_dir": None}, frozenset(given)
    )


class Counting(Stage):
    """Writes what it was given into a file."""

    def __init__(self):
        self.runs = 0

    def run(self, work):
        self.runs += 1
        texts = [work.file(need, "out").read_text() for need in self.needs]
        path = work.folder / "out.txt"
        path.write_text(f"{self.name} {work.settings.part(self.settings)} of {texts}\n")
        return StageResult({"out": path}, {"runs": "any"})


class First(Counting):
    name, settings, sources = "first", ("a",), ("documents",)


class Second(Counting):
    name, needs, settings = "second", ("first",), ("b",)


class Third(Counting):
    name, needs, settings = "third", ("second",), ("c",)


@dataclass
class Trial:
    """A journey of three stages in one folder."""

    root: Path
    said: list[str] = field(default_factory=list)

    def run(self, *, stages=None, until=None, begin=None, **values):
        stages = stages or [First(), Second(), Third()]
        record = JourneyRecord(self.root)
        record.claim()
        try:
            StageRunner(record, stages, settings_of(self.root, **values), self.said.append, go_on="GO ON").run(
                until, begin
            )
        finally:
            record.release()
        return [stage.runs for stage in stages if isinstance(stage, Counting)]


@pytest.fixture
def trial(tmp_path) -> Trial:
    return Trial(tmp_path / "journey")


def test_a_second_run_does_nothing(trial):
    assert trial.run() == [1, 1, 1]
    assert trial.run() == [0, 0, 0]


def test_a_changed_setting_repeats_its_stage_and_what_follows_and_nothing_before(trial):
    trial.run()
    assert trial.run(b=5) == [0, 1, 1]
    assert trial.run(b=5, looks=7) == [0, 0, 0]
    assert "second (again: b: was the default, is 5)" in "\n".join(trial.said)


def test_a_stage_that_gives_the_same_as_before_repeats_nothing_after_it(trial):
    class SameAnyway(First):
        version = 2

        def run(self, work):
            result = super().run(work)
            return StageResult(result.files, {"runs": "any"})

    trial.run()
    assert trial.run(stages=[SameAnyway(), Second(), Third()]) == [1, 0, 0]


def test_other_documents_repeat_all_that_hangs_on_them(trial, tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("one")
    assert trial.run(documents=[str(docs)]) == [1, 1, 1]
    (docs / "a.txt").write_text("two")
    assert trial.run(documents=[str(docs)])[0] == 1


def test_until_ends_early_and_the_next_run_goes_on(trial):
    assert trial.run(until="second") == [1, 1, 0]
    assert trial.run() == [0, 0, 1]


def test_from_makes_a_stage_and_all_after_it_anew(trial):
    trial.run()
    assert trial.run(begin="second") == [0, 1, 1]


def test_an_edited_artifact_is_taken_up_by_the_stages_after_it(trial):
    trial.run()
    (trial.root / "first" / "out.txt").write_text("edited\n")
    assert trial.run() == [0, 1, 1]
    assert "edited" in (trial.root / "third" / "out.txt").read_text()


def test_an_edited_artifact_is_never_overwritten(trial):
    trial.run()
    path = trial.root / "second" / "out.txt"
    path.write_text("edited\n")
    with pytest.raises(
        ConfigError, match=rf"{re.escape(str(path))}: edited after the stage second wrote it.*b: was the default"
    ):
        trial.run(b=1)
    assert path.read_text() == "edited\n"


def test_a_file_that_is_gone_is_made_again(trial):
    trial.run()
    (trial.root / "second" / "out.txt").unlink()
    assert trial.run() == [0, 1, 0]


class Dying(Second):
    """Dies in the middle, with half of its work written."""

    def run(self, work):
        if not (work.folder / "half").exists():
            (work.folder / "half").write_text(str(work.settings["b"]))
            raise KeyboardInterrupt
        self.found = (work.folder / "half").read_text()
        return super().run(work)


def test_half_done_work_is_gone_on_with_where_nothing_changed(trial):
    with pytest.raises(KeyboardInterrupt, match="stage second: .* What is done is kept; GO ON"):
        trial.run(stages=[First(), Dying(), Third()])
    dying = Dying()
    assert trial.run(stages=[First(), dying, Third()]) == [0, 1, 1]
    assert dying.found == "0"


def test_half_done_work_of_other_settings_is_cleared(trial):
    with pytest.raises(KeyboardInterrupt):
        trial.run(stages=[First(), Dying(), Third()], b=1)
    with pytest.raises(KeyboardInterrupt):
        trial.run(stages=[First(), Dying(), Third()], b=2)  # begins anew, and so dies anew
    assert (trial.root / "second" / "half").read_text() == "2"


def test_an_error_says_which_stage_it_was_and_how_it_goes_on(trial):
    class Failing(Second):
        def run(self, work):
            raise DataError("row 3 is bad")

    said = r"(?s)stage second: row 3 is bad\nWhat is done is kept in .*; once that is mended, GO ON"
    with pytest.raises(DataError, match=said):
        trial.run(stages=[First(), Failing(), Third()])
    assert trial.run() == [0, 1, 1]


def test_a_stage_that_ended_early_is_gone_on_with_or_taken_as_it_is(trial):
    class Flaky(Second):
        def run(self, work):
            result = super().run(work)
            return StageResult(result.files, result.facts, stopped="3 passages not done")

    flaky = [First(), Flaky(), Third()]
    with pytest.raises(BackendError, match=r"(?s)stage second: 3 passages not done.*--from third"):
        trial.run(stages=flaky)
    assert trial.run(stages=[First(), Flaky(), Third()], begin="third") == [0, 0, 1]
    with pytest.raises(BackendError, match="3 passages"):
        trial.run(stages=[First(), Flaky(), Third()])
    assert trial.run() == [0, 1, 0]  # it ended well now, with the same content


def test_somebody_elses_folder_is_refused(trial):
    trial.root.mkdir()
    (trial.root / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"not empty and no journey made it \(found thesis.txt"):
        trial.run()
    assert [path.name for path in trial.root.iterdir()] == ["thesis.txt"]


def test_a_stage_does_not_clear_a_folder_that_it_did_not_make(trial):
    trial.run(until="first")
    (trial.root / "second").mkdir()
    (trial.root / "second" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="second is there and no stage of this journey made it"):
        trial.run()
    assert (trial.root / "second" / "thesis.txt").read_text() == "mine"


def test_one_journey_at_a_time(trial):
    trial.run()
    record = JourneyRecord(trial.root)
    record.claim()
    with pytest.raises(ConfigError, match="another journey is under way"):
        trial.run()
    record.release()
    assert trial.run() == [0, 0, 0]


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 99, "settings": {}, "stages": {}}', '{"format": 1}'])
def test_a_damaged_record_is_refused(trial, content):
    trial.run()
    (trial.root / "journey.json").write_text(content)
    with pytest.raises(ConfigError, match=r"journey\.json is damaged"):
        trial.run()


def test_secrets_are_not_in_the_record(trial):
    trial.run(token="hf_secretsecret", base_url="http://user:verysecret@host/v1")
    text = (trial.root / "journey.json").read_text()
    assert "verysecret" not in text and "hf_secret" not in text
    assert json.loads(text)["settings"]["token"] == "<hidden>"


def test_the_folder_may_move(trial, tmp_path):
    trial.run()
    moved = Trial(tmp_path / "elsewhere")
    trial.root.rename(moved.root)
    assert moved.run() == [0, 0, 0]
