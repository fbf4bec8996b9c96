"""An index of documents: made once, searched in milliseconds, kept in a folder, and brought up to date by content.

A question meets a passage by its words (BM25) and by its meaning (embeddings); the two rankings become one by
reciprocal rank. Never answers a question.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

import qa_pipeline
from qa_pipeline import artifacts
from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.retrieval.embeddings import Embedder
from qa_pipeline.retrieval.generation import Generation, Written, write_generation
from qa_pipeline.retrieval.hits import Hit
from qa_pipeline.retrieval.layout import (
    FORMAT,
    MANIFEST,
    IndexManifest,
    IndexSettings,
    check_files,
    damaged,
    file_sizes,
    locked,
    new_generation,
    put_in_force,
    read_manifest,
)
from qa_pipeline.retrieval.ranking import fuse
from qa_pipeline.retrieval.sources import IndexedFile, Sources, look_at, split_sources
from qa_pipeline.text.encoding import encoding_fault
from qa_pipeline.text.languages import LANGUAGES

logger = logging.getLogger(__name__)

MAX_WORDS = 200
"""Of a passage: what the embedding of one text can see, which is 256 tokens."""
EMBEDDED_LANGUAGES = frozenset({"en"})
"""Those that the weights of the package know. In others their ranking would make that of the words worse."""
DEPTH = 200
"""How many passages each ranking hands to the fusion."""

Sourced = str | os.PathLike[str] | Document | Iterable[str | os.PathLike[str] | Document]


@dataclass(frozen=True)
class IndexReport:
    """What is in an index, and what became of its sources when it was last made or brought up to date.

    Attributes:
        documents, passages: how many there are.
        added, changed, removed: names of files that were new, had changed, or were gone or could not be read.
        embedded: passages that were embedded; None where the index has no embeddings.
        language: code of the language whose stems and stop words are used.
        notes: what was left out and why.
        seconds: what it took.
    """

    documents: int
    passages: int
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    embedded: int | None = None
    language: str = "en"
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def anything_new(self) -> bool:
        """Whether anything was added, changed or removed."""
        return bool(self.added or self.changed or self.removed)


class Index:
    """Passages of documents, to be searched. Made by `build` or `open`.

    Attributes:
        report: what is in it, and what was done last.

    Example:
        >>> fees, leave = Document("A boat costs 40 EUR a year.", "fees"), Document("Staff have 30 days off.", "leave")
        >>> index = Index.build([fees, leave], dense=False)
        >>> [hit.passage.document for hit in index.search("What does a boat cost?")]
        ['fees']
    """

    def __init__(self, folder: Path, temporary: tempfile.TemporaryDirectory[str] | None = None):
        self.folder = folder
        self._temporary = temporary  # goes, with what is in it, when this object does
        self._own: list[Document] = []  # documents that are in no file
        self._load()
        self._paths = self._manifest.sources
        self.report = _report_of(self._manifest)

    @classmethod
    def build(
        cls,
        documents: Sourced,
        folder: str | Path | None = None,
        *,
        language: str | None = None,
        dense: bool = True,
        model: str | None = None,
        max_words: int = MAX_WORDS,
        encoding: str | None = None,
    ) -> Index:
        """Makes an index; where the folder has one already, what has not changed is taken from it.

        Args:
            documents: files, folders (`.jsonl` files hold a document on each line), or documents.
            folder: for the index, made if missing; None: a temporary one that goes with the object.
            language: code of the documents' language, for stems and stop words; None: the one that most are in.
            dense: search by meaning too, where the model knows the language. The weights of the package know English.
            model: that embeds, in any language: Hub id, folder, or package:MODULE/FOLDER; None: the package's.
            max_words: what a passage holds at most.
            encoding: of text, HTML and JSONL; None: found out.

        Raises:
            ConfigError: a setting is wrong, or the folder holds something else.
            DataError: a source is not there, or none can be read; or the folder cannot be written.
            ModelError: the model cannot be loaded.
        """
        settings = IndexSettings(_language_code(language), dense, model, max_words, encoding)
        _check(settings)
        temporary = tempfile.TemporaryDirectory(prefix="qa-index-") if folder is None else None
        target = Path(temporary.name if temporary else os.fspath(folder or ""))
        paths, own = split_sources(documents)
        report = _bring_up_to_date(target, settings, paths, own, sync=temporary is None)
        index = cls(target, temporary)
        index._paths, index._own, index.report = paths, own, report
        return index

    @classmethod
    def open(cls, folder: str | Path) -> Index:
        """Opens an index, whose files are mapped into memory.

        Raises:
            DataError: the folder holds no index, or it is damaged or of another version; says how to make it anew.
        """
        return cls(Path(folder))

    def update(self, documents: Sourced | None = None) -> IndexReport:
        """Reads what is new or has changed, and leaves out what is gone; whoever searches meanwhile sees the old one.

        Args:
            documents: all sources as they are now; None: those that it was made of.

        Raises:
            ConfigError: it was made of documents that are not in files, and `documents` is None.
            DataError, ModelError: as `build`; the index stays as it was.
        """
        if documents is not None:
            paths, own = split_sources(documents)
        elif self._paths is not None:
            paths, own = self._paths, self._own
        else:
            raise ConfigError(
                str(self.folder), "the index is of documents that are in no file; give them all: update(documents)"
            )
        sync = self._temporary is None
        self.report = _bring_up_to_date(self.folder, self._manifest.settings, paths, own, sync=sync)
        self._paths, self._own = paths, own
        self._load()
        return self.report

    def search(self, question: str, top_k: int = 10) -> list[Hit]:
        """The passages nearest to a question, the nearest first.

        Args:
            question: words or a sentence. Blank, or without embeddings without a known word: nothing is found.
            top_k: how many at most.

        Raises:
            ConfigError: `top_k` is not a positive number.
            ModelError: the model of the embeddings cannot be loaded, or is another one.
        """
        if top_k < 1:
            raise ConfigError("search", f"top_k: expected at least 1, found {top_k}")
        if not question.strip() or not len(self):
            return []
        depth = max(DEPTH, top_k)
        words = self._generation.words.scores(question)
        found = _best(words, depth, above=0.0)
        vectors = self._generation.vectors
        meanings = None
        if vectors is not None:
            vector = vectors.of_question(question)
            found = np.union1d(found, _best(vectors.cosines(vector), depth))
            meanings = vectors.exact_cosines(vector, found)
        words = words[found]
        scores = fuse([words] if meanings is None else [words, meanings])
        order = [place for place in np.lexsort((found, -words, -scores))[:top_k] if scores[place] > 0]
        return [
            Hit(
                self.passage(int(found[place])),
                float(scores[place]),
                float(words[place]),
                None if meanings is None else float(meanings[place]),
            )
            for place in order
        ]

    def passage(self, number: int) -> Passage:
        """One passage, from 0, in the order of the documents.

        Raises:
            DataError: the index is damaged.
        """
        try:
            return self._generation.passage(number)
        except (ValueError, TypeError, KeyError) as error:
            raise damaged(self.folder, f"passage {number}: {error}") from error

    def document(self, name: str) -> Document:
        """A whole document, by the name that its passages have.

        Raises:
            DataError: there is none of that name, or the index is damaged.
        """
        try:
            document = self._generation.document(name)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise damaged(self.folder, f"document {name}: {error}") from error
        if document is None:
            raise DataError(f"{self.folder}: the index holds no document {name!r}")
        return document

    def names(self) -> list[str]:
        """The names of all documents."""
        try:
            return list(self._generation.names)
        except (OSError, ValueError) as error:
            raise damaged(self.folder, f"names of documents: {error}") from error

    def __len__(self) -> int:
        """How many passages there are."""
        return self._manifest.passages

    @property
    def fingerprint(self) -> str:
        """The same for the same documents, settings and version of the package, wherever and however it was made."""
        return self._manifest.fingerprint

    @property
    def settings(self) -> IndexSettings:
        """As they were asked for."""
        return self._manifest.settings

    @property
    def embedded(self) -> bool:
        """Whether passages are found by their meaning too."""
        return self._manifest.embedded

    def _load(self) -> None:
        self._manifest, self._generation = _opened(self.folder)


def _opened(folder: Path) -> tuple[IndexManifest, Generation]:
    """What is in force; once more where another process has just replaced it.

    Raises:
        DataError: there is no index, or it is damaged or of another version.
    """
    manifest = read_manifest(folder)
    while True:
        try:
            return manifest, _generation(folder, manifest)
        except DataError:
            now = read_manifest(folder)
            if now.generation == manifest.generation:
                raise
            manifest = now


def _generation(folder: Path, manifest: IndexManifest) -> Generation:
    generation = check_files(folder, manifest)
    embedder = _embedder(manifest.settings.model) if manifest.embedded else None
    try:
        return Generation(generation, manifest.language, embedder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder, error) from error


@cache
def _embedder(model: str | None) -> Embedder:
    """One for all indexes of a process: a model is loaded once."""
    return Embedder(model)


def _bring_up_to_date(
    folder: Path, settings: IndexSettings, paths: list[str], own: list[Document], *, sync: bool
) -> IndexReport:
    """Makes what is in force in a folder that of the sources as they are now.

    Raises:
        ConfigError, DataError, ModelError: as `Index.build`; what was in force stays so.
    """
    began, made = time.perf_counter(), time.time_ns()
    with locked(folder):
        before, old = _earlier(folder)
        same = before is not None and (before.settings, before.package) == (settings, qa_pipeline.__version__)
        known = {file.name: (number, file) for number, file in enumerate(old.files)} if old and same else {}
        sources = look_at(paths, own, known, before.made if before else 0, folder, settings.encoding)
        if before is not None and same and _nothing_new(sources, known):
            where = None if own else paths
            if where != before.sources:  # the same files in another place: a later update looks there
                put_in_force(folder, replace(before, sources=where), sync=False)
            return _report_of(before, notes=sources.all_notes(), seconds=time.perf_counter() - began)
        with _said_where(folder), new_generation(folder) as target:
            written = write_generation(
                target,
                sources,
                language=settings.language,
                max_words=settings.max_words,
                embedder_for=lambda language: _embedder(settings.model) if _embeds(settings, language) else None,
                old=old,
            )
            if not written.passages:
                raise DataError(f"{', '.join(paths) or 'the documents'}: hold no passage to search; nothing is indexed")
            manifest = _manifest(settings, None if own else paths, written, made, target)
            put_in_force(folder, manifest, sync=sync)
    return _report(manifest, sources, known, written, time.perf_counter() - began)


@contextlib.contextmanager
def _said_where(folder: Path) -> Iterator[None]:
    """Says of a full disk which folder could not be written."""
    try:
        yield
    except OSError as error:
        raise artifacts.write_error(folder, error.strerror or error) from error


def _earlier(folder: Path) -> tuple[IndexManifest | None, Generation | None]:
    """What is in force; nothing where there is nothing that can be read: it is made anew."""
    try:
        manifest, generation = _opened(folder)
        _ = generation.files, generation.names
    except (DataError, OSError, ValueError, TypeError) as error:
        if (folder / MANIFEST).exists():
            logger.info("the index is made anew: %s", error)
        return None, None
    return manifest, generation


def _nothing_new(sources: Sources, known: dict[str, tuple[int, IndexedFile]]) -> bool:
    """Whether there are the same files with the same contents, and what could not be read still cannot."""
    if len(sources.states) != len(known):
        return False
    unread = [state for state in sources.states if state.kept is None]
    for state in unread:
        number, file = known.get(state.file.name, (None, state.file))
        if number is None or not file.fault or file.sha256 != state.file.sha256:
            return False
    if all(isinstance(sources.read(state), str) for state in unread):
        return True
    sources.unread()
    return False


def _manifest(
    settings: IndexSettings, paths: list[str] | None, written: Written, made: int, generation: Path
) -> IndexManifest:
    embedded = written.embedded is not None
    contents = [[file.name, file.sha256] for file in written.files]
    identity = [FORMAT, qa_pipeline.__version__, asdict(settings), written.language, embedded, contents]
    return IndexManifest(
        package=qa_pipeline.__version__,
        settings=settings,
        sources=paths,
        language=written.language,
        embedded=embedded,
        documents=written.documents,
        passages=written.passages,
        fingerprint=hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
        made=made,
        generation=generation.name,
        sizes=file_sizes(generation),
    )


def _report(
    manifest: IndexManifest,
    sources: Sources,
    known: dict[str, tuple[int, IndexedFile]],
    written: Written,
    seconds: float,
) -> IndexReport:
    now = {file.name for file in written.files if not file.fault}
    earlier = {name for name, (_, file) in known.items() if not file.fault}
    read = [state.file.name for state in sources.states if state.kept is None and state.file.name in now]
    return _report_of(
        manifest,
        added=[name for name in read if name not in earlier],
        changed=[name for name in read if name in earlier],
        removed=sorted(earlier - now),
        embedded=written.embedded,
        notes=sources.all_notes(),
        seconds=seconds,
    )


def _report_of(manifest: IndexManifest, **done: object) -> IndexReport:
    done = {"embedded": 0 if manifest.embedded else None} | done
    return IndexReport(manifest.documents, manifest.passages, language=manifest.language, **done)  # type: ignore[arg-type]


def _embeds(settings: IndexSettings, language: str) -> bool:
    return settings.dense and (settings.model is not None or language in EMBEDDED_LANGUAGES)


def _language_code(language: str | None) -> str | None:
    return None if language is None else language.strip().lower().split("-")[0].split("_")[0]


def _check(settings: IndexSettings) -> None:
    problems = []
    if settings.max_words < 1:
        problems.append(f"max_words: expected at least 1, found {settings.max_words}")
    if settings.language is not None and settings.language not in LANGUAGES:
        problems.append(f"language: expected a code such as en or de, found {settings.language!r}")
    if settings.encoding is not None and (fault := encoding_fault(settings.encoding)):
        problems.append(f"encoding: {fault}")
    if problems:
        raise ConfigError("index", problems)


def _best(scores: np.ndarray, count: int, above: float | None = None) -> np.ndarray:
    """The numbers of the highest scores, those above a bound only; of equal ones at the edge the first."""
    if above is not None:
        candidates = np.flatnonzero(scores > above)
        scores = scores[candidates]
    else:
        candidates = np.arange(len(scores))
    if len(scores) <= count:
        return candidates
    edge = np.partition(scores, len(scores) - count)[len(scores) - count]
    better = np.flatnonzero(scores > edge)
    equal = np.flatnonzero(scores == edge)[: count - len(better)]
    return np.asarray(candidates[np.concatenate([better, equal])])
