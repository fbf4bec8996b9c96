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
from qa_pipeline.data import Example, ids_of, is_labelled, needs_all
from qa_pipeline.data.example import fingerprint
from qa_pipeline.errors import ConfigError
from qa_pipeline.metrics.documents import place_of_right
from qa_pipeline.postprocess import LEAST_CONFIDENCE, from_json, to_json
from qa_pipeline.predictor.answer import Answer
from qa_pipeline.predictor.documents import as_documents
from qa_pipeline.predictor.files.answer_files import ENDINGS, AnswerRow, Unanswered, check_target, write_answers
from qa_pipeline.predictor.files.gold import Gold, GoldTable, contents_of, gold_of, library_of
from qa_pipeline.predictor.files.question_lists import DataQuestions, QuestionList, read_data, read_questions
from qa_pipeline.predictor.files.reply_rows import (
    ReplyRow,
    Sheet,
    answer_rows,
    best_of,
    documents_of,
    documents_read,
    reply_row,
)
from qa_pipeline.predictor.sources import is_index
from qa_pipeline.wording import counted

if TYPE_CHECKING:
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.predictor.documents import Documents
    from qa_pipeline.predictor.predictor import QAPredictor
    from qa_pipeline.retrieval.hits import PassageIndex

Answers = Iterator[Answer]

ANSWERS_KEPT = 10
"""Answers to each question on documents: enough to say which three documents come first."""


@dataclass
class ScoredAnswers:
    """The answers to labelled questions, as far as scores need them.

    Attributes:
        texts: id -> answer.
        confidence: in the order of the questions.
        places: id -> the place, from 1, of the right document among the distinct documents of the answers; None where
            none of them is right. Only of questions that have a document.
        sets: id -> all answers, of questions that require all of theirs and have a context each.
        enough: the confidence from which an answer of a set is given.
        places_read: the same among the documents of the passages that were read; empty where everything was read.
    """

    texts: dict[str, str] = field(default_factory=dict)
    confidence: array[float] = field(default_factory=lambda: array("d"))
    places: dict[str, int | None] = field(default_factory=dict)
    places_read: dict[str, int | None] = field(default_factory=dict)
    sets: dict[str, list[str]] = field(default_factory=dict)
    enough: float = LEAST_CONFIDENCE

    def collect(self, examples: Sequence[Example], answers: Answers) -> Answers:
        """Hands the answers through, one for each example, and keeps what scores need of each."""
        for example, answer in zip(examples, answers, strict=True):
            if is_labelled(example):
                self.texts[example["id"]] = answer.text
                self.confidence.append(answer.confidence)
                if needs_all(example):
                    self.sets[example["id"]] = [span.text for span in answer.above(self.enough)]
            yield answer

    def collect_replies(
        self, rows: Iterator[ReplyRow], gold: Sequence[Gold], content: Callable[[str], object]
    ) -> Iterator[ReplyRow]:
        """Hands the replies to questions on documents through, and keeps what scores need of those in `gold`.

        Args:
            rows: in the order of `gold`, between others.
            gold: what is right.
            content: name of a document -> what it shares with its copies, each of which is right where one is.
        """
        wanted = {one.id: one for one in gold}
        for row in rows:
            if (right := wanted.get(row["id"])) is not None:
                best = best_of(row)
                self.texts[row["id"]] = best["text"]
                self.confidence.append(best["confidence"])
                if right.answers and right.documents:
                    self._place(row, {content(name) for name in right.documents}, content)
            yield row

    def _place(self, row: ReplyRow, right: set[object], content: Callable[[str], object]) -> None:
        found = [[content(name) for name in names] for names in documents_of(row)]
        # A document whose copy is right is right; silence, which has none, takes a place of its own.
        best = [next((one for one in each if one in right), each[0] if each else None) for each in found]
        self.places[row["id"]] = place_of_right(best, right)
        if row["read"]:
            self.places_read[row["id"]] = place_of_right(map(content, documents_read(row)), right)


@dataclass(frozen=True)
class AnsweredFile:
    """What `answer_file` did.

    Attributes:
        files: that were written.
        computed: how many questions were answered now; the others were answered before a kill.
        seconds: how long that took.
        left_out: id -> why a row was not answered.
        scored: the answers to labelled questions.
        gold: what rows of questions on documents say is right.
    """

    files: list[Path]
    computed: int
    seconds: float
    left_out: dict[str, str] = field(default_factory=dict)
    scored: ScoredAnswers = field(default_factory=ScoredAnswers)
    gold: GoldTable = field(default_factory=GoldTable)


def answer_file(
    predictor: QAPredictor,
    data: str | PathLike[str] | DataQuestions | QuestionList,
    output: str | PathLike[str] | None,
    *,
    documents: Documents | None = None,
    asking: Mapping[str, Any] | None = None,
    gold: GoldTable | None = None,
    **reading: Any,
) -> AnsweredFile:
    """Answers all questions of a data set and writes the answers, of which a kill loses none.

        >>> answer_file(predictor, "questions.csv", "answers.csv", documents=Path("handbook.pdf"))  # doctest: +SKIP

    Where questions on documents come with their right answers (and the names of the documents that have them), what
    scores need is in `scored` and `gold` of the result.

    Args:
        predictor: is asked.
        data: a file, a folder saved by `datasets` or the name of a Hub data set; or what `read_data` or
            `read_questions` gave.
        output: FILE.json, .jsonl, .csv or .tsv, see `answer_files.write_answers`. None, for questions with right
            answers: nothing is written, and `scored` alone tells of the answers.
        documents: what every question is asked on, as of `QAPredictor.ask`; None: the data has the contexts.
        asking: further arguments of `QAPredictor.ask_many`, for questions on documents.
        gold: what `gold_of` made of these questions and documents; None: it is made out here.
        reading: where `data` is a name, how it is read: arguments of `read_data`, or with documents of
            `read_questions`.

    Raises:
        ConfigError: the output has another ending, another process answers into it, files of another run lie where
            those beside it would go, or questions that stand alone come without documents.
        DataError: the data or a document cannot be read, the data names documents that there are not, or the output
            cannot be written.
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
    if documents is None:
        raise ConfigError("answer_file", "documents: are required for questions that stand alone")
    given = documents if is_index(documents) else as_documents(documents)
    gold = gold_of(data, library_of(given)) if gold is None else gold
    if path is None and not gold.rows:
        raise ConfigError("answer_file", "output: is required for questions that come without right answers")
    return _answer_on_documents(predictor, data, given, gold, path, asking or {})


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
    if (fitted := predictor.settings.all_answers_confidence) is not None:
        scored.enough = fitted
    begin = time.perf_counter()
    with _open_journal(path) as journal:
        if journal is None or path is None:
            deque(scored.collect(examples, predictor.predict(examples)), maxlen=0)
            return AnsweredFile([], len(examples), time.perf_counter() - begin, scored=scored)
        computed = _fill(
            journal,
            path,
            {"the model or its settings": predictor.fingerprint(), "the data": fingerprint(examples)},
            [example["id"] for example in examples],
            lambda done: map(to_json, predictor.predict(examples, skip=done)),
        )
        seconds = time.perf_counter() - begin
        answers = scored.collect(examples, (from_json(Answer, value) for value in journal))
        named = _with_every_id(examples, answers, data.report.without_context)
        files = write_answers(path, map(AnswerRow.of, named), predictor.settings.version_2_with_negative)
        journal.remove()
    return AnsweredFile(files, computed, seconds, scored=scored)


def _answer_on_documents(
    predictor: QAPredictor,
    questions: QuestionList,
    documents: Sequence[Document] | PassageIndex,
    gold: GoldTable,
    path: str | None,
    asking: Mapping[str, Any],
) -> AnsweredFile:
    """Answers each question on all documents."""
    begin = time.perf_counter()
    library, scored = library_of(documents), ScoredAnswers()
    content = contents_of(library)

    def replies_after(done: int) -> Iterator[ReplyRow]:
        given = {"top_k": ANSWERS_KEPT, **asking}
        return map(reply_row, predictor.ask_many(questions.rows, documents, skip=done, **given))

    with _open_journal(path) as journal:
        if journal is None or path is None:
            deque(scored.collect_replies(replies_after(0), gold.rows, content), maxlen=0)
            seconds = time.perf_counter() - begin
            return AnsweredFile([], len(questions.rows), seconds, _reasons(questions), scored, gold)
        computed = _fill(
            journal,
            path,
            {
                "the model or its settings": predictor.fingerprint(),
                "how it is asked": _fingerprint_of(sorted(map(str, asking.items()))),
                "the questions": _fingerprint_of([row["id"], row["question"]] for row in questions.rows),
                "the texts": _fingerprint_of_texts(documents),
            },
            [row["id"] for row in questions.rows],
            replies_after,
        )
        seconds = time.perf_counter() - begin
        others = questions.others or [{}] * len(questions.rows)
        sheet = Sheet([*others, *(row.others for row in questions.left_out)], library is not None)
        rows = scored.collect_replies(iter(journal), gold.rows, content)
        files = write_answers(
            path,
            answer_rows(rows, others, sheet, library is not None),
            predictor.settings.version_2_with_negative,
            sheet.columns,
            [Unanswered(row.id, row.reason, sheet.left_out(row.others)) for row in questions.left_out],
        )
        journal.remove()
    return AnsweredFile(files, computed, seconds, _reasons(questions), scored, gold)


def _reasons(questions: QuestionList) -> dict[str, str]:
    return {row.id: row.reason for row in questions.left_out}


def _fingerprint_of_texts(documents: Sequence[Document] | PassageIndex) -> str:
    """Of all texts that are asked: an index has one of its own."""
    if not isinstance(documents, Sequence):
        known = getattr(documents, "fingerprint", None)
        if known is not None:
            return str(known() if callable(known) else known)
        documents = [documents.document(name) for name in documents.names()]
    return _fingerprint_of([text.source, text.text, text.pages] for text in documents)


def _with_every_id(examples: Sequence[Example], answers: Answers, without_context: Mapping[str, str]) -> Answers:
    """The answers under the ids of all rows, those that were merged into another as well.

    Args:
        examples: one for each answer.
        answers: of the examples.
        without_context: id -> question of rows that nothing could be found for; they stand last.
    """
    nowhere = dict(without_context)
    for example, answer in zip(examples, answers, strict=True):
        for name in ids_of(example):
            nowhere.pop(name, None)
            yield answer if name == answer.id else replace(answer, id=name)
    for name, question in nowhere.items():
        yield Answer.of_nothing(name, question)


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
    answers_after: Callable[[int], Iterator[dict[str, Any]]],
) -> int:
    """Computes the answers that the journal lacks, and keeps each at once. Says on stderr where it goes on.

    Args:
        journal: of `_open_journal`.
        path: the output.
        identity: fingerprints of all that answers hang on; what they are of, in words.
        ids: of the questions, in their order.
        answers_after: computes those after the first N, as JSON can hold them, each with the "id" of its question.

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
    for answer in answers_after(done) if done < len(ids) else ():
        with artifacts.writing(path, resumes=True):
            journal.append(answer)
    return len(ids) - done


def _fingerprint_of(values: Iterable[Any]) -> str:
    """SHA-256 (first 16 hex digits) of values that JSON can hold, in order."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(json.dumps(value).encode("ascii") + b"\n")
    return digest.hexdigest()[:16]
