"""The warm start of a run: when there is one, what it is made from, that it is made once, what the run says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from qa_pipeline import QAPredictor
from qa_pipeline.arguments import DataArguments, LoRAArguments, ModelArguments
from qa_pipeline.errors import ConfigError, ModelError
from qa_pipeline.mock import make_dataset
from qa_pipeline.modeling import load_trained, logits_of, probe_inputs, read_settings, resolve_model_path
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.run import warm_weights
from qa_pipeline.run.run import run_qa
from qa_pipeline.run.warm_start import SHIPPED, choose, plan_warm_start
from tests.conftest import read_json
from tests.run.made import parsed, settings, weights

SHIPPED_NAME = SHIPPED[EMBEDDED_MODEL]


@pytest.mark.parametrize(
    ("setting", "untrained", "rows", "english", "wanted", "why"),
    [
        ("auto", True, 100, True, True, "m had never answered a question, and 100 are few to learn it from"),
        ("auto", True, 1500, True, False, "1,500 training questions are enough"),
        ("auto", True, 100, False, False, "not in English"),
        ("auto", False, 100, True, False, "m was trained to answer questions before"),
        ("on", True, 9000, False, True, "warm_start is on"),
        ("off", True, 100, True, False, "warm_start is off"),
    ],
)
def test_when_there_is_one(setting, untrained, rows, english, wanted, why):
    found, said = choose(setting, untrained=untrained, rows=rows, english=english, model="m")
    assert found is wanted and why in said


def test_it_is_refused_for_a_model_that_answers_questions():
    with pytest.raises(ConfigError, match="warm_start: m was trained to answer questions before.*leave warm_start out"):
        choose("on", untrained=False, rows=10, english=True, model="m")


def rows(language: str) -> list[dict]:
    texts = {
        "en": "The library is open from nine to five on all days of the week, but not when there is a holiday.",
        "de": "Die Bibliothek ist von neun bis fünf an allen Tagen der Woche geöffnet, und sie ist nicht offen, wenn "
        "es einen Feiertag gibt, aber das Haus kann auch dann mit einem Schlüssel betreten werden.",
    }
    return [{"context": texts[language], "question": "?"}] * 3


@pytest.mark.parametrize(("language", "wanted"), [("en", True), ("de", False)])
def test_the_language_is_that_of_the_training_rows(tmp_path, data, tiny_bert, language, wanted):
    arguments = parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", warm_start="auto"))
    warm, _ = plan_warm_start(arguments, rows(language))
    assert (warm is not None) is wanted
    assert plan_warm_start(arguments, None)[0] is None


def test_the_shipped_adapter_was_made_by_the_recipe_of_the_code():
    folder = Path(resolve_model_path(SHIPPED_NAME))
    model = ModelArguments(model_name_or_path=EMBEDDED_MODEL)
    recipe = warm_weights.recipe_of(model, DataArguments(), LoRAArguments())
    assert read_json(folder / warm_weights.RECIPE) == recipe, "run tools/build_warm_start.py, and mend the card"
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size < 4e6
    asked = warm_weights.questions()["data"]
    questions = [one for document in asked for part in document["paragraphs"] for one in part["qas"]]
    assert sum(one["is_impossible"] for one in questions) == round(0.2 * len(questions))


def test_the_shipped_adapter_answers_where_the_base_model_has_no_head():
    assert read_settings(resolve_model_path(SHIPPED_NAME)).version_2_with_negative is False
    with pytest.raises(ModelError, match="no trained question-answering head"):
        load_trained(EMBEDDED_MODEL)
    text = "The ferry to Ostrava leaves at 7.45 from the west pier. A ticket costs 12 crowns. Dogs travel for free."
    answer = QAPredictor.from_pretrained(SHIPPED_NAME).ask("How much does a ticket cost?", text)
    assert "12" in answer.answers[0].text


@pytest.mark.parametrize("use_lora", [True, False])
def test_a_training_of_few_rows_of_the_embedded_model_begins_with_it_and_needs_it_no_more(data, tmp_path, use_lora):
    shape = {"use_lora": True, "lora_r": 32} if use_lora else {"use_lora": False}
    config = settings(data, EMBEDDED_MODEL, tmp_path / "out", warm_start="auto", max_steps=1, learning_rate=1e-9)
    config = {key: value for key, value in config.items() if use_lora or not key.startswith("lora_")} | shape
    config |= {"max_train_samples": 8, "save_strategy": "no", "eval_strategy": "no", "do_eval": False}
    results = run_qa(parsed(tmp_path, config))
    assert results["train_steps"] == 1
    run, warm = load_trained(tmp_path / "out"), load_trained(SHIPPED_NAME)
    inputs = probe_inputs(warm)
    with torch.no_grad():
        found, expected = (torch.stack(logits_of(model, inputs)) for model in (run, warm))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
    record = read_json(tmp_path / "out" / "run.json")
    assert record["warm_start"]["used"] and record["warm_start"]["weights"] == SHIPPED_NAME
    assert record["identity"]["warm_start"] == record["warm_start"]["fingerprint"]
    assert f"warm start: yes ({EMBEDDED_MODEL} had never answered" in (tmp_path / "out" / "README.md").read_text()
    for path in (tmp_path / "out").glob("*config.json"):
        assert SHIPPED_NAME not in path.read_text()


@pytest.fixture
def small_recipe(monkeypatch, tmp_path):
    """A recipe of seconds, and a cache of its own."""
    monkeypatch.setattr(warm_weights, "QUESTIONS", {"rows": 24, "unanswerable_fraction": 0.25, "seed": 1})
    monkeypatch.setattr(warm_weights, "TRAINING", warm_weights.TRAINING | {"num_train_epochs": 1, "lora_r": 4})
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "warm_start"


def test_of_another_model_it_is_made_once_and_kept(data, tiny_bert, tmp_path, small_recipe, caplog):
    caplog.set_level("INFO")
    changes = {"warm_start": "on", "max_steps": 1, "save_strategy": "no", "eval_strategy": "no", "do_eval": False}
    for name in ("one", "two"):
        run_qa(parsed(tmp_path / name, settings(data, tiny_bert, tmp_path / name / "out", **changes)))
    assert caplog.text.count("It first learns from 24 questions of built-in domains") == 1
    assert "step 1 of" in caplog.text and "which was made before" in caplog.text
    [folder] = [path for path in small_recipe.iterdir() if path.is_dir()]
    record = read_json(tmp_path / "two" / "out" / "run.json")["warm_start"]
    assert folder.name == record["fingerprint"] and record["questions"]["rows"] == 24
    assert {one.dtype for one in load_file(folder / "adapter_model.safetensors").values()} == {torch.float16}
    first, second = (weights(tmp_path / name / "out") for name in ("one", "two"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_making_that_fails_says_where_its_log_is(data, tiny_bert, tmp_path, small_recipe, monkeypatch):
    monkeypatch.setattr(warm_weights, "TRAINING", warm_weights.TRAINING | {"learning_rate": 0.1, "optim": "none"})
    changes = {"warm_start": "on", "max_steps": 1}
    with pytest.raises(
        ModelError, match=r"its training ended by an error \(.*optim.*\); see .*log.txt.*warm_start=off"
    ):
        run_qa(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", **changes)))
    assert not (tmp_path / "out" / "run.json").exists()


def test_a_run_that_had_none_is_not_gone_on_with(data, tiny_bert, tmp_path, small_recipe):
    changes = {"max_steps": 1, "eval_strategy": "no", "do_eval": False}
    run_qa(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", **changes)))
    before = (tmp_path / "out" / "run.json").read_bytes()
    with pytest.raises(ConfigError, match="holds another run: warm_start was None and is now"):
        run_qa(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", warm_start="on", **changes)))
    assert (tmp_path / "out" / "run.json").read_bytes() == before


def test_a_base_model_counts_by_its_weights_and_not_by_its_place(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "elsewhere")
    recipes = [
        warm_weights.recipe_of(ModelArguments(model_name_or_path=str(one)), DataArguments(), LoRAArguments())
        for one in (tiny_bert, tmp_path / "elsewhere")
    ]
    assert warm_weights.fingerprint(recipes[0]) == warm_weights.fingerprint(recipes[1])
    config = tmp_path / "elsewhere" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_act": "relu"}))
    changed = ModelArguments(model_name_or_path=str(tmp_path / "elsewhere"))
    other = warm_weights.recipe_of(changed, DataArguments(), LoRAArguments())
    assert warm_weights.fingerprint(other) != warm_weights.fingerprint(recipes[0])


_TWO = """
import json, sys
from qa_pipeline.arguments.training import arguments_from
from qa_pipeline.run import warm_weights
warm_weights.QUESTIONS = {"rows": 24, "unanswerable_fraction": 0.25, "seed": 1}
arguments = arguments_from(json.loads(sys.argv[1]), "test")
recipe = warm_weights.recipe_of(arguments.model, arguments.data, arguments.lora)
own = warm_weights._make_in_a_process
warm_weights._make_in_a_process = lambda *given: (print("makes", flush=True), own(*given))
print(warm_weights.made(recipe, arguments))
"""


@pytest.mark.slow
def test_of_two_runs_at_once_one_makes_it_and_the_other_waits(data, tiny_bert, tmp_path, small_recipe):
    values = settings(data, tiny_bert, tmp_path / "out")
    words = [sys.executable, "-c", _TWO, json.dumps(values)]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert "".join(said).count("makes") == 1
    assert said[0].splitlines()[-1] == said[1].splitlines()[-1]
    folder = Path(said[0].splitlines()[-1])
    folder.rename(tmp_path / "before")  # a cache that is gone is made again, to the same weights
    assert subprocess.run(words, stdout=subprocess.PIPE).returncode == 0
    one, two = (load_file(place / "adapter_model.safetensors") for place in (folder, tmp_path / "before"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_the_questions_are_like_those_of_the_mock_command():
    assert warm_weights.questions() == make_dataset(None, 2400, 0.2, 11, 0.0, 0.0)["train"]
