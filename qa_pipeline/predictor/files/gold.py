"""Makes out what a table of questions says is right, on the documents that are asked. Never asks a model.

Names of documents that fit none are errors, all of them at once. An answer that its document does not have is no error
of any model's: such rows are named, and stay in the scores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.example import LooseAnswer, LooseExample
from qa_pipeline.data.mapping.gold_fields import GoldFields
from qa_pipeline.data.marks import Mark, Marks, mark_of, marks_in, word_of
from qa_pipeline.errors import DataError
from qa_pipeline.predictor.files.document_names import DocumentNames
from qa_pipeline.predictor.files.question_lists import Claim, QuestionList
from qa_pipeline.text.folding import fold_case
from qa_pipeline.wording import counted, short

if TYPE_CHECKING:
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.retrieval.hits import PassageIndex

_MOST_SHOWN = 20
"""Names and answers that a message lists."""


class Library(Protocol):
    """Documents by name: a PassageIndex is one."""

    def names(self) -> list[str]:
        """The names of all documents."""
        ...

    def document(self, name: str) -> Document:
        """A whole document."""
        ...


def library_of(documents: Sequence[Document] | PassageIndex) -> Library | None:
    """The documents by name; None for plain texts, which have none."""
    if not isinstance(documents, Sequence):
        return documents
    return ReadDocuments(documents) if any(document.source for document in documents) else None


class ReadDocuments:
    """Documents that were read, by their names."""

    def __init__(self, documents: Sequence[Document]):
        self._documents = {document.source: document for document in documents if document.source}

    def names(self) -> list[str]:
        """The names of all documents."""
        return list(self._documents)

    def document(self, name: str) -> Document:
        """A whole document."""
        return self._documents[name]


@dataclass(frozen=True)
class Gold:
    """What is right for one question.

    Attributes:
        id, question: of the row.
        answers: each of them right; empty where the documents have no answer.
        documents: the names of those that have it, each of them right; empty where that is not known.
        metadata: what else a score needs of the row, as its language.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def example(self) -> dict[str, Any]:
        """A row as scores, intervals and breakdowns read it: of one document, and of no other row's context."""
        row: dict[str, Any] = {
            "id": self.id,
            "question": self.question,
            "context": self.id,
            "metadata": dict(self.metadata),
        }
        row |= {"answers": {"text": list(self.answers), "answer_start": [-1] * len(self.answers)}}
        row |= {"is_impossible": not self.answers}
        return row | ({"title": " | ".join(self.documents)} if self.documents else {})


@dataclass(frozen=True)
class GoldFault:
    """An answer that no model can give, since its document does not have it.

    Attributes:
        id, question: of the row.
        answer: as the row has it.
        documents: that it should stand in.
        reason: what is wrong, in words.
    """

    id: str
    question: str
    answer: str
    documents: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        where = ", ".join(self.documents)
        return f'{self.id}: "{short(" ".join(self.answer.split()), 60)}" in {where}: {self.reason}'


@dataclass
class GoldTable:
    """What all rows say is right.

    Attributes:
        rows: the questions that can be scored, in their order. Rows that ask the same of the same document are one,
            with the answers of all.
        faults: right answers that no model can give; their rows are in `rows`.
        notes: what was left out or joined, in words.
    """

    rows: list[Gold] = field(default_factory=list)
    faults: list[GoldFault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def with_document(self) -> list[Gold]:
        """Those by which it can be said whether the right document was found."""
        return [gold for gold in self.rows if gold.answers and gold.documents]


def no_gold(questions: QuestionList) -> str:
    """What to say where scores are wanted of a list that does not say what is right."""
    return (
        f"{questions.source}: no question says what is right, so no model can be scored; give the right answers in a "
        'column such as answer, or name it: --field_mapping \'{"question": ..., "answers": ...}\''
    )


def contents_of(library: Library | None) -> Callable[[str], object]:
    """Name of a document -> a fingerprint of its text, which copies of one file share; each is read once."""

    @cache
    def content(name: str) -> object:
        if library is None:
            return name
        return hashlib.sha256(library.document(name).text.encode("utf-8", "surrogatepass")).digest()

    return content


def gold_of(questions: QuestionList, library: Library | None) -> GoldTable:
    """What the rows of a list say is right; an empty table where they say nothing.

    Args:
        questions: as `read_questions` gave them.
        library: the documents that are asked; None where plain texts are, which have no names.

    Raises:
        DataError: documents are named that there are not, or that several may be: all such names together.
    """
    table = GoldTable()
    if not questions.claims:
        return table
    documents = {} if library is None else _documents_of(questions, library, table)
    text = cache(lambda name: library.document(name).text if library is not None else "")
    _put_contexts(questions.claims, documents, text)
    readable = [claim.row for claim in questions.claims if isinstance(claim.row, LooseExample)]
    marks = marks_in(readable)
    if questions.gold is not None and questions.gold.answers:
        _fill(table, questions, documents, marks)
    table.faults = _faults(table.rows, text, marks)
    return table


def _documents_of(questions: QuestionList, library: Library, table: GoldTable) -> dict[str, tuple[str, ...]]:
    """Row -> the documents that it names.

    Raises:
        DataError: names fit no document or several different ones, in a field that is surely one of documents.
    """
    assert questions.gold is not None
    names = DocumentNames(library.names())
    content = contents_of(library)
    found: dict[str, tuple[str, ...]] = {}
    bad: dict[str, tuple[str, list[str]]] = {}
    named = [claim for claim in questions.claims if claim.documents]
    for claim in named:
        meant: list[str] = []
        for written in claim.documents:
            for group in names.find_all(written):
                # Copies of one file are one document, whichever of them is meant.
                if group and len({content(name) for name in group} if len(group) > 1 else group) == 1:
                    meant += group
                else:
                    fault = f"may be {', '.join(group)}; write its folder too" if group else _no_such(written, names)
                    bad.setdefault(written, (fault, []))[1].append(claim.row.where)
        found[claim.id] = tuple(dict.fromkeys(meant))
    if not bad:
        return found
    if questions.gold.is_document or 2 * sum(bool(meant) for meant in found.values()) >= max(1, len(named)):
        raise DataError(_unknown(questions, bad, names))
    table.notes.append(
        f"the field {questions.gold.document} names no documents, so that right documents are not counted; a mapping "
        'may name another one: --field_mapping \'{"question": ..., "document": ...}\''
    )
    return {}


def _no_such(written: str, names: DocumentNames) -> str:
    near = names.near(written)
    return f"did you mean {' or '.join(near)}?" if near else "no name is like it"


def _unknown(questions: QuestionList, bad: Mapping[str, tuple[str, list[str]]], names: DocumentNames) -> str:
    """The message of names that fit no document, or several."""
    assert questions.gold is not None
    lines = []
    for written, (fault, places) in list(bad.items())[:_MOST_SHOWN]:
        more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
        lines.append(f'  "{short(written, 100)}" ({places[0].removeprefix(f"{questions.source}, ")}{more}): {fault}')
    if len(bad) > _MOST_SHOWN:
        lines.append(f"  and {len(bad) - _MOST_SHOWN:,} more")
    shown = ", ".join(names.names[:_MOST_SHOWN]) + (" ..." if len(names.names) > _MOST_SHOWN else "")
    return (
        f"{questions.source}: {counted(len(bad), 'name')} in the field {questions.gold.document} "
        f"{'is' if len(bad) == 1 else 'are'} not the name of one document:\n"
        + "\n".join(lines)
        + f"\n{counted(len(names.names), 'document')}: {shown}"
    )


def _put_contexts(
    claims: Sequence[Claim], documents: Mapping[str, tuple[str, ...]], text: Callable[[str], str]
) -> None:
    """Gives every row the text of its documents, by which words for "no answer" are told from answers."""
    for claim in claims:
        if isinstance(claim.row, LooseExample):
            claim.row.context = "\n\n".join(map(text, documents.get(claim.id, ())))


def _fill(table: GoldTable, questions: QuestionList, documents: Mapping[str, tuple[str, ...]], marks: Marks) -> None:
    """Adds the rows that can be scored, and notes what cannot be and why."""
    assert questions.gold is not None
    read = [(claim, _answers_of(claim, marks)) for claim in questions.claims]
    asked = {row["id"]: row["question"] for row in questions.rows}
    if not any(answers or _says_that_there_is_none(claim, questions.gold) for claim, answers in read):
        table.notes.append(f"no row has an answer in the field {' or '.join(questions.gold.answers)}")
        return
    first: dict[tuple[str, tuple[str, ...]], int] = {}
    unreadable, joined = list[str](), 0
    for claim, answers in read:
        if answers is None:
            unreadable.append(claim.id)
            continue
        row = claim.row
        assert isinstance(row, LooseExample)
        gold = Gold(claim.id, asked[claim.id], tuple(answers), documents.get(claim.id, ()), row.metadata or {})
        key = fold_case(gold.question), gold.documents
        if key in first:
            joined += 1
            before = table.rows[first[key]]
            table.rows[first[key]] = _with_answers(before, gold.answers)
        else:
            first[key] = len(table.rows)
            table.rows.append(gold)
    if unreadable:
        shown = ", ".join(unreadable[:5]) + (" ..." if len(unreadable) > 5 else "")
        table.notes.append(f"not scored, since no answer can be read: {counted(len(unreadable), 'row')} ({shown})")
    if joined:
        table.notes.append(
            f"{counted(joined, 'row')} asked the same of the same document as a row before: their answers count as "
            "further right answers to that one"
        )


def _with_answers(gold: Gold, answers: Sequence[str]) -> Gold:
    joined = tuple(dict.fromkeys([*gold.answers, *answers]))
    return Gold(gold.id, gold.question, joined, gold.documents, gold.metadata)


def _says_that_there_is_none(claim: Claim, fields: GoldFields) -> bool:
    """Whether a row says so itself; an empty cell says it only beside other rows' answers."""
    row, mapping = claim.row, fields.mapping
    if not isinstance(row, LooseExample):
        return False
    marked = mapping.is_impossible or mapping.answerable or mapping.answer_category or mapping.no_answer_values
    return bool(row.answers) or bool(marked and row.is_impossible)


def _answers_of(claim: Claim, marks: Marks) -> list[str] | None:
    """The right answers of a row, [] where it says that there is none; None where it says nothing that can be read."""
    row = claim.row
    if not isinstance(row, LooseExample) or not row.answers_given:
        return None
    if row.is_impossible:
        return []
    kept = [answer for answer in row.answers if mark_of(row.context, answer, marks) is not Mark.NO_ANSWER]
    texts = [answer.text.strip() for answer in kept if answer.text is not None and answer.text.strip()]
    if not texts and (kept or row.is_impossible is False):
        return None
    return list(dict.fromkeys(texts))


def _faults(rows: Sequence[Gold], text: Callable[[str], str], marks: Marks) -> list[GoldFault]:
    """The rows none of whose answers stands in any of their documents, in the order of the rows."""
    found: dict[str, GoldFault] = {}
    # By document, since folding a long text for the comparison is the work, and the last few are kept.
    for gold in sorted((gold for gold in rows if gold.answers and gold.documents), key=lambda gold: gold.documents):
        texts = [text(name) for name in gold.documents]
        said = [answer for answer in gold.answers if marks.get(word_of(answer)) is not Mark.YES_OR_NO]
        if any(_stands(answer, texts) for answer in said):
            continue
        reason = (
            _reason(said[0], texts) if said else "yes or no is not said in the document; give the words that show it"
        )
        found[gold.id] = GoldFault(gold.id, gold.question, gold.answers[0], gold.documents, reason)
    return [found[gold.id] for gold in rows if gold.id in found]


def _reason(answer: str, texts: Sequence[str]) -> str:
    parts = [part.strip() for part in answer.replace("|", ";").split(";") if part.strip()]
    if len(parts) > 1 and all(_stands(part, texts) for part in parts):
        return 'these are several answers in one text; write them as a list, ["...", "..."]'
    return "these words are not there"


def _stands(answer: str, texts: Sequence[str]) -> bool:
    return any(isinstance(align_answer(text, LooseAnswer(answer)), Aligned) for text in texts)
