"""What commands call to have an index of documents: opened, brought up to date or made, in the user's cache if nowhere.

Says in one line on the logger where it is and what was done.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

from qa_pipeline.artifacts import cache_folder
from qa_pipeline.retrieval.embeddings import Embedder, name_and_embedder
from qa_pipeline.retrieval.index import Index, Sourced
from qa_pipeline.retrieval.layout import MANIFEST
from qa_pipeline.retrieval.sources import split_sources
from qa_pipeline.retrieval.updating import IndexReport
from qa_pipeline.text.languages import language_name
from qa_pipeline.wording import counted

logger = logging.getLogger(__name__)

_KEY_DIGITS = 16


def open_index(
    documents: Sourced | None,
    folder: str | Path | None = None,
    *,
    language: str | None = None,
    dense: bool = True,
    encoding: str | None = None,
    model: str | Embedder | None = None,
    max_words: int | None = None,
) -> Index:
    """An index of documents as they are now: what has not changed since it was made last is not read again.

    Args:
        documents: files, folders, or documents; None: those that the index in `folder` was made of, which is opened
            as it is.
        folder: of the index; None: one in the user's cache that belongs to these sources and settings. Documents that
            are in no file are then indexed in a temporary folder.
        language, dense, encoding, model, max_words: as `Index.build`.

    Raises:
        ConfigError, DataError, ModelError: as `Index.build` and `Index.open`.
    """
    if documents is None:
        index = Index.open("" if folder is None else folder, name_and_embedder(model)[1])
        logger.info("index %s: %s", index.folder, in_words(index.report))
        return index
    paths, own = split_sources(documents)
    name, embedder = name_and_embedder(model)
    options: dict[str, object] = {"language": language, "dense": dense, "encoding": encoding, "model": name}
    options |= {} if max_words is None else {"max_words": max_words}
    if folder is None and not own:
        folder = _cached(paths, options)
    new = folder is None or not (Path(folder) / MANIFEST).exists()
    if new and folder is not None:
        logger.info("index %s: is made; this takes a moment, and later calls use it", folder)
    index = Index.build([*paths, *own], folder, **options | {"model": embedder or name})  # type: ignore[arg-type]
    logger.info("index %s: %s", index.folder if folder else "in a temporary folder", in_words(index.report))
    for note in index.report.notes:
        logger.info("index: %s", note)
    return index


def in_words(report: IndexReport) -> str:
    """What is in an index and what was done, on one line.

    >>> in_words(IndexReport(3, 40, added=["a.md"], changed=["b.md"], embedded=12, seconds=1.5))
    '3 documents, 40 passages in English; 1 added, 1 changed; 12 passages embedded; 1.5 s'
    """
    parts = [
        f"{counted(report.documents, 'document')}, {counted(report.passages, 'passage')} in "
        f"{language_name(report.language)}"
    ]
    done = {"added": report.added, "changed": report.changed, "removed": report.removed}
    parts.append(", ".join(f"{len(names):,} {what}" for what, names in done.items() if names) or "nothing has changed")
    if report.embedded is None:
        parts.append("without embeddings")
    elif report.anything_new:
        parts.append(f"{counted(report.embedded, 'passage')} embedded")
    return "; ".join([*parts, f"{report.seconds:.1f} s"])


def _cached(paths: list[str], options: dict[str, object]) -> Path:
    """The folder in the user's cache for sources and settings."""
    identity = json.dumps([[os.path.realpath(path) for path in paths], options], sort_keys=True)
    key = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_DIGITS]
    return cache_folder("indexes") / key
