"""The page at /docs, and the description that it and generated clients are made of."""

from __future__ import annotations

import re
import socket
import threading
from html.parser import HTMLParser

import pytest

from qa_pipeline.serve.access import checked_access
from qa_pipeline.serve.api import build_app
from qa_pipeline.serve.service import Service
from qa_pipeline.serve.service.store import DocumentStore
from tests.serve.fakes import PhraseFinder

OPERATIONS = {
    "ask": ("post", "/ask"),
    "answer": ("post", "/answer"),
    "highlight": ("post", "/highlight"),
    "verify": ("post", "/verify"),
    "list_documents": ("get", "/documents"),
    "add_document": ("post", "/documents"),
    "upload_document": ("post", "/documents/file"),
    "remove_document": ("delete", "/documents/{name}"),
    "health": ("get", "/health"),
    "metrics": ("get", "/metrics"),
}


@pytest.fixture
def schema(client):
    return client.get("/openapi.json").json()


def test_operations_have_plain_names_and_every_error_has_a_model(schema):
    found = {
        operation["operationId"]: (method, path, operation)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }
    assert {name: (method, path) for name, (method, path, _) in found.items()} == OPERATIONS
    for name, (_, _, operation) in found.items():
        assert operation["summary"] and operation["description"], name
        for status in ("401", "413", "422", "429", "504"):
            content = operation["responses"][status]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/RequestProblem"}, (name, status)


def test_every_field_is_described(schema):
    shapes = schema["components"]["schemas"]
    assert {"AskBody", "AskResult", "AnswerPlace", "AnswerSpan", "RequestProblem", "TextToAdd", "FileToAdd"} <= set(
        shapes
    )
    assert "HTTPValidationError" not in shapes and not [name for name in shapes if "__" in name or "-" in name]
    undescribed = [
        f"{name}.{field}"
        for name, shape in shapes.items()
        for field, one in shape.get("properties", {}).items()
        if "description" not in one and field not in ("documents", "checks", "ready")
    ]
    assert undescribed == []


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [("/documents", "application/json", "TextToAdd"), ("/documents/file", "multipart/form-data", "FileToAdd")],
)
def test_a_document_is_described_as_a_text_and_as_a_file(schema, path, kind, name):
    content = {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    assert schema["paths"][path]["post"]["requestBody"] == {"required": True, "content": content}


def test_a_key_is_described_where_there_is_one(connect, schema):
    assert "securitySchemes" not in schema["components"]
    secured = connect(key="secret").get("/openapi.json").json()
    assert set(secured["components"]["securitySchemes"]) == {"HTTPBearer", "APIKeyHeader"}


def test_references_lead_somewhere(schema):
    names = set(re.findall(r"#/components/schemas/(\w+)", str(schema)))
    assert names <= set(schema["components"]["schemas"])


def test_the_page_names_every_endpoint_and_fetches_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for method, path in OPERATIONS.values():
        assert f"<code>{method.upper()} {path}" in page.text
    assert not re.search(r"(src|href)=.https?:", page.text)
    for name in ("api.css", "api.js"):
        assert client.get(f"/docs/{name}").status_code == 200
    assert client.get("/docs/demo.css").status_code == client.get("/docs/..%2fdemo.css").status_code == 404
    assert client.get("/").url.path == "/docs"


def test_the_page_is_well_formed(client):
    class Tags(HTMLParser):
        opened: list[str] = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "link", "input"):
                self.opened.append(tag)

        def handle_endtag(self, tag):
            assert self.opened.pop() == tag

    tags = Tags()
    tags.feed(client.get("/docs").text)
    assert tags.opened == []


@pytest.fixture
def address(folder):
    """The address of an app that is served by this process."""
    import uvicorn

    service = Service(PhraseFinder(), DocumentStore.open([str(folder)], dense=False))
    app = build_app(service, checked_access("127.0.0.1", key="secret"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)
    service.close()


def test_an_example_is_sent_from_the_page_with_the_key(browser, address):
    page = browser.new_page()
    outside, faults = [], []
    page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(address) else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.goto(f"{address}/docs")
    form = page.locator("#ask form")
    form.get_by_role("button").click()
    form.get_by_text("401").wait_for()
    page.get_by_label("Key").fill("secret")
    form.get_by_role("textbox").fill('{"question": "Which days of leave: 28 days"}')
    form.get_by_role("button").click()
    form.get_by_text('"answer": "28 days"').wait_for()
    page.locator("#metrics form").get_by_role("button").click()
    page.locator("#metrics output").get_by_text("qa_queue_length 0.0").wait_for()
    page.close()
    assert faults == []
    assert [url for url in outside if not url.startswith("data:")] == []
