"""Names every file of a run folder, writes files atomically, and keeps journals of work that may be killed.

A file is either absent, old or complete: content goes to a temporary file in the same folder, is fsynced, and is
renamed over the target. Where a file has a counterpart in the transformers examples it has that name.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from filelock import BaseFileLock, Timeout

from qa_pipeline.errors import ConfigError, DataError

RUN = "run.json"
DATA_REPORT = "data_report.json"
TRAIN_RESULTS = "train_results.json"
EVAL_RESULTS = "eval_results.json"
PREDICT_RESULTS = "predict_results.json"
BASE_RESULTS = "base_results.json"
ALL_RESULTS = "all_results.json"
MODEL_CARD = "README.md"
QA_CONFIG = "qa_config.json"
"""Decoding settings beside the weights (window size, answer length, no-answer threshold): what a predictor needs."""
MERGED_FOLDER = "merged"
CHECKPOINT_MANIFEST = "checkpoint_manifest.json"
PREDICT_JOURNAL = "predict_journal.jsonl"
"""Predictions of the test questions as they are made; there only while not all of them are."""
RUN_LOCK = ".run.lock"
"""Held by the one run that writes into the folder; the file itself stays, and says nothing."""

_SYNC_SECONDS = 0.5
_TEMPORARY = re.compile(r"^\.(.+)\.[0-9a-f]{8}\.tmp$")


def cache_folder(kind: str) -> Path:
    """Where what can be made again is kept between runs, by its kind ("indexes"). The folder need not be there yet.

    `$QA_PIPELINE_CACHE/KIND`, else `$XDG_CACHE_HOME/qa-pipeline/KIND`, else `~/.cache/qa-pipeline/KIND`.

    Raises:
        ConfigError: none of the variables is set, and the user has no home folder.
    """
    if own := os.environ.get("QA_PIPELINE_CACHE"):
        return Path(own).expanduser() / kind
    system = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The XDG specification: a path that is not absolute is invalid and counts as not set.
        home = Path(system) if os.path.isabs(system) else Path.home() / ".cache"
    except RuntimeError as error:
        raise ConfigError("QA_PIPELINE_CACHE", f"{error}: set it to a folder for what is kept between runs") from None
    return home / "qa-pipeline" / kind


def predictions_name(split: str) -> str:
    """`eval_predictions.json` or `predict_predictions.json`: question id -> answer text."""
    return f"{split}_predictions.json"


def nbest_name(split: str) -> str:
    """Question id -> list of spans with text, start and end (characters, end exclusive), score and confidence."""
    return f"{split}_nbest_predictions.json"


def null_odds_name(split: str) -> str:
    """Question id -> no-answer score minus the best span's score, both logits; larger means "no answer"."""
    return f"{split}_null_odds.json"


@contextlib.contextmanager
def replacing(*paths: Path) -> Iterator[Sequence[IO[bytes]]]:
    """Files to write into; all take their places when the block ends, and none of them where it fails."""
    temporaries = [path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp") for path in paths]
    try:
        with contextlib.ExitStack() as stack:
            handles = [stack.enter_context(open(temporary, "wb")) for temporary in temporaries]
            yield handles
            for handle in handles:
                handle.flush()
                os.fsync(handle.fileno())
        for temporary, path in zip(temporaries, paths, strict=True):
            os.replace(temporary, path)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes | Iterable[bytes]) -> Path:
    """Writes `content`, whole or in pieces, to `path` atomically (temporary file, fsync, rename), with its folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as (handle,):
        handle.writelines((content,) if isinstance(content, bytes) else content)
    return path


def write_objects(paths: Sequence[Path], members: Iterable[tuple[str, Mapping[Path, Any]]]) -> None:
    """Writes JSON objects side by side, a member at a time, as `write_json` would write each of them whole.

    Args:
        paths: the files, in folders that are there.
        members: the name of each member, and its value in the files that have it. No file has a name twice.
    """
    with replacing(*paths) as handles:
        begun = dict.fromkeys(paths, False)
        for name, values in members:
            for path, handle in zip(paths, handles, strict=True):
                if path in values:
                    # Of an object of one member: its line or lines, indented, without the braces around them.
                    member = json.dumps({name: values[path]}, ensure_ascii=False, indent=2)[2:-2]
                    handle.write((",\n" if begun[path] else "{\n").encode() + member.encode("utf-8"))
                    begun[path] = True
        for path, handle in zip(paths, handles, strict=True):
            handle.write(b"\n}\n" if begun[path] else b"{}\n")


def is_temporary(path: str | Path, target: str | None = None) -> bool:
    """Whether a file is one that a killed `write_bytes` left behind, of the file called `target` if that is given.

    >>> [is_temporary(name) for name in (".run.json.0a1b2c3d.tmp", ".run.lock", "notes.tmp")]
    [True, False, False]
    """
    match = _TEMPORARY.match(Path(path).name)
    return match is not None and target in (None, match.group(1))


def sweep(folder: str | Path, target: str | None = None, older_than: float = 0.0) -> None:
    """Removes the temporary files of killed writes from a folder, not from the folders in it.

    Args:
        target: only those of the file with this name.
        older_than: seconds; a younger one may be another process's that is still writing.
    """
    with contextlib.suppress(OSError):
        for path in Path(folder).iterdir():
            if is_temporary(path, target) and time.time() - path.lstat().st_mtime >= older_than:
                path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Writes UTF-8 text to `path` atomically."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: Any, indent: int | None = 2) -> Path:
    """Writes `value` as UTF-8 JSON to `path` atomically, with a newline at the end."""
    return write_text(path, json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


def hold(lock: BaseFileLock, source: str, refusal: str) -> None:
    """Takes a lock, which ends with this process, however it ends. A file system without locks has none to take.

    Raises:
        ConfigError: another process has it; says `refusal` of `source`.
    """
    try:
        if not lock.is_locked:
            lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(source, refusal) from None
    except NotImplementedError:
        pass


class Lines:
    """A file of lines of JSON that is only ever appended to. What was written outlives the process at once.

    What a kill cut short at the end is no line: it is left out, and written over. After half a second at most, what was
    written outlives the machine too.

    Args:
        path: the file, in a folder that is there.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._file: IO[bytes] | None = None
        self._synced = 0.0

    def __iter__(self) -> Iterator[bytes]:
        """The whole lines that are there."""
        if self.path.exists():
            with open(self.path, "rb") as handle:
                yield from (line for line in handle if line.endswith(b"\n"))

    def open(self, size: int) -> None:
        """Opens the file for writing after its first `size` bytes; what comes after them is cut off."""
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (open as long as the object)
        self._file.truncate(size)

    def append(self, value: Any, sync: bool = False) -> None:
        """Writes one value; `sync`: in any case onto the disk."""
        assert self._file is not None
        line = json.dumps(value, ensure_ascii=True).encode("ascii") + b"\n"
        while line:  # unbuffered: on a full disk nothing is left that `close` would try to write once more
            line = line[self._file.write(line) :]
        if sync or time.monotonic() - self._synced > _SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def close(self) -> None:
        """Writes what is left onto the disk."""
        if self._file is not None and not self._file.closed:
            try:
                os.fsync(self._file.fileno())
            finally:
                self._file.close()


class Journal:
    """The results of a list of items, kept as they are computed, so that a run which was killed goes on where it was.

    Lines: what the work is, then the results in the order of the items, each with the "id" of its item.

        with Journal(path) as journal:
            journal.begin({"model": "...", "questions": "..."}, ids)
            for result in results_after(len(journal)):
                journal.append(result)
            write(iter(journal))
            journal.remove()

    Args:
        path: the file. The caller sees to it that no other process has it.

    Raises (all methods):
        OSError: the file cannot be read or written.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._lines = Lines(path)
        self._begun = False
        self._count = 0

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.close()
        if self._begun and not self._count:
            self.path.unlink(missing_ok=True)

    def __len__(self) -> int:
        """How many results are there."""
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The results, read one by one."""
        lines = iter(self._lines)
        next(lines, None)
        return (json.loads(line) for line in lines)

    def begin(self, identity: Mapping[str, Any], ids: Iterable[str]) -> list[str]:
        """Takes up the results that the file has; those from the first that cannot be read, or has another id, go.

        Args:
            identity: what the results hang on, as JSON can hold it.
            ids: of the items, in their order.

        Returns:
            Where the file is of other work, or its first line cannot be read, so that it is begun anew: the keys of
            `identity` that differ. Empty where it goes on or nothing was there.
        """
        wanted = json.loads(json.dumps(identity))
        size, changed = 0, list[str]()
        names = iter(ids)
        for line in self._lines:
            value = _object(line)
            if not size:
                changed = [key for key in wanted if key not in value or value[key] != wanted[key]]
                if changed:
                    break
            elif "id" not in value or value["id"] != next(names, None):
                break
            else:
                self._count += 1
            size += len(line)
        self._lines.open(size)
        self._begun = True
        if not size:
            self._lines.append(wanted)
        return changed

    def append(self, result: Mapping[str, Any]) -> None:
        """Keeps the result of the next item."""
        self._lines.append(result)
        self._count += 1

    def remove(self) -> None:
        """Takes the file away: what it held is elsewhere by now."""
        self._lines.close()
        self.path.unlink(missing_ok=True)


def _object(line: bytes) -> dict[str, Any]:
    """A line as a JSON object; an empty one where it is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@contextlib.contextmanager
def writing(path: str | Path, resumes: bool = False) -> Iterator[None]:
    """Turns what goes wrong while `path` is written (a full disk, no right to write) into one DataError.

    Args:
        path: the file or folder that the message names.
        resumes: whether the same command goes on from what is done; then the message says so.
    """
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a name or a text that the file system cannot hold
        raise write_error(path, getattr(error, "strerror", None) or error, resumes) from error


def write_error(path: str | Path, reason: object, resumes: bool = False) -> DataError:
    """The error that says that `path` cannot be written, why, and what to do."""
    mend = ". What is done is kept: mend that (room on the disk, the right to write), then the same command goes on"
    return DataError(f"{path}: cannot be written: {reason}{mend if resumes else ''}")
