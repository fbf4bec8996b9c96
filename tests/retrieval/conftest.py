from __future__ import annotations

import pytest

from qa_pipeline.retrieval import Embedder


@pytest.fixture(scope="session")
def embedder():
    return Embedder()
