"""Words that stand in an answer's place are told from answers by how the whole source uses them."""

from __future__ import annotations

import csv
import json

import pytest

from qa_pipeline.data import load_examples
from qa_pipeline.data.marks import is_missing, word_of

FLAT = {"context": "context", "question": "question", "answers.text": "answer"}


def load(tmp_path, rows, **options):
    path = tmp_path / "rows.csv"
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return load_examples(path, max_bad_fraction=1, **options)


def row(number: int, context: str, answer: str, **more) -> dict:
    return {"id": number, "context": context, "question": f"Which one, {number}?", "answer": answer, **more}


@pytest.mark.parametrize(
    "word",
    ["nan", "None", "NULL", "N/A", "-", "no answer", "Unanswerable", "keine Antwort", "无答案", "нет ответа", "<NA>"],
)
def test_a_word_that_the_text_does_not_have_means_unanswerable(tmp_path, word):
    examples, report = load(tmp_path, [row(1, "The bank is open.", "open"), row(2, "The finance desk.", word)])
    assert [example["is_impossible"] for example in examples] == [False, True] and not report.dropped
    said = report.details.get("word_for_no_answer", [])
    assert is_missing(word) or said == [f'2: answer "{word}" read as "no answer"']


def test_a_word_that_the_texts_have_is_an_answer(tmp_path):
    rows = [row(1, "We bake nan and rice.", "nan"), row(2, "None of the rooms is free.", "None")]
    examples, _ = load(tmp_path, rows)
    assert [example["answers"]["text"] for example in examples] == [["nan"], ["None"]]


def test_what_one_word_means_says_nothing_of_the_others(tmp_path):
    rows = [
        row(1, "find returns undefined, get returns null.", "undefined"),
        row(2, "The router uses NAT.", "NAT"),
        row(3, "The symbol of neon is Ne.", "Ne"),
        row(4, "Who made it is not said.", "no answer"),
        row(5, "Dogs are not allowed.", "No"),
    ]
    examples, report = load(tmp_path, rows)
    assert [e["answers"]["text"] for e in examples] == [["undefined"], ["NAT"], ["Ne"], []]
    assert report.dropped == {"yes_or_no_answer": 1}


def test_signs_are_answers_and_strokes_are_none(tmp_path):
    rows = [row(1, "Press + to add.", "+"), row(2, "It costs 5 €.", "€"), row(3, "We say 👍 to it.", "👍")]
    rows.append(row(4, "A well-known bank.", "--"))
    examples, _ = load(tmp_path, rows)
    assert [e["answers"]["text"] for e in examples] == [["+"], ["€"], ["👍"], []]


def test_a_source_that_uses_a_word_as_a_mark_uses_it_so_everywhere(tmp_path):
    rows = [row(1, "None of the rooms is free.", "None"), row(2, "The desk is open.", "None")]
    examples, _ = load(tmp_path, rows)
    assert [example["is_impossible"] for example in examples] == [True, True]


def test_a_word_at_its_exact_place_is_an_answer_whatever_the_others_mean(tmp_path):
    rows = [row(1, "None of the rooms is free.", "None", start=0), row(2, "The desk is open.", "None", start=-1)]
    examples, _ = load(tmp_path, rows, field_mapping={**FLAT, "answers.start": "start"})
    assert [example["answers"]["text"] for example in examples] == [["None"], []]


def test_yes_and_no_are_no_parts_of_the_text_unless_it_says_them(tmp_path):
    rows = [row(1, "Guests know the rules.", "no"), row(2, "Pets: no", "no"), row(3, "Open until noon.", "noon")]
    examples, report = load(tmp_path, rows)
    assert [example["id"] for example in examples] == ["3"]
    assert report.dropped == {"yes_or_no_answer": 2}
    assert 'answer "no" is no part of the text' in report.details["yes_or_no_answer"][0]
    examples, report = load(tmp_path, rows[1:])
    assert [example["answers"]["text"] for example in examples] == [["no"], ["noon"]]


def test_a_row_that_is_said_to_be_answerable_is_not_made_unanswerable_by_a_word(tmp_path):
    rows = [row(1, "The desk is open.", "open", is_impossible="False"), row(2, "A bank.", "n/a", is_impossible="False")]
    examples, report = load(tmp_path, rows)
    assert [example["id"] for example in examples] == ["1"]
    assert report.dropped == {"answerable_without_answer": 1}


@pytest.mark.parametrize("word", ["nan", "None", "null", "-", "?", "N/A", " NaN ", "<NA>"])
def test_a_question_or_a_text_that_is_missing_drops_the_row(tmp_path, word):
    assert is_missing(word)
    rows = [
        row(1, "The desk is open.", "open"),
        {**row(2, "The desk is open.", "open"), "question": word},
        row(3, word, "open"),
    ]
    examples, report = load(tmp_path, rows, field_mapping=FLAT)
    assert [example["id"] for example in examples] == ["1"]
    assert report.dropped == {"question is missing": 1, "context is missing": 1}
    assert repr(word.strip()) in report.details["question is missing"][0]


def test_numbers_that_are_none_in_json_mean_no_answer(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([row(1, "The desk is open.", "open"), row(2, "A bank.", float("nan"))]))
    examples, _ = load_examples(path)
    assert [example["is_impossible"] for example in examples] == [False, True]


def test_words_are_compared_without_case_and_marks():
    assert word_of(' "N/A". ') == "n/a" and word_of("[No  Answer]") == "no answer" and word_of("<NA>") == "na"


def test_a_mapping_without_the_word_for_no_answer_does_not_train_on_it(tmp_path):
    context = "Good tea, quick delivery. ANSWERNOTFOUND"
    rows = [row(1, context, "quick delivery", start=10), row(2, context, "ANSWERNOTFOUND", start=26)]
    mapping = {"context": "context", "question": "question", "answers.text": "answer", "answers.start": "start"}
    examples, report = load(tmp_path, rows, field_mapping=mapping)
    assert [e["answers"]["text"] for e in examples] == [["quick delivery"], []]
    assert examples[0]["context"] == "Good tea, quick delivery." and report.field_mapping["no_answer_value"]


def test_an_answer_that_ends_many_contexts_is_noticed(tmp_path):
    rows = [row(i, f"Text number {i} is here. KEINEANTWORT", "KEINEANTWORT") for i in range(6)]
    rows.append(row(7, "Text number 7 is here. KEINEANTWORT", "number 7"))
    examples, report = load(tmp_path, rows)
    assert len(examples) == 7 and report.noticed["same_answer_at_the_end"] == 6
    assert "no_answer_value" in report.details["same_answer_at_the_end"][0]
