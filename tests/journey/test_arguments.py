"""What the settings of a journey mean: collisions, refusals with reasons, defaults, and what is hidden."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.arguments import BackendArguments
from qa_pipeline.generation.questions.llm.recipes import recipe_of_number, write_recipe
from qa_pipeline.journey.arguments import (
    folder_name,
    help_of_journey,
    is_offline,
    journey_settings,
    parse_journey_arguments,
    without_quotes,
)
from qa_pipeline.journey.data_stages import GenerateStage
from qa_pipeline.journey.engine import sources_of
from qa_pipeline.journey.record import hash_of

PROMPT = "--prompt=Answer questions about our museum"


def test_the_defaults_are_those_that_were_measured_for_generated_questions():
    settings = parse_journey_arguments([PROMPT])
    assert (settings["num_train_epochs"], settings["warmup_steps"], settings["max_answer_length"]) == (3, 0.1, 50)
    assert settings["output_dir"] == "journeys/answer-questions-about-our-museum"


def test_a_file_and_a_command_line_give_one_flat_mapping(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("prompt: Ask about ships\nlearning_rate: 2e-5\nnum_examples: 50\nuse_lora: true\noffline: true\n")
    settings = parse_journey_arguments([str(config), "--learning_rate", "1e-4", "--until", "process"])
    assert (settings["learning_rate"], settings["num_examples"], settings["use_lora"]) == (1e-4, 50, True)
    assert (settings["offline"], settings["until"], is_offline([str(config)])) == (True, "process", True)


def test_load_in_4bit_is_of_the_trained_model_and_the_language_model_has_its_own():
    words = [PROMPT, "--backend=transformers", "--model=qwen3-0.6b", "--backend_load_in_4bit"]
    settings = parse_journey_arguments(words)
    assert not settings["load_in_4bit"]
    assert settings.make(BackendArguments, load_in_4bit=settings["backend_load_in_4bit"]).load_in_4bit


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--train_file=x.json"], "train_file: the process stage makes the files of the splits; labelled questions"),
        (["--do_train"], "do_train: the stages say what is done"),
        (["--overwrite_output_dir"], "overwrite_output_dir: nothing is overwritten in silence: --from STAGE"),
        (["--push_to_hub"], "push_to_hub: nothing is uploaded"),
        (["--shard=1/2"], "shard: the generate stage makes the whole data set"),
        (["--skip=train"], "skip: train cannot be left out: there would be no model"),
        (["--skip=select,nonsense"], 'skip: unknown stage "nonsense"'),
        (["--from=train", "--until=parse"], "train comes after parse"),
        (["--offline", "--backend=openai", "--model=m"], "opens no socket, and backend openai is asked over a socket"),
        (["--plan", "--status", "--output_dir=x"], "one of plan, status at a time"),
        (["--learning_rate=7"], "learning_rate: expected above 0 and at most 1, found 7"),
        (["--lora_r=8"], "lora_r: only has a meaning with use_lora"),
        (["--validation_fraction=0.6", "--test_fraction=0.5"], "leaves nothing to train on"),
        (["--model=m"], "model: has no effect with backend: cloze"),
        (["--lr=1"], 'unknown key; nearest valid name: "learning_rate"'),
        (["--from=trian"], 'nearest: "train"'),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_with_the_reason(words, said):
    with pytest.raises(ConfigError) as error:
        parse_journey_arguments([PROMPT, *words])
    assert said in str(error.value)


def test_all_faults_come_at_once():
    with pytest.raises(ConfigError) as error:
        parse_journey_arguments(["--do_train", "--learning_rate=7", "--skip=train", "--num_examples=0"])
    assert len(error.value.problems) == 5  # and the prompt is missing


def test_each_fault_is_said_once():
    with pytest.raises(ConfigError) as error:
        parse_journey_arguments([PROMPT, "--num_examples=0"])
    assert len(error.value.problems) == 1


def test_a_folder_among_the_documents_is_refused(tmp_path):
    words = [PROMPT, f"--documents={tmp_path}", f"--output_dir={tmp_path / 'out'}"]
    with pytest.raises(ConfigError, match="output_dir: lies in documents"):
        parse_journey_arguments(words)


def test_status_needs_a_folder_and_no_prompt(tmp_path):
    assert parse_journey_arguments(["--status", f"--output_dir={tmp_path}"])["status"]
    with pytest.raises(ConfigError, match="output_dir: is required with --status"):
        parse_journey_arguments(["--status"])


def test_documents_that_are_not_there_are_named_before_anything_is_done(tmp_path):
    with pytest.raises(ConfigError, match=f"documents: .*{tmp_path}/nowhere.*{tmp_path}/lost.txt"):
        parse_journey_arguments([PROMPT, "--documents", f"{tmp_path}/nowhere", f"{tmp_path}/lost.txt"])


def test_python_may_give_paths_and_one_text_for_a_list(tmp_path):
    settings = journey_settings({"prompt": "Ask", "documents": tmp_path, "output_dir": tmp_path.parent / "x"})
    assert settings["documents"] == [str(tmp_path)]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ('"Answer it"', "Answer it"),
        ("'Answer it'", "Answer it"),
        ("\u201cAnswer it\u201d", "Answer it"),
        ("\u00abR\u00e9ponds\u00bb ", "R\u00e9ponds"),
        ('"One" and "two"', '"One" and "two"'),
        ('Say "it"', 'Say "it"'),
        ('"', '"'),
    ],
)
def test_quotation_marks_around_the_prompt_are_dropped(given, meant):
    assert without_quotes(given) == meant


def test_a_prompt_without_words_has_a_folder_all_the_same():
    assert folder_name("???") == "journey"
    assert len(folder_name("word " * 100)) <= 60


def test_secrets_and_looks_are_no_part_of_what_a_stage_hangs_on():
    settings = parse_journey_arguments([PROMPT, "--token=hf_x", "--learning_rate=1e-4"])
    assert settings.part(["token", "learning_rate", "seed"]) == {"learning_rate": 1e-4}
    assert settings.public()["token"] == "<hidden>"


def test_help_names_every_setting_once_and_none_that_is_refused():
    text = help_of_journey()
    names = [line.split()[0] for line in text.splitlines() if line.startswith("  --")]
    assert len(names) == len(set(names))
    assert {"--prompt", "--documents", "--learning_rate", "--dataset_folders", "--lora_r"} - {*names} == {
        "--learning_rate"
    }
    assert not {"--train_file", "--overwrite_output_dir", "--shard"} & {*names}


def test_examples_that_are_not_there_are_named_before_anything_is_done():
    with pytest.raises(ConfigError, match='examples: no such file: "questions.csv"'):
        parse_journey_arguments([PROMPT, "--examples", "questions.csv"])


def test_a_prompt_file_decides_in_a_journey_what_it_decides_in_a_generation(tmp_path):
    path = write_recipe(tmp_path / "p.yaml", replace(recipe_of_number(2), rephrase=True, temperature=0.2))
    words = [PROMPT, "--backend=openai", "--model=m", f"--documents={tmp_path}", f"--prompt_file={path}"]
    settings = parse_journey_arguments(words)
    assert (settings["rephrase"], settings["temperature"]) == (True, 0.2)
    work = SimpleNamespace(settings=settings, folder=tmp_path / "generate", file=lambda *names: None)
    backend = GenerateStage().generation(work).backend
    assert (backend.prompt_file, backend.rephrase, backend.temperature) == (str(path), True, 0.2)
    assert sources_of(settings, ["prompt_file"]) == {f"prompt_file: {path}": hash_of(path)}
    assert "prompt_file" in GenerateStage.sources and "prompt_file" in GenerateStage().hangs_on(settings)
