"""Numbers in a prompt: how many examples, what share of them unanswerable, and what is neither."""

from __future__ import annotations

import json

import pytest
import yaml

from qa_pipeline.cli.main import main
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.specification.rules import find_numbers
from qa_pipeline.generation.specification.specification import parse_prompt, read_specification, specification_from
from tests.generation.fakes import document


@pytest.mark.parametrize(
    ("text", "examples", "share"),
    [
        ("Answer questions about the handbook. 30% unanswerable. Make 20 questions.", 20, 0.3),
        ("Generate 1,000 questions about fees, a third unanswerable", 1000, 0.3333),
        ("write 50 short examples; a quarter of the questions should be unanswerable", 50, 0.25),
        ("half unanswerable, 2k rows", 2000, 0.5),
        ("two thirds of them without an answer", None, 0.6667),
        ("one in five should be unanswerable", None, 0.2),
        ("Unanswerable: 30 %. questions: 40", 40, 0.3),
        ("Unanswerable share of 0.25", None, 0.25),
        ("70% answerable", None, 0.3),
        ("30 % of the questions are not answerable", None, 0.3),
        ("at least 300 question-answer pairs, 12.5 percent of which cannot be answered", 300, 0.125),
        ("Make 100 questions, 20 of them unanswerable", 100, 0.2),
        ("0% unanswerable", None, 0.0),
        ("fifty percent unanswerable, thirty-five questions", 35, 0.5),
        ("Make two hundred and fifty questions, twenty-five percent of them unanswerable", 250, 0.25),
        ("I need two dozen questions; ninety per cent answerable", 24, 0.1),
        ("I need a hundred questions", 100, None),
        ("20 questions about wine", 20, None),
        ("Questions about the 2024 handbook of a third party, level 3", None, None),
        ("Answer questions about 3 types of contracts", None, None),
    ],
)
def test_numbers_are_understood(text, examples, share):
    found = find_numbers(text)
    assert (found.num_examples, found.unanswerable_fraction, found.notes) == (examples, share, [])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Questions on loans at 5% interest, some unanswerable", '"5%" in the prompt was not used'),
        ("Half of the questions should be about fees", '"Half" in the prompt was not used'),
        ("100% unanswerable", "goes from 0 to 0.9"),
        ("Make 5 questions per passage", "give --questions_per_context"),
        ("ISO 9001 audit questions", '"9001 audit questions" in the prompt was not used; give --num_examples'),
        ("Make 20 unanswerable questions", '"Make 20 unanswerable questions" in the prompt was not used'),
        ("Make 20 questions. Or 30 questions", '"30 questions" in the prompt was not used'),
        ("20% unanswerable, or 30% unanswerable", "another share was found before it"),
    ],
)
def test_what_looks_like_a_number_and_is_not_used_is_noted(text, part):
    assert any(part in note for note in find_numbers(text).notes)


def test_a_prompt_of_many_parts_loses_none(tmp_path, capsys):
    prompt = "Answer questions about the handbook. Only dates and amounts. 30% unanswerable. Make 20 questions."
    found = parse_prompt(prompt)
    assert found.domain == "the handbook" and found.answer_types == ["date", "money", "quantity"] and not found.notes
    assert (found.unanswerable, found.unanswerable_fraction, found.num_examples) == (True, 0.3, 20)
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(12):
        (docs / f"{number}.txt").write_text(document(number))
    words = ["generate", f"--documents={docs}", f"--prompt={prompt}"]
    assert main([*words, f"--output_dir={tmp_path / 'a'}"]) == 0
    spec = yaml.safe_load((tmp_path / "a" / "prompt_spec.yaml").read_text())
    assert spec["unanswerable_fraction"] == 0.3 and spec["num_examples"] == 20
    report = json.loads((tmp_path / "a" / "dataset_report.json").read_text())
    assert report["rows"] == 20 and report["settings"]["unanswerable_fraction"] == 0.3
    types = {name for split in report["splits"].values() for name in split["answer_types"]}
    assert types <= {"date", "year", "time", "century", "money", "quantity"}
    # The command line wins, and the file that was saved says the same as the prompt.
    again = ["generate", f"--documents={docs}", f"--spec_file={tmp_path / 'a' / 'prompt_spec.yaml'}"]
    assert main([*again, f"--output_dir={tmp_path / 'b'}"]) == 0
    assert (tmp_path / "a" / "train.json").read_bytes() == (tmp_path / "b" / "train.json").read_bytes()
    assert main([*words, f"--output_dir={tmp_path / 'c'}", "--num_examples=10", "--unanswerable_fraction=0"]) == 0
    report = json.loads((tmp_path / "c" / "dataset_report.json").read_text())
    assert report["rows"] == 10 and report["settings"]["unanswerable_fraction"] == 0


@pytest.mark.parametrize(
    ("prompt", "domain", "types", "notes"),
    [
        ("Questions about a clinic, only names and room sizes", "a clinic", ["name"], 1),
        ("Questions about the handbook: dates only, 10% unanswerable", "the handbook", ["date"], 0),
        ("Questions on fees. Only prices, dates or the names of staff.", "fees", ["date", "money", "name"], 0),
        ("200 questions about contracts, only dates please", "contracts", ["date"], 0),
        ("Questions about contracts, please only dates, please.", "contracts", ["date"], 0),
        ("Questions about contracts: dates only please", "contracts", ["date"], 0),
        ("Questions about the only hotel", "the only hotel", None, 0),
        ("Questions about fees. Only use the handbook. Only when it is open.", "fees", None, 0),
        ("Make 20 questions, half of them unanswerable, on leases", "leases", None, 0),
    ],
)
def test_only_some_types_of_answers(prompt, domain, types, notes):
    found = parse_prompt(prompt)
    assert (found.domain, found.answer_types, len(found.notes)) == (domain, types, notes)


def test_a_specification_without_numbers_is_still_read(tmp_path):
    old = "prompt: Questions about fees\ntask: extractive question answering\ndomain: fees\nlanguage: null\n" + (
        "answer_types: null\nunanswerable: true\nexamples: []\nsample_questions: []\nnotes: []\n"
    )
    (tmp_path / "spec.yaml").write_text(old)
    found = read_specification(tmp_path / "spec.yaml")
    assert found.unanswerable and found.unanswerable_fraction is None and found.num_examples is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"unanswerable_fraction": 1}, "unanswerable_fraction: expected a share from 0 to 0.9, found 1"),
        ({"unanswerable_fraction": "x"}, "unanswerable_fraction: expected a number or null, found str"),
        ({"unanswerable_fraction": 0.3, "unanswerable": False}, "does not go with unanswerable: false"),
        ({"num_examples": 0}, "num_examples: expected at least 1, found 0"),
        ({"num_examples": True}, "num_examples: expected a whole number or null, found bool"),
        ({"num_examples": 2.5}, "num_examples: expected a whole number or null, found float"),
    ],
)
def test_numbers_of_an_edited_file_are_checked(content, message):
    with pytest.raises(ConfigError, match=message):
        specification_from(content, "spec.yaml")


@pytest.mark.parametrize(
    ("prompt", "wish"),
    [
        (
            "Answer questions about the handbook. Only dates. 30% unanswerable. Make 20 questions.",
            "Answer questions about the handbook. Only dates.",
        ),
        ("Make 200 questions about fees since version 2.5.", "Make questions about fees since version 2.5."),
        ("Questions about fees", "Questions about fees"),
    ],
)
def test_a_model_is_not_told_how_many_questions_there_are_in_all(prompt, wish):
    assert parse_prompt(prompt).wish == wish
