"""Brings the folder of an index up to date with its sources: what is kept, what is read, and what comes into force."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import qa_pipeline
from qa_pipeline import artifacts
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import DataError
from qa_pipeline.retrieval.embeddings import Embedder, embedder_at_hand
from qa_pipeline.retrieval.generation import Generation, Written, write_generation
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
from qa_pipeline.retrieval.sources import IndexedFile, Sources, look_at

logger = logging.getLogger(__name__)

EMBEDDED_LANGUAGES = frozenset({"en"})
"""Those that the weights of the package know. In others their ranking would make that of the words worse."""


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


def open_generation(folder: Path) -> tuple[IndexManifest, Generation]:
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
    try:
        return Generation(generation, manifest.language, manifest.embedded)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder, error) from error


def bring_up_to_date(
    folder: Path,
    settings: IndexSettings,
    paths: list[str],
    own: list[Document],
    *,
    sync: bool,
    embedder: Embedder | None = None,
) -> IndexReport:
    """Makes what is in force in a folder that of the sources as they are now.

    Passages are embedded with `embedder` where it is of the model of the settings, else with what is at hand; where
    nothing is, the index has no embeddings until it is brought up to date where there is.

    Raises:
        ConfigError, DataError, ModelError: as `Index.build`; what was in force stays so.
    """
    began, made = time.perf_counter(), time.time_ns()
    with locked(folder):
        before, old = _earlier(folder)
        same = before is not None and (before.settings, before.package) == (settings, qa_pipeline.__version__)
        known = {file.name: (number, file) for number, file in enumerate(old.files)} if old and same else {}
        sources = look_at(paths, own, known, before.made if before else 0, folder, settings.encoding)
        if before is not None and same and not _now_embeds(before, embedder) and _nothing_new(sources, known):
            where = None if own else paths
            if where != before.sources:  # the same files in another place: a later update looks there
                put_in_force(folder, replace(before, sources=where), sync=False)
            return report_of(before, notes=sources.all_notes(), seconds=time.perf_counter() - began)
        with _said_where(folder), new_generation(folder) as target:
            written = write_generation(
                target,
                sources,
                language=settings.language,
                max_words=settings.max_words,
                embedder_for=lambda language: _embedder(settings, language, embedder),
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
        manifest, generation = open_generation(folder)
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
    return report_of(
        manifest,
        added=[name for name in read if name not in earlier],
        changed=[name for name in read if name in earlier],
        removed=sorted(earlier - now),
        embedded=written.embedded,
        notes=sources.all_notes(),
        seconds=seconds,
    )


def report_of(manifest: IndexManifest, **done: object) -> IndexReport:
    """What is in an index, and what was done, as fields of the report; nothing else was done."""
    done = {"embedded": 0 if manifest.embedded else None} | done
    return IndexReport(manifest.documents, manifest.passages, language=manifest.language, **done)  # type: ignore[arg-type]


def _now_embeds(before: IndexManifest, embedder: Embedder | None) -> bool:
    """Whether passages that nothing could embed when the index was made can be embedded now."""
    return not before.embedded and _embedder(before.settings, before.language, embedder) is not None


def _embedder(settings: IndexSettings, language: str, offered: Embedder | None) -> Embedder | None:
    """What embeds passages of a language; None where nothing shall, or can."""
    wanted = settings.dense and (settings.model is not None or language in EMBEDDED_LANGUAGES)
    return embedder_at_hand(settings.model, offered) if wanted else None
