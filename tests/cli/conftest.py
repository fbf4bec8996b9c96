from __future__ import annotations

import pytest

from qa_pipeline.cli import loading
from tests.predictor.fakes import WordFinder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Indexes of documents go to a folder of the test, and not to the user's cache."""
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def models(monkeypatch) -> dict[str, WordFinder]:
    """Models by name, instead of those of files."""
    known: dict[str, WordFinder] = {"m": WordFinder("m")}
    monkeypatch.setattr(loading, "load_predictor", lambda name, arguments, allow_new_head=False: known[name])
    return known
