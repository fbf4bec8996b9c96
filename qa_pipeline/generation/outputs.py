"""Writes what a generation ends in, so that a kill in between loses nothing and nobody's edit is overwritten.

A file is as a run wrote it where its hash stands in the report, or in the list of what is about to be written: that one
lies in WORK from before the first file is written until the report is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.dataset import SPLITS
from qa_pipeline.generation.job import CARD, REPORT, SPECIFICATION, WORK
from qa_pipeline.generation.specification.specification import Specification

FILES = (*(f"{split}.json" for split in SPLITS), CARD)
_WRITING = "writing.json"
_STILL_WRITING = 60.0
"""Seconds since its last byte after which a temporary file is that of a killed run, and no other process's."""


@contextlib.contextmanager
def leaving_no_empty_folder(folder: Path) -> Iterator[None]:
    """Where what is done ends in an error, folders that it made and put nothing into go again."""
    absent = [place for place in (folder / WORK, folder, *folder.parents) if not place.exists()]
    try:
        yield
    except BaseException:
        for place in absent:
            with contextlib.suppress(OSError):  # it holds something, or was never made
                place.rmdir()
        raise


def claim(folder: Path, anew: bool | None = None) -> None:
    """Makes the folder, or checks that what is in it came from here and is as it was written.

    Args:
        anew: files that were edited may be overwritten; None where the user has no setting that says so.

    Raises:
        ConfigError: it holds data of another origin or edited data, or cannot be made.
    """
    there = [name for name in FILES if (folder / name).exists()]
    if there and not (folder / WORK).is_dir() and not (folder / REPORT).is_file():
        raise ConfigError("output_dir", f"{folder} holds {there[0]}, which was not made here; choose another folder")
    try:
        known = _known_hashes(folder)
        edited = [] if anew else [name for name in there if _hash((folder / name).read_bytes()) not in known]
        (folder / WORK).mkdir(parents=True, exist_ok=True)
        for place in (folder, folder / WORK):
            artifacts.sweep(place, older_than=_STILL_WRITING)
    except OSError as error:
        raise ConfigError("output_dir", f"cannot write to {folder}: {error.strerror or error}") from error
    if edited:
        flag = "" if anew is None else ", or give --overwrite_output_dir true to write all of it anew"
        raise ConfigError(
            "output_dir",
            f"{', '.join(edited)} in {folder}: not as a run wrote {'it' if len(edited) == 1 else 'them'}, so edited by "
            "hand, it seems, and not overwritten; move what you want to keep elsewhere, choose another output_dir"
            f"{flag}",
        )


def write_outputs(folder: Path, contents: Mapping[str, bytes], report: dict[str, Any]) -> None:
    """Writes the files and then the report, which takes their hashes; a file that there is no content for goes.

    Raises:
        DataError: a file cannot be written.
    """
    report["files"] = {name: _hash(content) for name, content in contents.items()}
    note = folder / WORK / _WRITING
    with artifacts.writing(note, resumes=True):
        artifacts.write_json(note, sorted({*_known_hashes(folder), *report["files"].values()}))
    for name in FILES:
        with artifacts.writing(folder / name, resumes=True):
            if name in contents:
                artifacts.write_bytes(folder / name, contents[name])
            else:
                (folder / name).unlink(missing_ok=True)  # of an earlier run; a stale file would pass for this one's
    with artifacts.writing(folder / REPORT, resumes=True):
        artifacts.write_json(folder / REPORT, report)
        note.unlink()


def save_specification(folder: Path, specification: Specification, given: str | None, anew: bool) -> None:
    """Writes what a prompt was read as, but not over an edit.

    Args:
        given: the file that the specification was read from, if it was.

    Raises:
        ConfigError: the file there says something else.
        DataError: it cannot be written.
    """
    path = folder / SPECIFICATION
    if not given and not anew and path.is_file() and path.read_bytes() != specification.to_yaml().encode():
        raise ConfigError(
            "output_dir",
            f"{path} is not what this prompt gives: it was edited, or made from another prompt, and is not "
            f"overwritten; give it as --spec_file {path} in place of the prompt, move it elsewhere, choose another "
            "output_dir, or give --overwrite_output_dir true",
        )
    if not given or os.path.realpath(given) != os.path.realpath(path):
        with artifacts.writing(path, resumes=True):
            specification.save(path)


def _known_hashes(folder: Path) -> set[str]:
    """Hashes of what runs wrote, or may have written, into the folder."""
    known: set[str] = set()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        known.update(json.loads((folder / REPORT).read_bytes()).get("files", {}).values())
    with contextlib.suppress(OSError, ValueError):
        known.update(json.loads((folder / WORK / _WRITING).read_bytes()))
    return known


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
