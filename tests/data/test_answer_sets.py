"""Data whose answers are sets: how it is recognised, what says that all answers are required, and that it stays."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.data import load_examples, needs_all, write_squad
from qa_pipeline.data.readers import read_rows
from qa_pipeline.errors import ConfigError
from tests.data.made import CONTEXT, check_invariant, flat, write


def tagged(**changes) -> dict:
    row = {
        "id": "m",
        "question": ["who", "sang"],
        "context": ["Eva", "Lind", "Tom", ",", "and", "Ida", "."],
        "label": ["B", "I", "B", "O", "O", "B", "O"],
    }
    return row | changes


def answers_of(path, **options) -> list[list[str]]:
    examples, _ = load_examples(path, **options)
    check_invariant(examples)
    return [example["answers"]["text"] for example in examples]


def test_answers_beside_each_other_are_two(tmp_path):
    assert answers_of(write(tmp_path / "x.jsonl", [tagged()])) == [["Eva Lind", "Tom", "Ida"]]


def test_an_inside_tag_after_none_begins_an_answer(tmp_path):
    row = tagged(label=["O", "I", "I", "O", "O", "I", "I"])
    assert answers_of(write(tmp_path / "x.jsonl", [row])) == [["Lind Tom", "Ida ."]]


def test_lists_of_sentences_are_one_context_and_no_answer_crosses_their_edge_unless_tagged(tmp_path):
    row = tagged(context=[["Eva", "Lind"], ["Tom"]], label=[["B", "I"], ["B"]])
    examples, _ = load_examples(write(tmp_path / "x.jsonl", [row]))
    assert examples[0]["context"] == "Eva Lind Tom"
    assert examples[0]["answers"] == {"text": ["Eva Lind", "Tom"], "answer_start": [0, 9]}


def test_tokens_without_tags_can_be_predicted_on(tmp_path):
    row = tagged()
    del row["label"]
    path = write(tmp_path / "x.jsonl", [row])
    examples, report = load_examples(path, require_answers=False)
    assert report.unlabelled == 1 and examples[0]["context"] == "Eva Lind Tom , and Ida ."


def test_only_rows_with_an_answer_require_all_of_them(tmp_path):
    path = write(tmp_path / "x.jsonl", [tagged(), tagged(id="n", question=["who", "ate"], label=["O"] * 7)])
    examples, report = load_examples(path)
    assert [needs_all(example) for example in examples] == [True, False]
    assert examples[1]["is_impossible"] and report.all_required == 1
    assert "all required in 1 rows" in report.table()


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (["B"], "tokens and tags differ in number"),
        (["B", "I", "B", "O", "O", "PER", "O"], "a tag is none of B, I and O"),
        ("B I B O O B O", "tokens and tags differ in number"),
    ],
)
def test_tags_that_do_not_fit_are_named(tmp_path, label, reason):
    path = write(tmp_path / "x.jsonl", [tagged(id=str(i), question=["who", str(i)]) for i in range(9)])
    with open(path, "a") as file:
        file.write(json.dumps(tagged(id="bad", label=label)) + "\n")
    examples, report = load_examples(path)
    assert len(examples) == 9 and dict(report.dropped) == {reason: 1}


def test_questions_side_by_side_are_not_taken_for_tokens(tmp_path):
    row = {"context": [CONTEXT, CONTEXT + "!"], "question": ["Who?", "Where?"], "answers": ["Ada Lovelace", "London"]}
    assert read_rows(write(tmp_path / "x.jsonl", [row])).format == "side_by_side"
    chinese = {"question": ["什么时候", "谁"], "context": ["第一条铁路于一八七六年在上海建成并开始运营使用", "第二条"]}
    assert read_rows(write(tmp_path / "y.jsonl", [chinese])).format != "multispanqa"


def bioasq(**changes) -> dict:
    snippets = [{"text": "Ivradine, or lomelide."}, {"text": "Ivra-dine alone."}, {"text": "Nothing here."}]
    row = {
        "id": "b",
        "type": "list",
        "body": "Which drugs?",
        "snippets": snippets,
        "exact_answer": [["ivradine", "Ivra-dine"], ["lomelide"]],
    }
    return row | changes


def test_each_snippet_is_a_row_with_the_items_that_it_names(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"questions": [bioasq()]}))
    examples, report = load_examples(path, max_bad_fraction=0.5)
    assert [(one["id"], one["answers"]["text"]) for one in examples] == [
        ("b_001", ["Ivradine", "lomelide"]),
        ("b_002", ["Ivra-dine"]),
    ]
    assert all(map(needs_all, examples))
    assert dict(report.dropped) == {"answer_not_found": 1}, "a snippet without the answer is no unanswerable question"


def test_synonyms_of_a_factoid_are_one_answer(tmp_path):
    snippet = [{"text": "Loss causes anaemia (anemia)."}]
    for given in ([["anemia", "anaemia"]], ["anemia", "anaemia"], "anemia"):
        row = bioasq(type="factoid", exact_answer=given, snippets=snippet)
        examples, _ = load_examples(write(tmp_path / "x.jsonl", [row]))
        assert examples[0]["answers"]["text"] == ["anemia"] and not needs_all(examples[0])


def test_a_list_of_plain_texts_is_a_list_of_items(tmp_path):
    row = bioasq(exact_answer=["lomelide", "Ivradine"], snippets=[{"text": "Ivradine, or lomelide."}])
    assert answers_of(write(tmp_path / "x.jsonl", [row])) == [["lomelide", "Ivradine"]]


def test_a_test_set_of_bioasq_can_be_predicted_on(tmp_path):
    row = bioasq()
    del row["exact_answer"]
    examples, report = load_examples(write(tmp_path / "x.jsonl", [row]), require_answers=False)
    assert len(examples) == 3 and report.unlabelled == 3


def test_a_mapping_says_that_all_answers_are_required(tmp_path):
    rows = [
        flat(0, answers={"text": ["1815", "1852"], "answer_start": [35, 52]}, question="When?", kind="yes"),
        flat(1, kind="no"),
    ]
    path = write(tmp_path / "x.jsonl", rows)
    marked = {}
    for said in (True, False, "kind", ["missing", "kind"]):
        examples, report = load_examples(path, field_mapping={"preset": "squad", "all_answers": said})
        marked[str(said)] = [needs_all(example) for example in examples]
        again, _ = load_examples(path, field_mapping=report.field_mapping)
        assert again == examples, "the mapping of the report gives the same"
    assert marked == {
        "True": [True, True],
        "False": [False, False],
        "kind": [True, False],
        "['missing', 'kind']": [True, False],
    }
    with pytest.raises(ConfigError, match='"all_answers": expected true, false or the path of a flag, found int 3'):
        load_examples(path, field_mapping={"preset": "squad", "all_answers": 3})


def test_one_row_for_each_answer_becomes_one_set(tmp_path):
    rows = [flat(i, id=None, question="When?", answers=[{"text": t}]) for i, t in enumerate(("1815", "1852"))]
    path = write(tmp_path / "x.jsonl", rows)
    mapping = {"context": "context", "question": "question", "answers": "answers"}
    examples, report = load_examples(path, field_mapping=mapping | {"all_answers": True})
    assert examples[0]["answers"]["text"] == ["1815", "1852"] and needs_all(examples[0])
    assert "contradictory_answers" not in report.noticed
    _, report = load_examples(path, field_mapping=mapping)
    assert report.noticed["contradictory_answers"] == 1


def test_the_mark_survives_writing_as_squad_and_is_valid_there(tmp_path):
    from qa_pipeline.data import to_squad, validate

    examples, _ = load_examples(write(tmp_path / "x.jsonl", [tagged(), flat(1)]))
    validate(to_squad(examples), "squad", "here")
    again, _ = load_examples(write_squad(tmp_path / "squad.json", examples))
    assert again == examples and [needs_all(example) for example in again] == [True, False]
