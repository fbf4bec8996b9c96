"""Which tags of a Label Studio project hold the text, the question and the answer."""

from __future__ import annotations

import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.serve.label_studio.label_config import LabelConfig

LABELS = '<Labels name="answer" toName="text"><Label value="Answer" maxUsages="1"/></Labels>'
TEXT = '<Text name="text" value="$text" granularity="word"/>'


def view(*tags: str) -> str:
    return f"<View>{''.join(tags)}</View>"


def test_the_template_for_questions_is_understood():
    config = LabelConfig.read(
        view(
            '<Header value="Please read the passage" />',
            TEXT,
            '<Header value="Select a text span answering the following question:"/>',
            '<Text name="question" value="$question"/>',
            LABELS,
        )
    )
    assert config == LabelConfig("answer", "text", "Answer", "text", "question", None)


def test_names_and_keys_are_those_of_the_project():
    config = LabelConfig.read(
        view(
            '<Labels name="span" toName="body"><Label value="Wrong"/><Label value="ANSWER"/></Labels>',
            '<View style="x"><Text name="body" value="$doc.content"/></View>',
            '<Header value="Frage: $frage"/>',
        )
    )
    assert config == LabelConfig("span", "body", "ANSWER", "doc.content", "frage", None)
    data = {"doc": {"content": "Der Preis ist 3 Euro."}, "frage": "Was kostet es?"}
    assert config.text_of(data) == "Der Preis ist 3 Euro."
    assert config.question_of(data) == "Was kostet es?"


def test_a_key_with_a_dot_in_its_name_is_found_too():
    config = LabelConfig.read(view('<Text name="text" value="$a.b"/>', LABELS))
    assert config.text_of({"a.b": "one"}) == "one"


def test_of_several_shown_fields_the_one_called_a_question_is_asked():
    tags = ('<Header value="$title"/>', '<Text name="q" value="$user_question"/>', TEXT, LABELS)
    assert LabelConfig.read(view(*tags)).question_key == "user_question"
    several = ('<Header value="$title"/>', '<Header value="$author"/>', TEXT, LABELS)
    assert LabelConfig.read(view(*several)).question_key == "question"


def test_a_question_that_was_typed_comes_before_that_of_the_data():
    config = LabelConfig.read(view(TEXT, LABELS, '<TextArea name="asked" toName="text"/>'))
    assert config.question_area == "asked"
    typed = [
        {"from_name": "answer", "type": "labels", "value": {"start": 1, "end": 2}},
        {"from_name": "asked", "type": "textarea", "value": {"text": ["How much is it?"]}},
    ]
    assert config.question_of({"question": "Other?"}, typed) == "How much is it?"
    assert config.question_of({"question": "Other?"}, typed[:1]) == "Other?"
    blank = [{"from_name": "asked", "value": {"text": [" "]}}, {"from_name": "asked", "value": None}, "x"]
    assert config.question_of({"question": "Other?"}, blank) == "Other?"


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (None, "expected XML, found None"),
        ("  ", "expected XML"),
        ("<View><Text></View>", "not XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View/>', "entities are not read"),
        (view('<Image name="i" value="$i"/>'), "found <Image>"),
        (view(TEXT, '<Choices name="c" toName="text"><Choice value="x"/></Choices>'), "are needed.*found <Text>"),
        (view(TEXT, '<Labels name="l" toName="text" value="$labels"/>'), "are needed"),
        (view('<HyperText name="text" value="$t"/>', LABELS), "found <HyperText>"),
        (view('<Text name="text" value="$t" valueType="url"/>', LABELS), 'valueType="url" is not read'),
        (view('<Text name="text" value="$t" encoding="base64"/>', LABELS), 'encoding="base64" is not read'),
        (view('<Text name="text" value="fixed"/>', LABELS), r"must be a variable such as \$text"),
    ],
)
def test_a_project_in_which_answers_cannot_be_marked_is_refused_with_words(xml, message):
    with pytest.raises(DataError, match=message):
        LabelConfig.read(xml)


def test_comments_are_no_document_type():
    assert LabelConfig.read(f"<!-- a text -->{view(TEXT, LABELS)}").to_name == "text"


@pytest.mark.parametrize("data", [{}, {"text": ""}, {"text": 3}, {"text": {"a": "b"}}])
def test_a_task_without_a_text_is_refused_with_words(data):
    with pytest.raises(DataError, match=r"data\.text: expected the text, found"):
        LabelConfig.read(view(TEXT, LABELS)).text_of(data)
