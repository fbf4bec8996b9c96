"""Replies as rows of plain data: what is kept of them, which columns a table has, and which documents they point at."""

from __future__ import annotations

import json

from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.predictor.documents import DocumentAnswer, Reply
from qa_pipeline.predictor.files.reply_rows import COLUMNS, Sheet, answer_rows, best_of, documents_of, reply_row
from qa_pipeline.retrieval.hits import Hit

FEES = Document("Fees\n\nThe late fee is 25 euros.", "fees.pdf", pages=[Page(3, 0, 31)])
HOURS = Document("We open at nine.", "hours.md")


def reply(**changed):
    passage = Passage("p", "fees.pdf", FEES.text[6:], headings=("Fees",), start=6, end=31, page=3)
    answers = [
        DocumentAnswer("25 euros", 22, 30, 0.8, FEES.text, FEES, passage, 3.0, ("old fees.pdf",)),
        DocumentAnswer("nine", 11, 15, 0.1, HOURS.text, HOURS),
    ]
    hits = [Hit(passage, 0.03, 4.5, 0.7)]
    given = {"answers": answers, "hits": hits, "documents": ["fees.pdf", "old fees.pdf", "hours.md", "leave.md"]}
    return Reply("How high is the fee?", **{**given, **changed}, id="q1")


def test_a_row_holds_everything_that_json_can_hold_and_survives_it():
    row = reply_row(reply())
    assert json.loads(json.dumps(row)) == row
    assert best_of(row)["sentence"] == "The late fee is 25 euros." and best_of(row)["headings"] == ["Fees"]
    assert (best_of(row)["page"], best_of(row)["document"]) == (3, "fees.pdf")
    assert row["read"] == [
        {"document": "fees.pdf", "page": 3, "headings": ["Fees"], "start": 6, "end": 31}
        | {"score": 0.03, "words": 4.5, "meaning": 0.7}
    ]


def test_the_users_columns_come_last_and_none_takes_the_place_of_ours():
    others = [{"answer": "26 euros", "gold_answer": "x", "topic": "fees", "page": 4}, {"tags": ["a", "b"]}]
    sheet = Sheet(others, of_documents=True)
    assert sheet.columns == (*COLUMNS, "gold_answer_2", "gold_answer", "topic", "gold_page", "tags")
    rows = list(answer_rows([reply_row(reply())] * 2, others, sheet, of_documents=True))
    cells = [dict(zip(sheet.columns, row.cells, strict=True)) for row in rows]
    assert [cells[0][name] for name in ("answer", "gold_answer_2", "gold_answer", "gold_page")] == [
        *("25 euros", "26 euros", "x", 4)
    ]
    assert [cells[1][name] for name in ("tags", "topic")] == ['["a", "b"]', None]
    assert rows[0].line["columns"] == others[0]


def test_a_plain_text_has_no_document_and_no_page():
    answer = DocumentAnswer("25 euros", 16, 24, 0.8, "The late fee is 25 euros.")
    sheet = Sheet([{}], of_documents=False)
    (row,) = answer_rows([reply_row(reply(answers=[answer], hits=[], documents=[""]))], [{}], sheet, of_documents=False)
    assert sheet.columns == ("question", "answer", "start", "end", "confidence", "sentence")
    assert not {"document", "page", "read", "copies"} & {*row.line, *row.line["answers"][0]}


def test_documents_come_in_the_order_of_the_answers_with_their_copies_and_silence_has_a_place():
    assert documents_of(reply_row(reply())) == [["fees.pdf", "old fees.pdf"], ["hours.md"], ["leave.md"]]
    silent = [DocumentAnswer("", None, None, 0.9, ""), *reply().answers]
    assert documents_of(reply_row(reply(answers=silent)))[0] == []
    assert documents_of(reply_row(reply(answers=[], documents=[]))) == [[]]
    assert best_of(reply_row(reply(answers=[], no_answer_confidence=0.7)))["confidence"] == 0.7
