"""An index of documents: made once, searched in milliseconds, kept in a folder, and brought up to date by content.

A question meets a passage by its words (BM25) and by its meaning (embeddings); the two rankings become one by
reciprocal rank. Never answers a question.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.retrieval.embeddings import Embedder, embedder_at_hand, name_and_embedder
from qa_pipeline.retrieval.hits import Hit
from qa_pipeline.retrieval.layout import IndexSettings, damaged
from qa_pipeline.retrieval.ranking import fuse
from qa_pipeline.retrieval.sources import split_sources
from qa_pipeline.retrieval.updating import IndexReport, bring_up_to_date, open_generation, report_of
from qa_pipeline.text.encoding import encoding_fault
from qa_pipeline.text.languages import LANGUAGES

MAX_WORDS = 200
"""Of a passage: what the embedding of one text can see, which is 256 tokens."""
DEPTH = 200
"""How many passages each ranking hands to the fusion."""

Sourced = str | os.PathLike[str] | Document | Iterable[str | os.PathLike[str] | Document]


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

    def __init__(
        self,
        folder: Path,
        temporary: tempfile.TemporaryDirectory[str] | None = None,
        embedder: Embedder | None = None,
    ):
        self.folder = folder
        self._embedder = embedder
        self._temporary = temporary  # goes, with what is in it, when this object does
        self._own: list[Document] = []  # documents that are in no file
        self._load()
        self._paths = self._manifest.sources
        self.report = report_of(self._manifest)

    @classmethod
    def build(
        cls,
        documents: Sourced,
        folder: str | Path | None = None,
        *,
        language: str | None = None,
        dense: bool = True,
        model: str | Embedder | None = None,
        max_words: int = MAX_WORDS,
        encoding: str | None = None,
    ) -> Index:
        """Makes an index; where the folder has one already, what has not changed is taken from it.

        Args:
            documents: files, folders (`.jsonl` files hold a document on each line), or documents.
            folder: for the index, made if missing; None: a temporary one that goes with the object.
            language: code of the documents' language, for stems and stop words; None: the one that most are in.
            dense: search by meaning too, where the model knows the language. The weights of the package know English;
                where neither torch nor an exported encoder is there to compute them, it is left out with a warning.
            model: that embeds, in any language: Hub id, folder, package:MODULE/FOLDER, the folder of an exported
                encoder, or an Embedder; None: the package's, which an exported encoder of it stands for.
            max_words: what a passage holds at most.
            encoding: of text, HTML and JSONL; None: found out.

        Raises:
            ConfigError: a setting is wrong, or the folder holds something else.
            DataError: a source is not there, or none can be read; or the folder cannot be written.
            ModelError: the model cannot be loaded.
        """
        name, embedder = name_and_embedder(model)
        settings = IndexSettings(_language_code(language), dense, name, max_words, encoding)
        _check(settings)
        temporary = tempfile.TemporaryDirectory(prefix="qa-index-") if folder is None else None
        target = Path(temporary.name if temporary else os.fspath(folder or ""))
        paths, own = split_sources(documents)
        report = bring_up_to_date(target, settings, paths, own, sync=temporary is None, embedder=embedder)
        index = cls(target, temporary, embedder)
        index._paths, index._own, index.report = paths, own, report
        return index

    @classmethod
    def open(cls, folder: str | Path, embedder: Embedder | None = None) -> Index:
        """Opens an index, whose files are mapped into memory.

        Args:
            folder: of the index.
            embedder: embeds questions and new passages where it is of the model that embedded the others, as an
                exported encoder may be; None: torch loads that model.

        Raises:
            DataError: the folder holds no index, or it is damaged or of another version; says how to make it anew.
            ModelError: the embedder cannot be loaded.
        """
        return cls(Path(folder), embedder=embedder)

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
        settings = self._manifest.settings
        self.report = bring_up_to_date(self.folder, settings, paths, own, sync=sync, embedder=self._embedder)
        self._paths, self._own = paths, own
        self._load()
        return self.report

    def search(self, question: str, top_k: int = 10, *, embedder: Embedder | None = None) -> list[Hit]:
        """The passages nearest to a question, the nearest first.

        Args:
            question: words or a sentence. Blank, or without embeddings without a known word: nothing is found.
            top_k: how many at most.
            embedder: of the question, where it is of the model that embedded the passages; None: that of `open`, else
                what is at hand. Where nothing is, words alone decide, and a warning says so once.

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
        meanings = None
        vectors = self._generation.vectors
        chosen = None if vectors is None else embedder_at_hand(self.settings.model, embedder, self._embedder)
        if vectors is not None and chosen is not None:
            vector = vectors.of_question(question, chosen)
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
        """Whether it has embeddings, by which passages are found where the question can be embedded too."""
        return self._manifest.embedded

    def _load(self) -> None:
        self._manifest, self._generation = open_generation(self.folder)


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
