"""The warm start of a journey: when a model has one, what the plan and the pages say, and when it is left alone."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.arguments import LoRAArguments, ModelArguments
from qa_pipeline.errors import ConfigError
from qa_pipeline.journey.arguments import journey_settings
from qa_pipeline.journey.forecast import TrainingPace, _warm_line
from qa_pipeline.journey.prompt2model import Prompt2Model
from qa_pipeline.modeling import StoredSettings, load_model, load_tokenizer
from qa_pipeline.modeling import save_model as save_trained
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.run import warm_weights
from tests.journey.journeys import save_model, small


def with_head(folder, base: str) -> str:
    """A folder as a model of the Hub that answers questions has it."""
    args = ModelArguments(model_name_or_path=base)
    save_trained(load_model(args, LoRAArguments()), load_tokenizer(args), StoredSettings(), folder)
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# Reader\n")
    return str(folder)


def test_a_journey_of_few_rows_has_one_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(warm_weights, "QUESTIONS", {"rows": 24, "unanswerable_fraction": 0.25, "seed": 1})
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(tmp_path / "cache"))
    more = {"warm_start": "on", "output_dir": str(tmp_path / "journey"), "num_trials": 0}
    result = Prompt2Model(small(tmp_path, save_model(tmp_path / "tiny"), **more)).run()
    facts = json.loads((result.folder / "journey.json").read_text())["stages"]["train"]["facts"]
    assert facts["warm_start"]["used"] and "extra_train_files" not in facts["settings"]
    for page in ("README.md", "report.html"):
        assert "24 made-up questions of built-in domains" in (result.folder / page).read_text()


def test_a_model_at_hand_that_answers_questions_is_taken_and_left_alone(tmp_path):
    reader = with_head(tmp_path / "reader", save_model(tmp_path / "tiny"))
    more = {"warm_start": "auto", "output_dir": str(tmp_path / "journey"), "num_trials": 0, "offline": True}
    settings = small(tmp_path, reader, **more) | {"model_folders": [reader], "hub_models": False}
    del settings["model_name_or_path"]
    result = Prompt2Model(settings).run()
    stages = json.loads((result.folder / "journey.json").read_text())["stages"]
    assert stages["retrieve_model"]["facts"]["chosen"] == reader
    names = [one["name_or_path"] for one in stages["retrieve_model"]["facts"]["candidates"] if one["fits"]]
    assert EMBEDDED_MODEL in names  # an untrained head was to be had, and comes after it
    found = stages["train"]["facts"]["warm_start"]
    assert not found["used"] and "was trained to answer questions before" in found["words"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "comes with this package and takes no time"),
        ({"language": "de"}, ""),
        ({"warm_start": "off"}, ""),
        ({"warm_start": "on", "language": "de"}, "comes with this package and takes no time"),
    ],
)
def test_the_plan_says_it(tmp_path, more, said):
    settings = journey_settings({"prompt": "Answer questions about tools", "output_dir": str(tmp_path / "j")} | more)
    line = _warm_line(settings, {"name_or_path": EMBEDDED_MODEL}, 100, TrainingPace(10.0, ""))
    assert (said in line) if said else line == ""


def test_the_plan_says_how_long_one_takes_that_has_to_be_made(tmp_path):
    settings = journey_settings({"prompt": "Answer questions about tools", "output_dir": str(tmp_path / "j")})
    name = save_model(tmp_path / "tiny")
    line = _warm_line(settings, {"name_or_path": name}, 100, TrainingPace(10.0, ""))
    assert "it first learns from 2,400 made-up questions, once: about 8 min" in line
    assert _warm_line(settings, {"name_or_path": name}, 4000, TrainingPace(10.0, "")) == ""
    reader = with_head(tmp_path / "reader", name)
    assert _warm_line(settings, {"name_or_path": reader}, 100, TrainingPace(10.0, "")) == ""


def test_what_practice_rows_asked_for_is_said(tmp_path):
    given = {"prompt": "Answer questions about tools", "output_dir": str(tmp_path)}
    assert journey_settings(given | {"practice_rows": 0})["warm_start"] == "off"
    with pytest.raises(ConfigError, match="practice_rows: no longer exists; instead of questions beside the rows"):
        journey_settings(given | {"practice_rows": 1600})
