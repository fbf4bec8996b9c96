"""The replies to questions on documents as rows of plain data: what a journal keeps and an output is written from.

A row has everything of a reply but the texts of whole documents. Never asks a model, never writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qa_pipeline.predictor.files.answer_files import AnswerRow

if TYPE_CHECKING:
    from qa_pipeline.predictor.documents import DocumentAnswer, Reply
    from qa_pipeline.retrieval.hits import Hit

ReplyRow = dict[str, Any]
"""id, question, answers (the best first), read (passages in the order of the search), and what a Reply says of all."""

COLUMNS = ("question", "answer", "document", "page", "start", "end", "confidence", "sentence")
"""Of a table; the columns of the questions come after them."""
_PLACE = ("document", "page")


def reply_row(reply: Reply) -> ReplyRow:
    """A reply as JSON can hold it."""
    return {
        "id": reply.id,
        "question": reply.question,
        "no_answer_confidence": reply.no_answer_confidence,
        "null_odds": reply.null_odds,
        "confidence": reply.confidence,
        "found": reply.found,
        "documents": reply.documents,
        "answers": [_answer(answer) for answer in reply.answers],
        "read": [_hit(hit) for hit in reply.hits],
    }


def _answer(answer: DocumentAnswer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "start": answer.start,
        "end": answer.end,
        "confidence": answer.confidence,
        "score": answer.score,
        "document": answer.document.source if answer.document is not None else None,
        "copies": list(answer.copies),
        "page": answer.page,
        "headings": list(answer.headings),
        "sentence": answer.sentence,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "document": passage.document,
        "page": passage.page,
        "headings": list(passage.headings),
        "start": passage.start,
        "end": passage.end,
        "score": hit.score,
        "words": hit.words,
        "meaning": hit.meaning,
    }


def best_of(row: ReplyRow) -> dict[str, Any]:
    """The first answer of a row; one of nothing where there is none."""
    nothing = dict.fromkeys(("start", "end", "document", "page", "sentence"))
    return (
        row["answers"][0]
        if row["answers"]
        else {"text": "", "confidence": row["confidence"], "headings": [], **nothing}
    )


def documents_of(row: ReplyRow) -> list[list[str]]:
    """The documents of the answers in their order, each with those that hold a copy of the passage it stands in.

    An empty list stands for silence, which may be the first answer. Documents that were read and gave none of the
    answers come last.
    """
    found = [[answer["document"], *answer["copies"]] if answer["document"] else [] for answer in row["answers"]]
    known = {name for names in found for name in names}
    return [*(found or [[]]), *([name] for name in row["documents"] if name and name not in known)]


def documents_read(row: ReplyRow) -> list[str]:
    """The documents of the passages that were read, in the order of the search."""
    return [passage["document"] for passage in row["read"]]


class Sheet:
    """How rows become the columns of a table: COLUMNS, then those of the user under names of their own.

    Args:
        others: the user's columns of each row; a row may lack some.
        of_documents: False where plain texts were asked, which have no name and no page.
    """

    def __init__(self, others: Iterable[Mapping[str, Any]], of_documents: bool):
        self._own = list(dict.fromkeys(name for row in others for name in row))
        self._first = [name for name in COLUMNS if of_documents or name not in _PLACE]
        self.columns = (*self._first, *_renamed(self._own, self._first))

    def cells(self, row: ReplyRow, others: Mapping[str, Any]) -> list[Any]:
        """The cells of a row, in the order of the columns."""
        best = best_of(row)
        values = {
            **best,
            "question": row["question"],
            "answer": best["text"],
            "confidence": round(best["confidence"], 6),
        }
        return [*(values[name] for name in self._first), *self.own_cells(others)]

    def left_out(self, others: Mapping[str, Any]) -> list[Any]:
        """The cells of a row that was not answered: its own alone."""
        return [*[None] * len(self._first), *self.own_cells(others)]

    def own_cells(self, others: Mapping[str, Any]) -> list[Any]:
        """The user's own cells, lists and objects as JSON."""
        return [_written(others.get(name)) for name in self._own]


def _renamed(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Names that are taken get "gold_" before them: what a table says beside an answer is what is right."""
    used, renamed = {*taken}, list[str]()
    for name in names:
        plain = f"gold_{name}" if name in used else name
        new, number = plain, 2
        while new in used or (new != name and new in names):
            new, number = f"{plain}_{number}", number + 1
        used.add(new)
        renamed.append(new)
    return renamed


def _written(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | tuple | dict) else value


def answer_rows(
    rows: Iterable[ReplyRow], others: Sequence[Mapping[str, Any]], sheet: Sheet, of_documents: bool
) -> Iterator[AnswerRow]:
    """The rows as they are written.

    Args:
        rows: one for each of `others`, in their order.
        others: the user's own columns.
        sheet: made of these.
        of_documents: as of the sheet.
    """
    for row, own in zip(rows, others, strict=True):
        best = best_of(row)
        line = {"id": row["id"], "question": row["question"], "text": best["text"]}
        line |= {name: best[name] for name in ("document", "page", "start", "end")}
        line |= {"confidence": best["confidence"], "sentence": best["sentence"], "headings": best["headings"]}
        line |= {name: row[name] for name in ("found", "no_answer_confidence", "null_odds")}
        line |= {"answers": row["answers"], "read": row["read"]}
        if own:
            line["columns"] = own
        if not of_documents:
            line = _without_place(line)
        spans = [answer for answer in line["answers"] if answer["start"] is not None]
        yield AnswerRow(
            id=row["id"],
            text=best["text"],
            null_odds=row["null_odds"],
            no_answer_confidence=row["no_answer_confidence"],
            nbest=spans,
            line=line,
            cells=sheet.cells(row, own),
        )


def _without_place(line: dict[str, Any]) -> dict[str, Any]:
    """Without what a plain text cannot say."""
    aside = {"document", "copies", "page", "headings", "read"}
    kept = {name: value for name, value in line.items() if name not in aside}
    answers = [{name: value for name, value in one.items() if name not in aside} for one in line["answers"]]
    return kept | {"answers": answers}
