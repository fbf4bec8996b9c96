from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers that each use all cores wait for each other: many times slower than one core each.
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with public datasets that QA_REAL_DATA names; tests on them skip without it."""
    folder = os.environ.get("QA_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("QA_REAL_DATA is not set")
    return Path(folder)


def read_json(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """Folder of a tiny random BERT encoder with its tokenizer."""
    from tests.tiny_models import save_tiny

    folder = tmp_path_factory.mktemp("tiny_bert")
    save_tiny("bert", folder)
    return folder


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium of the system, for one module: while it is open no other event loop runs in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium or Chrome is installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()
