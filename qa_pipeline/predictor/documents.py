"""What is said to a question about documents, and what may be asked as documents. Plain data; never sees a model."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline.postprocess import NO_SPAN_NULL_ODDS
from qa_pipeline.predictor.questions import QuestionError
from qa_pipeline.text.words import sentence_around

if TYPE_CHECKING:
    from qa_pipeline.documents.passage import Passage
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.retrieval.hits import Hit, PassageIndex

    Documents = str | PathLike[str] | Document | PassageIndex | Iterable[str | PathLike[str] | Document]
    """Texts, documents that were read, or `Path` objects of files and folders; one of these, or several; or an index
    of documents."""

logger = logging.getLogger(__name__)

LEAST_SURE = 0.05
"""Where neither an answer nor "no answer" has this confidence, nothing that was read says anything of the question, or
the model has learned too little to tell."""
LEAST_NEAR = 0.25
"""Cosine of a question and the nearest passage, by the embeddings of the package, under which the documents are about
something else. A model that always answers answers such questions too, and is often sure of it; see
benchmarks/asking_worth.py."""


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
        score: how far it is above "no answer", in logits, less what its passage lies behind the best one in the search;
            0 for no answer.
        copies: names of other documents that hold the same passage, or are the same text.
    """

    text: str
    start: int | None
    end: int | None
    confidence: float
    context: str
    document: Document | None = None
    passage: Passage | None = None
    score: float = 0.0
    copies: tuple[str, ...] = ()

    @property
    def page(self) -> int | None:
        """The page on which the answer begins, where the document has pages."""
        return self.document.page_at(self.start) if self.document and self.start is not None else None

    @property
    def sentence(self) -> str | None:
        """The sentence around the answer, or the sentences; None for no answer."""
        if self.start is None or self.end is None:
            return None
        return self.context[slice(*self.sentence_place())]

    def sentence_place(self) -> tuple[int, int]:
        """The characters of that sentence, end exclusive, in the context; (0, 0) for no answer.

        Of a table it is the row, and a heading above the sentence is no part of it.
        """
        if self.start is None or self.end is None:
            return 0, 0
        low, high = sentence_around(self.context, self.start, self.end)
        begin = max(low, self.context.rfind("\n", 0, self.start) + 1)
        if "|" in _line_at(self.context, begin):
            return begin, max(self.end, min(high, _line_end(self.context, self.end)))
        while (line := _line_at(self.context, low)) and low + len(line) < self.start and self._is_heading(line):
            low += len(line) + 1
            low += len(self.context[low : self.start]) - len(self.context[low : self.start].lstrip())
        return low, high

    def _is_heading(self, line: str) -> bool:
        core = line.strip()
        return core.startswith("#") or core in self.headings

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings that the answer stands under, the outermost first; empty where none is known."""
        return self.passage.headings if self.passage is not None else ()


def _line_at(text: str, start: int) -> str:
    """What is left of a line from a character on."""
    return text[start : _line_end(text, start)]


def _line_end(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found


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
        near: the highest cosine of the question and a passage that was read; None where meaning took no part.
        documents: names of the documents that were read, that with the likeliest span first, its copies after it;
            whether or not the answer is "no answer". Plain texts have the name "".
    """

    question: str
    answers: list[DocumentAnswer]
    no_answer_confidence: float = 0.0
    null_odds: float = NO_SPAN_NULL_ODDS
    hits: list[Hit] = field(default_factory=list)
    id: str = "0"
    near: float | None = None
    documents: list[str] = field(default_factory=list)

    @property
    def sure(self) -> bool:
        """Whether an answer, or "no answer", has a confidence of LEAST_SURE or more."""
        return max(self.confidence, self.no_answer_confidence) >= LEAST_SURE

    @property
    def found(self) -> bool:
        """Whether there is an answer: words of a text, likelier than "no answer", and of LEAST_SURE or more.

        A model that always answers has no other way to say "not found"; so of its answers the nearest passage must be
        near the question too (LEAST_NEAR), where that is known. Where nothing is found, `answers` are guesses at best.
        """
        far = self.no_answer_confidence == 0 and self.near is not None and self.near < LEAST_NEAR
        return bool(self.answers) and not self.none_likelier and self.confidence >= LEAST_SURE and not far

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
            if _names_path(one):
                logger.warning(
                    '"%s" is asked as a text, and is the name of a file or folder too: Path("%s") reads it', one, one
                )
            read.append(Document(one, ""))
        elif isinstance(one, PathLike):
            read += read_documents(Path(one), skip_bad=True)
        else:
            raise QuestionError(f"document {number}: expected {_EXPECTED}, found {type(one).__name__}")
    if not read:
        raise QuestionError(f"documents: nothing to ask; give {_EXPECTED}, or several of these")
    return read


def _names_path(text: str) -> bool:
    """Whether a text is the name of a file or folder that is there, which is what a caller may have meant."""
    if len(text) >= 256 or "\0" in text or "\n" in text:
        return False
    return Path(text).is_file() if Path(text).suffix else bool(text.strip()) and Path(text).is_dir()


_EXPECTED = "a text, a Document, or a pathlib.Path of a file or folder"
