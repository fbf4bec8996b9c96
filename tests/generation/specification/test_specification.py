"""A prompt in plain words as a typed specification, to YAML and back."""

from __future__ import annotations

import time

import pytest
import yaml

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.specification.specification import (
    builtin_domain,
    parse_prompt,
    read_specification,
    specification_from,
)

PROMPT = (
    "Answer questions about a clinic's opening hours and fees. The answers are times and fees. Some questions should "
    "be unanswerable. Example: Context: The clinic opens at 9 am and a visit costs $20. Question: When does it open? "
    'Answer: 9 am. Question: What does a visit cost? Answer: "$20" Question: Who runs it? Answer: none'
)


def test_every_part_of_a_prompt_is_found():
    found = parse_prompt(PROMPT)
    assert found.domain == "a clinic's opening hours and fees" and found.unanswerable is True
    assert found.answer_types == ["date", "money"] and found.language is None
    assert [e["question"] for e in found.examples] == ["When does it open?", "What does a visit cost?", "Who runs it?"]
    for example in found.examples[:2]:
        text, start = example["answers"]["text"][0], example["answers"]["answer_start"][0]
        assert example["context"][start : start + len(text)] == text
    assert found.examples[2]["is_impossible"] and not found.notes


def test_yaml_goes_round_and_can_be_edited(tmp_path):
    found = parse_prompt(PROMPT)
    path = found.save(tmp_path / "spec.yaml")
    assert read_specification(path) == found
    content = yaml.safe_load(path.read_text())
    content |= {"language": "de", "answer_types": ["person"], "examples": []}
    path.write_text(yaml.safe_dump(content))
    assert read_specification(path).language == "de" and read_specification(path).answer_types == ["person"]


def test_a_language_may_be_given_by_its_name():
    assert specification_from({"domain": "x", "language": "German"}, "here").language == "de"
    assert specification_from({"domain": "x", "language": "pt-BR"}, "here").language == "pt-BR"
    assert specification_from({"domain": "x"}, "here").language is None


def test_what_a_model_is_told_follows_an_edited_subject_and_holds_no_examples():
    found = parse_prompt(PROMPT)
    assert "Example" not in found.wish and "clinic's opening hours and fees" in found.wish
    edited = specification_from(yaml.safe_load(found.to_yaml()) | {"domain": "harbour fees"}, "here")
    assert edited.wish == f"{found.wish} Subject: harbour fees."


def test_all_faults_of_an_edited_file_at_once():
    content = {
        "domian": "x",
        "language": 3,
        "answer_types": [1],
        "task": "translation",
        "examples": [{"context": "a b", "question": "q", "answer": "c"}, "no"],
    }
    with pytest.raises(ConfigError) as error:
        specification_from(content, "spec.yaml")
    text = str(error.value)
    assert "6 problems in spec.yaml" in text and 'domian: unknown key; nearest: "domain"' in text
    assert 'examples, number 1: answer: "c" is not in the context' in text


@pytest.mark.parametrize("prompt", ["Translate these letters to French", " ", "Summarize articles"])
def test_another_task_is_refused(prompt):
    with pytest.raises(ConfigError):
        parse_prompt(prompt)


def test_examples_without_a_context_are_kept_as_questions():
    found = parse_prompt("Questions about wine, in German. Examples:\n1. Q: Wann?\n   A: morgen\n2. Q: Wer?\n   A: Ida")
    assert found.language == "de" and found.sample_questions == ["Wann?", "Wer?"] and len(found.notes) == 2


@pytest.mark.parametrize(
    ("prompt", "domain"),
    [
        ("Answer questions about a clinic's opening hours and fees", "clinic"),
        ("Questions on leases, tenants and termination clauses", "contracts"),
        ("Train and bus fares", "transport"),
        ("train times", "transport"),
        ("Make 200 questions about train times, half of them unanswerable.", "transport"),
        ("Questions about privacy policies", None),
        ("Questions about medieval pottery", None),
    ],
)
def test_a_built_in_domain_is_taken_only_where_it_is_clear(prompt, domain):
    assert builtin_domain(parse_prompt(prompt)) == domain


@pytest.mark.parametrize(
    ("domain", "prompt", "name"),
    [
        ("a law firm", "Questions about a clinic", None),
        ("contracts", "Make 30 questions about a clinic", "contracts"),
        ("", "Make 30 questions about a clinic", "clinic"),
        ("fees", "Here are the patients of a clinic. Questions about fees", "clinic"),
    ],
)
def test_an_edited_domain_decides_whatever_the_prompt_says(domain, prompt, name):
    assert builtin_domain(specification_from({"domain": domain, "prompt": prompt}, "spec.yaml")) == name


@pytest.mark.parametrize(
    "words",
    [
        "Don't make unanswerable questions",
        "Do not include questions that cannot be answered",
        "I don\u2019t want any of the questions to be unanswerable",
        "None unanswerable",
        "Zero unanswerable",
        "Please avoid unanswerable questions",
        "Without unanswerable questions",
        "Questions must not be unanswerable",
        "Unanswerable questions are not wanted",
        "Unanswerable ones should be left out",
        "Unanswerable: none",
        "All questions must be answerable",
        "Every question must have an answer",
    ],
)
def test_no_unanswerable_questions_in_other_words(words):
    for prompt in (f"Questions about contracts. {words}.", f"40 questions about contracts, {words.lower()}"):
        assert parse_prompt(prompt).unanswerable is False


@pytest.mark.parametrize(
    "words",
    [
        "Some unanswerable",
        "Don't leave out unanswerable questions",
        "Never avoid unanswerable questions",
        "Not all questions should be unanswerable",
        "No pictures, but unanswerable questions",
        "Unanswerable questions are wanted",
    ],
)
def test_words_that_say_no_to_something_else(words):
    assert parse_prompt(f"Questions about contracts. {words}.").unanswerable is True


BLANKS = " " * 20_000


@pytest.mark.parametrize(
    "prompt",
    [
        f"Questions.{BLANKS}and{BLANKS}about cats",
        f"50{BLANKS}questions{BLANKS}about cats",
        f"Ask about cats.\n{BLANKS}\n{BLANKS}\n{BLANKS}please",
        f"Ask about cats. Context: A cat sat.{BLANKS}\nQuestion:{BLANKS}Who sat?{BLANKS}\nAnswer:{BLANKS}A cat{BLANKS}",
    ],
    ids=["words", "numbers", "lines", "examples"],
)
def test_a_prompt_with_thousands_of_blanks_is_read_as_one_with_single_blanks(prompt):
    began = time.perf_counter()
    found = parse_prompt(prompt)
    assert time.perf_counter() - began < 5
    once = parse_prompt("\n".join(" ".join(line.split()) for line in prompt.splitlines()))
    assert (found.domain, found.num_examples, found.answer_types) == (once.domain, once.num_examples, once.answer_types)
    assert [example["answers"] for example in found.examples] == [example["answers"] for example in once.examples]
