"""Turns what a visitor gives (a question, a text, files) into what each model finds. Never sees a page.

The page and the server ask documents through `find_many`, so that both say the same. Whatever a visitor may get wrong
ends in a DataError whose words are for him.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from qa_pipeline.documents.reading import KINDS, SUFFIXES, Document, read_document
from qa_pipeline.errors import DataError
from qa_pipeline.predictor.documents import DocumentAnswer, Reply
from qa_pipeline.predictor.sources import NUM_PASSAGES
from qa_pipeline.text.words import normalised
from qa_pipeline.wording import in_short

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor
    from qa_pipeline.predictor.documents import Documents
    from qa_pipeline.retrieval.embeddings import Embedder
    from qa_pipeline.retrieval.index import Index

logger = logging.getLogger(__name__)

MOST_QUESTION = 1_000
"""Characters of a question."""
MOST_TEXT = 500_000
"""Characters of a text, and of all files of a question together."""
MOST_FILES = 10
MOST_MEGABYTES = 20
"""Of a file; 10**6 bytes each."""
MOST_ANSWERS = 5
"""Shown of each model: the best one and its runners-up."""
LEAST = 0.01
"""Confidence of a runner-up or a guess; what is below says nothing."""
_ASKED_FOR = 4
"""Answers that a model is asked for, for each that is shown: some of them say the same."""


@dataclass(frozen=True)
class Finding:
    """What one model finds.

    Attributes:
        model: its name.
        reply: all that it says.
        answers: its answers, best first, each text once.
        found: whether the first of them is what it answers; else it says that there is none, and they are guesses.
        untrained: the model's head was never trained, so that its answers are noise.
        seconds: that it took.
    """

    model: str
    reply: Reply
    answers: list[DocumentAnswer]
    found: bool
    untrained: bool
    seconds: float


def ask_models(models: Sequence[QAPredictor], question: Any, documents: Sequence[Document] | Index) -> list[Finding]:
    """Asks every model the same.

    Args:
        models: at least one.
        question: as typed.
        documents: at least one, or an index of them.

    Returns:
        One finding for each model, in their order.

    Raises:
        DataError: there is no question, or it is too long; or a document cannot be asked.
        ModelError: the model fails.
    """
    question = checked_question(question)
    return [_ask(model, question, documents) for model in models]


def _ask(model: QAPredictor, question: str, documents: Sequence[Document] | Index) -> Finding:
    return next(find_many(model, [question], documents))


def find_many(
    model: QAPredictor,
    questions: Sequence[str],
    documents: Documents,
    *,
    most: int = MOST_ANSWERS,
    least: float = LEAST,
    num_passages: int = NUM_PASSAGES,
) -> Iterator[Finding]:
    """What a model finds for each question, computed many at a time. This is how the page and the server ask.

    Args:
        model: is asked.
        questions: at least one, each of them checked.
        documents: as of `QAPredictor.ask`.
        most: answers that are kept for a question: the best one and its runners-up.
        least: confidence of a runner-up or a guess, 0 to 1.
        num_passages: most passages that are read for a question.

    Raises:
        DataError: a document cannot be asked.
        ModelError: the model fails.
    """
    begin = time.perf_counter()
    asked: dict[str, Any] = {"top_k": _ASKED_FOR * most, "num_passages": num_passages}
    replies = (
        iter([model.ask(questions[0], documents, **asked)])
        if len(questions) == 1
        else model.ask_many(questions, documents, **asked)
    )
    for reply in replies:
        yield _finding(model, reply, most, least, time.perf_counter() - begin)


def _finding(model: QAPredictor, reply: Reply, most: int, least: float, seconds: float) -> Finding:
    answers = each_text_once(reply.spans)[:most]
    stays = not reply.none_likelier  # the best answer, however unlikely it is
    return Finding(
        model=model.name,
        reply=reply,
        answers=[one for place, one in enumerate(answers) if one.confidence >= least or (stays and not place)],
        found=reply.found,
        untrained=model.head_untrained,
        seconds=seconds,
    )


def each_text_once(answers: Iterable[DocumentAnswer]) -> list[DocumentAnswer]:
    """The answers without those that say the same as one before, whatever their case and punctuation."""
    kept: dict[str, DocumentAnswer] = {}
    for answer in answers:
        kept.setdefault(normalised(answer.text) or answer.text, answer)
    return list(kept.values())


def checked_question(question: Any) -> str:
    """The question without the white space around it.

    Raises:
        DataError: it is blank, too long, or no text.
    """
    if not isinstance(question, str):
        raise DataError(f"The question must be a text, found {in_short(question)}.")
    if not question.strip():
        raise DataError("There is no question yet. Type one, then press Ask.")
    if len(question.strip()) > MOST_QUESTION:
        raise DataError(
            f"The question has {len(question.strip()):,} characters; {MOST_QUESTION:,} are the most. "
            "A text to search belongs into the field for it."
        )
    return question.strip()


def text_document(text: Any) -> list[Document]:
    """A pasted text as a document without a name.

    Raises:
        DataError: it is blank, too long, or no text.
    """
    if not isinstance(text, str):
        raise DataError(f"The text must be a text, found {in_short(text)}.")
    if not text.strip():
        raise DataError("There is no text to search yet. Paste one, or choose files.")
    _check_length(len(text), "The text has")
    return [Document(text, "")]


def file_documents(files: Sequence[Path], names: Sequence[str]) -> list[Document]:
    """Files of a visitor as documents, each under the name that he knows.

    Args:
        files: where they are.
        names: what he calls them.

    Raises:
        DataError: there is none, there are too many, one is too large or cannot be read, or their text is too long.
    """
    if not files:
        raise DataError("There is no file yet. Choose one or more, or paste a text.")
    if len(files) > MOST_FILES:
        raise DataError(f"{len(files)} files were chosen; {MOST_FILES} are the most. A whole folder: --documents DIR.")
    documents = [_read(path, name) for path, name in zip(files, names, strict=True)]
    _check_length(sum(len(document.text) for document in documents), "The files have together")
    return documents


def folder_index(folder: str | Path, embedder: Embedder | None = None) -> Index:
    """The documents of a folder, or one file, as an index in the user's cache; what cannot be read is left out.

    Args:
        folder: or a file.
        embedder: `QAPredictor.embedder` of the model that is asked.

    Raises:
        DataError: there is no such folder, or no document in it that can be read.
    """
    from qa_pipeline.retrieval.opening import open_index

    index = open_index(folder, model=embedder)
    for note in index.report.notes:
        logger.warning("%s", note)
    return index


def _read(path: Path, name: str) -> Document:
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{name}: files of this kind are not read; {KINDS} are.")
    try:
        state = path.stat()
    except OSError:
        raise DataError(f"{name}: the file is no longer here; choose it again.") from None
    if state.st_size > MOST_MEGABYTES * 10**6:
        raise DataError(f"{name}: has {state.st_size / 1e6:.0f} MB; {MOST_MEGABYTES} MB are the most.")
    try:
        return replace(_read_once(path, state.st_mtime_ns), source=name)
    except DataError as error:
        # Where the file lies here is nothing that the visitor knows.
        raise DataError(str(error).replace(str(path), name)) from None


@lru_cache(maxsize=MOST_FILES)
def _read_once(path: Path, modified_ns: int) -> Document:
    """A file is asked several questions, and a large PDF takes seconds to read; a changed one is read again."""
    return read_document(path)


def _check_length(characters: int, said: str) -> None:
    if characters > MOST_TEXT:
        raise DataError(
            f"{said} {characters:,} characters; {MOST_TEXT:,} are the most on this page. `qa-pipeline ask "
            "--documents` and `qa-pipeline demo --documents` have no such limit."
        )


# For programs


class FoundAnswer(TypedDict):
    """One answer: `document text[start:end] == answer`. `document` is None for a text that was given itself."""

    answer: str
    confidence: float
    start: int
    end: int
    document: str | None
    page: int | None
    headings: list[str]
    sentence: str


class ModelFinding(TypedDict):
    """What one model says. Where `found` is False there is no answer ("", None), and `runner_ups` are guesses."""

    model: str
    found: bool
    answer: str
    confidence: float
    start: int | None
    end: int | None
    document: str | None
    page: int | None
    headings: list[str]
    sentence: str | None
    no_answer_confidence: float
    runner_ups: list[FoundAnswer]


class AskReply(ModelFinding):
    """What the endpoint gives: the finding of the model, and that of the base model where there is one."""

    question: str
    base: ModelFinding | None


def reply_of(findings: Sequence[Finding]) -> AskReply:
    """The findings of the model, and of the base model where there is one, as JSON."""
    first, *others = findings
    base = model_finding(others[0]) if others else None
    return {**model_finding(first), "question": first.reply.question, "base": base}


def model_finding(finding: Finding) -> ModelFinding:
    """A finding as JSON; confidences have six decimals."""
    answers = [_found_answer(answer) for answer in finding.answers]
    none = round(finding.reply.no_answer_confidence, 6)
    best = answers[0] if finding.found else None
    return {
        "model": finding.model,
        "found": finding.found,
        "answer": best["answer"] if best else "",
        "confidence": best["confidence"] if best else none,
        "start": best["start"] if best else None,
        "end": best["end"] if best else None,
        "document": best["document"] if best else None,
        "page": best["page"] if best else None,
        "headings": best["headings"] if best else [],
        "sentence": best["sentence"] if best else None,
        "no_answer_confidence": none,
        "runner_ups": answers[1:] if best else answers,
    }


def _found_answer(answer: DocumentAnswer) -> FoundAnswer:
    return {
        "answer": answer.text,
        "confidence": round(answer.confidence, 6),
        "start": answer.start or 0,
        "end": answer.end or 0,
        "document": answer.document.source if answer.document else None,
        "page": answer.page,
        "headings": list(answer.headings),
        "sentence": answer.sentence or "",
    }
