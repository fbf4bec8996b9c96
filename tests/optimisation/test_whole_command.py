"""The commands of docs/optimising.md against a scripted server, with the real reader and real small trainings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from qa_pipeline import infer_prompts
from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples
from qa_pipeline.generation.questions.llm.recipes import read_recipe
from qa_pipeline.optimisation.tables import read_table
from tests.generation.server import Reply, ScriptedServer, like_a_model

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "configs" / "optimize_prompt.yaml")
SMALL = (
    *("--num_candidates", "4", "--rounds", "2", "--eta", "2", "--questions_per_context", "3"),
    *("--validity_passages", "2", "--round_trip_passages", "4", "--training_passages", "6"),
    *("--train_seeds", "2", "--train_epochs", "1", "--train_rows", "12", "--max_tokens", "400000"),
)


def writes(number, body):
    """A model that can also be asked for better instructions: it puts a rule before those that are there."""
    prompt = body["messages"][-1]["content"]
    if '"proposals"' not in prompt:
        return Reply(like_a_model(body))
    now = re.search(r'"""\n(.*?)\n"""', prompt, re.S)[1]
    proposals = [{"why": f"rule {i}", "instructions": f"Think of rule {i}.\n{now}"} for i in range(3)]
    return Reply(json.dumps({"proposals": proposals}))


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The folder of a search by the command of the docs, and the server that it asked."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch, ScriptedServer(writes) as server:
        patch.chdir(ROOT)
        words = ["optimize-prompt", CONFIG, "--base_url", server.url, "--output_dir", str(folder / "run"), *SMALL]
        assert main([*words, "--domain", "workshop"]) == 0
    return folder / "run", server


@pytest.mark.slow
def test_the_command_ends_with_a_prompt_a_comparison_and_a_page(searched):
    folder, server = searched
    report = json.loads((folder / "report.json").read_text())
    assert report["judge"]["name"] == "trained reader" and report["judge"]["by_people"]
    assert server.tokens <= 400_000
    rows = read_table(folder / "comparison_results.parquet", "comparison_results")
    assert {"baseline", "cloze", "random"} <= {row["name"] for row in rows}
    assert all(0 <= row["f1"] <= 100 for row in rows)
    page = (folder / "report.html").read_text()
    assert "<svg" in page and "<script" not in page
    assert report["prompt_model"]["trained"] in (True, False)


@pytest.mark.slow
def test_the_models_own_rewrites_are_tried(searched):
    folder, _ = searched
    prompts = read_table(folder / "prompts.parquet", "prompts")
    rewrites = [row for row in prompts if row["made_by"] == "rewrite"]
    assert rewrites and all("Think of rule" in row["user"] + (row["following_user"] or "") for row in rewrites)
    assert {row["parent"] for row in rewrites} <= {row["hash"] for row in prompts}


@pytest.mark.slow
def test_the_best_prompt_makes_data(searched, tmp_path, capsys, monkeypatch):
    folder, _ = searched
    monkeypatch.chdir(ROOT)
    with ScriptedServer(writes) as server:
        words = ["generate", "configs/generate_server.yaml", "--documents", "docs/examples/workshop"]
        words += ["--base_url", server.url, "--prompt_file", str(folder), "--output_dir", str(tmp_path / "data")]
        assert main(words) == 0
    rows = load_examples(tmp_path / "data" / "train.json")[0]
    assert {row["metadata"]["prompt_hash"] for row in rows} == {read_recipe(folder / "best_prompt.yaml").hash}


@pytest.mark.slow
def test_a_prompt_model_is_trained_and_proposes_prompts_for_other_documents(searched, tmp_path, capsys):
    folder, _ = searched
    own = tmp_path / "trained"
    if not (folder / "prompt_model").is_dir():
        pytest.skip("no two prompts of this search differ by more than noise")
    assert main(["optimize-prompt", "--stage", "train", "--output_dir", str(folder)]) == 0
    assert "pairs of prompts differ by more than noise" in capsys.readouterr().out
    words = ["optimize-prompt", "--stage", "infer", "--documents", str(ROOT / "docs/examples/documents")]
    words += ["--prompt_model", str(folder / "prompt_model"), "--num_inferred", "2", "--output_dir", str(own)]
    assert main(words) == 0
    assert "a guess from others" in capsys.readouterr().out
    files = sorted((own / "inferred_prompts").iterdir())
    assert [path.name for path in files] == ["1.yaml", "2.yaml"]
    recipes = infer_prompts(folder / "prompt_model", ROOT / "docs/examples/documents", 2)
    assert len({recipe.hash for recipe in recipes}) == 2 and not any(recipe.problems() for recipe in recipes)


def test_the_help_names_every_setting_and_the_command_alone_says_how_it_is_called(capsys):
    assert main(["optimize-prompt", "--help"]) == 0
    printed = capsys.readouterr().out
    for name in ("--check_file", "--max_tokens", "--proposers", "--prompt_file", "--stage"):
        assert name in printed
    assert "--round_trip_model" not in printed
    assert main(["optimize-prompt"]) == 2
    assert "usage: qa-pipeline optimize-prompt" in capsys.readouterr().err
