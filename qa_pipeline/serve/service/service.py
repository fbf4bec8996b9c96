"""Answers for other programs: one model, its documents, and a queue; asked by many threads at once. Knows no HTTP.

What can be wrong with a request is said at once, before it is queued (`checking`). All that takes a model is computed
on one thread (`computing`), requests of the same kind and options in one batch (`batching`). Results are dicts that
JSON can hold (`results`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from qa_pipeline.arguments.limits import check_limits
from qa_pipeline.predictor.sources import NUM_PASSAGES
from qa_pipeline.serve.asking import LEAST, MOST_ANSWERS
from qa_pipeline.serve.service.batching import Batcher, wait_for
from qa_pipeline.serve.service.checking import (
    HIGHLIGHT_OPTIONS,
    READER_OPTIONS,
    ServiceLimits,
    checked_context,
    checked_count,
    checked_options,
    checked_question,
    checked_quotes,
    checked_rows,
    checked_share,
)
from qa_pipeline.serve.service.computing import (
    AnswerItem,
    AnswerKey,
    AskItem,
    AskKey,
    Computer,
    HighlightItem,
    HighlightKey,
    Observer,
    VerifyItem,
    VerifyKey,
)
from qa_pipeline.serve.service.results import ServedHighlight, ServedReply, ServedSpan, ServiceHealth
from qa_pipeline.serve.service.store import DocumentEntry, DocumentPage, DocumentStore

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor
    from qa_pipeline.retrieval.hits import PassageIndex

TOKENS_OF_A_PASSAGE = 300
"""About what a passage of an index and a question are to a model."""
_BYTES_OF_A_TOKEN = 4
_BATCH_TOKENS = 4096


class Service:
    """One model and its documents, for any number of callers.

    Every kind of request has two methods: `ask` waits for its result, `submit_ask` gives a future of it.

    Args:
        predictor: answers; any model that QAPredictor loads.
        index: the documents: an index, or a `DocumentStore`, to which documents can be added; None: there are none.
        limits: see `ServiceLimits`.
        observer: see `Observer`.
        dense: whether evidence is scored by meaning too, unless a request says otherwise.

    Raises (all methods):
        DataError: a text is blank, too long or no text; or there is nothing to ask.
        ConfigError: an option cannot be.
        ModelError: the model fails.
        BusyError, OutOfTimeError, StoppingError: see `refusals`.

    Example:
        >>> service = Service(QAPredictor.from_pretrained("runs/policies"), open_index("policies"))  # doctest: +SKIP
        >>> service.ask("How long is data kept?")["answer"]  # doctest: +SKIP
        '30 days'
    """

    def __init__(
        self,
        predictor: QAPredictor,
        index: PassageIndex | DocumentStore | None = None,
        *,
        limits: ServiceLimits | None = None,
        observer: Observer | None = None,
        dense: bool = True,
    ):
        self.predictor, self.limits, self.dense = predictor, limits or ServiceLimits(), dense
        self.store = index if isinstance(index, DocumentStore) else DocumentStore(index)
        self._computer = Computer(predictor, self.store)
        self._computer.observer = observer
        self._batcher = Batcher(
            self._computer.compute,
            most_tokens=self.limits.batch_tokens or getattr(predictor, "batch_tokens", None) or _BATCH_TOKENS,
            most_waiting=self.limits.waiting,
            linger=self.limits.linger,
            on_batch=self._on_batch,
        )

    # Questions

    def ask(self, question: str, context: str | None = None, **options: Any) -> ServedReply:
        """The answers of the documents, or of a text, to one question, with their places; see `submit_ask`."""
        reply: ServedReply = self._wait(self.submit_ask(question, context, **options))
        return reply

    def submit_ask(
        self,
        question: str,
        context: str | None = None,
        *,
        top_k: int = MOST_ANSWERS,
        num_passages: int = NUM_PASSAGES,
        min_confidence: float = LEAST,
    ) -> Future[ServedReply]:
        """Queues a question to the documents, or to a text.

        Args:
            question: not blank.
            context: the text to ask; None: the documents of the service.
            top_k: most answers: the best one and its runners-up.
            num_passages: most passages that are read, those nearest to the question.
            min_confidence: of runners-up and guesses, 0 to 1.
        """
        item = AskItem(checked_question(question, self.limits), checked_context(context, self.limits))
        passages = checked_count("num_passages", num_passages, self.limits.passages)
        key = AskKey(
            top_k=checked_count("top_k", top_k, self.limits.answers),
            num_passages=passages,
            least=checked_share("min_confidence", min_confidence),
            of_documents=context is None,
        )
        return self._submit(key, item, self._tokens(item.question, item.context, passages))

    def answer(
        self, question: str | Sequence[str], context: str | Sequence[str], **options: Any
    ) -> ServedSpan | list[Any]:
        """The answer to a question on a text, in the shape of the pipeline of transformers; see `submit_answer`."""
        reply: ServedSpan | list[Any] = self._wait(self.submit_answer(question, context, **options))
        return reply

    def submit_answer(
        self, question: str | Sequence[str], context: str | Sequence[str], **options: Any
    ) -> Future[ServedSpan | list[Any]]:
        """Queues a question on a text, or several.

        Args:
            question, context: one of each, many of each, one question for many contexts, or many for one.
            options: those of READER_OPTIONS, as `QuestionAnsweringPipeline.__call__` takes them.

        Returns:
            {"score", "start", "end", "answer"}; with top_k above 1 or all_answers a list of these; and of several
            questions a list of that.
        """
        given = checked_options("answer", options, READER_OPTIONS)
        checked_count("top_k", given.get("top_k", 1), self.limits.answers)
        rows, many = checked_rows(question, context, self.limits)
        limits = self._computer.reader.options.updated(given).limits
        check_limits({name: value for name, value in limits.items() if name != "null_score_diff_threshold"})
        tokens = sum(self._tokens(row["question"], row["context"]) for row in rows)
        return self._submit(AnswerKey(tuple(sorted(given.items()))), AnswerItem(rows, many), tokens)

    # Evidence and quotations

    def highlight(self, question: str, context: str | None = None, **options: Any) -> ServedHighlight:
        """What of the documents, or of a text, bears on a question; see `submit_highlight`."""
        found: ServedHighlight = self._wait(self.submit_highlight(question, context, **options))
        return found

    def submit_highlight(
        self, question: str, context: str | None = None, *, num_passages: int = NUM_PASSAGES, **options: Any
    ) -> Future[ServedHighlight]:
        """Queues a question whose evidence is wanted.

        Args:
            question: not blank.
            context: the text to look through; None: the documents of the service.
            num_passages: most passages that are read, those nearest to the question.
            options: those of HIGHLIGHT_OPTIONS, as `QAPredictor.highlight` takes them.
        """
        from qa_pipeline.predictor.excerpts import Budget

        given = checked_options("highlight", options, HIGHLIGHT_OPTIONS)
        Budget.checked(*(given.get(name) for name in ("max_words", "keep", "least_score", "min_confidence")))
        passages = checked_count("num_passages", num_passages, self.limits.passages)
        item = HighlightItem(
            checked_question(question, self.limits),
            checked_context(context, self.limits),
            {"dense": self.dense} | given | {"num_passages": passages},
        )
        return self._submit(HighlightKey(), item, self._tokens(item.question, item.context, passages))

    def verify(self, quotes: Sequence[Mapping[str, Any] | str], **options: Any) -> list[dict[str, Any]]:
        """Whether quoted words stand in the documents, or in a text; see `submit_verify`."""
        checks: list[dict[str, Any]] = self._wait(self.submit_verify(quotes, **options))
        return checks

    def submit_verify(
        self,
        quotes: Sequence[Mapping[str, Any] | str],
        *,
        context: str | None = None,
        min_similarity: float | None = None,
    ) -> Future[list[dict[str, Any]]]:
        """Queues quotations.

        Args:
            quotes: texts, or mappings with "quote" (or "claim", for which the nearest evidence is found), and "source"
                (the document it is said to be from) and "id" where they are known.
            context: the text that they are said to be from; None: the documents of the service.
            min_similarity: what small edits must leave alike, 0 to 1; None: as `qa_pipeline.verify`.

        Returns:
            A row for each, in order, with its id, of `QuoteCheck.as_row` or `ClaimEvidence.as_row`.
        """
        item = VerifyItem(
            checked_quotes(quotes, self.limits),
            checked_context(context, self.limits),
            None if min_similarity is None else checked_share("min_similarity", min_similarity),
        )
        return self._submit(VerifyKey(), item, self._batcher.most_tokens)

    # Documents

    def documents(self, offset: int = 0, limit: int = 100) -> DocumentPage:
        """Some of the documents, and how many there are; see `DocumentStore.page`."""
        return self.store.page(offset, limit)

    def add_document(self, name: str, content: bytes, *, replace: bool = False) -> DocumentEntry:
        """Adds a document; when this returns, questions are answered from it too. See `DocumentStore.add`.

        Raises:
            DataError: it cannot be read; NameTakenError: there is one of this name.
            NotAllowedError: documents cannot be added to this service.
        """
        return self.store.add(name, content, replace=replace)

    def remove_document(self, name: str) -> None:
        """Removes a document that was added; see `DocumentStore.remove`.

        Raises:
            NoSuchDocumentError: there is none; NotAllowedError: it is not one that was added.
        """
        self.store.remove(name)

    # The service itself

    def health(self) -> ServiceHealth:
        """Whether it can be asked, and what it is."""
        return {
            "ready": self._batcher.alive,
            "model": self.predictor.name,
            "device": str(self.predictor.device),
            "documents": self.store.count(),
            "waiting": self.waiting,
        }

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._batcher.waiting

    @property
    def observer(self) -> Observer | None:
        """Is told what the service does."""
        return self._computer.observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._computer.observer = observer

    def warm_up(self) -> None:
        """Answers one question on a text, and one on the documents, so that the first caller need not wait longer."""
        self.submit_answer("What is it?", "It is a text.").result()  # a first one may take longer than others may
        if self.store.index is not None:
            self.submit_ask("What is it?", num_passages=1).result()

    def close(self, seconds: float | None = None) -> None:
        """Answers what waits, takes nothing more, and removes what was added for this service alone.

        Args:
            seconds: that it may take; None: as long as it takes.
        """
        self._batcher.close(seconds)
        self.store.close()

    def _submit(self, key: Hashable, item: Any, tokens: int) -> Future[Any]:
        return self._batcher.submit(key, item, tokens=tokens, seconds=self.limits.seconds)

    def _wait(self, future: Future[Any]) -> Any:
        return wait_for(future, self.limits.seconds)

    def _on_batch(self, requests: int, tokens: int, seconds: float) -> None:
        if self.observer is not None:
            self.observer.batch(requests, tokens, seconds)

    @staticmethod
    def _tokens(question: str, context: str | None, num_passages: int = 0) -> int:
        """About how many tokens a model reads; exact enough to fill batches."""
        if context is None:
            return num_passages * TOKENS_OF_A_PASSAGE
        return 16 + (len(question.encode()) + len(context.encode())) // _BYTES_OF_A_TOKEN
