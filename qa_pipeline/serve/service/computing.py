"""Computes what is asked of a service, many requests of one kind at a time. Knows no threads and no queue.

A key says what requests have in common: their kind, and the options that a model must be given for all of them alike.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from qa_pipeline.serve.asking import find_many
from qa_pipeline.serve.refusals import NothingToAskError
from qa_pipeline.serve.service.results import ServedHighlight, ServedReply, has_words, served_highlight, served_reply

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor, QuestionAnsweringPipeline
    from qa_pipeline.retrieval.hits import PassageIndex
    from qa_pipeline.serve.service.store import DocumentStore


class Observer(Protocol):
    """Is told what a service does, for statistics. Its methods are called on the thread that computes."""

    def batch(self, requests: int, tokens: int, seconds: float) -> None:
        """So many requests were computed together."""
        ...

    def answered(self, found: bool) -> None:
        """A question was answered, or no answer was found."""
        ...


@dataclass(frozen=True)
class AskKey:
    """Questions that can be searched and read together.

    Attributes:
        top_k, num_passages, least: see `find_many`.
        of_documents: they are asked of the documents, else of texts of their own.
    """

    top_k: int
    num_passages: int
    least: float
    of_documents: bool


@dataclass(frozen=True)
class AnswerKey:
    """Questions on texts that can be read together: those with the same options of the pipeline."""

    options: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class HighlightKey:
    """Questions whose evidence is wanted."""


@dataclass(frozen=True)
class VerifyKey:
    """Quotations to verify."""


@dataclass(frozen=True)
class AskItem:
    """A question, and the text that it is asked of; None: the documents."""

    question: str
    context: str | None


@dataclass(frozen=True)
class AnswerItem:
    """The rows of one request, and whether it asked for a list."""

    rows: list[dict[str, str]]
    many: bool


@dataclass(frozen=True)
class HighlightItem:
    """A question, the text that is looked through (None: the documents), and options of `QAPredictor.highlight`."""

    question: str
    context: str | None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VerifyItem:
    """Rows of `checking.checked_quotes`, the text they are said to be from (None: the documents), and how alike."""

    rows: tuple[dict[str, Any], ...]
    context: str | None
    min_similarity: float | None


class Computer:
    """Computes with one model and one store of documents.

    Args:
        predictor: the model.
        store: the documents.
    """

    def __init__(self, predictor: QAPredictor, store: DocumentStore):
        self.predictor, self.store = predictor, store
        self.observer: Observer | None = None
        self._reader: QuestionAnsweringPipeline | None = None
        self._making = threading.Lock()

    def compute(self, key: Any, items: list[Any]) -> Iterator[Any]:
        """The result of each item, in order; items of one request may share a key with those of others.

        Raises:
            NothingToAskError: there are no documents; QAError: as the predictor's methods.
        """
        if isinstance(key, AskKey):
            return self._asked(items, key)
        if isinstance(key, AnswerKey):
            return self._answered(items, key)
        return self._highlighted(items) if isinstance(key, HighlightKey) else self._verified(items)

    @property
    def reader(self) -> QuestionAnsweringPipeline:
        """The question-answering pipeline of the model."""
        from qa_pipeline.predictor import QuestionAnsweringPipeline

        with self._making:
            if self._reader is None:
                self._reader = QuestionAnsweringPipeline(self.predictor)
            return self._reader

    def _asked(self, items: list[AskItem], key: AskKey) -> Iterator[ServedReply]:
        options: dict[str, Any] = {"most": key.top_k, "least": key.least, "num_passages": key.num_passages}
        if key.of_documents:
            findings = find_many(self.predictor, [one.question for one in items], self._index(), **options)
        else:
            findings = (
                finding
                for one in items
                for finding in find_many(self.predictor, [one.question], str(one.context), **options)
            )
        for finding in findings:
            self._tell(finding.found)
            yield served_reply(finding)

    def _answered(self, items: list[AnswerItem], key: AnswerKey) -> Iterator[Any]:
        rows = [row for one in items for row in one.rows]
        replies = self.reader(iter(rows), progress=False, **dict(key.options))
        for one in items:
            given = [next(replies) for _ in one.rows]
            for reply in given:
                self._tell(has_words(reply))
            yield given if one.many else given[0]

    def _highlighted(self, items: list[HighlightItem]) -> Iterator[ServedHighlight]:
        for one in items:
            source = self._index() if one.context is None else one.context
            yield served_highlight(self.predictor.highlight(one.question, source, **one.options))

    def _verified(self, items: list[VerifyItem]) -> Iterator[list[dict[str, Any]]]:
        from qa_pipeline.quotes.claims import find_evidence
        from qa_pipeline.quotes.sources import QuoteSources
        from qa_pipeline.quotes.verifying import MIN_SIMILARITY, verify

        for one in items:
            if one.context is None:
                self._index()
                sources = self.store.quote_sources()
            else:
                sources = QuoteSources.of(one.context)
            least = MIN_SIMILARITY if one.min_similarity is None else one.min_similarity
            checks = []
            for row in one.rows:
                head = {"id": row["id"]} | ({} if row["source"] is None else {"source": row["source"]})
                if "claim" in row:
                    found = find_evidence(row["claim"], sources, source=row["source"], predictor=self.predictor)
                    checks.append(head | found.as_row())
                else:
                    check = verify(row["quote"], sources, source=row["source"], min_similarity=least)
                    checks.append(head | check.as_row())
            yield checks

    def _index(self) -> PassageIndex:
        index = self.store.current()
        if index is None:
            raise NothingToAskError("there are no documents yet; add one, or give a text (context) with the question")
        return index

    def _tell(self, found: bool) -> None:
        if self.observer is not None:
            self.observer.answered(found)
