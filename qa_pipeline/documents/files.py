"""Reads files, folders and JSONL files as documents to cut passages from. What cannot be read is left out and noted.

Files that are named must be there and be no JSON; what is in them need not be readable while any other file is.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from qa_pipeline.data.readers.rawfile import missing_file, reading
from qa_pipeline.documents.reading import SUFFIXES, Document, list_files, read_document
from qa_pipeline.errors import DataError
from qa_pipeline.text.encoding import decode, name_of
from qa_pipeline.text.folding import whole_characters
from qa_pipeline.wording import counted

JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson"})
TEXT_KEYS = ("text", "context", "content", "body")
MOST_NAMED = 10


def source_documents(
    sources: Sequence[str], notes: list[str], leave: str | None = None, encoding: str | None = None
) -> Iterator[Document]:
    """The documents of files and folders, one at a time, then the rows of JSONL files.

    The source of a document is here the file's name without the folder that was given, and for a JSONL row also the
    row's id or number. A file that says no title has its name without the ending for one; no title is there twice.

    Args:
        sources: files and folders.
        notes: takes what was left out and why, complete when the last text has been taken.
        leave: a folder whose files are passed over where they lie in one of `sources`: the output of this command.
        encoding: of text, HTML and JSONL; None: found out.

    Raises:
        DataError: a file that is named is not there or is JSON, or no file can be read.
    """
    files, others = source_files(sources, leave)
    bad: list[str] = []
    guessed: dict[str, list[str]] = {}
    titles: set[str] = set()
    for file in files:
        try:
            documents = read_source(file, notes, guessed, encoding)
        except DataError as error:
            if len(files) == 1:
                raise
            bad.append(left_out(file, error))
            continue
        if not file.is_jsonl:
            documents = [_with_own_title(document, titles) for document in documents]
        yield from documents
    if len(bad) == len(files):
        raise none_readable(len(files), bad)
    notes += notes_on_files(bad, others, guessed)


class SourceFile(NamedTuple):
    """A file that documents are read from, and what its documents are called by: see `source_documents`."""

    path: Path
    name: str

    @property
    def is_jsonl(self) -> bool:
        """Whether each of its lines is a document."""
        return _is_jsonl(self.path)


def source_files(sources: Sequence[str], leave: str | None = None) -> tuple[list[SourceFile], list[str]]:
    """The files of `sources` that are read, JSONL files last; and the names of those of folders that are not.

    Raises:
        DataError: a file that is named is not there or is JSON, or a folder holds no document.
    """
    refuse_missing(sources)
    _refuse_json(sources)
    if any(_inside(Path(source), leave) for source in sources):
        leave = None  # the documents lie in it, and not the other way round
    listing = list_files(sources, SUFFIXES | JSONL_SUFFIXES)
    paths = [path for path, named in listing.files if named or not _inside(path, leave)]
    others = [path for path in listing.others if not _inside(path, leave)]
    names = _names(paths + others, [Path(source) for source in sources if Path(source).is_dir()])
    ordered = sorted(paths, key=_is_jsonl)
    return [SourceFile(path, names[path]) for path in ordered], [names[path] for path in others]


def read_source(
    file: SourceFile, notes: list[str], guessed: dict[str, list[str]], encoding: str | None = None
) -> list[Document]:
    """The documents of one file: one, or of a JSONL file one for each row that has a text.

    Args:
        file: as `source_files` gives it.
        notes: takes what was left out of a JSONL file.
        guessed: takes the file's name under an encoding that was guessed.
        encoding: of text, HTML and JSONL; None: found out.

    Raises:
        DataError: it cannot be read.
    """
    if file.is_jsonl:
        documents = _rows(file.path, file.name, notes, guessed, encoding)
    else:
        document = read_document(file.path, encoding=encoding)
        if document.guessed:
            guessed.setdefault(str(document.encoding), []).append(file.name)
        documents = [replace(document, source=file.name, title=document.title or file.path.stem)]
    return [_with_whole_characters(document) for document in documents]


def left_out(file: SourceFile, error: DataError) -> str:
    """The name of a file that cannot be read, and why."""
    return f"{file.name} ({str(error).removeprefix(f'{file.path}: ')})"


def none_readable(count: int, bad: list[str]) -> DataError:
    """The error of sources of which no file can be read."""
    return DataError(f"none of {count:,} documents can be read: {some(bad) or 'there is none'}")


def notes_on_files(bad: list[str], others: list[str], guessed: dict[str, list[str]]) -> Iterator[str]:
    """What to say of files that could not be read, were not tried, or are in an encoding that was guessed."""
    if bad:
        yield f"{counted(len(bad), 'file')} left out: {some(bad)}"
    if others:
        data = ", labelled data with --contexts_from" if any(_ends_in_json(Path(name)) for name in others) else ""
        yield (
            f"{counted(len(others), 'file')} not read, by the ending of the name: {some(others)}; a text is read when "
            f"it is named itself{data}"
        )
    for encoding, files in guessed.items():
        yield (
            f"{counted(len(files), 'file')} not in UTF-8, read as {name_of(encoding)}: {some(files)}; if letters look "
            "wrong, name the encoding (--encoding ENCODING) or convert with iconv -f ENCODING -t UTF-8 IN > OUT"
        )


def _with_whole_characters(document: Document) -> Document:
    """Without the halves of characters that JSON and names of files can hold and no file takes."""
    return replace(
        document,
        text=whole_characters(document.text),
        source=whole_characters(document.source),
        title=whole_characters(document.title or ""),
    )


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f"; and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return "; ".join(names[:MOST_NAMED]) + more


def refuse_missing(sources: Sequence[str]) -> None:
    """Raises DataError where there are no such files or folders, and names them all."""
    missing = [source for source in sources if not os.path.exists(source)]
    if missing:
        start = "" if all(map(os.path.isabs, missing)) else f" (relative paths start at {os.getcwd()})"
        raise DataError("; ".join(str(missing_file(source)) for source in missing) + start)


def _refuse_json(sources: Sequence[str]) -> None:
    """Raises DataError where files that are named are JSON, which may be labelled data or texts."""
    data = " ".join(source for source in sources if _is_json(Path(source)))
    if data:
        raise DataError(
            f"{data}: JSON is data and no document. The contexts of labelled data: --contexts_from {data}. Texts: save "
            'them as .jsonl, with {"text": ...} on each line'
        )


def _ends_in_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _is_json(path: Path) -> bool:
    """Whether a file is JSON by name and content, or has it on its first line."""
    if not _ends_in_json(path) or not path.is_file():
        return False
    with reading(str(path)):
        content = path.read_bytes().strip()
    for part in (content, content.partition(b"\n")[0]):
        with contextlib.suppress(ValueError, RecursionError):
            return isinstance(json.loads(part), (dict, list))
    return False


def _is_jsonl(path: Path) -> bool:
    return path.suffix.lower() in JSONL_SUFFIXES


def _inside(path: Path, folder: str | None) -> bool:
    return folder is not None and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _names(paths: Sequence[Path], folders: Sequence[Path]) -> dict[Path, str]:
    """The name of each file without the folder it was found in; the whole path where two would have one name."""
    short = {path: _short_name(path, folders) for path in paths}
    uses = Counter(short.values())
    return {path: name if uses[name] == 1 else path.as_posix() for path, name in short.items()}


def _short_name(path: Path, folders: Sequence[Path]) -> str:
    for folder in folders:
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.name


def _with_own_title(document: Document, titles: set[str]) -> Document:
    """With a title that none of `titles` is, which takes it.

    Rows of one title are taken to be of one document, and templates leave their title in many.
    """
    title = document.title or ""
    if title in titles:
        title = f"{title} ({document.source})"
    titles.add(title)
    return replace(document, title=title)


def _rows(
    path: Path, name: str, notes: list[str], guessed: dict[str, list[str]], encoding: str | None
) -> list[Document]:
    """The rows of a JSONL file that have a text; the others are noted.

    Raises:
        DataError: the file cannot be read, or no row has a text.
    """
    with reading(str(path)):
        content = path.read_bytes()
    whole, found, is_guess = decode(content, str(path), encoding=encoding)
    if is_guess:
        guessed.setdefault(found, []).append(name)
    rows: list[tuple[int, str, dict[str, Any]]] = []
    bad: list[str] = []
    for number, line in enumerate(whole.split("\n"), 1):
        if line.strip():
            text, row = _text(line)
            if row is None:
                bad.append(f"line {number}: {text}")
            else:
                rows.append((number, text, row))
    if not rows:
        raise DataError(
            f'{path}: expected a text or {{"text": ...}} on each line, and none has one: {some(bad) or "it is empty"}'
        )
    if bad:
        notes.append(f"{name}: {len(bad):,} of {len(bad) + len(rows):,} rows left out, {some(bad)}")
    identities = {number: row.get("document", row.get("id")) for number, _, row in rows}
    taken = {str(identity) for identity in identities.values() if identity is not None}
    documents = []
    for number, text, row in rows:
        line_name = f"line {number}" if str(number) in taken else str(number)
        identity = line_name if identities[number] is None else str(identities[number])
        documents.append(Document(text, f"{name}:{identity}", title=str(row.get("title") or "")))
    return documents


def _text(line: str) -> tuple[str, dict[str, Any] | None]:
    """The text of a row and its fields; or what is wrong with it, and None."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON ({str(error) or type(error).__name__})", None
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, dict):
        return f"{_in_words(value)} instead of a text or an object", None
    given = [key for key in TEXT_KEYS if key in value]
    for key in given:
        if isinstance(value[key], str) and value[key].strip():
            return value[key], value
    if given:
        return " and ".join(f'"{key}" is {_in_words(value[key])}' for key in given), None
    return f'no "text", found the keys {", ".join(list(value)[:MOST_NAMED]) or "none"}', None


def _in_words(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "blank"
    names: dict[type, str] = {bool: "a truth value", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")
