"""Asks documents: one question or many, all documents as one competition, the answers with their documents and pages.

`QAPredictor.ask` and `ask_many` are the way in. Prints nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline.arguments.limits import as_python, check_limits, checked_bounds
from qa_pipeline.errors import ConfigError
from qa_pipeline.postprocess import NO_SPAN_NULL_ODDS
from qa_pipeline.predictor.answer import Answer, distinct, spans_needed
from qa_pipeline.predictor.questions import QuestionError
from qa_pipeline.text.words import sentence_around
from qa_pipeline.wording import in_short

if TYPE_CHECKING:
    from qa_pipeline.documents.passage import Passage
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.retrieval.hits import Hit

    Documents = str | PathLike[str] | Document | Iterable[str | PathLike[str] | Document]
    """Texts, documents that were read, or `Path` objects of files and folders; one of these, or several."""

logger = logging.getLogger(__name__)

ROOM_FOR_DISTINCT = 40
"""Spans of n-best for each answer that is wanted: most of the best ones overlap the very best."""


@dataclass(frozen=True)
class DocumentAnswer:
    """One answer, and where it stands.

    Attributes:
        text: `context[start:end]`; "" for no answer.
        start, end: characters of the context, end exclusive; None for no answer.
        confidence: 0 to 1.
        context: the document's text.
        document: where it was found; None for a plain text, and for no answer in any of several documents.
        passage: the stretch of the document that was read; None where the document was read as a whole.
        score: how far it is above "no answer", in logits; 0 for no answer.
    """

    text: str
    start: int | None
    end: int | None
    confidence: float
    context: str
    document: Document | None = None
    passage: Passage | None = None
    score: float = 0.0

    @property
    def page(self) -> int | None:
        """The page on which the answer begins, where the document has pages."""
        return self.document.page_at(self.start) if self.document and self.start is not None else None

    @property
    def sentence(self) -> str | None:
        """The sentence around the answer, or the sentences; None for no answer."""
        if self.start is None or self.end is None:
            return None
        return self.context[slice(*sentence_around(self.context, self.start, self.end))]

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings that the answer stands under, the outermost first; empty where none is known."""
        return self.passage.headings if self.passage is not None else ()


@dataclass(frozen=True)
class Reply:
    """The answers to one question.

    Attributes:
        question: as asked.
        answers: best first, "no answer" before them where it won everywhere; empty where none has the confidence that
            was asked for.
        no_answer_confidence: of there being no answer in any of the texts, 0 to 1; 0 for a model that always answers.
        null_odds: how far "no answer" is above the best span of all, in logits.
        hits: the passages that were read, in the order of the search; empty where everything was read.
        id: the question's own, or its number among many from 0.
    """

    question: str
    answers: list[DocumentAnswer]
    no_answer_confidence: float = 0.0
    null_odds: float = NO_SPAN_NULL_ODDS
    hits: list[Hit] = field(default_factory=list)
    id: str = "0"

    @property
    def none_likelier(self) -> bool:
        """Whether "no answer" is likelier than the best answer, or won everywhere."""
        if not self.answers:
            return self.no_answer_confidence > 0.5
        return self.answers[0].start is None or self.no_answer_confidence > self.answers[0].confidence

    @property
    def spans(self) -> list[DocumentAnswer]:
        """The answers that are words of a text."""
        return [answer for answer in self.answers if answer.start is not None]

    @property
    def text(self) -> str:
        """The best answer; "" where there is none."""
        return self.answers[0].text if self.answers else ""

    @property
    def start(self) -> int | None:
        """Where the best answer begins in its context, in characters; None where there is none."""
        return self.answers[0].start if self.answers else None

    @property
    def end(self) -> int | None:
        """Where the best answer ends, exclusive; None where there is none."""
        return self.answers[0].end if self.answers else None

    @property
    def confidence(self) -> float:
        """Of the first of the answers (of there being none, where that won), 0 to 1."""
        return self.answers[0].confidence if self.answers else self.no_answer_confidence


def as_documents(documents: Documents) -> list[Document]:
    """Texts, documents and paths as documents; a plain text has the source "".

    Raises:
        QuestionError: there is none, or something else was given.
        DataError: a path cannot be read.
    """
    # Here, since a predictor that is asked texts alone reads no files, and starts sooner without what does.
    from qa_pipeline.documents.reading import Document, read_documents

    if isinstance(documents, str | PathLike | Document):
        given: Iterable[Any] = [documents]
    elif isinstance(documents, Iterable) and not isinstance(documents, Mapping | bytes):
        given = documents
    else:
        raise QuestionError(f"documents: expected {_EXPECTED}, or several of these, found {type(documents).__name__}")
    read: list[Document] = []
    for number, one in enumerate(given):
        if isinstance(one, Document):
            read.append(one)
        elif isinstance(one, str):
            if _names_file(one):
                logger.warning('"%s" is asked as a text, and is the name of a file too: Path("%s") reads it', one, one)
            read.append(Document(one, ""))
        elif isinstance(one, PathLike):
            read += read_documents(Path(one), skip_bad=True)
        else:
            raise QuestionError(f"document {number}: expected {_EXPECTED}, found {type(one).__name__}")
    if not read:
        raise QuestionError(f"documents: nothing to ask; give {_EXPECTED}, or several of these")
    return read


def _names_file(text: str) -> bool:
    """Whether a text is the name of a file that is there, which is what a caller may have meant."""
    return len(text) < 256 and bool(Path(text).suffix) and "\0" not in text and Path(text).is_file()


_EXPECTED = "a text, a Document, or a pathlib.Path of a file or folder"


def ask(
    predictor: Any,
    question: str,
    documents: Documents,
    *,
    top_k: int = 1,
    all_answers: bool = False,
    min_confidence: float | None = None,
    **overrides: Any,
) -> Reply:
    """Asks every document and ranks the answers of all by confidence; see `QAPredictor.ask`."""
    top_k = checked_bounds(top_k=top_k)["top_k"] or 1
    least = _checked_share(min_confidence, 0.05 if all_answers else 0.0)
    check_limits(overrides)
    given = as_documents(documents)
    # Every span of this confidence has a place in n-best of this size: confidences add up to 1 at most.
    needed = spans_needed(least) if all_answers else min(ROOM_FOR_DISTINCT * top_k, 1000) if top_k > 1 else 1
    kept = overrides.get("n_best_size") or predictor.settings.n_best_size
    rows = ({"question": question, "context": document.text} for document in given)
    replies = list(predictor.predict(rows, **overrides | {"n_best_size": max(needed, kept)}))
    return _joined(given, predictor.together(replies, **overrides), top_k, least, all_answers)


def _joined(
    documents: Sequence[Document], answers: Sequence[Answer], top_k: int, least: float, all_answers: bool = False
) -> Reply:
    """The reply that the answers of several documents, one each, with the confidences of one competition, make."""
    spoken: list[DocumentAnswer] = []
    silent: list[DocumentAnswer] = []
    runners_up: list[DocumentAnswer] = []
    for document, answer in zip(documents, answers, strict=True):
        place = document if document.source else None
        best = answer.above(least) if all_answers else distinct(answer.nbest)[:top_k]
        spans = [
            DocumentAnswer(span.text, span.start, span.end, span.confidence, document.text, place, None, span.score)
            for span in best
        ]
        if answer.start is None:
            silent.append(DocumentAnswer("", None, None, answer.confidence, document.text, place))
            runners_up += spans
        else:
            spoken += spans
    most = len(spoken) if all_answers else top_k
    nothing, odds = answers[0].no_answer_confidence, min(answer.null_odds for answer in answers)
    if len(silent) == len(documents):
        none = silent[0] if len(documents) == 1 else replace(silent[0], context="", document=None)
        found, nothing = [none, *_ranked(runners_up, least)[: top_k - 1]], none.confidence
    else:
        found = _ranked(spoken, least)[:most]
    return Reply(answers[0].question, found, nothing, odds, id=answers[0].id)


def ask_many(
    predictor: Any,
    questions: Iterable[str | Mapping[str, Any]],
    documents: Documents,
    *,
    top_k: int = 5,
    skip: int = 0,
) -> Iterator[Reply]:
    """Asks every document every question, many at a time; see `QAPredictor.ask_many`."""
    top_k = checked_bounds(top_k=top_k)["top_k"] or 1
    given = as_documents(documents)
    return _replies(predictor, questions, given, top_k, skip)


def _replies(
    predictor: Any, questions: Iterable[str | Mapping[str, Any]], documents: Sequence[Document], top_k: int, skip: int
) -> Iterator[Reply]:
    rows = (
        {"id": number, **({"question": row} if isinstance(row, str) else row), "context": document.text}
        for number, row in enumerate(questions)
        for document in documents
    )
    kept = max(predictor.settings.n_best_size, ROOM_FOR_DISTINCT * top_k if top_k > 1 else 1)
    answers = predictor.predict(rows, skip=skip * len(documents), n_best_size=kept)
    while given := list(islice(answers, len(documents))):
        yield _joined(documents, predictor.together(given), top_k, 0.0)


def _checked_share(value: Any, default: float) -> float:
    value = default if value is None else as_python(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(
            "settings of the predictor", f"min_confidence must be a number, from 0 to 1, found {in_short(value)}"
        )
    return float(value)


def _ranked(answers: Iterable[DocumentAnswer], least: float) -> list[DocumentAnswer]:
    return sorted((answer for answer in answers if answer.confidence >= least), key=lambda answer: -answer.confidence)
