"""Where a table of questions says what is right, by names and by a mapping."""

from __future__ import annotations

import pytest

from qa_pipeline.data.example import RawRow
from qa_pipeline.data.mapping.field_mapping import read_mapping
from qa_pipeline.data.mapping.fields import Fields
from qa_pipeline.data.mapping.gold_fields import gold_fields


def found(rows, question="question", mapping=None):
    given = None if mapping is None else read_mapping(mapping, needs_context=False)
    return gold_fields(Fields([RawRow(row, f"row {i}") for i, row in enumerate(rows)]), question, given)


@pytest.mark.parametrize(
    ("row", "answers", "document", "is_document"),
    [
        ({"question": "?", "answer": "a", "document": "a.md"}, ("answer",), "document", True),
        ({"question": "?", "Antwort": "a", "Datei": "a.md"}, ("Antwort",), "Datei", True),
        (
            {"question": "?", "answers": {"text": ["a"], "answer_start": [0]}, "title": "A"},
            ("answers",),
            "title",
            False,
        ),
        ({"question": "?", "answers": ["a", "b"], "source": "web"}, ("answers",), "source", False),
        ({"question": "?", "expected answer": "a", "file_name": "x"}, ("expected answer",), "file_name", True),
        ({"question": "?", "goldAnswer": "a"}, ("goldAnswer",), None, False),
        ({"question": "?", "answer_1": "a", "answer_2": "b", "path": "a"}, ("answer_1", "answer_2"), "path", True),
        ({"question": "?", "answer": "a", "answer 2": "b"}, ("answer", "answer 2"), None, False),
        # Vague names and what is said of an answer are no answers.
        ({"question": "?", "label": "fees", "output": "x", "target": "y"}, (), None, False),
        ({"question": "?", "answer_page": 3, "answer_id": "7", "answer_source": "x"}, (), None, False),
        # A text is no name of a document.
        ({"question": "?", "answer": "a", "document": "A text.\nOf two lines."}, ("answer",), None, False),
    ],
)
def test_names_tell_the_answers_and_the_document(row, answers, document, is_document):
    fields = found([row, row])
    assert (fields.answers, fields.document, fields.is_document) == (answers, document, is_document)


def test_the_number_of_a_choice_is_no_answer():
    row = {"question": "?", "answer_1": "red", "answer_2": "blue", "correct_answer": "2"}
    assert found([row, row | {"correct_answer": "1"}]).answers == ()


def test_a_mapping_decides_and_what_it_does_not_name_is_looked_for():
    row = {"question": "?", "answer": "a", "say": "b", "document": "x", "where": "y"}
    fields = found([row], mapping={"question": "question", "answers": "say", "document": "where"})
    assert (fields.answers, fields.document, fields.is_document) == (("say",), "where", True)
    fields = found([row], mapping='{"question": "question"}')
    assert (fields.answers, fields.document) == (("answer",), "document")
    assert not found([{"question": "?", "answers": ["a"], "title": "A"}], mapping="squad").is_document
