"""Runs stages in their order: makes what is missing or was made from something else, and nothing again. Knows no stage.

A stage is made again when its code, its settings, the content of its sources or what the stages before it gave is not
what it was made from. Before it begins, that is written down: work that a kill left half done is gone on with where it
was begun from the same, and cleared where it was not. What a person edited is taken up and never overwritten.
"""

from __future__ import annotations

import errno
import logging
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.errors import BackendError, ConfigError, Interrupted, QAError
from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.journey.record import (
    BEGUN,
    DONE,
    STOPPED,
    JourneyRecord,
    StageRecord,
    differences,
    digest_of_value,
    hash_of,
)
from qa_pipeline.journey.settings import JourneySettings
from qa_pipeline.journey.stage import Stage, StageResult, Work
from qa_pipeline.wording import plain

logger = logging.getLogger(__name__)

_OF_WRITING = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG", "EIO")}
_FORGOTTEN: dict[str, Any] = {"forgotten": True}


class StageRunner:
    """The stages of one journey over its record.

    Args:
        record: of the journey's folder, claimed.
        stages: in their order.
        settings: of the journey.
        say: takes lines for the user.
        ask: gives the language model, see `Work`.
        go_on: says how the journey goes on, for the end of an error.
    """

    def __init__(
        self,
        record: JourneyRecord,
        stages: Sequence[Stage],
        settings: JourneySettings,
        say: Callable[[str], None],
        ask: Callable[[], Backend | None] = lambda: None,
        go_on: str = "the same command goes on",
    ):
        self.record, self.stages, self.settings = record, stages, settings
        self._say, self._ask, self._go_on = say, ask, go_on
        self.results: dict[str, StageResult] = {}

    def run(self, until: str | None = None, begin: str | None = None) -> dict[str, StageResult]:
        """Makes what has to be made.

        Args:
            until: the last stage.
            begin: this stage and all after it are made anew; what is before it is taken as it is where it is usable.

        Raises:
            QAError: says which stage could not be made, that what is done is kept, and how it goes on.
        """
        names = [stage.name for stage in self.stages]
        wanted = names[: names.index(until) + 1] if until else names
        anew = names[names.index(begin) :] if begin else []
        for name in anew:
            if name in self.record.stages:  # a kill in between must not find it current
                self.record.stages[name].status, self.record.stages[name].fingerprint = BEGUN, _FORGOTTEN
        self.record.settings = self.settings.public()
        self.record.write()
        for number, stage in enumerate(self.stages[: len(wanted)], 1):
            taken = self._taken(stage, before=begin if stage.name not in anew else None)
            if taken is None:
                taken = self._make(stage, f"[{number}/{len(names)}] {stage.name}")
            self.results[stage.name] = taken
        return self.results

    def fingerprint(self, stage: Stage) -> dict[str, Any]:
        """What the stage would be made from now."""
        folder = self.record.root / stage.name
        inputs: dict[str, Any] = {}
        for name in stage.needs:
            if (record := self.record.stages.get(name)) is not None:
                hashes = {file: hash_of(self.record.path_of(name, file)) for file in sorted(record.files)}
                inputs[name] = digest_of_value([hashes, record.facts])
        return {
            "code": stage.code,
            "settings": self.settings.part(stage.hangs_on(self.settings)),
            "sources": sources_of(self.settings, stage.sources),
            "inputs": inputs,
            "own": {name: hash_of(folder / name) for name in stage.edits},
        }

    def why_again(self, stage: Stage) -> list[str]:
        """Why the stage would be made (again), in words; empty where what is there is current."""
        record = self.record.stages.get(stage.name)
        if record is None:
            return ["not made yet"]
        if record.fingerprint == _FORGOTTEN:
            return ["asked for anew"]
        now = self.fingerprint(stage)
        if changed := differences(record.fingerprint, now):
            return changed
        if record.status == BEGUN:
            return ["begun and not ended"]
        if record.status == STOPPED:
            return [f"ended early: {record.why}"]
        gone = [name for name in record.files if hash_of(self.record.path_of(stage.name, name)) is None]
        return [f"{', '.join(gone)} is gone"] if gone else []

    def edited(self, stage: Stage) -> list[Path]:
        """Artifacts of the stage that are not as it left them, those apart that it takes up itself."""
        record = self.record.stages.get(stage.name)
        folder = self.record.root / stage.name
        own = {folder / name for name in stage.edits}
        found = []
        for name, file in (record.files if record else {}).items():
            path = self.record.path_of(stage.name, name)
            if path not in own and hash_of(path) not in (None, file["sha256"]):
                found.append(path)
        return found

    def _taken(self, stage: Stage, before: str | None) -> StageResult | None:
        """What the stage gave before, where that is current; or usable, where the user wants to begin after it."""
        record = self.record.stages.get(stage.name)
        if record is None or record.status == BEGUN:
            return None
        files = {name: self.record.path_of(stage.name, name) for name in record.files}
        result = StageResult(files, record.facts, record.why)
        if before is not None and all(path.exists() for path in files.values()):
            return result
        return None if self.why_again(stage) else result

    def _make(self, stage: Stage, label: str) -> StageResult:
        name, folder = stage.name, self.record.root / stage.name
        why, changed = self.why_again(stage), self.edited(stage)
        if changed:
            raise ConfigError(
                "output_dir",
                f"{', '.join(map(str, changed))}: edited after the stage {name} wrote it, and that stage has to be "
                f"made again ({'; '.join(why)}), which would overwrite it. Move it elsewhere, then {self._go_on}",
            )
        before = self.record.stages.get(name)
        fingerprint = self.fingerprint(stage)
        if before is None or before.fingerprint != fingerprint or before.status == DONE:
            self._clear(stage, folder, made_here=before is not None)
        record = StageRecord(BEGUN, fingerprint)
        self.record.stages[name] = record
        self.record.write()
        folder.mkdir(parents=True, exist_ok=True)
        self._say(label + ("" if before is None else f" (again: {'; '.join(why)})"))
        begin = time.monotonic()
        inputs = {need: self.results[need] for need in stage.needs if need in self.results}
        result = self._run(stage, Work(folder, self.record.root, self.settings, inputs, self._say, self._ask))
        record.seconds = round(time.monotonic() - begin, 1)
        record.facts = dict(result.facts)
        record.files = {
            key: {"path": _within(path, self.record.root), "sha256": str(hash_of(path))}
            for key, path in result.files.items()
        }
        record.status, record.why = (STOPPED, result.stopped) if result.stopped else (DONE, None)
        record.fingerprint = {**fingerprint, "own": {one: hash_of(folder / one) for one in stage.edits}}
        self.record.write()
        if result.stopped:
            raise self._explained(
                BackendError(result.stopped), name, f"; to go on with what there is: --from {self._after(name)}"
            )
        return result

    def _run(self, stage: Stage, work: Work) -> StageResult:
        """Runs the stage; an error says which it was and that what is done is kept."""
        try:
            return stage.run(work)
        except QAError as error:
            raise self._explained(error, stage.name) from error
        except KeyboardInterrupt as error:
            text = str(error) or "Interrupted."
            raise Interrupted(f"stage {stage.name}: {text} What is done is kept; {self._go_on}") from None
        except OSError as error:
            if error.errno not in _OF_WRITING:
                raise
            mended = artifacts.write_error(error.filename or work.folder, error.strerror or error, resumes=True)
            raise self._explained(mended, stage.name) from error

    def _explained(self, error: QAError, name: str, more: str = "") -> QAError:
        """The error, of its kind, with the stage before it and how to go on behind it."""
        rest = f"What is done is kept in {self.record.root}; once that is mended, {self._go_on}{more}"
        error.args = (f"stage {name}: {error}\n{rest}",)
        return error

    def _after(self, name: str) -> str:
        names = [stage.name for stage in self.stages]
        return names[min(names.index(name) + 1, len(names) - 1)]

    def _clear(self, stage: Stage, folder: Path, made_here: bool) -> None:
        """Removes what an earlier run of the stage left, but for what it keeps.

        Raises:
            ConfigError: no stage made the folder.
        """
        if not folder.exists():
            return
        if not made_here and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(
                "output_dir", f"{folder} is there and no stage of this journey made it; move it elsewhere"
            )
        kept = {folder / name for name in (*stage.edits, *stage.keeps)}
        with artifacts.writing(folder, resumes=True):
            for path in folder.iterdir():
                if path in kept:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


def sources_of(settings: JourneySettings, names: Collection[str]) -> dict[str, str | None]:
    """A hash of the content that each of these settings names; of what is no file here, nothing."""
    found: dict[str, str | None] = {}
    for name in names:
        value = settings[name]
        for one in [value] if isinstance(value, str) else value or ():
            found[f"{name}: {one}"] = hash_of(Path(str(one)).expanduser())
    return found


def _within(path: Path, root: Path) -> str:
    """The path within the journey's folder, so that the folder may move; absolute where it lies elsewhere."""
    try:
        return path.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return str(path.absolute())


def say_nothing(line: str) -> None:
    """Takes a line and drops it."""


def log_line(line: str) -> None:
    """Logs a line without what a terminal would obey."""
    logger.info("%s", plain(line))
