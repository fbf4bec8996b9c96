"""The documents of a service: those of its owner, and those that are added while it runs. Never asks a model.

Questions are answered from one index of all of them. A change makes a new index beside the one in force, which then
takes its place whole: who searches meanwhile sees the old documents, never half of the new ones.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import threading
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from qa_pipeline import artifacts
from qa_pipeline.documents.reading import KINDS, SUFFIXES, Document, read_document
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.serve.refusals import NameTakenError, NoSuchDocumentError, NotAllowedError
from qa_pipeline.wording import describe, in_short, plain

if TYPE_CHECKING:
    from qa_pipeline.quotes.sources import QuoteSources
    from qa_pipeline.retrieval.embeddings import Embedder
    from qa_pipeline.retrieval.hits import PassageIndex
    from qa_pipeline.retrieval.index import Index

logger = logging.getLogger(__name__)

MOST_NAME = 200
"""Bytes of the name of a document that is added, in UTF-8; file systems take 255."""
MOST_PAGE = 1_000
"""Documents that are listed at once."""
_OWN_INDEX = ".index"
_SEPARATORS = re.compile(r"[/\\]")


class DocumentEntry(TypedDict):
    """One document: its name, how long it is, and whether it was added and can be removed."""

    name: str
    characters: int
    pages: int | None
    added: bool


class DocumentPage(TypedDict):
    """Some of the documents, by name, and how many there are."""

    documents: list[DocumentEntry]
    total: int


class DocumentStore:
    """The documents of a service.

    Args:
        index: of the documents of its owner; None: there are none.
        uploads: a folder for documents that are added, and for the index of all; None: none can be added.
        temporary: removes the folder in the end.
        embedder: as of `open`.

    Example:
        >>> store = DocumentStore.open(["policies"], uploads="added")  # doctest: +SKIP
        >>> store.add("leave.md", b"Every employee has 28 days of leave a year.")  # doctest: +SKIP
        {'name': 'leave.md', 'characters': 43, 'pages': None, 'added': True}
    """

    def __init__(
        self,
        index: PassageIndex | None = None,
        uploads: str | Path | None = None,
        *,
        temporary: tempfile.TemporaryDirectory[str] | None = None,
        embedder: Embedder | None = None,
    ):
        self._base, self._embedder = index, embedder
        self._uploads = None if uploads is None else Path(uploads)
        self._temporary = temporary
        self._changing = threading.Lock()
        self._quotes: tuple[Any, QuoteSources] | None = None
        self._indexing_quotes = threading.Lock()
        self.index: PassageIndex | None = index
        self._seen: tuple[int, int] | None = None
        if self._uploads is not None:
            with artifacts.writing(self._uploads):
                self._uploads.mkdir(parents=True, exist_ok=True)
            with self._changing:
                self._bring_up_to_date()

    @classmethod
    def open(
        cls,
        documents: Sequence[str] = (),
        index: str | None = None,
        uploads: str | None = None,
        *,
        dense: bool = True,
        encoding: str | None = None,
        embedder: Embedder | None = None,
    ) -> DocumentStore:
        """Indexes documents, and opens a store of them.

        Args:
            documents: files and folders of the owner.
            index: folder of their index; None: one in the user's cache.
            uploads: folder for documents that are added, which stay in it; None: a temporary one.
            dense: search by meaning too.
            encoding: of text and HTML; None: found out.
            embedder: an exported encoder that embeds without torch; None: torch, where it is.

        Raises:
            DataError: a source is not there or none can be read, or a folder cannot be written.
        """
        from qa_pipeline.retrieval.opening import open_index

        base = None
        if documents or index is not None:
            base = open_index(list(documents) or None, index, dense=dense, encoding=encoding, model=embedder)
            for note in base.report.notes:
                logger.warning("%s", note)
        if uploads is not None:
            return cls(base, uploads, embedder=embedder)
        temporary = tempfile.TemporaryDirectory(prefix="qa_pipeline_uploads_", ignore_cleanup_errors=True)
        return cls(base, temporary.name, temporary=temporary, embedder=embedder)

    # What there is

    def current(self) -> PassageIndex | None:
        """The index of all documents as they are now; None where there are none.

        Another process that serves the same folder may have added to it since: that is seen here.
        """
        if self._uploads is not None and self._state() != self._seen and self._changing.acquire(blocking=False):
            try:
                self._reload()
            finally:
                self._changing.release()
        return self.index

    def count(self) -> int:
        """How many documents there are."""
        return 0 if self.index is None else len(self.index.names())

    def page(self, offset: int = 0, limit: int = 100) -> DocumentPage:
        """Some of the documents, in the order of the index.

        Args:
            offset: how many to pass over, 0 or more.
            limit: how many to give, 1 to MOST_PAGE.

        Raises:
            ConfigError: a number cannot be.
        """
        for name, value, least, most in (("offset", offset, 0, None), ("limit", limit, 1, MOST_PAGE)):
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or value < least or (most is not None and value > most):
                bounds = f"{least} or more" if most is None else f"{least} to {most:,}"
                raise ConfigError("documents", f"{name}: expected a whole number, {bounds}, found {in_short(value)}")
        index = self.current()
        names = [] if index is None else index.names()
        added = self._added()
        entries = [
            _entry(name, index.document(name), name in added) for name in names[offset : offset + limit] if index
        ]
        return {"documents": entries, "total": len(names)}

    def quote_sources(self) -> QuoteSources:
        """All documents, indexed to verify quotations; made once for each state of the documents.

        Raises:
            DataError: there are none.
        """
        from qa_pipeline.quotes.sources import QuoteSources

        index = self.current()
        with self._indexing_quotes:
            if self._quotes is None or self._quotes[0] is not index:
                names = [] if index is None else index.names()
                documents = [index.document(name) for name in names if index is not None]
                self._quotes = index, QuoteSources(documents)
            return self._quotes[1]

    # What changes it

    def add(self, name: str, content: bytes, *, replace: bool = False) -> DocumentEntry:
        """Adds a document, and returns when it can be asked.

        Args:
            name: of its file; a folder in front of it is left out. It ends as documents of its kind do.
            content: of its file.
            replace: take the place of one that was added under this name.

        Raises:
            DataError: the name cannot be one, or the document cannot be read.
            NameTakenError: there is one of this name.
            NotAllowedError: documents cannot be added.
        """
        folder = self._folder()
        name = document_name(name)
        with self._changing, tempfile.TemporaryDirectory(dir=folder, prefix=".new") as place:
            taken = name in self._added()
            if not taken and self._base is not None and name in self._base.names():
                raise NameTakenError(f"{name}: is the name of a document of this server's owner; give another name")
            if taken and not replace:
                raise NameTakenError(f"{name}: is there already; remove it first, or add it with replace=true")
            new, old = Path(place) / name, Path(place) / ".old"
            with artifacts.writing(folder / name):
                new.write_bytes(content)
            document = _read(new, name)
            target = folder / name
            if taken:
                os.replace(target, old)
            os.replace(new, target)
            try:
                self._bring_up_to_date()
            except BaseException:
                target.unlink(missing_ok=True)
                if taken:
                    os.replace(old, target)
                raise
        return _entry(name, document, True)

    def remove(self, name: str) -> None:
        """Removes a document that was added, and returns when it is asked no more.

        Raises:
            NoSuchDocumentError: there is none of this name.
            NotAllowedError: it is not one that was added.
        """
        with self._changing:
            if name not in self._added():
                index = self.index
                if index is not None and name in index.names():
                    raise NotAllowedError(
                        f"{name}: belongs to the documents that the server was started with, and can be removed by its "
                        "owner only"
                    )
                raise NoSuchDocumentError(f"{in_short(name)}: there is no such document")
            target = self._folder() / name
            with tempfile.TemporaryDirectory(dir=self._folder(), prefix=".old") as place:
                kept = Path(place) / name
                os.replace(target, kept)
                try:
                    self._bring_up_to_date()
                except BaseException:
                    os.replace(kept, target)
                    raise

    def close(self) -> None:
        """Removes what was added for this process alone."""
        if self._temporary is not None:
            self._temporary.cleanup()

    # The index

    def _bring_up_to_date(self) -> None:
        """Makes the index in force that of all documents as they are now."""
        from qa_pipeline.retrieval.index import Index

        folder = self._folder()
        own = folder / _OWN_INDEX
        if not self._added():
            shutil.rmtree(own, ignore_errors=True)
            self.index, self._seen = self._base, None
            return
        options: dict[str, Any] = {"model": self._embedder}
        paths: list[str] = []
        if self._base is not None:
            base, paths = self._of_files()
            settings = base.settings
            options = {name: getattr(settings, name) for name in ("language", "dense", "max_words", "encoding")}
            fits = self._embedder is not None and self._embedder.name == (settings.model or EMBEDDED_MODEL)
            options["model"] = self._embedder if fits else settings.model
            if not own.exists():
                _copy(base.folder, own)
        self.index = Index.build([*paths, str(folder)], own, **options)
        self._seen = self._state()
        for note in self.index.report.notes:
            logger.warning("%s", note)

    def _reload(self) -> None:
        """Opens what another process has put into the folder."""
        from qa_pipeline.retrieval.index import Index

        state = self._state()
        try:
            self.index = self._base if state is None else Index.open(self._folder() / _OWN_INDEX, self._embedder)
        except DataError as error:
            logger.warning("the index of another process cannot be opened, the one before stays: %s", error)
        self._seen = state

    def _state(self) -> tuple[int, int] | None:
        """What changes whenever the index of all documents does; None where nothing was added."""
        from qa_pipeline.retrieval.layout import MANIFEST

        assert self._uploads is not None
        try:
            status = (self._uploads / _OWN_INDEX / MANIFEST).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _of_files(self) -> tuple[Index, list[str]]:
        """The owner's index and the files and folders that it is of, to which others can be added."""
        from qa_pipeline.retrieval.index import Index
        from qa_pipeline.retrieval.layout import read_manifest

        paths = read_manifest(self._base.folder).sources if isinstance(self._base, Index) else None
        if not isinstance(self._base, Index) or paths is None:
            raise NotAllowedError(
                "documents cannot be added: this server's index is not one of files (start it with --documents)"
            )
        return self._base, paths

    def _folder(self) -> Path:
        if self._uploads is None:
            raise NotAllowedError("documents cannot be added to this service, or removed from it")
        return self._uploads

    def _added(self) -> set[str]:
        """The names of documents that were added."""
        if self._uploads is None:
            return set()
        return {
            one.name
            for one in self._uploads.iterdir()
            if not one.name.startswith((".", "~$")) and one.suffix.lower() in SUFFIXES and one.is_file()
        }


def document_name(name: Any) -> str:
    r"""A name that a caller gives as the name of a file, in no folder.

    >>> document_name("C:\\texts\\Leave of absence.md"), document_name("../../etc/rules.txt")
    ('Leave of absence.md', 'rules.txt')

    Raises:
        DataError: nothing is left of it, it is too long, or files of its kind are not read.
    """
    if not isinstance(name, str):
        raise DataError(f"name: expected the name of a file, found {describe(name)}")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise DataError("name: is not valid Unicode") from None
    bare = unicodedata.normalize("NFC", _SEPARATORS.split(name)[-1]).strip()
    if plain(bare) != bare or "\n" in bare or "\t" in bare:
        raise DataError(f"name: has characters that names of files must not have: {in_short(name)}")
    if not bare or bare.startswith((".", "~$")):
        raise DataError(f"name: expected the name of a file such as rules.pdf, found {in_short(name)}")
    if size > MOST_NAME:
        raise DataError(f"name: has {size:,} bytes; {MOST_NAME} are the most")
    if Path(bare).suffix.lower() not in SUFFIXES:
        raise DataError(f"name: {in_short(bare)}: files of this kind are not read; {KINDS} are")
    return bare


def _copy(index: Path, target: Path) -> None:
    """Copies an index, since what is in it need then not be read and embedded again."""
    try:
        shutil.copytree(index, target)
    except OSError as error:  # shutil.Error is one: a file went away meanwhile, or the disk is full
        shutil.rmtree(target, ignore_errors=True)
        logger.info("%s: cannot be copied, the documents are indexed anew: %s", index, error)


def _read(path: Path, name: str) -> Document:
    try:
        return read_document(path)
    except DataError as error:
        # Where the file lies is nothing that the caller knows.
        raise DataError(str(error).replace(str(path), name)) from None


def _entry(name: str, document: Document, added: bool) -> DocumentEntry:
    pages = document.pages[-1].number if document.pages else None
    return {"name": name, "characters": len(document.text), "pages": pages, "added": added}
