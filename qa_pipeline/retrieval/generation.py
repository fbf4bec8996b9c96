"""The files of one generation of an index: written once, then only read. Never decides what has changed.

    files.json                 the files that were read, see `IndexedFile`
    names.jsonl                the names of the documents, in their order
    documents.jsonl            the documents with their texts
    passages.jsonl             the passages
    words/, vectors/           what they are found by

The documents of a file stand one after the other, in the order of the files, and so do the passages of a document.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import cut_document
from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.retrieval.embeddings import Embedder
from qa_pipeline.retrieval.records import Records, RecordWriter
from qa_pipeline.retrieval.sources import IndexedFile, Sources
from qa_pipeline.retrieval.vectors import VectorIndex, digest, write_vectors
from qa_pipeline.retrieval.words import WordIndex, read_stems
from qa_pipeline.text.languages import OTHER_SCRIPT, guess_language, language_of_script

_SAMPLE = 5_000
"""Characters of a document that say in which language it is."""
_WORDS, _VECTORS = "words", "vectors"
_PASSAGE_FIELDS = tuple(field.name for field in fields(Passage))


class Generation:
    """What is read of an index, mapped into memory: an update that removes the files takes nothing from it.

    Args:
        folder: of the generation.
        language: code of the language of its stems and stop words.
        embedded: whether it has vectors.

    Raises:
        OSError, ValueError, KeyError, TypeError: its files are damaged.
    """

    def __init__(self, folder: Path, language: str, embedded: bool):
        self.folder = folder
        self._documents = Records(folder, "documents")
        self._passages = Records(folder, "passages")
        self._names = Records(folder, "names")
        self.words = WordIndex.open(folder / _WORDS, len(self._passages), language)
        self.vectors = VectorIndex(folder / _VECTORS, len(self._passages)) if embedded else None

    def __len__(self) -> int:
        """How many passages there are."""
        return len(self._passages)

    @cached_property
    def names(self) -> list[str]:
        """Of all documents."""
        return [self._names[number] for number in range(len(self._names))]

    @cached_property
    def files(self) -> list[IndexedFile]:
        """All files that were read."""
        return [IndexedFile(**entry) for entry in json.loads((self.folder / "files.json").read_bytes())]

    def passage(self, number: int) -> Passage:
        """One passage, from 0."""
        record = self._passages[number]
        return Passage(**record | {"headings": tuple(record["headings"])})

    def document(self, name: str) -> Document | None:
        """A document by its name."""
        number = self._numbers.get(name)
        if number is None:
            return None
        record = self._documents[number]
        return Document(**record | {"pages": [Page(*page) for page in record["pages"]]})

    def copy_file(self, number: int, documents: RecordWriter, passages: RecordWriter) -> list[str]:
        """Writes the documents and passages of one file as they are; returns the names of its documents."""
        first, end = self._document_bounds[number : number + 2]
        documents.append_lines(*self._documents.lines(first, end))
        passages.append_lines(*self._passages.lines(*self._passage_bounds[number : number + 2]))
        return self.names[first:end]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in reversed(list(enumerate(self.names)))}

    @cached_property
    def _document_bounds(self) -> list[int]:
        return [0, *accumulate(file.documents for file in self.files)]

    @cached_property
    def _passage_bounds(self) -> list[int]:
        return [0, *accumulate(file.passages for file in self.files)]


@dataclass(frozen=True)
class Written:
    """What `write_generation` wrote.

    Attributes:
        files: those that were read or kept.
        language: code of the language that most documents are in.
        documents, passages: how many there are.
        embedded: how many passages were embedded now; None where there are no embeddings.
    """

    files: list[IndexedFile]
    language: str
    documents: int
    passages: int
    embedded: int | None


def write_generation(
    folder: Path,
    sources: Sources,
    *,
    language: str | None,
    max_words: int,
    embedder_for: Callable[[str], Embedder | None],
    old: Generation | None = None,
) -> Written:
    """Reads what must be read, keeps what can be kept, and writes all files of a generation.

    Args:
        folder: an empty one.
        sources: all files as they are now; where one is `kept`, that is its number in `old`.
        language: code; None: found out.
        max_words: what a passage holds at most.
        embedder_for: gives the embedder for a language, or None.
        old: the generation before.

    Raises:
        DataError: no document can be read.
        ModelError: the embedder's model cannot be loaded.
    """
    files: list[IndexedFile] = []
    names: list[str] = []
    with RecordWriter(folder, "documents") as documents, RecordWriter(folder, "passages") as passages:
        for state in sources.states:
            if state.kept is not None and old is not None:
                names += old.copy_file(state.kept, documents, passages)
                kept = old.files[state.kept]
                files.append(_with_counts(state.file, kept.documents, kept.passages, kept.languages))
                continue
            read = sources.read(state)
            if isinstance(read, str):
                files.append(replace(state.file, fault=read))
                continue
            before = len(passages)
            found = Counter(_write_document(one, documents, passages, language, max_words) for one in read)
            languages = {code: count for code, count in sorted(found.items(), key=str) if code is not None}
            names += [one.source for one in read]
            files.append(_with_counts(state.file, len(read), len(passages) - before, languages))
    with RecordWriter(folder, "names") as records:
        for name in names:
            records.append(name)
    (folder / "files.json").write_text(json.dumps([asdict(file) for file in files]), encoding="ascii")
    written = Records(folder, "passages")
    main_language = language or _language(files, written)
    digests = np.zeros((len(written), 16), dtype=np.uint8)
    stems = read_stems(old.folder / _WORDS) if old is not None and old.words.language == main_language else None
    WordIndex.build(_texts(written, digests), main_language, stems).save(folder / _WORDS)
    embedder = embedder_for(main_language)
    embedded = None
    if embedder is not None:
        earlier = old.vectors if old is not None else None
        embedded = write_vectors(folder / _VECTORS, digests, lambda number: _text(written, number), embedder, earlier)
    return Written(files, main_language, len(names), len(written), embedded)


def _write_document(
    document: Document, documents: RecordWriter, passages: RecordWriter, language: str | None, max_words: int
) -> str | None:
    """Writes a document and its passages; returns the language that it is clearly in."""
    sample = document.text[:_SAMPLE]
    found = _language_of(sample)
    documents.append(
        {
            "text": document.text,
            "source": document.source,
            "pages": [list(page) for page in document.pages],
            "title": document.title,
            "encoding": document.encoding,
            "guessed": document.guessed,
        }
    )
    for passage in cut_document(document, max_words, language or found or "en"):
        passages.append({name: getattr(passage, name) for name in _PASSAGE_FIELDS})
    return found


def _with_counts(file: IndexedFile, documents: int, passages: int, languages: dict[str, int]) -> IndexedFile:
    return replace(file, fault="", documents=documents, passages=passages, languages=languages)


def _language(files: list[IndexedFile], passages: Records) -> str:
    """The code of the language that most documents are in; where none says it alone, that of the first passages."""
    votes: Counter[str] = Counter()
    for file in files:
        votes.update(file.languages)
    if votes:
        return min(votes, key=lambda code: (-votes[code], code))
    sample = "\n".join(passages[number]["text"] for number in range(min(len(passages), 100)))
    return _language_of(sample[:_SAMPLE]) or "en"


def _language_of(text: str) -> str | None:
    guessed = language_of_script(text) or guess_language(text)
    return None if guessed == OTHER_SCRIPT else guessed


def _texts(passages: Records, digests: np.ndarray) -> Iterator[str]:
    """What each passage is found by; its digest is written on the way."""
    for number in range(len(passages)):
        text = _text(passages, number)
        digests[number] = np.frombuffer(digest(text), dtype=np.uint8)
        yield text


def _text(passages: Records, number: int) -> str:
    return Passage(**passages[number]).search_text
