"""The settings of `generate`: what cannot be meant is refused in the user's words, all of it at once."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.arguments import parse_generation_arguments
from qa_pipeline.generation.questions.cloze import ClozeGenerator
from qa_pipeline.generation.types import MOST_UNANSWERABLE
from tests.generation.fakes import document

NEEDED = ["--documents", "x", "--output_dir", "y"]


def faults(*words: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_generation_arguments([*NEEDED, *words])
    return str(error.value)


def test_a_model_that_is_missing_is_asked_for_by_its_own_name(tmp_path):
    assert faults("--backend", "openai") == "command line: --model: is required with backend: openai"
    config = tmp_path / "c.yaml"
    config.write_text("backend: vllm\n")
    with pytest.raises(ConfigError, match=r"c\.yaml: model: is required with backend: vllm"):
        parse_generation_arguments([str(config), *NEEDED])


def test_settings_of_language_models_are_refused_without_one(tmp_path):
    shown = tmp_path / "shown.json"
    shown.write_text("[]")
    given = {"model": "m", "rephrase": "true", "base_url": "http://x", "max_requests": "5", "temperature": "0.1",
             "concurrency": "2", "timeout_s": "3", "prompt_number": "2", "few_shot_file": str(shown)}  # fmt: skip
    text = faults(*[f"--{name}={value}" for name, value in given.items()])
    for name in given:
        assert f"--{name}: has no effect with backend: cloze" in text
    # A setting that says no more than its default says nothing.
    parse_generation_arguments([*NEEDED, "--temperature=0.7", "--concurrency=8", "--max_retries=6"])


def test_settings_of_cloze_are_refused_with_a_language_model():
    text = faults("--backend=openai", "--model=m", "--cloze_plugins=none")
    assert "--cloze_plugins: is for backend: cloze" in text


def test_further_fields_that_are_set_elsewhere_are_refused_all_at_once():
    text = faults("--backend=openai", "--model=m", '--extra_body={"max_tokens": 5, "n": 2, "top_p": 0.9}')
    assert "--extra_body: leave max_tokens out: set max_completion_tokens" in text
    assert "--extra_body: leave n out: one answer to each request is read" in text and "top_p" not in text
    parse_generation_arguments([*NEEDED, "--backend=openai", "--model=m", '--extra_body={"top_p": 0.9}'])


@pytest.mark.parametrize("backend", [[], ["--backend=openai", "--model=m"]])
def test_a_file_of_examples_that_is_not_there_is_an_error(backend):
    text = faults("--few_shot_file=nofile.json", *backend)
    assert '--few_shot_file: expected a file of labelled examples, found none named "nofile.json"' in text


def test_unanswerable_rows_have_one_bound_that_the_help_names(capsys):
    assert "expected a share from 0 to 0.9, found 1.5" in faults("--unanswerable_fraction=1.5")
    assert "expected a share from 0 to 0.9, found 1" in faults("--unanswerable_fraction=1")
    parse_generation_arguments([*NEEDED, f"--unanswerable_fraction={MOST_UNANSWERABLE}"])
    ClozeGenerator(unanswerable_fraction=MOST_UNANSWERABLE)
    assert main(["generate", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "from 0 to 0.9" in printed
    assert "A prompt alone without a language model makes 2,000 drafts unless this is given" in printed


def test_data_is_not_written_among_the_documents(tmp_path):
    (tmp_path / "docs").mkdir()
    docs = f"{tmp_path}/docs"
    for out in (docs, f"{docs}/", f"{docs}/../docs"):
        with pytest.raises(ConfigError, match=rf'--output_dir: "{docs}" is a folder of documents, .*{docs}/generated'):
            parse_generation_arguments(["--documents", docs, "x", f"--output_dir={out}"])
    parse_generation_arguments([f"--documents={docs}", f"--output_dir={docs}/generated"])
    parse_generation_arguments([f"--documents={docs}", f"--output_dir={tmp_path}"])


def test_an_unknown_type_of_answer_names_each_known_one_once():
    text = faults("--answer_types=foo")
    known = text.split("known: ")[1].split(", ")
    assert len(known) == len(set(known)) and {"date", "number", "money"} <= set(known)


def test_the_help_says_which_types_of_answers_a_group_has(capsys):
    assert main(["generate", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "date (date, year, time, century)" in printed and "; title; " in printed


@pytest.mark.parametrize("name", ["handbook.md", "a.txt", "b.pdf", "c.docx", "d.html", "e.jsonl", "f.rst"])
def test_a_document_in_the_place_of_the_configuration_is_told_from_one(tmp_path, name):
    path = tmp_path / name
    path.write_text("Title: a: b\n")
    with pytest.raises(ConfigError, match=f"this looks like a document, .*: --documents {path} x"):
        parse_generation_arguments([str(path), "x", "--output_dir", "q"])
    with pytest.raises(ConfigError, match=f"this is a folder, .*: --documents {tmp_path}"):
        parse_generation_arguments([str(tmp_path), "--output_dir", "q"])


def test_plugins_of_cloze_are_named_or_switched_off(tmp_path):
    assert parse_generation_arguments(NEEDED).generation.cloze_plugins == ["services"]
    given = {"none": ["none"], "services,m:C": ["services", "m:C"]}
    for text, names in given.items():
        assert parse_generation_arguments([*NEEDED, "--cloze_plugins", text]).generation.cloze_plugins == names
    text = faults("--cloze_plugins=service,none")
    assert '--cloze_plugins: unknown plug-in "service"; known: services, none, or MODULE:CLASS' in text
    assert '"none" stands beside other plug-ins' in text
    docs = tmp_path / "a.txt"
    docs.write_text(document(1))
    with pytest.raises(ConfigError, match='"no_module:Recipes": expected a class of a module that Python finds'):
        main(["generate", f"--documents={docs}", f"--output_dir={tmp_path / 'o'}", "--cloze_plugins=no_module:Recipes"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (['--cloze_ingredients={"noise": true}'], "cloze_ingredients: no longer exists; noise is gone: dropping,"),
        (
            ['--cloze_ingredients={"other_sentence": true, "style": "service"}'],
            "other_sentence is gone: .* gained nothing; style is gone: .* decided passage by passage; .*experiments.md",
        ),
        (['--cloze_ingredients={"foo": 1}'], "foo is no ingredient that there ever was"),
        (["--self_training_rounds=1"], "self_training_rounds: is gone: .*told from chance; see .* docs/experiments.md"),
    ],
)
def test_a_setting_that_is_gone_is_refused_with_the_reason(tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        parse_generation_arguments([*NEEDED, *words])


def test_a_setting_that_is_gone_and_asked_for_what_is_now_always_so_is_read(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(
        "cloze_ingredients: {noise: false, other_sentence: false}\nself_training_rounds: 0\nself_training_model: m\n"
    )
    assert parse_generation_arguments([str(config), *NEEDED]).generation.cloze_plugins == ["services"]
    config.write_text("cloze_ingredients: {frames: false}\n")
    assert parse_generation_arguments([str(config), *NEEDED]).generation.cloze_plugins == ["none"]


def test_the_help_of_merge_shows_no_docstring(capsys):
    with pytest.raises(SystemExit):
        main(["merge", "--help"])
    assert "Raises" not in capsys.readouterr().out


def test_checking_a_folder_of_generated_data_says_which_file_to_name(tmp_path):
    for name in ("dataset_report", "test", "train", "validation"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"data": []}))
    with pytest.raises(DataError, match=r"name the file itself, such as .*train\.json"):
        main(["check", str(tmp_path)])
