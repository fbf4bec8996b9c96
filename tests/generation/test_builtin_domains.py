"""A prompt alone without a language model: a built-in domain gives what was asked for, or it is said that it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples
from qa_pipeline.errors import ConfigError, QAError
from qa_pipeline.generation.arguments import parse_generation_arguments

PROMPT = "--prompt=100 questions about contracts."


def splits_of(folder: Path) -> list[list]:
    return [load_examples(folder / f"{name}.json")[0] for name in ("train", "validation", "test")]


def kinds_of(folder: Path) -> set[str]:
    return {row["metadata"]["answer_type"] for rows in splits_of(folder) for row in rows}


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ([PROMPT, "--answer_types=date"], {"date"}),
        ([PROMPT, "--answer_types=money,place"], {"money", "place"}),
        (["--prompt=100 questions about contracts. Answers must be exact dates."], {"date"}),
        (["--prompt=100 questions about a clinic. Only names."], {"person", "organization", "place"}),
    ],
)
def test_only_answers_of_the_types_asked_for(tmp_path, words, kinds):
    assert main(["generate", *words, f"--output_dir={tmp_path}", "--unanswerable_fraction=0.3"]) == 0
    assert kinds_of(tmp_path) == kinds  # of the questions without an answer too: their wording must not give them away
    counts = [(len(rows), sum(row["is_impossible"] for row in rows)) for rows in splits_of(tmp_path)]
    assert counts == [(80, 24), (10, 3), (10, 3)]


def domains_of(folder: Path) -> set[str]:
    return {row["metadata"]["domain"] for rows in splits_of(folder) for row in rows}


@pytest.mark.parametrize(
    "words",
    [
        ["--prompt=train times"],
        ["--domain=transport"],
        ["--domain=transport", "--prompt=questions about a clinic"],
    ],
)
def test_a_prompt_or_a_name_says_which_domain(tmp_path, words):
    assert main(["generate", *words, "--num_examples=40", f"--output_dir={tmp_path}"]) == 0
    assert domains_of(tmp_path) == {"transport"}
    assert sum(map(len, splits_of(tmp_path))) == 40


def test_a_prompt_keeps_its_numbers_beside_a_name(tmp_path):
    words = ["--domain=contracts", "--prompt=Make 30 questions, only dates", f"--output_dir={tmp_path}"]
    assert main(["generate", *words]) == 0
    assert domains_of(tmp_path) == {"contracts"} and kinds_of(tmp_path) == {"date"}
    assert sum(map(len, splits_of(tmp_path))) == 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompt=medieval pottery"], r'no built-in domain is about "medieval pottery".*--domain NAME: clinic \('),
        (["--domain=trains"], r'no built-in domain is about "trains".*transport \('),
        (["--domain=contracts", "--answer_types=phone"], "contracts has no answers of type phone"),
        (["--documents=nowhere"], "no such file or folder"),
    ],
)
def test_a_refusal_leaves_no_empty_folder(tmp_path, words, message):
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "made" / "out", tmp_path / "mine"):
        with pytest.raises(QAError, match=message):
            main(["generate", *words, f"--output_dir={folder}"])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine"]


def test_types_of_an_edited_specification_hold_too(tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump({"domain": "contracts", "answer_types": ["percent", "money"], "num_examples": 30}))
    assert main(["generate", f"--spec_file={spec}", f"--output_dir={tmp_path / 'out'}"]) == 0
    assert kinds_of(tmp_path / "out") == {"money"}
    notes = json.loads((tmp_path / "out" / "dataset_report.json").read_text())["notes"]
    assert any("the built-in domain contracts" in note and note.endswith("; it has no percent") for note in notes)
    assert sum(map(len, splits_of(tmp_path / "out"))) == 30


def test_without_a_number_there_are_as_many_drafts_of_these_types(tmp_path):
    words = [f"--output_dir={tmp_path}", "--prompt=contracts", "--answer_types=date"]
    assert main(["generate", *words]) == 0
    assert 2000 <= json.loads((tmp_path / "dataset_report.json").read_text())["drafts"] < 3000


def test_a_domain_without_such_answers_says_which_it_has(tmp_path):
    with pytest.raises(ConfigError, match=r"contracts has no answers of type phone; it has clause, date, .*documents"):
        main(["generate", PROMPT, "--answer_types=phone", f"--output_dir={tmp_path}"])


def test_an_unknown_type_is_refused_in_a_specification_as_on_the_command_line(tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump({"domain": "contracts", "answer_types": ["money", "colour"]}))
    with pytest.raises(ConfigError) as of_line:
        parse_generation_arguments([PROMPT, "--answer_types=money,colour", "--output_dir=x"])
    with pytest.raises(ConfigError) as of_file:
        main(["generate", f"--spec_file={spec}", f"--output_dir={tmp_path / 'out'}"])
    assert str(of_line.value).replace("command line: --", "") == str(of_file.value).replace(f"{spec}: ", "")
    assert 'unknown type "colour"' in str(of_file.value)


def test_settings_for_documents_are_refused_where_there_are_none():
    given = {"cloze_plugins": "none", "min_passage_words": "20", "max_passage_words": "50"}
    words = [f"--{name}={value}" for name, value in given.items()]
    with pytest.raises(ConfigError) as error:
        parse_generation_arguments([PROMPT, "--output_dir=x", *words])
    for name in given:
        assert f"--{name}: has no effect with a prompt alone and no language model; give documents" in str(error.value)
    parse_generation_arguments([PROMPT, "--output_dir=x", "--documents=d", *words])
    parse_generation_arguments([PROMPT, "--output_dir=x", "--max_passage_words=400", "--cloze_plugins=services"])


@pytest.mark.parametrize("share", [0, 0.3])
def test_the_shares_held_back_are_those_asked_for(tmp_path, share):
    words = [f"--output_dir={tmp_path}", "--prompt=contracts", "--num_examples=50", f"--validation_fraction={share}"]
    assert main(["generate", *words]) == 0
    splits = json.loads((tmp_path / "dataset_report.json").read_text())["splits"]
    assert (splits["validation"]["rows"], splits["test"]["rows"]) == (50 * share, 5)


def test_few_questions_about_a_passage_are_made_up_for_by_more_passages(tmp_path):
    words = ["--prompt=a clinic", "--questions_per_context=2", "--num_examples=40", f"--output_dir={tmp_path}"]
    assert main(["generate", *words]) == 0
    assert sum(map(len, splits_of(tmp_path))) == 40
    (warning,) = json.loads((tmp_path / "dataset_report.json").read_text())["warnings"]
    assert "Give a higher --num_examples (now 40), a language model" in warning and "documents" not in warning


def test_without_documents_no_more_of_them_are_asked_for(tmp_path):
    words = ["--prompt=a clinic", "--num_examples=400", "--subset=5", f"--output_dir={tmp_path}"]
    assert main(["generate", *words]) == 0
    warnings = json.loads((tmp_path / "dataset_report.json").read_text())["warnings"]
    assert any("where num_examples asks for 400. Give documents of your own, a higher" in text for text in warnings)
    assert not any("more documents" in text for text in warnings)


def test_filters_that_refuse_everything_end(tmp_path):
    from qa_pipeline.errors import DataError

    words = ["--prompt=a clinic", "--num_examples=40", "--min_question_words=39", f"--output_dir={tmp_path}"]
    with pytest.raises(DataError, match="no row is left"):
        main(["generate", *words])
