"""Prompts of one's own: which file is meant, what it decides, and what a run notes of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.arguments import parse_generation_arguments
from qa_pipeline.generation.questions.llm.recipes import Factors, Recipe, recipe_of, recipe_of_number, write_recipe
from tests.generation.fakes import document
from tests.generation.server import ScriptedServer

NEEDED = ["--documents=x", "--output_dir=y", "--backend=openai", "--model=m"]
OWN = Recipe(
    "terse",
    "Be brief.",
    'Write $number questions.$asked\n"""\n$passage\n"""\n{"questions": [{"question", "evidence", "answer"}]}',
    "questions",
    rephrase=True,
    temperature=0.2,
)
PLAIN = replace(OWN, rephrase=False)


def faults(*words: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_generation_arguments([*NEEDED, *words])
    return str(error.value)


def test_a_prompt_file_decides_rephrase_and_temperature(tmp_path):
    path = write_recipe(tmp_path / "own.yaml", OWN)
    backend = parse_generation_arguments([*NEEDED, f"--prompt_file={path}"]).backend
    assert (backend.prompt_file, backend.rephrase, backend.temperature) == (str(path), True, 0.2)
    parse_generation_arguments([*NEEDED, f"--prompt_file={path}", "--rephrase", "--temperature=0.2"])
    text = faults(f"--prompt_file={path}", "--no_rephrase", "--temperature=0.7", "--prompt_number=2")
    assert "--prompt_number: a prompt file stands in place of a number; give one of the two" in text
    assert f"rephrase: the prompt file {path} says true; change it there, or leave the setting out" in text
    assert f"--temperature: the prompt file {path} says 0.2" in text


def test_faults_of_a_prompt_file_come_with_those_of_the_settings(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("name: n\nkind: questions\nuser: Ask $passages\n")
    text = faults(f"--prompt_file={path}", "--min_question_words=0")
    assert f"--prompt_file: {path}: user: $passages is no slot" in text
    assert "$number is missing" in text and "--min_question_words: expected at least 1" in text
    assert f"--prompt_file: {tmp_path / 'no.yaml'}: no such file" in faults(f"--prompt_file={tmp_path / 'no.yaml'}")


def test_the_best_prompt_is_that_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = faults("--prompt_number=best")
    assert "--prompt_number: runs/optimize_prompt: no such folder: `qa-pipeline optimize-prompt` leaves" in text
    usual = write_recipe(Path("runs/optimize_prompt/best_prompt.yaml"), OWN)
    other = write_recipe(tmp_path / "other" / "best_prompt.yaml", OWN)
    for words, path in (
        (["--prompt_number=best"], usual),
        (["--prompt_number=best", f"--prompt_file={other.parent}"], other),
        ([f"--prompt_file={other.parent}"], other),
        (["--prompt_number=best", f"--prompt_file={other}"], other),
    ):
        backend = parse_generation_arguments([*NEEDED, *words]).backend
        assert backend.prompt_file == str(path) and backend.temperature == 0.2
    (tmp_path / "empty").mkdir()
    assert "found no best_prompt.yaml in it" in faults(f"--prompt_file={tmp_path / 'empty'}")
    assert '--prompt_number: expected a whole number or best, found "bset"' in faults("--prompt_number=bset")


def test_prompt_files_are_for_language_models(tmp_path):
    for word in (f"--prompt_file={write_recipe(tmp_path / 'own.yaml', OWN)}", "--prompt_number=best"):
        with pytest.raises(ConfigError, match="has no effect with backend: cloze; choose openai, vllm or transformers"):
            parse_generation_arguments(["--documents=x", "--output_dir=y", word])


def write_documents(folder: Path, count: int = 4) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"town{number}.txt").write_text("\n\n".join(document(number * 10 + part) for part in range(3)))
    return folder


def test_a_run_asks_by_its_prompt_file_and_says_so(tmp_path, caplog):
    docs, out = write_documents(tmp_path / "docs"), tmp_path / "out"
    path = write_recipe(tmp_path / "own.yaml", PLAIN)
    with ScriptedServer() as server:
        words = ["generate", f"--documents={docs}", "--backend=openai", "--model=m", f"--base_url={server.url}"]
        words += [f"--output_dir={out}", f"--prompt_file={path}"]
        assert main([*words, "--answer_types=a date"]) == 0
        first = [entry.body["messages"] for entry in server.log]
        asked = len(server.log)
        assert first and all(messages[0]["content"] == "Be brief." for messages in first)
        assert {entry.body["temperature"] for entry in server.log} == {0.2}
        files = {name: (out / name).read_bytes() for name in ("train.json", "README.md", "dataset_report.json")}

        moved = path.rename(tmp_path / "moved.yaml")
        write_recipe(moved, replace(PLAIN, name="another name"))
        words[-1] = f"--prompt_file={moved}"
        assert main([*words, "--answer_types=a date"]) == 0  # it says the same
        assert len(server.log) == asked and (out / "train.json").read_bytes() == files["train.json"]

        write_recipe(moved, replace(PLAIN, temperature=0.3))
        with pytest.raises(ConfigError) as error:
            main([*words, "--answer_types=a date"])
        assert "belongs to another run" in str(error.value)
        assert f'prompt_hash: was "{PLAIN.hash}", is "' in str(error.value)
        assert len(server.log) == asked
    row = load_examples(out / "train.json")[0][0]["metadata"]
    assert (row["prompt"], row["prompt_hash"], "prompt_number" in row) == ("terse", PLAIN.hash, False)
    report = json.loads(files["dataset_report.json"])
    assert (report["settings"]["prompt_hash"], report["settings"]["prompt_number"]) == (PLAIN.hash, None)
    note = "the prompt file has no slot $answer_types, so the model was not told which types of answers are wanted"
    assert note in report["notes"] and note in caplog.text
    assert f"asked by the prompt file `{path}` (hash `{PLAIN.hash}`)" in files["README.md"].decode()


def test_the_baseline_as_a_prompt_file_asks_what_the_number_asks(tmp_path):
    docs = write_documents(tmp_path / "docs", 2)
    path = write_recipe(tmp_path / "base.yaml", recipe_of(Factors()))
    logs = []
    for words in ([], [f"--prompt_file={path}"]):
        with ScriptedServer() as server:
            out = tmp_path / f"out{len(logs)}"
            words += ["--backend=openai", "--model=m", f"--base_url={server.url}", f"--output_dir={out}"]
            assert main(["generate", f"--documents={docs}", *words]) == 0
            logs.append(sorted(json.dumps(entry.body, sort_keys=True) for entry in server.log))
    assert logs[0] == logs[1]
    rows = [(tmp_path / f"out{i}" / "train.json").read_bytes() for i in (0, 1)]
    assert rows[0] == rows[1] and recipe_of_number(1).hash.encode() in rows[0]


def test_shards_of_different_prompt_files_do_not_go_together(tmp_path):
    docs, out = write_documents(tmp_path / "docs"), tmp_path / "out"
    with ScriptedServer() as server:
        for number, recipe in ((1, PLAIN), (2, replace(PLAIN, system="Be long."))):
            path = write_recipe(tmp_path / f"{number}.yaml", recipe)
            words = ["generate", f"--documents={docs}", "--backend=openai", "--model=m", f"--base_url={server.url}"]
            assert main([*words, f"--output_dir={out}", f"--prompt_file={path}", f"--shard={number}/2"]) == 0
    with pytest.raises(DataError, match='made differently: prompt_hash: was "[0-9a-f]{16}", is "[0-9a-f]{16}"'):
        main(["merge", str(out), f"--output_dir={tmp_path / 'whole'}"])


def test_a_plan_goes_by_the_prompt_file(tmp_path, capsys):
    docs = write_documents(tmp_path / "docs", 1)
    words = ["generate", f"--documents={docs}", "--backend=openai", "--model=m", "--plan", "--max_passage_words=40"]
    requests = []
    for recipe in (PLAIN, OWN, recipe_of_number(2)):
        assert main([*words, f"--prompt_file={write_recipe(tmp_path / 'own.yaml', recipe)}"]) == 0
        printed = capsys.readouterr().out
        requests.append(int(re.search(r"^requests +(\d+) ", printed, re.MULTILINE)[1]))
    assert requests[0] > 0 and requests[1] == requests[2] == 2 * requests[0]


def test_the_help_says_that_a_prompt_is_a_number_or_the_best(capsys):
    assert main(["generate", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "--prompt_number {N,best} Which prompt template" in printed and "--backend {cloze,openai" in printed
