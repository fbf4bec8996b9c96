"""Roles are inferred from names and content; what stays open is an error that prints the mapping to paste."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from qa_pipeline.data.example import BadRow
from qa_pipeline.data.loading import load_examples
from qa_pipeline.data.mapping.field_mapping import read_mapping
from qa_pipeline.data.mapping.inference import infer_mapping, resolve_mapping
from qa_pipeline.errors import DataError
from tests.data.reading import BASE, CONTEXT, NAMES, found, jsonl, read_row, rows_of


def inferred(*values: dict[str, Any], layout: str = "csv") -> dict[str, Any]:
    return infer_mapping(rows_of(*values), layout, "x.csv").to_dict()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": 1, **BASE, "answers": {"text": ["nine"], "answer_start": [20]}}, {"id": "id", "answers": "answers"}),
        (
            {"Context": CONTEXT, "Question": "q?", "Answer": "nine"},
            {"context": "Context", "question": "Question", "answers.text": "Answer"},
        ),
        (
            {"passage_col": CONTEXT, "theQuestion": "q?", "question_id": 3, "gold_answer_span": "nine"},
            {"context": "passage_col", "question": "theQuestion", "answers.text": "gold_answer_span"},
        ),
        (
            {"passage": CONTEXT, "query": "q?", "answer_text": "nine", "startChar": 20, "endChar": 24},
            {
                "context": "passage",
                "question": "query",
                "answers.text": "answer_text",
                "answers.start": "startChar",
                "answers.end": "endChar",
            },
        ),
        (
            {"text": CONTEXT, "q": "q?", "span": "(20, 24)"},
            {"context": "text", "question": "q", "answers.span": "span"},
        ),
        (
            {"document": {"text": CONTEXT, "title": "T"}, "question": {"text": "q?"}, "answer": "nine"},
            {
                "context": "document.text",
                "question": "question.text",
                "answers.text": "answer",
                "title": "document.title",
            },
        ),
        (
            {**BASE, "answers.text": "['nine']", "answers.answer_start": "[20]"},
            {"answers.text": "answers.text", "answers.start": "answers.answer_start"},
        ),
        (
            {**BASE, "answer": "nine", "answer_start": "20", "length": "4"},
            {"answers.text": "answer", "answers.start": "answer_start", "answers.length": "length"},
        ),
        ({**BASE, "answer": "", "answer_start": "-1", "is_impossible": "True"}, {"is_impossible": "is_impossible"}),
        (
            {"Text": CONTEXT, "Frage": "Wann?", "Antwort": "nine", "Nr": "1"},
            {"context": "Text", "question": "Frage", "answers.text": "Antwort"},
        ),
        ({"Texte": CONTEXT, "Question": "Quand ?", "R\u00e9ponse": "nine"}, {"answers.text": "R\u00e9ponse"}),
        ({**BASE, "answer": "CANNOTANSWER"}, {"no_answer_value": "CANNOTANSWER"}),
        ({"context": CONTEXT, "text": "other", "question": "q?"}, {"context": "context"}),
        (BASE, NAMES),
    ],
)
def test_roles_are_inferred_from_names(row, expected):
    mapping = inferred(row)
    assert {key: mapping.get(key) for key in expected} == expected


def test_content_settles_what_names_leave_open():
    row = {"passage": CONTEXT, "document": "clinic-notes-17.txt", "question": "q?", "answer": "nine"}
    assert inferred(row)["context"] == "passage"
    columns = {"c1": CONTEXT * 3, "c2": "When does it open?", "c3": "hours"}
    assert inferred(columns)["context"] == "c1"
    assert inferred(columns)["question"] == "c2"


OPENINGS = [
    {"passage_text": f"Course {i} of Oakham is taught by {who} from {hour} o'clock.", "query": "Who teaches it?"}
    for i, (who, hour) in enumerate(
        [("Bo Chen", "nine"), ("Dev Patel", "ten"), ("Eva Kraus", "two"), ("Ada Hill", "3")]
    )
]
TEACHERS = ["Bo Chen", "someone else", None, "Ada Hill"]


def test_a_column_whose_texts_stand_in_the_contexts_is_the_answer():
    rows = [
        {"item": i, **row, "gold": who, "begin": row["passage_text"].find(who or "?")}
        for i, (row, who) in enumerate(zip(OPENINGS, TEACHERS, strict=True))
    ]
    assert inferred(*rows) == {
        "context": "passage_text",
        "question": "query",
        "answers.text": "gold",
        "answers.start": "begin",
    }


def test_offsets_alone_are_no_answers():
    rows = [{**row, "begin": 3, "remark": "checked"} for row in OPENINGS]
    assert inferred(*rows) == {"context": "passage_text", "question": "query"}


def test_what_all_questions_about_a_context_share_is_no_answer():
    context = OPENINGS[0]["passage_text"]
    rows = [{"context": context, "question": f"When, {i}?", "town": "Oakham"} for i in range(4)]
    assert inferred(*rows) == NAMES


def test_two_columns_that_may_be_the_answer_are_left_open_and_named(tmp_path):
    rows = [{**row, "gold": who, "where": "Oakham"} for row, who in zip(OPENINGS, TEACHERS, strict=True)]
    (tmp_path / "x.jsonl").write_text(jsonl(rows), encoding="utf-8")
    with pytest.raises(
        DataError, match=r'none of 4 rows .*Unused columns: "gold", "where".*--without_answers'
    ) as caught:
        load_examples(tmp_path / "x.jsonl")
    pasted = str(caught.value).split("--field_mapping '")[1].split("'")[0]
    assert json.loads(pasted) == {"context": "passage_text", "question": "query", "answers.text": "gold"}
    examples, report = load_examples(tmp_path / "x.jsonl", field_mapping=pasted, max_bad_fraction=0.5)
    assert [e["is_impossible"] for e in examples] == [False, True, False] and report.rows_dropped == 1


TREATY = "The Treaty of Ulm was signed on 3 July 1620 between the Catholic League and the Protestant Union."
NOTES = "Ada Lovelace wrote notes on the Analytical Engine in 1843, which include an algorithm."
WRAPPED = ["Ann Lee was\nborn in the old\ntown of Ulm.", "The \u201cBig Apple\u201d has 8,000,000 people."]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Its answers are there apart from line ends and quotation marks, those of another column as they are.
        (
            [
                {"context": WRAPPED[0], "question": "Where?", "answer": "old town of Ulm", "section": "born"},
                {"context": WRAPPED[1], "question": "What?", "answer": '"Big Apple"', "section": "people"},
            ],
            "answer",
        ),
        # Two ways to ask for the same answer.
        (
            [
                {"context": TREATY, "question": "When was it?", "answer": "3 July 1620", "model_answer": "1620"},
                {"context": TREATY, "question": "On what date?", "answer": "3 July 1620", "model_answer": "July 1620"},
            ],
            "answer",
        ),
        # Nothing in the first rows.
        ([{"context": TREATY, "question": f"{i}?", "answer": "", "year": "1620"} for i in range(3)], "answer"),
        # Answers in words of their own are not given up for words of the text.
        (
            [
                {"context": TREATY, "question": "When?", "answer": "in summer, long ago", "keyword": "Catholic League"},
                {"context": NOTES, "question": "Who?", "answer": "Lady Ada", "keyword": "algorithm"},
            ],
            "answer",
        ),
        # Yes and no are no answers to point at, and the topic is none either.
        (
            [
                {"context": TREATY, "question": "In July?", "answer": "yes", "topic": "Catholic League"},
                {"context": NOTES, "question": "Notes?", "answer": "no", "topic": "Analytical Engine"},
            ],
            None,
        ),
        # The letter or the number of one of several to choose from.
        (
            [
                {"context": TREATY, "question": "When?", "answer_a": "Ulm", "answer_b": "1620", "correct_answer": "b"},
                {"context": NOTES, "question": "Who?", "answer_a": "Ada", "answer_b": "1843", "correct_answer": "a"},
            ],
            None,
        ),
        (
            [
                {"context": TREATY, "question": "When?", "answer1": "Ulm", "answer2": "3 July 1620", "label": 2},
                {"context": NOTES, "question": "Who?", "answer1": "Ada Lovelace", "answer2": "1843", "label": 1},
            ],
            None,
        ),
        # A column of texts one of which begins like a range.
        (
            [
                {"context": "It opens at 9:30 am.", "question": "When?", "answer_span": "9:30 am"},
                {"context": "Ann Lee founded it.", "question": "Who?", "answer_span": "Ann Lee"},
            ],
            "answer_span",
        ),
    ],
)  # fmt: skip
def test_a_column_that_is_called_answer_is_never_given_up_for_another(rows, expected):
    mapping = inferred(*rows)
    assert mapping.get("answers.text") == expected and "answers.span" not in mapping


@pytest.mark.parametrize("names", [("answer_1", "answer_2"), ("answer", "answer 2"), ("Answer1", "Answer2")])
def test_columns_of_several_annotators_are_several_references(names):
    rows = [
        {"context": TREATY, "question": "When?", names[0]: "3 July 1620", names[1]: "1620"},
        {"context": NOTES, "question": "Who?", names[0]: "Ada Lovelace", names[1]: ""},
    ]
    mapping = inferred(*rows)
    assert (mapping["answers.text"], mapping["more_answers"]) == names


@pytest.mark.parametrize("names", [("answer_a", "answer_b"), ("gold", "expected")])
def test_columns_that_may_be_choices_or_references_are_left_open_with_both_mappings(tmp_path, names):
    rows = [
        {"context": TREATY, "question": "When?", names[0]: "3 July 1620", names[1]: "1620"},
        {"context": NOTES, "question": "Who?", names[0]: "Ada Lovelace", names[1]: "Ada"},
    ]
    (tmp_path / "x.jsonl").write_text(jsonl(rows), encoding="utf-8")
    with pytest.raises(DataError, match="if one of them holds the answers: .*; if all of .* do: ") as caught:
        load_examples(tmp_path / "x.jsonl")
    one, both = (part.split("'")[0] for part in str(caught.value).split("--field_mapping '")[1:3])
    assert len(load_examples(tmp_path / "x.jsonl", field_mapping=one)[0][0]["answers"]["text"]) == 1
    assert load_examples(tmp_path / "x.jsonl", field_mapping=both)[0][0]["answers"]["text"] == ["3 July 1620", "1620"]


def test_the_text_is_the_column_in_which_the_answers_stand_whatever_the_names_say():
    rows = [
        {"context": f"Leaflet number {i}", "body": text, "question": f"Which one, {i}?", "answer": answer}
        for i, (text, answer) in enumerate([(TREATY, "3 July 1620"), (NOTES, "Ada Lovelace"), (NOTES, "1843")])
    ]
    assert inferred(*rows)["context"] == "body"
    swapped = [{"context": row["question"], "question": row["body"], "answer": row["answer"]} for row in rows]
    mapping = inferred(*swapped)
    assert (mapping["context"], mapping["question"]) == ("question", "context")


def test_the_printed_mapping_never_has_one_text_twice():
    rows = [{"text": TREATY, "data": {"text": TREATY}, "answer": "1620"}]
    with pytest.raises(DataError, match="no field is named or reads like the question") as caught:
        inferred(*rows)
    pasted = json.loads(str(caught.value).split("--field_mapping '")[1].rstrip("'"))
    assert pasted["question"] == "PATH"


@pytest.mark.parametrize("flag", ["answerable", "is_answerable"])
def test_a_flag_may_say_in_words_what_it_means(tmp_path, flag):
    rows = [
        {"context": NOTES, "question": "Who?", "answer": "Ada", flag: "answerable"},
        {"context": NOTES, "question": "Why?", "answer": "", flag: "unanswerable"},
    ]
    (tmp_path / "x.jsonl").write_text(jsonl(rows), encoding="utf-8")
    examples, _ = load_examples(tmp_path / "x.jsonl")
    assert [e["is_impossible"] for e in examples] == [False, True]


def test_a_kind_of_answer_is_no_flag_but_where_it_says_that_none_was_given(tmp_path):
    answers = {"text": ["notes"], "answer_start": [19]}
    rows = [
        {"context": NOTES, "question": "Did she?", "answers": answers, "answer_type": "yes"},
        {"context": NOTES, "question": "Why?", "answers": answers, "answer_type": "NOT_GIVEN"},
    ]
    (tmp_path / "x.jsonl").write_text(jsonl(rows), encoding="utf-8")
    examples, _ = load_examples(tmp_path / "x.jsonl")
    assert [e["is_impossible"] for e in examples] == [False, True]


def test_places_and_texts_of_a_paragraph_are_no_answers(tmp_path):
    paragraph = {"context": NOTES, "start": 0, "end": len(NOTES), "text": "Ada Lovelace wrote notes"}
    value = {"data": [{"title": "T", "paragraphs": [{**paragraph, "qas": [{"id": "1", "question": "Who?"}]}]}]}
    (tmp_path / "x.json").write_text(json.dumps(value))
    examples, _ = load_examples(tmp_path / "x.json", require_answers=False)
    assert examples[0]["answers"]["text"] == []
    with pytest.raises(DataError, match="the row has no answer field"):
        load_examples(tmp_path / "x.json")


def test_questions_beside_a_question_do_not_replace_it(tmp_path):
    rows = [
        {"context": NOTES, "Question": "Who wrote?", "answer": "Ada", "follow_ups": [{"question": "How old?"}]},
        {"context": TREATY, "Question": "When was it?", "answer": "1620", "follow_ups": []},
    ]
    (tmp_path / "x.jsonl").write_text(jsonl(rows), encoding="utf-8")
    examples, _ = load_examples(tmp_path / "x.jsonl")
    assert [e["question"] for e in examples] == ["Who wrote?", "When was it?"]


def test_an_id_that_questions_share_is_the_documents_and_one_that_rows_of_a_question_share_is_its_own():
    asked = [{**BASE, "question": f"When, {i}?", "answer": "nine"} for i in range(4)]
    assert "id" not in inferred(*[{**row, "id": "doc1"} for row in asked])
    assert inferred(*[{**row, "id": f"q{i}"} for i, row in enumerate(asked) for _ in range(3)])["id"] == "id"


def test_equal_candidates_are_an_error_that_prints_the_mapping_to_paste():
    row = {"passage": CONTEXT, "document": CONTEXT + " More.", "question": "q?", "answer": "nine"}
    with pytest.raises(DataError, match=r'several fields may be the context: "passage", "document"') as caught:
        inferred(row)
    pasted = str(caught.value).split("--field_mapping '")[1].rstrip("'")
    assert json.loads(pasted) == {"context": "passage", "question": "question", "answers.text": "answer"}
    assert found(read_row(json.loads(pasted), row)) == [("nine", None, None)]


@pytest.mark.parametrize("row", [{"a": 1}, {}, {"x": "word", "y": "word"}, {"question": "What?"}, {"context": CONTEXT}])
def test_what_cannot_be_inferred_is_an_error_that_lists_the_fields(row):
    with pytest.raises(DataError, match=r"(?s)x\.csv: no field is named or reads like the .*Fields: .*--field_mapping"):
        inferred(row)


def test_no_good_row_says_what_the_first_was():
    with pytest.raises(DataError, match=r"none of the first 1 rows can be read; the first: l1: row is not an object"):
        resolve_mapping(None, [BadRow("l1", "row is not an object", "int 5")], "x")


def test_the_choice_is_logged_as_a_mapping_that_can_be_pasted(caplog):
    caplog.set_level(logging.INFO)
    rows = rows_of({"passage": CONTEXT, "query": "q?", "answer": "nine"})
    mapping = resolve_mapping(None, rows, "x.csv")
    logged = next(r.getMessage() for r in caplog.records if "x.csv: fields by names and content" in r.getMessage())
    assert read_mapping(logged[logged.index("{") :]).to_dict() == mapping.to_dict()


def test_a_broken_header_is_not_taken_for_a_field():
    row = {"i[d": "a", "context": CONTEXT, "question": "When does it open?"}
    assert "id" not in inferred(row, row | {"i[d": "b"})
