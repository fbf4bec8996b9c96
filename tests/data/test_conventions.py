"""What a marked span means is seen from the labels of the whole source."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.data import load_examples

CONTEXT = "The treaty was signed on 3 July 1620 in Ulm by Ann Lee."


def load(tmp_path, rows, **options):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    return load_examples(path, max_bad_fraction=1, **options)


def task(number: int, *marked: tuple[str, str, str]) -> dict:
    """A Label Studio task: (text, control tag, label) of each span."""
    result = [
        {
            "id": f"r{i}", "type": "labels", "from_name": control, "to_name": "text",
            "value": {
                "start": CONTEXT.index(text), "end": CONTEXT.index(text) + len(text), "text": text, "labels": [label]
            },
        }
        for i, (text, control, label) in enumerate(marked)
    ]  # fmt: skip
    return {
        "id": number,
        "data": {"text": CONTEXT, "question": f"Which one, {number}?"},
        "annotations": [{"result": result, "was_cancelled": False}],
    }


def doccano(number: int, *marked: tuple[str, str]) -> dict:
    spans = [[CONTEXT.index(text), CONTEXT.index(text) + len(text), label] for text, label in marked]
    return {"id": number, "text": CONTEXT, "question": f"Which one, {number}?", "label": spans}


@pytest.mark.parametrize(
    ("control", "label"),
    [("question_answer", "Answer"), ("sourceLabels", "Antwort"), ("support", "Answer span"), ("label", "Reference"),
     ("answer", "Title"), ("ner", "DATE")],
)  # fmt: skip
def test_the_only_label_of_a_source_is_the_answers_whatever_it_is_called(tmp_path, control, label):
    examples, _ = load(tmp_path, [task(1, ("3 July 1620", control, label)), task(2, ("Ulm", control, label))])
    assert [e["answers"]["text"] for e in examples] == [["3 July 1620"], ["Ulm"]]


def test_where_a_label_is_called_answer_the_others_are_none_in_every_row(tmp_path):
    rows = [
        task(1, ("The treaty was signed", "spans", "Evidence"), ("3 July 1620", "spans", "Answer")),
        task(2, ("in Ulm", "spans", "Evidence")),
        task(3, ("Ulm", "spans", "Answer")),
    ]
    examples, _ = load(tmp_path, rows)
    assert [e["answers"]["text"] for e in examples] == [["3 July 1620"], [], ["Ulm"]]
    assert examples[1]["is_impossible"]


def test_a_control_tag_called_answer_tells_the_answers(tmp_path):
    examples, _ = load(tmp_path, [task(1, ("3 July 1620", "answer", "Span"), ("The treaty", "evidence", "Span"))])
    assert examples[0]["answers"]["text"] == ["3 July 1620"]


def test_a_label_that_says_no_answer_is_none(tmp_path):
    examples, _ = load(tmp_path, [task(1, ("Ulm", "s", "Answer")), task(2, ("Ann", "s", "No answer"))])
    assert [e["answers"]["text"] for e in examples] == [["Ulm"], []]


def test_several_labels_in_a_row_without_an_answer_among_them_are_dropped_with_what_to_do(tmp_path):
    rows = [doccano(1, ("3 July 1620", "DATE")), doccano(2, ("Ulm", "PLACE"), ("Ann Lee", "NAME"))]
    examples, report = load(tmp_path, rows)
    assert [e["answers"]["text"] for e in examples] == [["3 July 1620"]]
    (detail,) = report.details["several labels, none of them the answer's"]
    assert 'several labels, "NAME", "PLACE"; call the label of the answers Answer, or keep one' in detail


def test_kinds_of_answers_in_a_list_of_answers_are_all_answers(tmp_path):
    answers = [
        {"text": "1620", "answer_start": 32, "label": "DATE"},
        {"text": "3 July 1620", "answer_start": 25, "label": "REASON"},
    ]
    examples, _ = load(tmp_path, [{"context": CONTEXT, "question": "When?", "answers": answers}])
    assert examples[0]["answers"]["text"] == ["1620", "3 July 1620"]
