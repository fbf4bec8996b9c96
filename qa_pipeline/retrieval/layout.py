"""The folder of an index: which of its files are in force, and how others come into force. Never reads a passage.

    index.json                 what the index is, and which generation is in force
    generation-0a1b2c3d/       its files, which are never changed
    .index.lock                held by the one process that writes

An update writes a generation beside the old one and then puts a new index.json in place of the old: before that rename
the old one is in force, after it the new one, and there is no time between.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, DataError

logger = logging.getLogger(__name__)

MANIFEST = "index.json"
LOCK = ".index.lock"
FORMAT = 1
"""Raised when the files come to hold something else."""
_GENERATION = re.compile(r"generation-[0-9a-f]{8}")
_PATIENCE = 1.0
"""Seconds that another writer is waited for before that is said."""


@dataclass(frozen=True)
class IndexSettings:
    """What an index hangs on beside its documents.

    Attributes:
        language: code of the documents' language; None: found out.
        dense: whether embeddings are asked for.
        model: that embeds; None: the weights of the package, where they know the language.
        max_words: what a passage holds at most.
        encoding: of text, HTML and JSONL; None: found out.
    """

    language: str | None = None
    dense: bool = True
    model: str | None = None
    max_words: int = 0
    encoding: str | None = None


@dataclass(frozen=True)
class IndexManifest:
    """What index.json says.

    Attributes:
        package: version of this package that cut the passages.
        settings: as they were asked for.
        sources: files and folders, as absolute paths; None where documents were given themselves.
        language: code of the language whose stems and stop words are used.
        embedded: whether there are embeddings.
        documents, passages: how many there are.
        fingerprint: the same for the same documents and settings.
        made: when the sources were looked at, in nanoseconds since 1970.
        generation: name of the folder that is in force.
        sizes: bytes of each of its files.
    """

    package: str
    settings: IndexSettings
    sources: list[str] | None
    language: str
    embedded: bool
    documents: int
    passages: int
    fingerprint: str
    made: int
    generation: str
    sizes: dict[str, int]


def read_manifest(folder: Path) -> IndexManifest:
    """What is in force in a folder.

    Raises:
        DataError: there is no index, it is damaged, or a version of this package made it that has other files.
    """
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{folder}: holds no index; make one: qa-pipeline index DOCUMENTS --index {folder}") from None
    except (OSError, ValueError) as error:
        raise damaged(folder, f"{MANIFEST}: {error}") from error
    found = value.get("format") if isinstance(value, dict) else None
    if found != FORMAT:
        raise DataError(
            f"{folder}: the index has format {found!r}, this version reads {FORMAT}; make it anew: qa-pipeline index "
            f"{_sources(value)} --index {folder}"
        )
    try:
        del value["format"]
        return IndexManifest(**value | {"settings": IndexSettings(**value["settings"])})
    except (KeyError, TypeError) as error:
        raise damaged(folder, f"{MANIFEST}: {error}") from error


def check_files(folder: Path, manifest: IndexManifest) -> Path:
    """The folder of the generation in force, whose files are there with the sizes they must have.

    Raises:
        DataError: they are not.
    """
    generation = folder / manifest.generation
    for name, expected in manifest.sizes.items():
        try:
            size = (generation / name).stat().st_size
        except OSError as error:
            raise damaged(folder, f"{manifest.generation}/{name}: {error.strerror}") from error
        if size != expected:
            raise damaged(folder, f"{manifest.generation}/{name} has {size:,} bytes, expected {expected:,}")
    return generation


def damaged(folder: Path, reason: object) -> DataError:
    """The error of an index that cannot be read."""
    return DataError(
        f"{folder}: the index is damaged ({reason}); make it anew: qa-pipeline index DOCUMENTS --index {folder}"
    )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other writers out; waits for one that is in.

    Raises:
        ConfigError: the folder holds something else than an index.
        DataError: it cannot be written.
    """
    _refuse_others(folder)
    with artifacts.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        with contextlib.suppress(NotImplementedError):  # a file system without locks
            try:
                lock.acquire(timeout=_PATIENCE)
            except Timeout:
                logger.info("%s: another process writes the index; waiting for it", folder)
                lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def new_generation(folder: Path) -> Iterator[Path]:
    """A folder for the files of a new generation; what killed writers left is removed before, and it on an error.

    The caller holds the lock.
    """
    target = folder / f"generation-{secrets.token_hex(4)}"
    with artifacts.writing(folder):
        _remove_others(folder, _in_force(folder))
        target.mkdir()
    try:
        yield target
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def put_in_force(folder: Path, manifest: IndexManifest, *, sync: bool = True) -> None:
    """Makes a generation the one that is read, and removes the one before.

    Args:
        manifest: of the generation, whose files are all written.
        sync: wait until they are on the disk, so that a machine that stops leaves the old index or the new one.
    """
    with artifacts.writing(folder):
        if sync:
            for name in manifest.sizes:
                with open(folder / manifest.generation / name, "rb+") as file:
                    os.fsync(file.fileno())
        artifacts.write_json(folder / MANIFEST, {"format": FORMAT} | asdict(manifest))
    _remove_others(folder, manifest.generation)


def file_sizes(generation: Path) -> dict[str, int]:
    """The bytes of each file of a generation, by its path inside."""
    files = sorted(path for path in generation.rglob("*") if path.is_file())
    return {path.relative_to(generation).as_posix(): path.stat().st_size for path in files}


def _sources(value: object) -> str:
    """The documents that an index was made of, for a command; else what stands for them."""
    sources = value.get("sources") if isinstance(value, dict) else None
    return " ".join(map(str, sources)) if isinstance(sources, list) and sources else "DOCUMENTS"


def _in_force(folder: Path) -> str | None:
    try:
        return read_manifest(folder).generation
    except DataError:
        return None


def _remove_others(folder: Path, kept: str | None) -> None:
    """Removes generations that are not in force. On some systems those that a process has open stay until later."""
    artifacts.sweep(folder, MANIFEST)
    for path in folder.iterdir():
        if _GENERATION.fullmatch(path.name) and path.name != kept:
            shutil.rmtree(path, ignore_errors=True)


def _refuse_others(folder: Path) -> None:
    if folder.is_file():
        raise ConfigError("index", f"{folder} is a file; expected a folder for the index, which is made if missing")
    if not folder.is_dir() or (folder / MANIFEST).exists():
        return
    others = [
        path.name
        for path in folder.iterdir()
        if path.name != LOCK and not _GENERATION.fullmatch(path.name) and not artifacts.is_temporary(path, MANIFEST)
    ]
    if others:
        names = ", ".join(sorted(others)[:3])
        raise ConfigError(
            "index", f"{folder} holds other files ({names}); expected an empty folder, or that of an index"
        )
