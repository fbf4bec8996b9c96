from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from qa_pipeline.generation.questions.llm import prompts
from qa_pipeline.generation.questions.llm.prompts import load_prompts, prompts_table

VALUES = {
    name: f"<{name} $passage {{x}}>"
    for name in (
        *("task", "examples", "title", "passage", "number", "language", "answer_types", "asked", "answers"),
        *("questions", "topic", "words", "problem", "form", "prompt", "fields"),
        *("instructions", "place", "findings", "keep"),
    )
}


def test_numbers_and_names_are_unique_and_files_say_them():
    files = sorted(Path(prompts.__file__).parent.glob("*.yaml"))
    assert len(files) == len(load_prompts()) == len({p.name for p in load_prompts().values()})
    for file in files:
        fields = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert file.stem == f"{fields['number']:02d}_{fields['name'].replace('-', '_')}"


@pytest.mark.parametrize("number", load_prompts())
def test_values_are_put_in_as_they_are(number):
    prompt = load_prompts()[number]
    assert prompt.slots <= set(VALUES)
    text = "\n".join(m.content for m in prompt.messages(**VALUES))
    for name in prompt.slots:
        assert VALUES[name] in text
    assert prompt.schema is None or "JSON" in text
    if prompt.schema is not None:
        jsonschema.Draft202012Validator.check_schema(prompt.schema)


def test_the_form_shown_is_the_form_wanted():
    for prompt in load_prompts().values():
        if prompt.schema is None:
            continue
        shown = json.loads(prompt.user[prompt.user.rindex("JSON only") :].partition(": ")[2])
        jsonschema.validate(shown, prompt.schema)
        record, item = next(iter(shown.values())), next(iter(prompt.schema["properties"].values()))
        if isinstance(record, list) and isinstance(record[0], dict):  # in the order of constrained decoding
            assert list(record[0]) == list(item["items"]["properties"])


def test_the_table_marks_what_can_be_chosen():
    lines = prompts_table().splitlines()
    assert sum(line.startswith(" *") for line in lines) == 3
    assert all(prompt.name in prompts_table() for prompt in load_prompts().values())
