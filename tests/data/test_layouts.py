"""Nested layouts become one row a question: SQuAD, MRQA, Label Studio, Haystack, Natural Questions, CMRC, NewsQA."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from qa_pipeline.data.example import BadRow, LooseExample
from qa_pipeline.data.readers import read_rows
from tests.data.reading import CONTEXT, SQUAD, check_two, examples, good, jsonl, label_studio_task, mrqa_lines, write


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mapping", [None, "mrqa"])
def test_mrqa_ends_become_exclusive_and_its_header_is_no_row(tmp_path, packed, mapping):
    content = jsonl(mrqa_lines()).encode()
    path = write(tmp_path / "x.jsonl.gz", gzip.compress(content) if packed else content)
    assert read_rows(path).format == "mrqa"
    rows = good(path, mapping)
    assert [row.id for row in rows] == ["a", "b"]
    assert [(a.text, a.start, a.end) for a in rows[0].answers] == [("nine", 20, 24)]
    assert [(a.start, a.end) for a in rows[1].answers] == [(2, 3), (8, 9)]


def test_label_studio_export_gives_all_annotators_spans(tmp_path):
    tasks = [
        label_studio_task(),
        label_studio_task(id=8, annotations=[{"result": []}]),
        label_studio_task(id=9, annotations=[]),
    ]
    path = write(tmp_path / "export.json", json.dumps(tasks))
    assert read_rows(path).format == "label_studio"
    for mapping in (None, "label_studio", {"context": "data.text", "question": "data.question", "answers": "answers"}):
        first, second, third = good(path, mapping)
        assert [(a.text, a.start, a.end) for a in first.answers] == [("nine", 20, 24), ("at nine", 17, 24)]
        assert second.answers == [] and second.answers_given
        assert not third.answers_given
    assert good(path)[0].id == "7"
    assert good(path)[1].is_impossible is True


def test_label_studio_questions_typed_beside_spans_become_rows(tmp_path):
    def region(key: str, start: int, end: int, question: str) -> list[dict[str, Any]]:
        return [
            {"id": key, "type": "labels", "value": {"start": start, "end": end, "text": CONTEXT[start:end]}},
            {"id": key, "type": "textarea", "value": {"text": [question]}},
        ]

    result = region("r1", 20, 24, "When does it open?") + region("r2", 29, 36, "Who sees children?")
    task = {"id": 1, "data": {"text": CONTEXT}, "annotations": [{"result": result}]}
    rows = good(write(tmp_path / "x.json", json.dumps([task])))
    assert [(row.question, row.answers[0].text) for row in rows] == [
        ("When does it open?", "nine"),
        ("Who sees children?", "Adeyemi"),
    ]


def test_label_studio_min_export_reads_by_names(tmp_path):
    answer = [{"start": 20, "end": 24, "text": "nine", "labels": ["Answer"]}]
    rows = [{"id": 1, "text": CONTEXT, "question": "When does it open?", "answer": answer, "annotator": 3}]
    for value in (answer, json.dumps(answer)):
        (row,) = good(write(tmp_path / "min.json", json.dumps([{**rows[0], "answer": value}])))
        assert [(a.text, a.start, a.end) for a in row.answers] == [("nine", 20, 24)]
        assert row.context == CONTEXT


def test_haystack_annotation_export_and_labels(tmp_path):
    export = json.loads(json.dumps(SQUAD))
    export["data"][0]["paragraphs"][0]["document_id"] = 12
    answer = {"answer_id": 1, "document_id": 12, "text": "nine", "answer_start": 20, "answer_category": None}
    export["data"][0]["paragraphs"][0]["qas"][0]["answers"] = [answer]
    path = write(tmp_path / "annotations.json", json.dumps(export))
    check_two(good(path))
    check_two(good(path, "haystack"))
    label = {
        "id": "a",
        "query": "When does it open?",
        "document": {"content": CONTEXT, "id": "d1", "meta": {"name": "clinic.txt"}},
        "answer": {"answer": "nine", "type": "extractive", "offsets_in_document": [{"start": 20, "end": 24}]},
        "is_correct_answer": True,
        "no_answer": False,
    }
    none = {**label, "id": "b", "query": "Who owns it?", "answer": None, "no_answer": True}
    wrong = {**label, "id": "c", "is_correct_answer": False}
    path = write(tmp_path / "labels.json", json.dumps([label, none, wrong]))
    assert read_rows(path).format == "haystack"
    rows = examples(path)
    check_two([row for row in rows if isinstance(row, LooseExample)])
    assert isinstance(rows[2], BadRow) and rows[2].reason == "answer marked as wrong by the source"
    first = rows[0]
    assert isinstance(first, LooseExample) and first.title == "clinic.txt"


def test_natural_questions_in_its_three_layouts_drops_tags_and_keeps_spans(tmp_path):
    words = ["<P>", "The", "clinic", "opens", "at", "nine", ".", "</P>"]
    tags = [True, False, False, False, False, False, False, True]
    short = {"start_token": 4, "end_token": 6}
    simplified = {
        "example_id": 5,
        "document_text": " ".join(words),
        "question_text": "when does the clinic open",
        "annotations": [{"short_answers": [short], "yes_no_answer": "NONE"}, {"short_answers": [short]}],
    }
    original = {
        **simplified,
        "document_tokens": [{"token": w, "html_token": t} for w, t in zip(words, tags, strict=True)],
    }
    del original["document_text"]
    hub = {
        "id": "5",
        "document": {"title": "Clinic", "tokens": {"token": words, "is_html": tags}},
        "question": {"text": "when does the clinic open"},
        "annotations": {"short_answers": [{"start_token": [4], "end_token": [6], "text": ["at nine"]}]},
    }
    unanswered = {**simplified, "example_id": 6, "annotations": [{"short_answers": []}]}
    for item in (simplified, original, hub):
        path = write(tmp_path / "nq.jsonl", jsonl([item]))
        assert read_rows(path).format == "natural_questions"
        (row,) = good(path)
        assert (row.id, row.context) == ("5", "The clinic opens at nine .")
        assert [(a.text, a.start, a.end) for a in row.answers] == [("at nine", 17, 24)]
        assert row.context[17:24] == "at nine"
    (row,) = good(write(tmp_path / "nq.jsonl", jsonl([unanswered])))
    assert row.is_impossible is True and not row.answers


def test_cmrc_and_newsqa_layouts(tmp_path):
    cmrc = [
        {
            "context_id": "C1",
            "context_text": "\u957f\u57ce\u5728\u5317\u4eac\u3002",
            "title": "\u957f\u57ce",
            "qas": [
                {
                    "query_id": "C1_Q1",
                    "query_text": "\u957f\u57ce\u5728\u54ea\u91cc\uff1f",
                    "answers": ["\u5317\u4eac", "\u5728\u5317\u4eac"],
                }
            ],
        }
    ]
    path = write(tmp_path / "cmrc.json", json.dumps(cmrc, ensure_ascii=False))
    assert read_rows(path).format == "cmrc"
    (row,) = good(path)
    assert row.id == "C1_Q1"
    assert [a.text for a in row.answers] == ["\u5317\u4eac", "\u5728\u5317\u4eac"]
    newsqa = {
        "data": [
            {
                "storyId": "s1",
                "text": CONTEXT,
                "questions": [
                    {"q": "When does it open?", "consensus": {"s": 20, "e": 24}},
                    {"q": "Who owns it?", "consensus": {"noAnswer": True}},
                    {"q": "Huh?", "consensus": {"badQuestion": True}},
                ],
            }
        ]
    }
    path = write(tmp_path / "newsqa.json", json.dumps(newsqa))
    assert read_rows(path).format == "newsqa"
    first, second, third = examples(path)
    assert isinstance(first, LooseExample) and [(a.text, a.start, a.end) for a in first.answers] == [(None, 20, 24)]
    assert isinstance(second, LooseExample) and second.is_impossible is True
    assert isinstance(third, BadRow) and third.reason == "row marked as bad by the source"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"title": "t", "paragraphs": None}, "paragraphs are not a list"),
        ({"title": "t", "paragraphs": [None]}, "paragraph is not an object"),
        ({"title": "t", "paragraphs": [{"context": "c", "qas": {}}]}, "paragraph has no list of questions"),
        ({"title": "t", "paragraphs": [{"context": "c"}]}, "paragraph has no list of questions"),
        ({"title": "t", "paragraphs": [{"context": "c", "qas": ["q"]}]}, "question is not an object"),
        ({"title": "t", "paragraphs": [{"context": 5, "qas": [{"question": "q"}]}]}, "context is not text"),
        ({"title": "t", "paragraphs": [{"qas": [{"question": "q"}]}]}, "context is missing"),
        ({"title": "t", "paragraphs": [{"context": "c", "qas": [{"question": None}]}]}, "question is missing"),
        ("article", "row is not an object"),
    ],
)
def test_a_broken_part_of_squad_is_a_bad_row_and_the_rest_is_read(tmp_path, broken, reason):
    document = {"data": [*SQUAD["data"], broken]}
    rows = examples(write(tmp_path / "x.json", json.dumps(document)))
    check_two([row for row in rows if isinstance(row, LooseExample)])
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert bad.reason == reason
    assert "data[1]" in bad.where
