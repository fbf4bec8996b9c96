"""`qa_pipeline.generate` and `merge` from Python: the same data as the command's, one meaning, all faults at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import qa_pipeline
from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.api import merge
from tests.generation.test_command import write_documents
from tests.generation.test_run import FILES, contents


@pytest.fixture
def docs(tmp_path) -> Path:
    return write_documents(tmp_path / "docs")


def test_python_and_the_command_give_the_same_files(tmp_path, docs, capsys):
    made = qa_pipeline.generate(docs, output_dir=tmp_path / "a", num_examples=60, unanswerable_fraction=0.2)
    words = ["generate", f"--documents={docs}", f"--output_dir={tmp_path / 'b'}", "--num_examples=60"]
    assert capsys.readouterr().out == ""
    assert main([*words, "--unanswerable_fraction=0.2"]) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert made.folder == tmp_path / "a" and made.report["rows"] == sum(map(len, made.splits.values()))
    for name in FILES:
        rows = load_examples(tmp_path / "a" / name)[0]
        assert [row["id"] for row in rows] == [row["id"] for row in made.splits[name.removesuffix(".json")]]


def test_files_may_be_given_one_by_one_and_a_second_call_goes_on(tmp_path, docs):
    files = sorted(docs.iterdir())
    first = qa_pipeline.generate(files, output_dir=str(tmp_path / "out"), seed=3)
    again = qa_pipeline.generate([str(path) for path in files], output_dir=tmp_path / "out", seed=3)
    assert first == again and again.report["facts"]["documents"] == len(files)
    with pytest.raises(ConfigError, match="seed: was 3, is 4"):
        qa_pipeline.generate(files, output_dir=tmp_path / "out", seed=4)


def test_every_fault_is_said_at_once_and_nothing_is_made(tmp_path, docs):
    with pytest.raises(ConfigError) as error:
        qa_pipeline.generate(docs, output_dir=tmp_path / "out", num_example=3, seed="x", backend="gpt", test_fraction=2)
    text = str(error.value)
    for part in (
        "generate()",
        "num_example: unknown key",
        '"num_examples"',
        "seed: expected a whole number",
        "backend",
    ):
        assert part in text, part
    assert "test_fraction: expected a share from 0 to 1, found 2" in text and not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["shard", "plan", "list_prompts"])
def test_what_makes_no_data_set_is_for_the_command(tmp_path, docs, name):
    with pytest.raises(ConfigError, match=rf"generate\(\).*{name}: makes no data set; start the command"):
        qa_pipeline.generate(docs, output_dir=tmp_path / "out", **{name: "1/2" if name == "shard" else True})
    assert not (tmp_path / "out").exists()


def test_one_of_several_processes_is_told_to_use_the_command(tmp_path, docs, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one of several of a launch; start the command with the launcher"):
        qa_pipeline.generate(docs, output_dir=tmp_path / "out")


def test_shards_are_merged_from_python(tmp_path, docs):
    whole = qa_pipeline.generate(docs, output_dir=tmp_path / "whole", prompt="30 questions about towns")
    for number in (1, 2):
        words = ["generate", f"--documents={docs}", f"--output_dir={tmp_path / 'parts'}", f"--shard={number}/2"]
        assert main([*words, "--prompt=30 questions about towns"]) == 0
    merged = merge([tmp_path / "parts"], tmp_path / "merged")
    assert merged.splits.keys() == whole.splits.keys() and merged.report["rows"] == 30
    assert len(merge([tmp_path / "parts" / "shards"], tmp_path / "fewer", num_examples=20).splits["train"]) == 16
    with pytest.raises(DataError, match="no such file or folder"):
        merge([tmp_path / "nothing"], tmp_path / "none")


def test_a_built_in_domain_needs_a_prompt_alone(tmp_path):
    made = qa_pipeline.generate(output_dir=tmp_path, prompt="60 questions about a clinic's hours and fees")
    assert made.report["rows"] == 60 and (tmp_path / "prompt_spec.yaml").exists()
