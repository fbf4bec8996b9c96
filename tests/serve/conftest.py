from __future__ import annotations

import warnings
from contextlib import contextmanager

import pytest

from qa_pipeline.serve.demo import build_demo, uploads_of_this_run
from qa_pipeline.serve.demo.server import free_port


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Indexes of documents go to a folder of the tests, and not to the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QA_PIPELINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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
