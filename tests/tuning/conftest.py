"""Data of a few questions that all have an answer, and a training that takes no time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_pipeline.mock import make_dataset
from tests.tuning.made import ScriptedTraining


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mock")
    for name, content in make_dataset(domain="clinic", num_examples=80, unanswerable_fraction=0.0, seed=0).items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def scripted(monkeypatch) -> ScriptedTraining:
    training = ScriptedTraining()
    monkeypatch.setattr("qa_pipeline.tuning.trials.train", training)
    return training
