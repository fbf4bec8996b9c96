"""A client that is generated from the OpenAPI description, against a server of this machine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading

import pytest

from qa_pipeline.serve.access import checked_access
from qa_pipeline.serve.api import build_app
from qa_pipeline.serve.service import Service
from qa_pipeline.serve.service.store import DocumentStore
from tests.predictor.made import lookup

pytestmark = pytest.mark.slow

TEXT = "The lighthouse was built by Ostermann."
_CALLS = """
import io, sys
from qa_pipeline_client import AuthenticatedClient
from qa_pipeline_client.api.documents import add_document, list_documents, remove_document, upload_document
from qa_pipeline_client.api.evidence import highlight, verify
from qa_pipeline_client.api.questions import answer, ask
from qa_pipeline_client.api.server import health
from qa_pipeline_client.models import (
    AnswerBody, AskBody, FileToAdd, HighlightBody, QuoteToVerify, RequestProblem, TextToAdd, VerifyBody
)
from qa_pipeline_client.types import File

client = AuthenticatedClient(base_url=sys.argv[1], token="secret")
text = "The lighthouse was built by Ostermann."
assert health.sync(client=client).ready
found = ask.sync(client=client, body=AskBody(question="Who built the lighthouse?"))
assert (found.answer, found.document, found.found) == ("Ostermann", "light.md", True), found
assert found.runner_ups == [] and text[found.start : found.end] == "Ostermann"
one = answer.sync(client=client, body=AnswerBody(question="Who?", context=text))
assert (one.answer, one.start, one.end) == ("Ostermann", 28, 37), one
several = answer.sync(client=client, body=AnswerBody(question=["Who?", "By whom?"], context=text))
assert [each.answer for each in several] == ["Ostermann", "Ostermann"], several
problem = ask.sync(client=client, body=AskBody(question=" "))
assert isinstance(problem, RequestProblem) and problem.detail == "question: is blank", problem
assert highlight.sync(client=client, body=HighlightBody(question="Who?", context=text)).spans[0].text == "Ostermann"
checks = verify.sync(client=client, body=VerifyBody(quotes=["built by Ostermann", QuoteToVerify(quote="built by Oz")]))
assert [check.status for check in checks.checks] == ["verbatim", "not_found"], checks
added = add_document.sync(client=client, body=TextToAdd(name="dogs.md", text="Dogs are kept on a lead."))
assert added.added and added.characters == 24, added
file = File(payload=io.BytesIO(b"Cats may run."), file_name="cats.txt", mime_type="text/plain")
assert upload_document.sync(client=client, body=FileToAdd(file=file)).name == "cats.txt"
assert list_documents.sync(client=client).total == 3
assert remove_document.sync_detailed("cats.txt", client=client).status_code == 204
print("all calls went well")
"""


def test_a_generated_client_asks_adds_and_removes(tmp_path):
    pytest.importorskip("openapi_python_client", reason="the openapi-python-client package is not installed")
    import uvicorn

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "light.md").write_text(TEXT)
    service = Service(lookup({"Ostermann": 9.0}), DocumentStore.open([str(tmp_path / "docs")], dense=False))
    app = build_app(service, checked_access("127.0.0.1", key="secret"))
    (tmp_path / "openapi.json").write_text(json.dumps(app.openapi()))
    words = ["generate", "--path", str(tmp_path / "openapi.json"), "--output-path", str(tmp_path / "client")]
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *words], capture_output=True, text=True, check=True
    )
    assert "Unable to parse" not in made.stdout, made.stdout
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            called = subprocess.run(
                [sys.executable, "-c", _CALLS, address], cwd=tmp_path / "client", capture_output=True, text=True
            )
        finally:
            server.should_exit = True
            thread.join(30)
            service.close()
    assert (called.returncode, called.stdout) == (0, "all calls went well\n"), called.stderr
