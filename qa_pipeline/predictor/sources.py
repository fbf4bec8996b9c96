"""Finds what a model is shown of documents: all of them whole where that is little, else passages near the question.

Never sees a model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from qa_pipeline.arguments.limits import checked_bounds
from qa_pipeline.predictor.documents import as_documents

if TYPE_CHECKING:
    from qa_pipeline.documents.passage import Passage
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.postprocess import Span
    from qa_pipeline.predictor.documents import Documents
    from qa_pipeline.retrieval.embeddings import Embedder
    from qa_pipeline.retrieval.hits import Hit, PassageIndex

NUM_PASSAGES = 5
"""Passages that are read for a question where the caller does not say; more cost time and hardly find more."""


@dataclass(frozen=True)
class Reading:
    """What a model is shown at once: a document, or a passage of one.

    Attributes:
        text: what the model is shown.
        name: of the document.
        copies: names of other documents that hold the same.
        document: the document where it is shown as a whole.
        hit: the passage that it is, as the search found it.
    """

    text: str
    name: str
    copies: tuple[str, ...] = ()
    document: Document | None = None
    hit: Hit | None = None

    @property
    def key(self) -> object:
        """What is the same for all passages of a document."""
        return id(self.document) if self.hit is None else self.hit.passage.document

    def place(self, span: Span) -> tuple[int, int] | None:
        """The characters of a span of `text` in the document; None where it touches what is only shown beside it."""
        return (span.start, span.end) if self.hit is None else self.hit.passage.place(span.start, span.end)


class ReadingSources(Protocol):
    """Where the answer may stand."""

    def readings(self, question: str) -> list[Reading]:
        """What is read for a question, the nearest first."""
        ...

    def document(self, reading: Reading) -> Document:
        """The whole document."""
        ...

    def passage(self, reading: Reading, start: int) -> Passage | None:
        """The passage that holds this character of the document, where passages are known."""
        ...


def sources_of(documents: Documents, num_passages: int | None, embedder: Embedder | None = None) -> ReadingSources:
    """What can be read of documents: all of them whole where that is little or everything is wanted, else passages.

    Args:
        documents: as of `QAPredictor.ask`.
        num_passages: most passages that are read; None: everything is.
        embedder: of questions to an `Index`, where it is of the model of the index.

    Raises:
        QuestionError: there is nothing to ask, or something else was given.
        DataError: a path cannot be read.
        ConfigError: the number of passages cannot be.
    """
    most = checked_bounds(num_passages=num_passages)["num_passages"]
    if is_index(documents):
        if most is not None:
            return FoundPassages(documents, most, embedder=embedder)
        return WholeDocuments([documents.document(name) for name in documents.names()])
    given = as_documents(documents)
    if most is None or (len(given) == 1 and not given[0].source):
        return WholeDocuments(given)
    from qa_pipeline.documents.passages import cut_document

    passages = [[] if not one.text.strip() else cut_document(one) for one in given]
    if sum(map(len, passages)) <= most:
        return WholeDocuments(given, passages)
    index, named = _index_of(given)
    return FoundPassages(index, most, named)


def is_index(documents: Any) -> TypeGuard[PassageIndex]:
    """Whether documents are an index already, of this package or another that searches as it does."""
    return callable(getattr(documents, "search", None)) and callable(getattr(documents, "names", None))


class WholeDocuments:
    """Documents that are all read as a whole, whatever is asked; the same text once.

    Args:
        documents: at least one.
        passages: of each document, so that an answer knows its headings; None where they are not cut.
    """

    def __init__(self, documents: Sequence[Document], passages: Sequence[Sequence[Passage]] | None = None):
        self._passages: dict[int, Sequence[Passage]] = {}
        copies: dict[str, list[Document]] = {}
        for number, document in enumerate(documents):
            copies.setdefault(document.text, []).append(document)
            if passages is not None:
                self._passages[id(document)] = passages[number]
        self._readings = [
            Reading(text, first.source, tuple(one.source for one in others), document=first)
            for text, (first, *others) in copies.items()
        ]

    def readings(self, question: str) -> list[Reading]:
        """All documents."""
        return self._readings

    def document(self, reading: Reading) -> Document:
        """The document that was read."""
        assert reading.document is not None
        return reading.document

    def passage(self, reading: Reading, start: int) -> Passage | None:
        """The last passage that begins at or before this character, where it goes as far."""
        holds = [one for one in self._passages.get(id(reading.document), ()) if (one.start or 0) <= start]
        return holds[-1] if holds and (holds[-1].end or 0) > start else None


class FoundPassages:
    """The passages of an index that are nearest to a question; the same text once.

    Args:
        index: is searched.
        most: passages that are read for a question.
        originals: documents by their name in the index, where they had none of their own.
        embedder: of questions to an `Index`, where it is of the model of the index.
    """

    def __init__(
        self,
        index: PassageIndex,
        most: int,
        originals: Mapping[str, Document] | None = None,
        embedder: Embedder | None = None,
    ):
        self.index, self.most, self.originals = index, most, originals or {}
        self._search = index.search
        if embedder is not None:
            from qa_pipeline.retrieval.index import Index

            if isinstance(index, Index):
                self._search = partial(index.search, embedder=embedder)

    def readings(self, question: str) -> list[Reading]:
        """The nearest passages. Of copies the first is read, and room is left for others."""
        asked = self.most
        while True:
            hits = self._search(question, asked)
            found: dict[str, list[Hit]] = {}
            for hit in hits:
                found.setdefault(" ".join(hit.passage.reading.split()), []).append(hit)
            if len(found) >= self.most or len(hits) < asked:
                break
            asked *= 2
        return [self._reading(same) for same in list(found.values())[: self.most]]

    def _reading(self, hits: Sequence[Hit]) -> Reading:
        first, *others = hits
        name = first.passage.document
        copies = dict.fromkeys(self._name(hit.passage.document) for hit in others if hit.passage.document != name)
        return Reading(first.passage.reading, self._name(name), tuple(copies), hit=first)

    def _name(self, name: str) -> str:
        return self.originals[name].source if name in self.originals else name

    def document(self, reading: Reading) -> Document:
        """The whole document of a passage, as the index keeps it."""
        assert reading.hit is not None
        name = reading.hit.passage.document
        return self.originals[name] if name in self.originals else self.index.document(name)

    def passage(self, reading: Reading, start: int) -> Passage | None:
        """The passage that was read."""
        return reading.hit.passage if reading.hit is not None else None


def _index_of(documents: Sequence[Document]) -> tuple[PassageIndex, dict[str, Document]]:
    """An index in memory, by words alone: a model of meaning takes longer to index a folder than to read an answer.

    Returns:
        The index, and the documents by their name in it: of those of one name, and of texts without any, it is another.
    """
    from qa_pipeline.retrieval.index import Index

    uses = Counter(document.source for document in documents)
    named = {
        document.source if document.source and uses[document.source] == 1 else f"{document.source} ({number})": document
        for number, document in enumerate(documents, 1)
    }
    index = Index.build([replace(document, source=name) for name, document in named.items()], dense=False)
    return index, named
