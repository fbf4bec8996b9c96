"""Owns the run folder: who may write into it, what it records of the run, and whether a run may go on in it.

`run.json` is written before training begins and again at each stage, so a folder always says what made it.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import shutil
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock
from safetensors import SafetensorError, safe_open

from qa_pipeline import artifacts
from qa_pipeline.data.schema import violations
from qa_pipeline.errors import ConfigError, DataError, QAError
from qa_pipeline.process import checkpoints
from qa_pipeline.process.checkpoints import EndedTraining
from qa_pipeline.wording import first_line

logger = logging.getLogger(__name__)

_OF_FILES = {
    getattr(errno, name, None)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO"),
        *("ENOENT", "ENOTDIR", "EISDIR", "ESTALE"),
    )
}
"""Faults of the file system; others (no memory, a server that does not answer) come as OSError too."""
_OF_SAVING = ("(os error ", "iostream error", "PytorchStreamWriter", "inline_container")
"""How safetensors, tokenizers and torch say, in errors of any type, that a file could not be written."""
_ABOUT_THE_FOLDER = frozenset({"output_dir", "overwrite_output_dir"})
"""Settings that may differ when a run goes on without changing what it makes."""

PACKAGES = ("torch", "transformers", "peft", "accelerate", "datasets", "bitsandbytes", "tokenizers", "numpy")


class RunFolder:
    """The folder of one run, locked for it from `begin` to the end of the `with` block.

    In the block, a file that cannot be written once the run has begun ends in one DataError.

    Args:
        path: `output_dir`.
        overwrite: start afresh in a folder that is not empty; earlier checkpoints, results and the merged model of a
            run are removed when the run begins, files that no run writes stay.
        is_main: only this process writes.

    Attributes:
        begun: whether files of the folder may have been changed.
        process_changes: where this training went on with another number of processes: step, before, now.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False, is_main: bool = True):
        self.path = Path(path)
        self.overwrite = overwrite
        self.is_main = is_main
        self.record: dict[str, Any] = {"status": "started", "stages": {}}
        self.process_changes: list[dict[str, int]] = []
        self._begin = time.time()
        # Not reentrant over folders of one process: two runs in two threads are two runs.
        self._lock = FileLock(self.path / artifacts.RUN_LOCK)
        self._seen: bytes | None = None
        self.begun = False

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._lock.release()
        reason = _write_fault(error) if self.begun else None
        if reason is not None:
            raise artifacts.write_error(self.path, reason, resumes=True) from error

    def claim(self) -> None:
        """Checks that the path may be the folder of this run; changes nothing.

        Raises:
            ConfigError: the path is a file, another run is writing into the folder, or it holds something else and
                `overwrite` is off.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError("output_dir", f"{self.path} is a file; give a folder")
        there = next(p for p in (self.path, *self.path.absolute().parents) if p.exists())
        if self.is_main and not (there.is_dir() and os.access(there, os.W_OK)):
            why = "this user may not write into it" if there.is_dir() else "it is a file"
            raise ConfigError("output_dir", f"{self.path} cannot be written, because of {there}: {why}; give another")
        if (self.path / artifacts.RUN_LOCK).exists():
            self._hold()
        self._seen = self._record_bytes()
        content = [p.name for p in self.path.iterdir() if not _is_own(p)] if self.path.is_dir() else []
        if content and self._earlier() is None and not self.overwrite:
            shown = ", ".join(sorted(content)[:3])
            raise ConfigError(
                "output_dir",
                f"{self.path} is not empty and no run of this program made it (found {shown}, no {artifacts.RUN}); "
                "give another output_dir, or overwrite_output_dir=true to write into it",
            )

    def check(self, identity: dict[str, Any]) -> None:
        """Checks that what an earlier run left here is of the same run; changes nothing.

        Args:
            identity: what must not change between a run and its resume: model, LoRA shape, data, window settings.

        Raises:
            ConfigError: the folder has checkpoints or results of a run with another identity; names each difference.
        """
        earlier = self._earlier()
        if earlier is None or self.overwrite or not self._has_results(earlier):
            return
        changed = differences(earlier.get("identity", {}), identity)
        if changed:
            raise ConfigError(
                "output_dir",
                [
                    f"{self.path} holds another run: {key} was {old!r} and is now {new!r}; give another output_dir, or "
                    "overwrite_output_dir=true to start afresh"
                    for key, old, new in changed
                ],
            )

    def holds_merged(self) -> bool:
        """Whether a merged model of an earlier training is here, and stays."""
        return not self.overwrite and (self.path / artifacts.MERGED_FOLDER).is_dir()

    def processes_before(self) -> int | None:
        """How many processes the run in this folder had when it was last begun; None where that is not known."""
        earlier = None if self.overwrite else self._earlier()
        return None if earlier is None else earlier.get("processes")

    def ended_training(self) -> EndedTraining | None:
        """The training of this run that came to its end here before; None where none did."""
        earlier = None if self.overwrite else self._earlier()
        stages = {} if earlier is None else earlier.get("stages", {})
        if earlier is None or not stages.get("train", {}).get("steps"):
            return None
        config = earlier.get("trained_with", earlier.get("config", {}))
        whole = "saved" in stages and _holds_weights(self.path)
        return EndedTraining(
            steps=stages["train"]["steps"],
            num_train_epochs=config.get("num_train_epochs"),
            max_steps=config.get("max_steps"),
            best_step=stages["train"].get("best_step"),
            saved=self.path if whole else None,
        )

    def begin(self, config: dict[str, Any], identity: dict[str, Any], **facts: Any) -> None:
        """Writes run.json, for the first time or over that of the run that goes on. The first change to the folder.

        Args:
            config: resolved configuration, without secrets.
            identity: as in `check`.
            facts: anything else worth keeping (data fingerprints, counts, device).

        Raises:
            ConfigError: as `check`; or another run writes into the folder, or has done so since `claim`.
        """
        self.begun = True
        if self.is_main:
            self.path.mkdir(parents=True, exist_ok=True)
            self._hold()
            if self._record_bytes() != self._seen:
                raise ConfigError(
                    "output_dir",
                    f"{self.path}: another run wrote into it while this one read its data; start it again, or choose "
                    "another output_dir",
                )
            artifacts.sweep(self.path)
        self.check(identity)
        earlier = self._earlier()
        if self.overwrite and self.is_main:
            self._clear(made_here=earlier is not None)
        elif earlier is not None and self._has_results(earlier):
            self.record["stages"] = earlier.get("stages", {})
            if "trained_with" in earlier:
                self.record["trained_with"] = earlier["trained_with"]
            self.process_changes = earlier.get("process_changes", []) + self.process_changes
            trained = "train" in self.record["stages"] or checkpoints.list_checkpoints(self.path)
            ending = "; steps done stay as they are" if trained else ""
            for key, old, new in differences(earlier.get("config", {}), config):
                if key in _ABOUT_THE_FOLDER:
                    continue
                logger.warning("%s was %r in this run before and is now %r%s", key, old, new, ending)
            self.record["resumed"] = int(earlier.get("resumed", 0)) + 1
        self.record |= {"config": config, "identity": identity, "versions": versions(), **facts}
        if self.process_changes:
            self.record["process_changes"] = self.process_changes
        self._write()

    def stage(self, name: str, **facts: Any) -> None:
        """Notes that a stage is done, with what it gave; run.json is written at once."""
        self.record["stages"][name] = facts
        self.record["status"] = name
        self._write()

    def trained(self, **facts: Any) -> None:
        """Notes that training is done, and with which settings: a later run in this folder may have others."""
        self.record["trained_with"] = self.record.get("config", {})  # only the main process has it
        for later in ("saved", "merged", "finished", "pushed"):  # what is there is the model of an earlier training
            self.record["stages"].pop(later, None)
        self.stage("train", **facts)

    def forget(self, split: str) -> None:
        """Removes what an earlier run measured of a split, and on what is another one now."""
        if self.is_main:
            self.record["stages"].pop(split, None)
            (self.path / f"{split}_results.json").unlink(missing_ok=True)
            fold_results(self.path / artifacts.ALL_RESULTS, split, {})
            self._write()

    def results(self, split: str) -> dict[str, Any]:
        """What `{split}_results.json` holds, or nothing."""
        try:
            value = json.loads((self.path / f"{split}_results.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def finished_stage(self, name: str) -> dict[str, Any] | None:
        """What a stage gave in this run or in the one that it goes on from."""
        stage: dict[str, Any] | None = self.record["stages"].get(name)
        return stage

    def write_json(self, name: str, value: Any) -> None:
        """Writes an artifact on the main process."""
        if self.is_main:
            artifacts.write_json(self.path / name, value)

    def _hold(self) -> None:
        """Locks the folder until the block or this process ends, however it ends.

        Raises:
            ConfigError: another run holds it.
        """
        refusal = f"another run is writing into {self.path}; wait for it to end, or choose another output_dir"
        artifacts.hold(self._lock, "output_dir", refusal)

    def _record_bytes(self) -> bytes | None:
        try:
            return (self.path / artifacts.RUN).read_bytes()
        except OSError:
            return None

    def _write(self) -> None:
        self.record["seconds"] = round(time.time() - self._begin, 1)
        self.write_json(artifacts.RUN, self.record)

    def _earlier(self) -> dict[str, Any] | None:
        """The record of the run before; None where there is none, or where it is to be replaced.

        Raises:
            ConfigError: it is damaged.
        """
        path = self.path / artifacts.RUN
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            problems = violations(record, "run")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            problems = [str(error) or type(error).__name__]
        if not problems:
            return record
        if self.overwrite:
            return None
        raise ConfigError(
            "output_dir",
            f"{path} is damaged: {problems[0]}; put it back as it was, or overwrite_output_dir=true to start afresh",
        )

    def _has_results(self, earlier: dict[str, Any]) -> bool:
        return bool(earlier.get("stages") or checkpoints.list_checkpoints(self.path))

    def _clear(self, made_here: bool) -> None:
        """Removes what runs write; a merged model only where a run made this folder (`made_here`)."""
        checkpoints.remove_all(self.path)
        merged = self.path / artifacts.MERGED_FOLDER
        if made_here and merged.is_dir() and not merged.is_symlink():
            shutil.rmtree(merged)
        own = [artifacts.RUN, artifacts.ALL_RESULTS, artifacts.TRAIN_RESULTS, artifacts.DATA_REPORT]
        own.append(artifacts.PREDICT_JOURNAL)
        for split in ("eval", "predict", "base"):
            own += [f"{split}_results.json", artifacts.predictions_name(split), artifacts.nbest_name(split)]
            own.append(artifacts.null_odds_name(split))
        for name in own:
            (self.path / name).unlink(missing_ok=True)


def _write_fault(error: BaseException | None) -> str | None:
    """Why a file could not be written, where that is what an error says."""
    if isinstance(error, OSError) and error.errno in _OF_FILES:
        return (error.strerror or str(error)) + (f" ({error.filename})" if error.filename else "")
    if (
        isinstance(error, Exception)
        and not isinstance(error, QAError)
        and any(mark in str(error) for mark in _OF_SAVING)
    ):
        return first_line(error)
    return None


def _holds_weights(folder: Path) -> bool:
    """Whether weights lie in the folder, and none of their files is cut short."""
    files = list(folder.glob("*.safetensors"))
    try:
        for path in files:
            with safe_open(path, "numpy"):
                pass
    except (OSError, SafetensorError):
        return False
    return bool(files)


def _is_own(path: Path) -> bool:
    """Whether a file is none of the user's: what a run leaves that was killed before it wrote run.json."""
    return path.name == artifacts.RUN_LOCK or artifacts.is_temporary(path)


def differences(old: Any, new: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """Leaves of two nested dicts that differ, as (dotted key, old value, new value)."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted(set(old) | set(new)):
            found += differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
        return found
    return [] if old == new else [(prefix, old, new)]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_results(folder: RunFolder, split: str, metrics: dict[str, Any]) -> None:
    """Writes `{split}_results.json` and puts it into all_results.json (main process).

    Raises:
        DataError: all_results.json is there and is no JSON object.
    """
    if not folder.is_main:
        return
    artifacts.write_json(folder.path / f"{split}_results.json", metrics)
    fold_results(folder.path / artifacts.ALL_RESULTS, split, metrics)


def fold_results(path: Path, split: str, metrics: dict[str, Any]) -> None:
    """Puts the metrics of a split in the place of all that all_results.json said of it before.

    Raises:
        DataError: the file is there and is no JSON object.
    """
    try:
        everything = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}); move it away and run again") from error
    if not isinstance(everything, dict):
        kind = type(everything).__name__
        raise DataError(f"{path}: expected a JSON object, found a {kind}; move it away and run again")
    others = {name: value for name, value in everything.items() if not name.startswith(f"{split}_")}
    if others | metrics != everything:
        artifacts.write_json(path, others | metrics)
