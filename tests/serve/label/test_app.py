from __future__ import annotations

import re

import pytest

from tests.serve.label.conftest import FEES, rows_of

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient  # noqa: E402

from qa_pipeline.serve.label import app as label_app  # noqa: E402

WHO = {"client": "window 1", "person": "Ada"}


@pytest.fixture
def project(make_project):
    return make_project((FEES,))


@pytest.fixture
def client(project):
    return TestClient(
        label_app.build_label_app(project), base_url="http://127.0.0.1:8000", raise_server_exceptions=False
    )


@pytest.fixture
def headers(client):
    """As the page sends them: the token stands in it."""
    return {"x-label-token": re.search(r'name="label-token" content="([^"]+)"', client.get("/").text)[1]}


def decide(client, headers, **change):
    work = client.post("/api/next", json=WHO, headers=headers).json()
    said = {"passage": work["passage"]["id"], "item": None, "seen": 0, "question": "How much?", "action": "1"}
    return client.post("/api/decide", json={**WHO, **said, "start": 21, "end": 29, **change}, headers=headers)


def test_the_page_needs_nothing_from_elsewhere_and_may_not_be_framed(client):
    page = client.get("/")
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sorted(named) == ["/assets/label.css", "/assets/label.js", "data:,"]
    for name in ("/assets/label.css", "/assets/label.js"):
        found = client.get(name)
        assert found.status_code == 200 and found.headers["x-content-type-options"] == "nosniff"
        assert "http://" not in found.text and "https://" not in found.text and "innerHTML" not in found.text
    assert client.get("/assets/app.py").status_code == 404


def test_a_decision_is_kept(client, headers, project):
    reply = decide(client, headers)
    assert reply.status_code == 200 and reply.json()["holds"]
    (row,) = rows_of(project.store.path).values()
    assert row["answers"][0]["text"] == "40 euros"
    assert client.get("/api/progress", headers=headers).json()["counts"]["labels"] == 1
    assert client.get("/api/labels?kind=own", headers=headers).json()["rows"][0]["question"] == "How much?"
    assert client.get("/api/passages?query=boat", headers=headers).json()["total"] == 1
    look = client.get("/api/look", params={"passage": row["metadata"]["passage"], "client": "w"}, headers=headers)
    assert look.json()["other"] == "Ada"
    assert client.post("/api/undo", json={**WHO, "action": "2"}, headers=headers).json()["item"]["decision"] is None
    assert client.post("/api/release", json=WHO, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"x-label-token": "guessed"}, 401, "The page was started again. Load it again."),
        ({"host": "evil.example"}, 421, "This page is at 127.0.0.1 only."),
        ({"host": "127.0.0.1.evil.example:8000"}, 421, "This page is at 127.0.0.1 only."),
        ({"host": "[:8000"}, 421, "This page is at 127.0.0.1 only."),
        ({"origin": "http://evil.example"}, 403, "Another site may not use this page."),
        ({"origin": "null"}, 403, "Another site may not use this page."),
        ({"sec-fetch-site": "cross-site"}, 403, "Another site may not use this page."),
    ],
)
def test_only_the_page_itself_may_decide_and_read(client, headers, project, change, status, said):
    for reply in (
        client.post("/api/next", json=WHO, headers={**headers, **change}),
        client.get("/api/progress", headers={**headers, **change}),
    ):
        assert reply.status_code == status and reply.json() == {"detail": said}
    assert project.store.leases() == {}


def test_the_token_is_another_after_each_start(project):
    pages = [TestClient(label_app.build_label_app(project), base_url="http://localhost").get("/").text for _ in "12"]
    assert pages[0] != pages[1]


def test_a_page_of_another_host_does_not_get_the_token(client):
    assert "label-token" not in client.get("/", headers={"host": "evil.example"}).text


def test_too_much_is_refused(client, headers, project):
    reply = decide(client, headers, question="x" * label_app.MOST_BYTES)
    assert reply.status_code == 413 and "64,000 bytes are the most" in reply.json()["detail"]
    assert project.store.decisions == 0


@pytest.mark.parametrize(
    ("content", "said"), [(b"[1]", "not what the page sends"), (b"{", "not what the page sends"), (b"", "not what")]
)
def test_what_is_no_object_is_refused_in_words(client, headers, content, said):
    kind = {"content-type": "application/json"}
    reply = client.post("/api/decide", content=content, headers={**headers, **kind})
    assert reply.status_code == 400 and said in reply.json()["detail"]


def test_a_fault_of_the_person_is_said_in_words(client, headers):
    reply = decide(client, headers, end=9999)
    assert reply.status_code == 400 and "The answer must be characters of the passage" in reply.json()["detail"]


def test_a_fault_in_the_program_shows_no_traceback(client, headers, project, monkeypatch):
    monkeypatch.setattr(project, "next_passage", lambda *args, **options: 1 / 0)
    reply = client.post("/api/next", json=WHO, headers=headers)
    assert reply.status_code == 500
    assert reply.json() == {"detail": "That did not work: a fault in the program, ZeroDivisionError."}


def test_a_passage_with_half_a_character_is_shown(make_project):
    project = make_project((f"{FEES} \ud83d is half an emoji.",), suggest=False)
    client = TestClient(label_app.build_label_app(project), base_url="http://localhost:1")
    token = re.search(r'content="([^"]+)">\n<title>', client.get("/").text)[1]
    reply = client.post("/api/next", json=WHO, headers={"x-label-token": token})
    assert reply.json()["passage"]["text"] == f"{FEES} \ud83d is half an emoji."
