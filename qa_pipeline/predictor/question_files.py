"""Answers a file of questions: reads it, keeps each answer in a journal beside the output, and writes the output last.

OUTPUT.journal is there while the files of the output are not. After a kill the same call goes on from it, so that no
answer is lost.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from qa_pipeline import artifacts
from qa_pipeline.data import Example, ids_of, is_labelled
from qa_pipeline.data.example import fingerprint
from qa_pipeline.errors import ConfigError
from qa_pipeline.postprocess import Span, from_json, to_json
from qa_pipeline.predictor.answer import Answer
from qa_pipeline.predictor.answer_files import ENDINGS, Place, check_target, place_of, write_answers
from qa_pipeline.predictor.documents import as_documents
from qa_pipeline.predictor.question_lists import DataQuestions, QuestionList, read_data, read_questions
from qa_pipeline.predictor.sources import is_index
from qa_pipeline.wording import counted

if TYPE_CHECKING:
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.predictor.documents import Documents, Reply
    from qa_pipeline.predictor.predictor import QAPredictor
    from qa_pipeline.retrieval.hits import PassageIndex

Answers = Iterator[tuple[Answer, Place]]


@dataclass
class ScoredAnswers:
    """The answers to labelled questions, as far as scores need them.

    Attributes:
        texts: id -> answer.
        confidence: in the order of the questions.
    """

    texts: dict[str, str] = field(default_factory=dict)
    confidence: array[float] = field(default_factory=lambda: array("d"))

    def collect(self, examples: Sequence[Example], answers: Answers) -> Answers:
        """Hands the answers through, one for each example, and keeps what scores need of each."""
        for example, (answer, place) in zip(examples, answers, strict=True):
            if is_labelled(example):
                self.texts[example["id"]] = answer.text
                self.confidence.append(answer.confidence)
            yield answer, place


@dataclass(frozen=True)
class AnsweredFile:
    """What `answer_file` did.

    Attributes:
        files: that were written.
        computed: how many questions were answered now; the others were answered before a kill.
        seconds: how long that took.
        left_out: id -> why a row was not answered.
        scored: the answers to labelled questions.
    """

    files: list[Path]
    computed: int
    seconds: float
    left_out: dict[str, str] = field(default_factory=dict)
    scored: ScoredAnswers = field(default_factory=ScoredAnswers)


def answer_file(
    predictor: QAPredictor,
    data: str | PathLike[str] | DataQuestions | QuestionList,
    output: str | PathLike[str] | None,
    *,
    documents: Documents | None = None,
    **reading: Any,
) -> AnsweredFile:
    """Answers all questions of a data set and writes the answers, of which a kill loses none.

        >>> answer_file(predictor, "questions.csv", "answers.csv", documents=Path("handbook.pdf"))  # doctest: +SKIP

    Args:
        predictor: is asked.
        data: a file, a folder saved by `datasets` or the name of a Hub data set; or what `read_data` or
            `read_questions` gave.
        output: FILE.json, .jsonl, .csv or .tsv, see `answer_files.write_answers`. None, for data with a context for
            each question: nothing is written, and `scored` alone tells of the answers.
        documents: what every question is asked on, as of `QAPredictor.ask`; None: the data has the contexts.
        reading: where `data` is a name, how it is read: arguments of `read_data`, or with documents of
            `read_questions`.

    Raises:
        ConfigError: the output has another ending, another process answers into it, files of another run lie where
            those beside it would go, or questions that stand alone come without documents.
        DataError: the data or a document cannot be read, or the output cannot be written.
        ModelError: as `QAPredictor.predict`.
    """
    path = None if output is None else str(output)
    if path is not None and not path.lower().endswith(ENDINGS):
        raise ConfigError("answer_file", f"output: expected a name that ends in {', '.join(ENDINGS)}, found {path}")
    if isinstance(data, str | PathLike):
        check_output(path)
        data = read_data(str(data), **reading) if documents is None else read_questions(str(data), **reading)
    if isinstance(data, DataQuestions):
        return _answer_data(predictor, data, path)
    if documents is None or path is None:
        raise ConfigError("answer_file", "documents and output: are required for questions that stand alone")
    given = documents if is_index(documents) else as_documents(documents)
    return _answer_on_documents(predictor, data, given, path)


def check_output(path: str | None) -> None:
    """Makes sure, before data is read and a model loaded, that answers can go into this file.

    Raises:
        ConfigError: another process answers into it, or files of another run lie where those beside it would go.
        DataError: it could not be written.
    """
    with _open_journal(path):
        pass


def _answer_data(predictor: QAPredictor, data: DataQuestions, path: str | None) -> AnsweredFile:
    """Answers questions that have a context each, on that."""
    examples, scored = data.examples, ScoredAnswers()
    begin = time.perf_counter()
    with _open_journal(path) as journal:
        if journal is None or path is None:
            deque(scored.collect(examples, _nowhere(predictor.predict(examples))), maxlen=0)
            return AnsweredFile([], len(examples), time.perf_counter() - begin, scored=scored)
        computed = _fill(
            journal,
            path,
            {"the model or its settings": predictor.fingerprint(), "the data": fingerprint(examples)},
            [example["id"] for example in examples],
            lambda done: _nowhere(predictor.predict(examples, skip=done)),
        )
        seconds = time.perf_counter() - begin
        answers = scored.collect(examples, _answers_of(journal))
        named = _with_every_id(examples, answers, data.report.without_context)
        files = write_answers(path, named, predictor.settings.version_2_with_negative)
        journal.remove()
    return AnsweredFile(files, computed, seconds, scored=scored)


def _answer_on_documents(
    predictor: QAPredictor, questions: QuestionList, documents: list[Document] | PassageIndex, path: str
) -> AnsweredFile:
    """Answers each question on all documents."""
    begin = time.perf_counter()
    of_documents = not isinstance(documents, list) or any(
        one.source for one in documents
    )  # else on texts without place

    def answers_after(done: int) -> Answers:
        for reply in predictor.ask_many(questions.rows, documents, skip=done):
            yield _answer_of(reply), place_of(reply) if of_documents else {}

    with _open_journal(path) as journal:
        assert journal is not None
        computed = _fill(
            journal,
            path,
            {
                "the model or its settings": predictor.fingerprint(),
                "the questions": _fingerprint_of([row["id"], row["question"]] for row in questions.rows),
                "the texts": _texts_fingerprint(documents, of_documents),
            },
            [row["id"] for row in questions.rows],
            answers_after,
        )
        seconds = time.perf_counter() - begin
        left_out = {row.id: row.reason for row in questions.left_out}
        with_null = predictor.settings.version_2_with_negative
        files = write_answers(path, _answers_of(journal), with_null, left_out, of_documents)
        journal.remove()
    return AnsweredFile(files, computed, seconds, left_out)


def _texts_fingerprint(documents: list[Document] | PassageIndex, of_documents: bool) -> str:
    if not isinstance(documents, list):
        known = getattr(documents, "fingerprint", None)
        documents = [] if known else [documents.document(name) for name in documents.names()]
        return _fingerprint_of([known, *([text.source, text.text] for text in documents)])
    return _fingerprint_of([of_documents, text.source, text.text, text.pages] for text in documents)


def _answer_of(reply: Reply) -> Answer:
    """The best answer of a reply, with its runners-up as n-best."""
    spans = [Span(one.text, one.start or 0, one.end or 0, one.score, one.confidence) for one in reply.spans]
    score = reply.answers[0].score if reply.answers else 0.0
    return Answer(
        id=reply.id,
        question=reply.question,
        text=reply.text,
        start=reply.start,
        end=reply.end,
        confidence=reply.confidence,
        no_answer_confidence=reply.no_answer_confidence,
        null_odds=reply.null_odds,
        score=score,
        num_windows=0,
        nbest=spans,
    )


def _nowhere(answers: Iterator[Answer]) -> Answers:
    """Answers with no place in documents."""
    return ((answer, {}) for answer in answers)


def _with_every_id(examples: Sequence[Example], answers: Answers, without_context: Mapping[str, str]) -> Answers:
    """The answers under the ids of all rows, those that were merged into another as well.

    Args:
        examples: one for each answer.
        answers: of the examples.
        without_context: id -> question of rows that nothing could be found for; they stand last.
    """
    nowhere = dict(without_context)
    for example, (answer, place) in zip(examples, answers, strict=True):
        for name in ids_of(example):
            nowhere.pop(name, None)
            yield (answer if name == answer.id else replace(answer, id=name)), place
    for name, question in nowhere.items():
        yield Answer.of_nothing(name, question), {}


@contextmanager
def _open_journal(path: str | None) -> Iterator[artifacts.Journal | None]:
    """The journal of an output, which no other process writes meanwhile; None where there is no output.

    Raises:
        ConfigError: another process answers into it, or files of another run lie where those beside it would go.
        DataError: it could not be written.
    """
    check_target(path)
    if path is None:
        yield None
        return
    target = Path(path)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    with artifacts.writing(path):
        artifacts.hold(
            lock,
            "command line",
            f"--output: another process is answering into {path}; wait for it to end, or give another name",
        )
    try:
        with artifacts.Journal(target.with_name(f"{target.name}.journal")) as journal:
            yield journal
    finally:
        # While it is held: a process that has opened it in between sees that the file is gone, and makes another.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _fill(
    journal: artifacts.Journal,
    path: str,
    identity: Mapping[str, str],
    ids: Sequence[str],
    answers_after: Callable[[int], Answers],
) -> int:
    """Computes the answers that the journal lacks, and keeps each at once. Says on stderr where it goes on.

    Args:
        journal: of `_open_journal`.
        path: the output.
        identity: fingerprints of all that answers hang on; what they are of, in words.
        ids: of the questions, in their order.
        answers_after: computes those after the first N.

    Returns:
        How many were computed now.

    Raises:
        DataError: the journal cannot be read or written.
    """
    with artifacts.writing(path, resumes=True):
        changed = journal.begin(identity, ids)
    done = len(journal)
    if changed:
        print(f"{journal.path} is of another run ({', '.join(changed)} changed): starting over", file=sys.stderr)
    elif done:
        total = counted(len(ids), "question")
        print(f"{path}: goes on after {done:,} of {total}, which were answered before", file=sys.stderr)
    for answer, place in answers_after(done) if done < len(ids) else ():
        with artifacts.writing(path, resumes=True):
            journal.append(to_json(answer) | {"place": place})
    return len(ids) - done


def _answers_of(journal: artifacts.Journal) -> Answers:
    """All answers of a journal, read one by one."""
    return ((from_json(Answer, value), value["place"]) for value in journal)


def _fingerprint_of(values: Iterable[Any]) -> str:
    """SHA-256 (first 16 hex digits) of values that JSON can hold, in order."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(json.dumps(value).encode("ascii") + b"\n")
    return digest.hexdigest()[:16]
