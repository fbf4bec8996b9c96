"""Answers for other programs: one model, its documents, and a queue; asked by many threads at once. Knows no HTTP.

What can be wrong with a request is said at once, before it is queued. All that is computed with the model is computed
on one thread, requests of the same kind and options in one batch (see `batching`). Results are dicts that JSON can hold.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from qa_pipeline.arguments.limits import checked_bounds
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.predictor.questions import QuestionError, check_rows
from qa_pipeline.predictor.sources import NUM_PASSAGES
from qa_pipeline.serve.asking import LEAST, MOST_ANSWERS, MOST_QUESTION, ModelFinding, find_many, model_finding
from qa_pipeline.serve.batching import LINGER, MOST_WAITING, Batcher, wait_for
from qa_pipeline.serve.library import DocumentEntry, DocumentPage, Library
from qa_pipeline.serve.refusals import NothingToAskError
from qa_pipeline.wording import describe, in_short

if TYPE_CHECKING:
    from qa_pipeline.predictor import Highlight, QAPredictor, QuestionAnsweringPipeline
    from qa_pipeline.retrieval.hits import PassageIndex

TOKENS_OF_A_PASSAGE = 300
"""About what a passage of an index and a question are to a model."""
_BYTES_OF_A_TOKEN = 4
READER_OPTIONS = (
    *("top_k", "handle_impossible_answer", "align_to_words", "all_answers", "min_confidence"),
    *("max_answer_len", "max_seq_len", "max_question_len", "doc_stride"),
)
"""Options of `answer`: those of the question-answering pipeline that a request may set."""


@dataclass(frozen=True)
class ServiceLimits:
    """What a service takes at once, and how long it takes at most.

    Attributes:
        question: characters of a question.
        context: characters of a text that comes with a question, and of all texts of a request together.
        questions: in one request; also quotations.
        answers: most answers to a question.
        passages: most passages that are read for a question.
        waiting: requests in the queue.
        seconds: until a request is given up.
        batch_tokens: most tokens of requests that are computed together, as estimated; None: those of a batch of the
            model.
        linger: seconds that a batch waits for more, see `batching.LINGER`.
    """

    question: int = MOST_QUESTION
    context: int = 200_000
    questions: int = 100
    answers: int = 20
    passages: int = 50
    waiting: int = MOST_WAITING
    seconds: float = 30.0
    batch_tokens: int | None = None
    linger: float = LINGER


class ServedReply(ModelFinding):
    """What `ask` gives. Where `found` is False there is no answer ("", None), and `runner_ups` are guesses."""

    question: str


class ServedSpan(TypedDict):
    """One answer of `answer`, as the question-answering pipeline of transformers gave it."""

    score: float
    start: int
    end: int
    answer: str


class ServedExcerpt(TypedDict):
    """A part of a text, and how much it bears on the question: `text of the document[start:end] == text`."""

    text: str
    start: int
    end: int
    score: float
    document: str | None
    page: int | None
    headings: list[str]


class ServedHighlight(TypedDict):
    """What `highlight` gives: what may be the answer, what is kept of the text, and how much that is."""

    question: str
    context: str
    spans: list[ServedExcerpt]
    pieces: list[ServedExcerpt]
    no_answer_confidence: float
    words: int
    kept_words: int


class ServiceHealth(TypedDict):
    """Whether a service can be asked, and what it is."""

    ready: bool
    model: str
    device: str
    documents: int
    waiting: int


class Observer(Protocol):
    """Is told what a service does, for statistics. Its methods are called on the thread that computes."""

    def batch(self, jobs: int, tokens: int, seconds: float) -> None:
        """So many requests were computed together."""
        ...

    def answered(self, found: bool) -> None:
        """A question was answered, or no answer was found."""
        ...


@dataclass(frozen=True)
class _Asking:
    """A question to documents or to a text, as it is queued."""

    question: str
    context: str | None


@dataclass(frozen=True)
class _Verifying:
    """Quotations, as they are queued."""

    rows: tuple[Mapping[str, Any], ...]
    context: str | None
    min_similarity: float | None


@dataclass(frozen=True)
class _Highlighting:
    """A question whose evidence is wanted, as it is queued."""

    question: str
    context: str | None
    options: dict[str, Any] = field(default_factory=dict)


class Service:
    """One model and its documents, for any number of callers.

    Every kind of request has two methods: `ask` waits for its result, `submit_ask` gives a future of it.

    Args:
        predictor: answers; any model that QAPredictor loads.
        index: the documents: an index, or a `Library`, to which documents can be added; None: there are none.
        limits: see `ServiceLimits`.
        observer: see `Observer`.

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
        index: PassageIndex | Library | None = None,
        *,
        limits: ServiceLimits | None = None,
        observer: Observer | None = None,
    ):
        self.predictor, self.limits, self.observer = predictor, limits or ServiceLimits(), observer
        self.library = index if isinstance(index, Library) else Library(index)
        self._pipeline: QuestionAnsweringPipeline | None = None
        self._making = threading.Lock()
        self._batcher = Batcher(
            self._compute,
            most_tokens=self.limits.batch_tokens or getattr(predictor, "batch_tokens", None) or 4096,
            most_waiting=self.limits.waiting,
            linger=self.limits.linger,
            on_batch=self._on_batch,
        )

    # Questions to the documents

    def ask(self, question: str, context: str | None = None, **options: Any) -> ServedReply:
        """The answers of the documents, or of a text, to one question, with their places; see `submit_ask`."""
        return self._wait(self.submit_ask(question, context, **options))

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
        question = self._checked_question(question)
        context = self._checked_context(context)
        top_k = self._checked_count("top_k", top_k, self.limits.answers)
        num_passages = self._checked_count("num_passages", num_passages, self.limits.passages)
        least = _checked_share("min_confidence", min_confidence)
        read = _tokens(question, context) if context is not None else num_passages * TOKENS_OF_A_PASSAGE
        # Texts differ, so that questions to them are no one search; but they share the options.
        key = ("ask", top_k, num_passages, least, context is None)
        return self._submit(key, _Asking(question, context), read)

    # Questions with their contexts

    def answer(
        self, question: str | Sequence[str], context: str | Sequence[str], **options: Any
    ) -> ServedSpan | list[Any]:
        """The answer to a question on a text, in the shape of the pipeline of transformers; see `submit_answer`."""
        return self._wait(self.submit_answer(question, context, **options))

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
        unknown = [name for name in options if name not in READER_OPTIONS]
        if unknown:
            raise ConfigError(
                "options of answer", f"unknown: {', '.join(unknown)}; known are {', '.join(READER_OPTIONS)}"
            )
        given = {name: value for name, value in options.items() if value is not None}
        self._checked_count("top_k", given.get("top_k", 1), self.limits.answers)
        rows, many = self._rows(question, context)
        _check_options(self._reader, given)
        return self._submit(
            ("answer", tuple(sorted(given.items()))),
            (rows, many),
            sum(_tokens(row["question"], row["context"]) for row in rows),
        )

    # Evidence and quotations

    def highlight(self, question: str, context: str | None = None, **options: Any) -> ServedHighlight:
        """What of the documents, or of a text, bears on a question; see `submit_highlight`."""
        return self._wait(self.submit_highlight(question, context, **options))

    def submit_highlight(
        self, question: str, context: str | None = None, *, num_passages: int = NUM_PASSAGES, **options: Any
    ) -> Future[ServedHighlight]:
        """Queues a question whose evidence is wanted.

        Args:
            question: not blank.
            context: the text to look through; None: the documents of the service.
            num_passages: most passages that are read, those nearest to the question.
            options: max_words, keep, least_score, min_confidence, language, dense; see `QAPredictor.highlight`.
        """
        from qa_pipeline.predictor.excerpts import Budget

        known = ("max_words", "keep", "least_score", "min_confidence", "language", "dense")
        if unknown := [name for name in options if name not in known]:
            raise ConfigError("options of highlight", f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
        question = self._checked_question(question)
        context = self._checked_context(context)
        num_passages = self._checked_count("num_passages", num_passages, self.limits.passages)
        given = {name: value for name, value in options.items() if value is not None}
        Budget.checked(*(given.get(name) for name in known[:4]))
        read = _tokens(question, context) if context is not None else num_passages * TOKENS_OF_A_PASSAGE
        return self._submit(
            ("highlight",), _Highlighting(question, context, given | {"num_passages": num_passages}), read
        )

    def verify(self, quotes: Sequence[Mapping[str, Any] | str], **options: Any) -> list[dict[str, Any]]:
        """Whether quoted words stand in the documents, or in a text; see `submit_verify`."""
        return self._wait(self.submit_verify(quotes, **options))

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
        rows = self._checked_quotes(quotes)
        context = self._checked_context(context)
        least = None if min_similarity is None else _checked_share("min_similarity", min_similarity)
        return self._submit(("verify",), _Verifying(rows, context, least), self._batcher.most_tokens)

    # The documents

    def documents(self, offset: int = 0, limit: int = 100) -> DocumentPage:
        """Some of the documents, and how many there are; see `Library.page`."""
        return self.library.page(offset, limit)

    def add_document(self, name: str, content: bytes, *, replace: bool = False) -> DocumentEntry:
        """Adds a document; when this returns, questions are answered from it too. See `Library.add`.

        Raises:
            DataError: it cannot be read; NameTakenError: there is one of this name.
            NotAllowedError: documents cannot be added to this service.
        """
        return self.library.add(name, content, replace=replace)

    def remove_document(self, name: str) -> None:
        """Removes a document that was added; see `Library.remove`.

        Raises:
            NoSuchDocumentError: there is none; NotAllowedError: it is not one that was added.
        """
        self.library.remove(name)

    # The service itself

    def health(self) -> ServiceHealth:
        """Whether it can be asked, and what it is."""
        return {
            "ready": self._batcher.alive,
            "model": self.predictor.name,
            "device": str(self.predictor.device),
            "documents": self.library.count(),
            "waiting": self._batcher.waiting,
        }

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._batcher.waiting

    def warm_up(self) -> None:
        """Answers one question on a text, and one on the documents, so that the first caller need not wait longer."""
        self.answer("What is it?", "It is a text.")
        if self.library.index is not None:
            self.ask("What is it?", num_passages=1)

    def close(self, seconds: float | None = None) -> None:
        """Answers what waits, takes nothing more, and removes what was added for this service alone."""
        self._batcher.close(seconds)
        self.library.close()

    # What callers give

    def _submit(self, key: Hashable, item: Any, tokens: int) -> Future[Any]:
        return self._batcher.submit(key, item, tokens=tokens, seconds=self.limits.seconds)

    def _wait(self, future: Future[Any]) -> Any:
        return wait_for(future, self.limits.seconds)

    def _checked_question(self, question: Any) -> str:
        text = _checked_text("question", question, self.limits.question)
        return text.strip()

    def _checked_context(self, context: Any) -> str | None:
        if context is not None:
            return _checked_text("context", context, self.limits.context)
        return None

    def _checked_count(self, name: str, value: Any, most: int) -> int:
        count = checked_bounds(**{name: value})[name] or 1
        if count > most:
            raise ConfigError("options", f"{name}: expected at most {most}, found {in_short(value)}")
        return count

    def _rows(self, question: Any, context: Any) -> tuple[list[dict[str, str]], bool]:
        """The rows to answer, and whether several were asked for."""
        from qa_pipeline.predictor.questions import read_call

        read, shape = read_call((), {"question": question, "context": context})
        rows = list(read)
        if not rows or len(rows) > self.limits.questions:
            raise DataError(f"question: expected 1 to {self.limits.questions} in a request, found {len(rows)}")
        check_rows(rows)
        for number, row in enumerate(rows):
            where = f" {number}" if len(rows) > 1 else ""
            _checked_text(f"question{where}", row["question"], self.limits.question)
        _check_length("context", sum(len(row["context"]) for row in rows), self.limits.context)
        return rows, shape == "list"

    def _checked_quotes(self, quotes: Any) -> tuple[Mapping[str, Any], ...]:
        if isinstance(quotes, str | bytes | Mapping) or not isinstance(quotes, Sequence):
            raise DataError(f"quotes: expected a list of quotations, found {describe(quotes)}")
        if not 0 < len(quotes) <= self.limits.questions:
            raise DataError(f"quotes: expected 1 to {self.limits.questions} in a request, found {len(quotes)}")
        rows = []
        for number, one in enumerate(quotes):
            row = {"quote": one} if isinstance(one, str) else one
            if not isinstance(row, Mapping):
                raise DataError(f'quote {number}: expected a text, or {{"quote": ...}}, found {describe(one)}')
            given = [key for key in ("quote", "claim") if row.get(key) is not None]
            if len(given) != 1:
                raise DataError(
                    f'quote {number}: expected "quote" or "claim", found {" and ".join(given) or "neither"}'
                )
            _checked_text(f"quote {number}", row[given[0]], self.limits.context)
            source = row.get("source")
            if source is not None and not isinstance(source, str):
                raise DataError(f"quote {number}: source must be the name of a document, found {describe(source)}")
            identity = row.get("id")
            rows.append(
                {given[0]: row[given[0]], "source": source, "id": str(number if identity is None else identity)}
            )
        _check_length("quotes", sum(len(row.get("quote") or row["claim"]) for row in rows), self.limits.context)
        return tuple(rows)

    # On the thread that computes

    def _compute(self, key: Any, items: list[Any]) -> Iterator[Any]:
        kinds: dict[str, Callable[..., Iterator[Any]]] = {
            "ask": self._asked,
            "answer": self._answered,
            "highlight": self._highlighted,
            "verify": self._verified,
        }
        return kinds[key[0]](items, *key[1:])

    def _asked(
        self, items: list[_Asking], top_k: int, num_passages: int, least: float, of_documents: bool
    ) -> Iterator[ServedReply]:
        options: dict[str, Any] = {"most": top_k, "least": least, "num_passages": num_passages}
        if of_documents:
            index = self._index()
            findings = find_many(self.predictor, [one.question for one in items], index, **options)
        else:
            findings = (
                finding
                for one in items
                for finding in find_many(self.predictor, [one.question], str(one.context), **options)
            )
        for finding in findings:
            if self.observer is not None:
                self.observer.answered(finding.found)
            yield {**model_finding(finding), "question": finding.reply.question}

    def _answered(self, items: list[Any], options: tuple[tuple[str, Any], ...]) -> Iterator[Any]:
        rows = [row for asked, _ in items for row in asked]
        replies = self._reader(iter(rows), progress=False, **dict(options))
        for asked, many in items:
            given = [next(replies) for _ in asked]
            if self.observer is not None:
                for reply in given:
                    self.observer.answered(_has_words(reply))
            yield given if many else given[0]

    def _highlighted(self, items: list[_Highlighting]) -> Iterator[ServedHighlight]:
        for one in items:
            source = self._index() if one.context is None else one.context
            yield highlight_dict(self.predictor.highlight(one.question, source, **one.options))

    def _verified(self, items: list[_Verifying]) -> Iterator[list[dict[str, Any]]]:
        from qa_pipeline.quotes.claims import find_evidence
        from qa_pipeline.quotes.sources import QuoteSources
        from qa_pipeline.quotes.verifying import MIN_SIMILARITY, verify

        for one in items:
            if one.context is None:
                self._index()
            sources = self.library.quote_sources() if one.context is None else QuoteSources.of(one.context)
            least = MIN_SIMILARITY if one.min_similarity is None else one.min_similarity
            checks = []
            for row in one.rows:
                head = {"id": row["id"]} | ({} if row["source"] is None else {"source": row["source"]})
                if row.get("claim") is not None:
                    found = find_evidence(row["claim"], sources, source=row["source"], predictor=self.predictor)
                    checks.append(head | found.as_row())
                else:
                    check = verify(row["quote"], sources, source=row["source"], min_similarity=least)
                    checks.append(head | check.as_row())
            yield checks

    def _index(self) -> PassageIndex:
        index = self.library.current()
        if index is None:
            raise NothingToAskError("there are no documents yet; add one, or give a text (context) with the question")
        return index

    @property
    def _reader(self) -> QuestionAnsweringPipeline:
        """The question-answering pipeline of the model."""
        from qa_pipeline.predictor import QuestionAnsweringPipeline

        with self._making:
            if self._pipeline is None:
                self._pipeline = QuestionAnsweringPipeline(self.predictor)
            return self._pipeline

    def _on_batch(self, jobs: int, tokens: int, seconds: float) -> None:
        if self.observer is not None:
            self.observer.batch(jobs, tokens, seconds)


def highlight_dict(found: Highlight) -> ServedHighlight:
    """A highlight as JSON can hold it, without the sentences that are not kept; shares have six decimals."""
    return {
        "question": found.question,
        "context": found.context,
        "spans": [_excerpt(one) for one in found.spans],
        "pieces": [_excerpt(one) for one in found.pieces],
        "no_answer_confidence": round(found.no_answer_confidence, 6),
        "words": found.words,
        "kept_words": found.kept_words,
    }


def _excerpt(one: Any) -> ServedExcerpt:
    row: Any = asdict(one)
    return row | {"score": round(one.score, 6), "document": one.document or None, "headings": list(one.headings)}


def _has_words(reply: Any) -> bool:
    """Whether a reply of the pipeline, one answer or a list of them, has words of the text."""
    best = reply[0] if isinstance(reply, list) and reply else reply
    return bool(best) and bool(best["answer"])


def _checked_text(name: str, text: Any, most: int) -> str:
    if not isinstance(text, str):
        raise QuestionError(f"{name}: expected a text, found {describe(text)}")
    if not text.strip():
        raise QuestionError(f"{name}: is {'blank' if text else 'empty'}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise QuestionError(f"{name}: is not valid Unicode (a lone surrogate at character {error.start})") from None
    _check_length(name, len(text), most)
    return text


def _check_length(name: str, length: int, most: int) -> None:
    if length > most:
        raise DataError(f"{name}: has {length:,} characters; {most:,} are the most of a request")


def _checked_share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError("options", f"{name}: expected a number from 0 to 1, found {in_short(value)}")
    return float(value)


def _check_options(reader: QuestionAnsweringPipeline, options: Mapping[str, Any]) -> None:
    """Raises what the pipeline would say of options, before anything is queued."""
    from qa_pipeline.arguments.limits import check_limits

    limits = reader.options.updated(options).limits
    check_limits({name: value for name, value in limits.items() if name != "null_score_diff_threshold"})


def _tokens(question: str, context: str) -> int:
    """About how many tokens a model reads; exact enough to fill batches."""
    return 16 + (len(question.encode()) + len(context.encode())) // _BYTES_OF_A_TOKEN
