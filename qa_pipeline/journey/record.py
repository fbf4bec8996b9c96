"""`journey.json`: what each stage was made from and what it gave, and hashes of files. Decides nothing.

The record is replaced as a whole before a stage begins and after it has ended, so that a kill at any moment leaves one
that is true.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError

RECORD = "journey.json"
LOCK = ".journey.lock"
WORK = "work"
"""Folder in the journey's folder for completions; it may be deleted when the journey is done."""
BEGUN, DONE, STOPPED = "begun", "done", "stopped"
_FORMAT = 1


@dataclass
class StageRecord:
    """What is known of one stage.

    Attributes:
        status: "begun", "done", or "stopped": it ended early, with what is there usable.
        fingerprint: what it was made from: code, settings, sources, inputs, own edited files.
        files: name -> {"path": within the journey's folder, or absolute, "sha256": as the stage left it}.
        facts: as the stage gave them.
        seconds: of its last run.
        why: of a stopped one.
    """

    status: str
    fingerprint: dict[str, Any]
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    why: str | None = None


class JourneyRecord:
    """The record of one folder.

    Args:
        root: the journey's folder.

    Raises:
        ConfigError: `journey.json` is damaged.
    """

    def __init__(self, root: Path):
        self.root = root
        self.path = root / RECORD
        self.settings: dict[str, Any] = {}
        self.stages: dict[str, StageRecord] = {}
        self._lock = FileLock(root / LOCK)
        self.there = self._read()

    def claim(self) -> None:
        """Makes the folder and holds it for this process.

        Raises:
            ConfigError: it is somebody else's, another process works in it, or it cannot be written.
        """
        refuse_foreign(self.root, self.there)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            artifacts.hold(
                self._lock,
                "output_dir",
                f"another journey is under way in {self.root}; wait for it to end, or choose another folder",
            )
            self.there = self._read()  # it may have ended since
            artifacts.sweep(self.root)
        except OSError as error:
            raise ConfigError("output_dir", f"cannot write to {self.root}: {error.strerror or error}") from error

    def release(self) -> None:
        """Lets go of the folder."""
        self._lock.release()

    def write(self) -> None:
        """Writes the record.

        Raises:
            DataError: it cannot be written.
        """
        stages = {name: asdict(record) for name, record in self.stages.items()}
        value = {"format": _FORMAT, "settings": self.settings, "stages": stages}
        with artifacts.writing(self.path, resumes=True):
            artifacts.write_json(self.path, value)

    def path_of(self, name: str, file: str) -> Path:
        """Where an artifact lies."""
        return self.root / self.stages[name].files[file]["path"]

    def _read(self) -> bool:
        """Takes up what the file says; False where there is none."""
        try:
            value = json.loads(self.path.read_text(encoding="utf-8"))
            if value["format"] != _FORMAT:
                raise ValueError(f"its format is {value['format']!r}, expected {_FORMAT}")
            self.settings = dict(value["settings"])
            self.stages = {name: StageRecord(**record) for name, record in value["stages"].items()}
        except FileNotFoundError:
            return False
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ConfigError(
                "output_dir",
                f"{self.path} is damaged ({reason}); put it back as it was, or choose another output_dir",
            ) from error
        return True


def refuse_foreign(root: Path, is_journey: bool) -> None:
    """Refuses a folder that holds something else.

    Raises:
        ConfigError: it is a file, or not empty and no journey made it.
    """
    if root.exists() and not root.is_dir():
        raise ConfigError("output_dir", f"{root} is a file; give a folder")
    if is_journey or not root.is_dir():
        return
    others = sorted(p.name for p in root.iterdir() if p.name != LOCK and not artifacts.is_temporary(p))
    if others:
        raise ConfigError(
            "output_dir",
            f"{root} is not empty and no journey made it (found {', '.join(others[:3])}, no {RECORD}); choose another "
            "folder",
        )


def hash_of(path: Path) -> str | None:
    """SHA-256 of a file, or of the names and contents of all files of a folder; None where nothing is.

    Temporary files and locks count for nothing.
    """
    if path.is_file():
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for one in sorted(path.rglob("*")):
        if one.is_file() and not artifacts.is_temporary(one) and not one.name.endswith(".lock"):
            digest.update(f"{one.relative_to(path).as_posix()}\0{hash_of(one)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def digest_of_value(value: Any) -> str:
    """SHA-256 of what JSON makes of a value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two fingerprints, in words: "learning_rate: was 0.0003, is the default"."""
    said = []
    for part in sorted(old.keys() | new.keys()):
        before, now = old.get(part), new.get(part)
        if before == now:
            continue
        if not (isinstance(before, dict) and isinstance(now, dict)):
            said.append(f"{part}: was {_shown(old, part)}, is {_shown(new, part)}")
            continue
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) == now.get(key):
                continue
            if part == "settings":
                said.append(f"{key}: was {_shown(before, key)}, is {_shown(now, key)}")
            else:
                said.append(f"{key} {_OTHER.get(part, 'has other content')}")
    return said


_OTHER = {"inputs": "gives something else", "own": "was edited"}


def _shown(values: Mapping[str, Any], key: str) -> str:
    """A value on one short line; settings at their defaults are not in a fingerprint."""
    if key not in values:
        return "the default"
    text = json.dumps(values[key], ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
