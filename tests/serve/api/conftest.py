from __future__ import annotations

import pytest

from qa_pipeline.serve.access import checked_access
from qa_pipeline.serve.api import build_app
from qa_pipeline.serve.service import Service
from qa_pipeline.serve.service.checking import ServiceLimits
from qa_pipeline.serve.service.store import DocumentStore
from tests.serve.fakes import LEAVE, PhraseFinder


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "leave.md").write_text(f"# Leave\n\n{LEAVE}\n")
    return tmp_path / "docs"


@pytest.fixture
def connect(folder):
    """Makes clients of an app in this process; closes their services at the end."""
    from fastapi.testclient import TestClient

    made = []

    def _connect(model=None, documents=True, limits=None, most_upload=10**6, **access):
        store = DocumentStore.open([str(folder)] if documents else [], dense=False)
        service = Service(PhraseFinder() if model is None else model, store, limits=limits or ServiceLimits())
        made.append(service)
        app = build_app(service, checked_access("127.0.0.1", **access), most_upload=most_upload)
        return TestClient(app, "http://localhost:8000", raise_server_exceptions=False)

    yield _connect
    for service in made:
        service.close()


@pytest.fixture
def client(connect):
    return connect()
