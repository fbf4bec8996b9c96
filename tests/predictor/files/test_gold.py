"""What a table says is right, made out on the documents that are asked."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import DataError
from qa_pipeline.metrics import resampling_of
from qa_pipeline.predictor.files.gold import ReadDocuments, contents_of, gold_of
from qa_pipeline.predictor.files.question_lists import read_questions

LIBRARY = ReadDocuments(
    [
        Document("The late fee is 25 euros. Cancelling costs 30 euros.", "fees/2025.md"),
        Document("The late fee was 20 euros. None of it is refunded.", "fees/2024.md"),
        Document("We open at nine. Dogs are welcome.", "Opening hours.txt"),
        Document("We open at nine. Dogs are welcome.", "copy/Opening hours.txt"),
    ]
)


def table(folder, rows, library=LIBRARY, name="gold.jsonl", **reading):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) if isinstance(rows, list) else rows)
    return gold_of(read_questions(str(path), **reading), library)


def test_one_answer_several_and_none_are_read_with_their_documents(tmp_path):
    gold = table(
        tmp_path,
        "question,answer,document\n"
        "How high is the fee?,25 euros,2025.md\n"
        'What is there to pay?,"[""25 euros"", ""30 euros""]",fees/2025\n'
        "Who is the mayor?,,\n"
        "What is the motto?,no answer,fees/2025.md\n",
        name="gold.csv",
    )
    assert [(row.answers, row.documents) for row in gold.rows] == [
        (("25 euros",), ("fees/2025.md",)),
        (("25 euros", "30 euros"), ("fees/2025.md",)),
        ((), ()),
        ((), ("fees/2025.md",)),
    ]
    assert not gold.faults and not gold.notes and [row.id for row in gold.with_document] == ["row-1", "row-2"]


@pytest.mark.parametrize(
    "mark", [{"is_impossible": True}, {"answer": "ANSWERNOTFOUND"}, {"answer": "n/a"}, {"answer": []}]
)
def test_the_usual_marks_say_that_there_is_no_answer(tmp_path, mark):
    rows = [{"question": "How high?", "answer": "25 euros"}, {"question": "Who?", "answer": "Ann"} | mark]
    gold = table(tmp_path, [rows[0] | {"is_impossible": False}, rows[1]] if "is_impossible" in mark else rows)
    assert [row.answers for row in gold.rows] == [("25 euros",), ()]


def test_a_word_for_no_answer_that_the_document_says_is_an_answer(tmp_path):
    row = {"question": "How much is refunded?", "answer": "None", "document": "2024"}
    assert table(tmp_path, [row]).rows[0].answers == ("None",)
    elsewhere = {"question": "Who is the mayor?", "answer": "none", "document": "2025"}
    assert [one.answers for one in table(tmp_path, [row, elsewhere]).rows] == [(), ()]


def test_names_that_fit_no_document_or_several_are_one_error_with_near_names(tmp_path):
    rows = [
        {"question": "A?", "answer": "25 euros", "document": "2052.md"},
        {"question": "B?", "answer": "25 euros", "document": "2052.md"},
        {"question": "C?", "answer": "25 euros", "document": "opening huors"},
        {"question": "D?", "answer": "25 euros", "document": "fees/2025.md"},
    ]
    with pytest.raises(DataError) as error:
        table(tmp_path, rows)
    said = str(error.value)
    assert "2 names in the field document are not the name of one document" in said
    assert '"2052.md" (line 1 and 1 more): did you mean fees/2025.md or fees/2024.md?' in said
    assert '"opening huors" (line 3): did you mean Opening hours.txt' in said
    assert "4 documents: fees/2025.md, fees/2024.md, Opening hours.txt, copy/Opening hours.txt" in said
    several = ReadDocuments([Document("one", "a/x.md"), Document("two", "b/x.md")])
    with pytest.raises(DataError, match=r'"x" \(line 1\): may be a/x.md, b/x.md; write its folder too'):
        table(tmp_path, [{"question": "A?", "answer": "one", "document": "x"}], several)


def test_copies_are_one_document_whichever_is_named(tmp_path):
    rows = [{"question": "When do you open?", "answer": "nine", "document": "opening hours"}]
    assert table(tmp_path, rows).rows[0].documents == ("Opening hours.txt",)
    rows[0]["document"] = "copy/Opening hours.txt"
    named = table(tmp_path, rows).rows[0].documents
    content = contents_of(LIBRARY)
    assert named == ("copy/Opening hours.txt",) and content(named[0]) == content("Opening hours.txt")
    assert content("fees/2024.md") != content("fees/2025.md")


def test_a_field_that_may_name_anything_is_no_error(tmp_path):
    rows = [{"question": f"{i}?", "answer": "25 euros", "title": title} for i, title in enumerate("wxyz")]
    gold = table(tmp_path, rows)
    assert not gold.with_document and len(gold.rows) == 4
    assert "the field title names no documents, so that right documents are not counted" in gold.notes[0]
    rows = [row | {"title": title} for row, title in zip(rows, ("2025", "2024", "opening hours", "z"), strict=True)]
    with pytest.raises(DataError, match='"z"'):  # most of them are documents, so that one is a slip
        table(tmp_path, rows)


def test_squad_with_titles_that_are_documents(tmp_path):
    answer = {"text": "25 euros", "answer_start": 16}
    qas = [{"id": "a", "question": "How high?", "answers": [answer], "is_impossible": False}]
    paragraphs = [{"context": "The late fee is 25 euros.", "qas": qas}]
    path = tmp_path / "gold.json"
    path.write_text(json.dumps({"data": [{"title": "2025", "paragraphs": paragraphs}]}))
    gold = gold_of(read_questions(str(path)), LIBRARY)
    assert [(row.id, row.answers, row.documents) for row in gold.rows] == [("a", ("25 euros",), ("fees/2025.md",))]


def test_an_answer_that_its_document_does_not_have_is_named_and_stays(tmp_path):
    rows = [
        {"id": "slip", "question": "A?", "answer": "52 euros", "document": "2025"},
        {"id": "elsewhere", "question": "B?", "answer": "20 euros", "document": "2025"},
        {"id": "one of two", "question": "C?", "answer": ["52 euros", "25 Euros."], "document": "2025"},
        {"id": "one text", "question": "D?", "answer": "25 euros; 30 euros", "document": "2025"},
        {"id": "unnamed", "question": "E?", "answer": "52 euros"},
        {"id": "two", "question": "F?", "answer": "20 euros", "document": ["2024", "2025"]},
        {"id": "yes", "question": "G?", "answer": "yes", "document": "2025"},
    ]
    gold = table(tmp_path, rows)
    assert [row.id for row in gold.rows] == [row["id"] for row in rows]
    assert [fault.id for fault in gold.faults] == ["slip", "elsewhere", "one text", "yes"]
    assert str(gold.faults[0]) == 'slip: "52 euros" in fees/2025.md: these words are not there'
    assert 'write them as a list, ["...", "..."]' in gold.faults[2].reason
    assert "yes or no is not said" in gold.faults[3].reason


def test_the_same_question_of_the_same_document_is_asked_once(tmp_path):
    rows = [
        {"question": "How high is the fee?", "answer": "25 euros", "document": "2025"},
        {"question": "how high is the  fee?", "answer": "30 euros", "document": "2025.md"},
        {"question": "How high is the fee?", "answer": "20 euros", "document": "2024"},
    ]
    gold = table(tmp_path, rows)
    assert [row.answers for row in gold.rows] == [("25 euros", "30 euros"), ("20 euros",)]
    assert "1 row asked the same of the same document as a row before" in gold.notes[0]


def test_rows_without_anything_right_are_not_scored(tmp_path):
    assert table(tmp_path, [{"question": "A?", "by": "Ann"}, {"question": "B?", "by": "Bob"}]).rows == []
    gold = table(tmp_path, [{"question": "A?", "answer": ""}, {"question": "B?", "answer": None}])
    assert gold.rows == [] and gold.notes == ["no row has an answer in the field answer"]
    gold = table(
        tmp_path, [{"question": "A?", "answer": "25 euros"}, {"question": "B?", "answer": {"start": 3, "end": 9}}]
    )
    assert [row.id for row in gold.rows] == ["row-1"]
    assert "not scored, since no answer can be read: 1 row (row-2)" in gold.notes[0]


def test_texts_without_names_have_no_right_document(tmp_path):
    rows = [{"question": "A?", "answer": "25 euros", "document": "lost.md"}]
    gold = table(tmp_path, rows, library=None)
    assert gold.rows[0].answers == ("25 euros",) and not gold.with_document and not gold.faults


def test_intervals_draw_documents_where_there_are_enough(tmp_path):
    library = ReadDocuments([Document(f"Fee {i} is {i} euros.", f"d{i}.md") for i in range(40)])
    rows = [{"question": f"{i} {j}?", "answer": f"{i} euros", "document": f"d{i}"} for i in range(40) for j in range(3)]
    examples = [row.example() for row in table(tmp_path, rows, library).rows]
    drawn = resampling_of(examples)
    assert (drawn.unit, drawn.num_documents) == ("document", 40)
    assert resampling_of(examples[:60]).unit == "question"
