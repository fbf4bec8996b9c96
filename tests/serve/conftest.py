from __future__ import annotations

import shutil
import warnings
from contextlib import contextmanager

import pytest

from qa_pipeline.serve import build_demo, uploads_of_this_run
from qa_pipeline.serve.server import free_port

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@contextmanager
def serving(*models, **options):
    """Serves a page in this process, and gives its address."""
    pytest.importorskip("gradio", reason="the gradio package is not installed")
    with uploads_of_this_run(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        demo = build_demo(*models, **options)
        demo.launch(server_port=free_port(None), prevent_thread_lock=True)
        try:
            yield demo.local_url
        finally:
            demo.close(verbose=False)


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium or Chrome is installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()
