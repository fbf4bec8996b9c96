from __future__ import annotations

import jsonschema
import pytest

from qa_pipeline.generation.questions.llm.evidence import MOST_CHARACTERS, MOST_SENTENCES, with_sentences
from qa_pipeline.generation.questions.llm.prompts import SCHEMAS

TEXT = "The shop is open. It closes at six. Come in. It closes at six."


@pytest.mark.parametrize(("name", "listed"), [("pairs", "questions"), ("answers", "answers")])
def test_the_evidence_is_one_of_the_sentences_that_stand_there_once(name, listed):
    before = str(SCHEMAS[name])
    made = with_sentences(SCHEMAS[name], TEXT)
    item = made["properties"][listed]["items"]
    assert item["properties"]["evidence"] == {"type": "string", "enum": ["The shop is open.", "Come in."]}
    assert list(item["properties"]) == list(SCHEMAS[name]["properties"][listed]["items"]["properties"])
    assert str(SCHEMAS[name]) == before
    jsonschema.Draft202012Validator.check_schema(made)
    record = {"question": "q", "evidence": "Come in.", "answer": "in", "type": "t"}
    good = {field: record[field] for field in item["properties"]}
    jsonschema.validate({listed: [good]}, made)
    with pytest.raises(jsonschema.ValidationError, match="is not one of"):
        jsonschema.validate({listed: [good | {"evidence": "It closes"}]}, made)


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"Sentence {i} is here." for i in range(MOST_SENTENCES + 1)),
        f"It is {'so ' * (MOST_CHARACTERS // 3)}long. Yes.",
        "Twice. Twice.",
        "",
    ],
    ids=["many", "long", "ambiguous", "empty"],
)
def test_it_stays_free_where_no_choice_can_be_given(text):
    assert with_sentences(SCHEMAS["pairs"], text) is SCHEMAS["pairs"]


def test_as_many_sentences_as_are_allowed_are_a_choice():
    text = " ".join(f"Sentence {i} is here." for i in range(MOST_SENTENCES))
    made = with_sentences(SCHEMAS["pairs"], text)
    assert len(made["properties"]["questions"]["items"]["properties"]["evidence"]["enum"]) == MOST_SENTENCES
