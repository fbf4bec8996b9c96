"""Owns the run folder: who may write into it, what it records of the run, and whether a run may go on in it.

`run.json` is written before training begins and again at each stage, so a folder always says what made it.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.process import checkpoints

logger = logging.getLogger(__name__)

PACKAGES = ("torch", "transformers", "peft", "accelerate", "datasets", "bitsandbytes", "tokenizers", "numpy")


class RunFolder:
    """The folder of one run.

    Args:
        path: `output_dir`.
        overwrite: start afresh in a folder that is not empty; earlier checkpoints and results of a run are removed,
            files that no run writes stay.
        is_main: only this process writes.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False, is_main: bool = True):
        self.path = Path(path)
        self.overwrite = overwrite
        self.is_main = is_main
        self.record: dict[str, Any] = {"status": "started", "stages": {}}
        self._begin = time.time()

    def claim(self) -> None:
        """Makes the folder, or checks that what is in it came from a run.

        Raises:
            ConfigError: the path is a file, or the folder holds something else and `overwrite` is off.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError("output_dir", f"{self.path} is a file; give a folder")
        content = [p.name for p in self.path.iterdir()] if self.path.is_dir() else []
        if content and self._earlier() is None and not self.overwrite:
            shown = ", ".join(sorted(content)[:3])
            raise ConfigError(
                "output_dir",
                f"{self.path} is not empty and no run of this program made it (found {shown}, no {artifacts.RUN}); "
                "give another output_dir, or overwrite_output_dir=true to write into it",
            )
        if self.overwrite and self.is_main:
            self._clear()
        if self.is_main:
            self.path.mkdir(parents=True, exist_ok=True)

    def begin(self, config: dict[str, Any], identity: dict[str, Any], **facts: Any) -> None:
        """Writes run.json, after checking that an earlier run in this folder was the same one.

        Args:
            config: resolved configuration, without secrets.
            identity: what must not change between a run and its resume: model, LoRA shape, data, window settings.
            facts: anything else worth keeping (data fingerprints, counts, device).

        Raises:
            ConfigError: the folder has checkpoints of a run with another identity; names each difference.
        """
        earlier = self._earlier()
        if earlier is not None and checkpoints.list_checkpoints(self.path) and not self.overwrite:
            changed = differences(earlier.get("identity", {}), identity)
            if changed:
                raise ConfigError(
                    "output_dir",
                    [
                        f"{self.path} holds checkpoints of another run: {key} was {old!r} and is now {new!r}; give "
                        "another output_dir, or overwrite_output_dir=true to start afresh"
                        for key, old, new in changed
                    ],
                )
            self.record["stages"] = earlier.get("stages", {})
            if "trained_with" in earlier:
                self.record["trained_with"] = earlier["trained_with"]
            for key, old, new in differences(earlier.get("config", {}), config):
                logger.warning("%s was %r in this run before and is now %r; steps done stay as they are", key, old, new)
            self.record["resumed"] = int(earlier.get("resumed", 0)) + 1
        self.record |= {"config": config, "identity": identity, "versions": versions(), **facts}
        self._write()

    def stage(self, name: str, **facts: Any) -> None:
        """Notes that a stage is done, with what it gave; run.json is written at once."""
        self.record["stages"][name] = facts
        self.record["status"] = name
        self._write()

    def trained(self, **facts: Any) -> None:
        """Notes that training is done, and with which settings: a later run in this folder may have others."""
        self.record["trained_with"] = self.record.get("config", {})  # only the main process has it
        self.stage("train", **facts)

    def results(self, split: str) -> dict[str, Any]:
        """What `{split}_results.json` holds, or nothing."""
        try:
            return dict(json.loads((self.path / f"{split}_results.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def finished_stage(self, name: str) -> dict[str, Any] | None:
        """What a stage gave in this run or in the one that it goes on from."""
        return self.record["stages"].get(name)

    def write_json(self, name: str, value: Any) -> None:
        """Writes an artifact on the main process."""
        if self.is_main:
            artifacts.write_json(self.path / name, value)

    def _write(self) -> None:
        self.record["seconds"] = round(time.time() - self._begin, 1)
        self.write_json(artifacts.RUN, self.record)

    def _earlier(self) -> dict[str, Any] | None:
        try:
            record = json.loads((self.path / artifacts.RUN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def _clear(self) -> None:
        checkpoints.remove_all(self.path)
        own = [artifacts.RUN, artifacts.ALL_RESULTS, artifacts.TRAIN_RESULTS, artifacts.DATA_REPORT]
        for split in ("eval", "predict", "base"):
            own += [f"{split}_results.json", artifacts.predictions_name(split), artifacts.nbest_name(split)]
            own.append(artifacts.null_odds_name(split))
        for name in own:
            (self.path / name).unlink(missing_ok=True)


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
    """Writes `{split}_results.json` and folds it into all_results.json (main process).

    Raises:
        DataError: all_results.json is there and is no JSON object.
    """
    if not folder.is_main:
        return
    artifacts.write_json(folder.path / f"{split}_results.json", metrics)
    path = folder.path / artifacts.ALL_RESULTS
    try:
        everything = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); move it away and run again") from error
    artifacts.write_json(path, {**everything, **metrics})
