from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.generation.questions.llm.parsing import ParseError, read_items
from qa_pipeline.generation.questions.llm.prompts import SCHEMAS

PAIR = {"question": "When does it open?", "answer": "at nine", "evidence": "It opens at nine."}
GOOD = json.dumps({"questions": [PAIR, PAIR]})


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Sure! Here are 2 questions [as asked]:\n```\n{GOOD}\n```\nI hope this helps {{or not}}.",
        f"```json\n{GOOD}",
        GOOD + "\n\nLet me know!" + " " * 500,
        '<think>maybe {"questions": []}?</think>' + GOOD,
        json.dumps([PAIR, PAIR]),
        json.dumps({"data": {"questions": [PAIR, PAIR]}}),
        GOOD[:-2] + ",]}",
        GOOD[:-2] + ', {"question": "When do',
        repr({"questions": [PAIR, PAIR]}),
        GOOD.replace('question"', 'Question"'),
        GOOD.replace("It opens", "It\nopens"),
    ],
    ids=lambda text: text[:20],
)
def test_what_models_write_around_json_is_read(text):
    items, bad = read_items(text, SCHEMAS["pairs"])
    assert [item["answer"] for item in items] == ["at nine", "at nine"]
    assert bad == 0


def test_half_characters_become_replacement_marks():
    reply = {"questions": [{**PAIR, "question": "Is it \ud83d open?"}]}
    assert "\\ud83d" in json.dumps(reply)
    [item], _ = read_items(json.dumps(reply), SCHEMAS["pairs"])
    assert item["question"] == "Is it \ufffd open?"


def test_deep_nesting_is_refused_like_any_other_shape():
    with pytest.raises(ParseError):
        read_items("[" * 600 + "{}" + "]" * 600, SCHEMAS["pairs"])


def test_records_without_a_needed_field_are_counted():
    items, bad = read_items(json.dumps({"questions": [PAIR, {"question": "Why?"}, 3]}), SCHEMAS["pairs"])
    assert (len(items), bad) == (1, 2)


def test_a_field_that_can_be_missing_comes_out_empty_and_a_number_as_text():
    items, _ = read_items('{"questions": [{"question": "When?", "answer": 1895}]}', SCHEMAS["pairs"])
    assert items == [{"question": "When?", "answer": "1895", "evidence": ""}]


@pytest.mark.parametrize("text", ["", "   " * 999, "I cannot do that.", "{", "[" * 9000, '{"questions": [{"quest'])
def test_text_without_json_is_said_to_be_so(text):
    with pytest.raises(ParseError) as caught:
        read_items(text, SCHEMAS["pairs"])
    assert caught.value.reason == "not_json"


@pytest.mark.parametrize("text", ['{"result": "ok"}', "[1, 2]", '{"questions": []}', '{"questions": [{"q": "a"}]}'])
def test_json_of_another_shape_says_which_was_wanted(text):
    with pytest.raises(ParseError, match="fields question, evidence, answer") as caught:
        read_items(text, SCHEMAS["pairs"])
    assert caught.value.reason == "wrong_schema"


def test_lists_of_strings_and_single_records_are_read():
    assert read_items('{"topics": ["a", " b "]}', SCHEMAS["topics"])[0] == [{"value": "a"}, {"value": "b"}]
    assert read_items('{"passage": "text"}', SCHEMAS["passage"])[0] == [{"title": "", "passage": "text"}]
    assert read_items('[{"number": "2", "question": "q"}]', SCHEMAS["numbered_questions"])[0][0]["number"] == 2


@settings(deadline=None)
@given(st.text(st.sampled_from('{}[]",:\\`\n aquestion0'), max_size=200))
def test_any_text_is_read_or_refused(text):
    for schema in SCHEMAS.values():
        try:
            items, bad = read_items(text, schema)
        except ParseError:
            continue
        assert items and bad >= 0


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.text(min_size=1)).filter(lambda t: all(x.strip() for x in t)), min_size=1
    ),
    st.text(st.characters(exclude_characters="{}[]`<"), max_size=50),
    st.text(st.characters(exclude_characters="`"), max_size=50),
)
def test_a_valid_reply_is_read_whatever_stands_around_it(pairs, before, after):
    records = [{"question": q, "answer": a, "evidence": a} for q, a in pairs]
    reply = json.dumps({"questions": records})
    items, bad = read_items(before + reply + after, SCHEMAS["pairs"])
    assert bad == 0
    assert [(i["question"], i["answer"]) for i in items] == [(q.strip(), a.strip()) for q, a in pairs]


DIGITS = "9" * 5000


@pytest.mark.parametrize(
    "text",
    [
        '{"questions": [{"number": "DIGITS", "question": "Why?"}]}'.replace("DIGITS", DIGITS),
        '{"questions": [{"number": DIGITS, "question": "Why?"}]}'.replace("DIGITS", DIGITS),
        "{'questions': [{'number': 0xDIGITS, 'question': 'Why?'}]}".replace("DIGITS", DIGITS),
        "{'questions': [{'number': 1, 'question': 0xDIGITS}]}".replace("DIGITS", DIGITS),
        '{"a":' * 100_000,
        "[" * 100_000,
        '\\"' * 500_000,
        '"' + "," * 1_000_000 + " " * 10,
        "```" * 300_000,
        "{" + " " * 1_000_000,
    ],
    ids=range(10),
)
def test_poisoned_answers_are_refused_in_a_moment(text):
    """They are on disk by the time they are read: what is raised once would be raised at every start."""
    began = time.perf_counter()
    with pytest.raises(ParseError):
        read_items(text, SCHEMAS["numbered_questions"])
    assert time.perf_counter() - began < 5
