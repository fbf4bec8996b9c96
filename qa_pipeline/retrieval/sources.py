"""What an index is made of: files and documents, and which of them have changed since. Reads no more than it must."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from qa_pipeline.documents.files import SourceFile, left_out, none_readable, notes_on_files, read_source, source_files
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, DataError

_UNSURE = 2 * 10**9
"""Nanoseconds: a file that was written so shortly before it was looked at may have been written once more since, at
what its file system takes for the same time."""


@dataclass(frozen=True)
class IndexedFile:
    """A file as it was when it was read, and what came of it; or a document that was given itself.

    Attributes:
        name: what its documents are called by.
        size, mtime: bytes, and nanoseconds since 1970; -1 of a document that was given.
        sha256: of its content.
        fault: why it could not be read; such a file is tried again each time. "" where it was.
        documents, passages: how many came of it.
        languages: how many of its documents are clearly in each language, by code.
    """

    name: str
    size: int
    mtime: int
    sha256: str
    fault: str = ""
    documents: int = 0
    passages: int = 0
    languages: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceState:
    """A file as it is now.

    Attributes:
        file: its name, and what tells its content.
        kept: its number among the files of the index where it has not changed; None: it must be read.
        source: where it is; a document that was given itself is its own source.
    """

    file: IndexedFile
    kept: int | None
    source: SourceFile | Document


@dataclass
class Sources:
    """All files as they are now, and what was found of them while they were read.

    Attributes:
        states: in the order of the index.
        others: names of files of folders that are not read, by their ending.
        encoding: of text, HTML and JSONL; None: found out.
        notes, guessed, bad: see `read_source`; names of files that cannot be read, and why.
    """

    states: list[SourceState] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    encoding: str | None = None
    notes: list[str] = field(default_factory=list)
    guessed: dict[str, list[str]] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)

    def read(self, state: SourceState) -> list[Document] | str:
        """The documents of a file, each with a name of its own; or why it cannot be read, which is noted.

        Raises:
            DataError: it cannot be read, and neither can any other.
        """
        if isinstance(state.source, Document):
            return [state.source]
        try:
            return _with_own_names(read_source(state.source, self.notes, self.guessed, self.encoding), set())
        except DataError as error:
            if len(self.states) == 1:
                raise
            self.bad.append(left_out(state.source, error))
            if len(self.bad) == len(self.states):
                raise none_readable(len(self.bad), self.bad) from None
            return self.bad[-1]

    def unread(self) -> None:
        """Forgets what was found while files were read: they are read again."""
        self.notes, self.guessed, self.bad = [], {}, []

    def all_notes(self) -> list[str]:
        """What to tell of files that were left out, in part or whole; complete when all are read."""
        return [*self.notes, *notes_on_files(self.bad, self.others, self.guessed)]


def split_sources(documents: object) -> tuple[list[str], list[Document]]:
    """Absolute paths, and documents that were given themselves, of what may be one of them or several.

    Raises:
        ConfigError: it is something else, or nothing.
    """
    given = [documents] if isinstance(documents, (str, os.PathLike, Document)) else documents
    if not isinstance(given, Iterable):
        raise ConfigError("documents", f"expected files, folders or Documents, found {type(given).__name__}")
    paths: list[str] = []
    own: list[Document] = []
    for one in given:
        if isinstance(one, Document):
            own.append(one)
        elif isinstance(one, (str, os.PathLike)):
            paths.append(os.path.abspath(one))
        else:
            raise ConfigError("documents", f"expected files, folders or Documents, found {type(one).__name__}")
    if not paths and not own:
        raise ConfigError("documents", "expected files, folders or Documents, found none")
    return paths, own


def look_at(
    paths: Sequence[str],
    documents: Sequence[Document],
    old: Mapping[str, tuple[int, IndexedFile]],
    made: int,
    leave: Path | None = None,
    encoding: str | None = None,
) -> Sources:
    """What there is now; a file is hashed where its size or time say that it may have changed.

    Args:
        paths: files and folders.
        documents: beside them.
        old: the files of the index by name, each with its number.
        made: when those were looked at, in nanoseconds since 1970.
        leave: the folder of the index, which may lie in one of `paths`.
        encoding: of text, HTML and JSONL; None: found out.

    Raises:
        DataError: a file that is named is not there or is JSON, or a folder holds no document.
    """
    sources = Sources(encoding=encoding)
    if paths:
        files, sources.others = source_files(paths, None if leave is None else str(leave))
        sources.states += [_state_of(file, old.get(file.name), made) for file in files]
    for document in _with_own_names(documents, {state.file.name for state in sources.states}):
        content = json.dumps([document.text, document.title, document.pages]).encode()
        entry = IndexedFile(document.source, -1, -1, hashlib.sha256(content).hexdigest())
        sources.states.append(SourceState(entry, _number(entry, old.get(document.source)), document))
    return sources


def _state_of(file: SourceFile, old: tuple[int, IndexedFile] | None, made: int) -> SourceState:
    try:
        status = file.path.stat()
        unchanged = old is not None and (old[1].size, old[1].mtime) == (status.st_size, status.st_mtime_ns)
        if old is not None and unchanged and not old[1].fault and status.st_mtime_ns < made - _UNSURE:
            return SourceState(old[1], old[0], file)
        with open(file.path, "rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:  # `read` says what is wrong with it
        return SourceState(IndexedFile(file.name, -1, -1, ""), None, file)
    entry = IndexedFile(file.name, status.st_size, status.st_mtime_ns, sha256)
    return SourceState(entry, _number(entry, old), file)


def _number(entry: IndexedFile, old: tuple[int, IndexedFile] | None) -> int | None:
    """The number of the file in the index where its content is the same."""
    return old[0] if old is not None and not old[1].fault and old[1].sha256 == entry.sha256 else None


def _with_own_names(documents: Sequence[Document], taken: set[str]) -> list[Document]:
    """With a number behind a name that an earlier one, or another source, has."""
    named = []
    for document in documents:
        name, number = document.source, 1
        while name in taken:
            number += 1
            name = f"{document.source} ({number})"
        taken.add(name)
        named.append(document if name == document.source else replace(document, source=name))
    return named
