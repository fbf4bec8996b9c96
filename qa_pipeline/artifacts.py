"""Names every file of a run folder and writes files atomically.

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
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from qa_pipeline.errors import DataError

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
RUN_LOCK = ".run.lock"
"""Held by the one run that writes into the folder; the file itself stays, and says nothing."""

_TEMPORARY = re.compile(r"^\.(.+)\.[0-9a-f]{8}\.tmp$")


def predictions_name(split: str) -> str:
    """`eval_predictions.json` or `predict_predictions.json`: question id -> answer text."""
    return f"{split}_predictions.json"


def nbest_name(split: str) -> str:
    """Question id -> list of spans with text, start and end (characters, end exclusive), score and confidence."""
    return f"{split}_nbest_predictions.json"


def null_odds_name(split: str) -> str:
    """Question id -> no-answer score minus the best span's score, both logits; larger means "no answer"."""
    return f"{split}_null_odds.json"


def write_bytes(path: str | Path, content: bytes | Iterable[bytes]) -> Path:
    """Writes `content`, whole or in pieces, to `path` atomically (temporary file, fsync, rename), with its folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "wb") as handle:
            for piece in (content,) if isinstance(content, bytes) else content:
                handle.write(piece)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


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
