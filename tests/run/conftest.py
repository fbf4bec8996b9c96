"""Data and finished runs that several tests of whole runs look at; nobody changes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_pipeline.mock import make_dataset
from qa_pipeline.run.run import run_qa
from tests.run.made import parsed, settings


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mock")
    splits = make_dataset(domain="clinic", num_examples=160, unanswerable_fraction=0.25, seed=0)
    for name, content in splits.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def finished(data, tiny_bert, tmp_path_factory) -> Path:
    """An uninterrupted LoRA run with everything on."""
    folder = tmp_path_factory.mktemp("finished")
    config = settings(
        data, tiny_bert, folder / "out", do_predict=True, test_file=str(data / "test.json"), eval_on_start=True,
        merge_adapter=True,
    )  # fmt: skip
    run_qa(parsed(folder, config))
    return folder / "out"
