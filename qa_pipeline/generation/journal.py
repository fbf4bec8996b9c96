"""What has been done, on disk as it is done, so that a killed run goes on where it was.

One JSON value on a line, only ever appended. Work is done in blocks of passages: what stands between `begin` and `done`
of a block counts when the `done` is there, else the block is done again (a backend's cache answers what was asked
before). The first line says which run this is; a run with other settings does not go on from it, and only one process
at a time writes to it.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from qa_pipeline import artifacts
from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.backends.endpoint import redact
from qa_pipeline.generation.types import Rejected, Row


@dataclass
class Block:
    """What came of one block of passages: rows that passed, and reasons of those that did not, counted.

    Attributes:
        passages: a digest of the ids of its passages; a block of others is another block.
        passages_seen: ids of the passages of which anything came; not kept.
        unanswered: by id the passages that are not done, with what failed; a block that is finished has none.
    """

    passages: str = ""
    rows: list[Row] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    passages_seen: set[str] = field(default_factory=set)
    unanswered: dict[str, Rejected] = field(default_factory=dict)


class DraftJournal:
    """The journal of one run.

    Args:
        path: its file; made when it is not there.
        identity: settings and inputs that decide the content of the rows, as JSON can hold them.
        passages: all passages of the run, by id.
        anew: forget what the file holds.

    Raises:
        ConfigError: the file belongs to a run with another identity, or another process works on it.
        DataError: the file is damaged other than by being cut off, or cannot be read or written.
    """

    def __init__(
        self, path: str | Path, identity: Mapping[str, Any], passages: Mapping[str, Passage], anew: bool = False
    ):
        self.path = Path(path)
        self._passages = passages
        self.done: dict[int, Block] = {}
        self._lines = artifacts.Lines(self.path)
        self._lock = FileLock(self.path.with_suffix(".lock"))
        folder = self.path.parent.parent
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            artifacts.hold(
                self._lock,
                "output_dir",
                f"another process is making data in {folder}; wait for it, or choose another folder",
            )
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror or error}") from error
        try:
            self._open(json.loads(json.dumps(identity)), anew)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, identity: Any, anew: bool) -> None:
        try:
            if anew:
                self.path.unlink(missing_ok=True)
            kept = self._read(identity)
            self._lines.open(kept)
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror or error}") from error
        if kept == 0:
            self._write({"kind": "run", "identity": identity}, sync=True)

    def begin(self, number: int) -> None:
        """A block is begun; what an unfinished attempt at it left does not count."""
        self._write({"kind": "begin", "block": number})

    def row(self, number: int, row: Row) -> None:
        """A row that passed."""
        self._write({"kind": "row", "block": number, **row.to_json()})

    def reject(self, number: int, reason: str, passage_id: str) -> None:
        """A draft that did not pass."""
        self._write({"kind": "rejected", "block": number, "reason": reason, "passage": passage_id})

    def finish(self, number: int, block: Block, marks: Sequence[str] = ()) -> None:
        """A block is done; it holds exactly these rows.

        Some may have failed the round trip after they were noted; `marks` names filters that the others passed then.
        """
        value = {"kind": "done", "block": number, "passages": block.passages, "rejected": dict(block.rejected)}
        self._write({**value, "marks": list(marks), "keys": [row.key for row in block.rows]}, sync=True)
        self.done[number] = block

    def close(self) -> None:
        """Writes what is left to disk, and lets others work on it."""
        try:
            with artifacts.writing(self.path, resumes=True):
                self._lines.close()
        finally:
            self._lock.release()

    def _write(self, value: Mapping[str, Any], sync: bool = False) -> None:
        with artifacts.writing(self.path, resumes=True):
            self._lines.append(value, sync)

    def _read(self, identity: Any) -> int:
        """Takes in the finished blocks; returns how many bytes of the file are whole lines."""
        whole = 0
        open_blocks: dict[int, dict[str, Row]] = {}
        for number, line in enumerate(self._lines, 1):
            whole += len(line)
            try:
                self._take(json.loads(line), number, identity, open_blocks)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if isinstance(error, ValueError) and not line.strip(b"\0 \n"):
                    continue  # a hole that a crash of the machine left
                raise DataError(
                    f"{self.path}, line {number}: damaged ({type(error).__name__}: {error}); "
                    "--overwrite_output_dir begins anew"
                ) from error
        return whole

    def _take(self, value: Any, line: int, identity: Any, open_blocks: dict[int, dict[str, Row]]) -> None:
        kind = value["kind"]
        if line == 1:
            if kind != "run":
                raise ValueError("it does not begin with a run")
            _same_run(str(self.path), value["identity"], identity)
        elif kind == "begin":
            open_blocks[value["block"]] = {}
        elif kind == "row":
            row = Row.from_json(value, self._passages)
            open_blocks[value["block"]][row.key] = row
        elif kind == "done":
            rows = open_blocks.pop(value["block"])
            passed = [replace(rows[key], passed=(*rows[key].passed, *value["marks"])) for key in value["keys"]]
            self.done[value["block"]] = Block(value.get("passages", ""), passed, Counter(value["rejected"]))


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Holds a lock of that name, where the file system has locks."""
    lock = FileLock(path)
    with contextlib.suppress(NotImplementedError), artifacts.writing(path, resumes=True):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One line for each setting that two identities do not share; secrets, which earlier versions kept, are none."""
    old, new = redact(old), redact(new)
    return [
        f"{key}: was {json.dumps(old.get(key))}, is {json.dumps(new.get(key))}"
        + (" (documents were changed, added or removed, or have other names)" if key == "passages" else "")
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _same_run(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    lines = differences(old, new)
    if lines:
        advice = f"{name} belongs to another run; choose another folder, or --overwrite_output_dir"
        raise ConfigError("output_dir", [advice, *lines])
