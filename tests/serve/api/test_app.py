"""What each endpoint gives for what it is sent. Requests do not leave the process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

import qa_pipeline
from qa_pipeline.serve.api.app import answered
from qa_pipeline.serve.refusals import OutOfTimeError
from qa_pipeline.serve.service.checking import ServiceLimits
from tests.predictor.made import lookup
from tests.serve.fakes import LEAVE, PhraseFinder

LIGHT = "Dogs are kept on a lead. The lighthouse was built by Ostermann."


def detail(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()["detail"]


def test_a_question_is_answered_with_its_place(client):
    reply = client.post("/ask", json={"question": "Which days of leave: 28 days | 14 days", "top_k": 2})
    assert reply.status_code == 200
    value = reply.json()
    text = f"# Leave\n\n{LEAVE}\n"
    assert (value["found"], value["answer"], value["document"], value["headings"]) == (
        True,
        "28 days",
        "leave.md",
        ["Leave"],
    )
    assert text[value["start"] : value["end"]] == "28 days"
    assert value["sentence"] == "Every employee has 28 days of leave a year."
    assert [one["answer"] for one in value["runner_ups"]] == ["14 days"]


def test_what_is_not_there_is_not_found(client):
    value = client.post("/ask", json={"question": "Which days of leave: 99 days"}).json()
    assert (value["found"], value["answer"], value["start"], value["confidence"]) == (False, "", None, 0.8)


@pytest.mark.parametrize(
    ("more", "shape"),
    [
        ({}, dict),
        ({"top_k": 2}, list),
        ({"question": ["Who built it?", "Who?"]}, list),
        ({"all_answers": True}, list),
    ],
)
def test_a_text_is_asked_in_the_shapes_of_the_pipeline(connect, more, shape):
    client = connect(lookup({"Ostermann": 9.0, "lead": 7.0}), documents=False)
    value = client.post("/answer", json={"question": "Who built it?", "context": LIGHT} | more).json()
    assert type(value) is shape
    best = value if shape is dict else value[0]
    assert set(best) == {"score", "start", "end", "answer"}
    assert LIGHT[best["start"] : best["end"]] == best["answer"] == "Ostermann"


def test_evidence_is_given_and_quotations_are_verified(connect):
    client = connect(lookup({"Ostermann": 9.0}), documents=False)
    found = client.post("/highlight", json={"question": "Who built it?", "context": LIGHT, "max_words": 6}).json()
    assert [piece["text"] for piece in found["pieces"]] == ["The lighthouse was built by Ostermann."]
    quotes = ["kept on a lead", {"quote": "kept on a roof", "id": "b"}]
    checks = client.post("/verify", json={"quotes": quotes, "context": LIGHT}).json()
    assert checks["counts"] == {"verbatim": 1, "not_found": 1}
    assert [check["id"] for check in checks["checks"]] == ["0", "b"]
    assert checks["checks"][1]["nearest"]["differs"][0]["quote"] == "roof"


def test_documents_are_added_as_files_and_texts_listed_and_removed(client):
    file = client.post("/documents", files={"file": ("C:\\mine\\parking.txt", b"Cars are parked in hall seven.")})
    assert (file.status_code, file.json()) == (
        201,
        {"name": "parking.txt", "characters": 30, "pages": None, "added": True},
    )
    text = client.post("/documents", json={"name": "dogs.md", "text": "Dogs are kept on a lead."})
    assert text.status_code == 201
    assert (
        client.post("/ask", json={"question": "Where are cars parked: hall seven"}).json()["document"] == "parking.txt"
    )
    listed = client.get("/documents", params={"limit": 2, "offset": 1}).json()
    assert (listed["total"], [one["name"] for one in listed["documents"]]) == (3, ["dogs.md", "parking.txt"])
    assert "is there already" in detail(client.post("/documents", json={"name": "dogs.md", "text": "No."}), 409)
    other = client.post(
        "/documents/file", files={"file": ("x.md", b"Cats may run.")}, data={"name": "dogs.md", "replace": "true"}
    )
    assert (other.status_code, other.json()["characters"]) == (201, 13)
    removed = client.delete("/documents/dogs.md")
    assert (removed.status_code, removed.content) == (204, b"")
    assert "there is no such document" in detail(client.delete("/documents/dogs.md"), 404)
    assert "can be removed by its owner only" in detail(client.delete("/documents/leave.md"), 403)


def test_a_name_with_spaces_slashes_and_letters_of_any_script_is_removed_as_it_is_listed(client):
    name = "Urlaub für 休暇 50%.md"
    assert client.post("/documents", json={"name": name, "text": "Leave."}).json()["name"] == name
    from urllib.parse import quote

    assert client.delete(f"/documents/{quote(name, safe='')}").status_code == 204


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({"json": {"name": "a.exe", "text": "x"}}, 422, "files of this kind are not read"),
        ({"json": {"name": "a.md", "text": " "}}, 422, "a.md: is empty"),
        ({"json": {"name": "a.md"}}, 422, "text: is required"),
        ({"json": {"name": "a.md", "text": "x", "more": 1}}, 422, "more: is unknown"),
        (
            {"content": b'{"name": "a.md", "text": "\\ud800"}', "headers": {"content-type": "application/json"}},
            400,
            "expected JSON",
        ),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "expected JSON"),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "found text/plain"),
        ({"content": b""}, 415, "found no Content-Type"),
        ({"data": {"file": "no file"}, "files": {"other": ("a.md", b"x")}}, 422, "file: is required"),
        ({"files": {"file": ("a.md", b"")}}, 422, "a.md: is empty"),
        ({"files": {"file": ("a.md", b"x")}, "data": {"replace": "perhaps"}}, 422, "replace: expected true or false"),
        ({"files": [("file", ("a.md", b"x")), ("file", ("b.md", b"x"))]}, 400, "Too many files"),
        (
            {"content": b"broken", "headers": {"content-type": "multipart/form-data; boundary=x"}},
            400,
            "Invalid multipart",
        ),
        ({"content": b"broken", "headers": {"content-type": "multipart/form-data"}}, 400, "Missing boundary"),
        ({"files": {"file": ("a.md", b"x" * 1_000_001)}}, 413, "the file is too large; 1,000,000 bytes are the most"),
    ],
)
def test_what_cannot_be_added_is_said_in_words(client, request_, status, words):
    assert words in detail(client.post("/documents", **request_), status)
    assert client.get("/documents").json()["total"] == 1


@pytest.mark.parametrize(
    ("path", "content", "status", "words"),
    [
        ("/ask", b'{"question": " "}', 422, "question: is blank"),
        ("/ask", b"{}", 422, "question: is required"),
        ("/ask", b'{"question": 7}', 422, "question: "),
        ("/ask", b'{"question": null}', 422, "question: "),
        ("/ask", b'{"question": "x", "topk": 2}', 422, "topk: is unknown; /docs lists what there is"),
        ("/ask", b'{"question": "x", "top_k": 0}', 422, "top_k: "),
        ("/ask", b'{"question": "x", "top_k": 1e99}', 422, "top_k: "),
        ("/ask", b'{"question": "x", "top_k": 99}', 422, "top_k: expected at most 20, found 99"),
        ("/ask", b'{"question": "x", "min_confidence": NaN}', 422, "min_confidence: "),
        ("/ask", b'{"question": "\\ud83d"}', 422, "not valid Unicode"),
        ("/ask", b'{"question": "x"', 400, "body: expected JSON"),
        ("/ask", b"\xff\xfe", 400, ""),
        ("/ask", b"[" * 100_000, 400, ""),
        ("/ask", b"", 422, "body: is required"),
        ("/ask", b"[]", 422, "body: "),
        ("/answer", b'{"question": "x", "context": ""}', 422, "context is empty"),
        ("/answer", b'{"question": [], "context": "y"}', 422, "found 0"),
        ("/answer", b'{"question": [1], "context": "y"}', 422, "question"),
        ("/answer", b'{"question": "x", "context": "y", "max_seq_len": 5}', 422, "max_seq_length must be"),
        ("/answer", b'{"question": "x", "context": "y", "doc_stride": 5000}', 422, "doc_stride"),
        ("/highlight", b'{"question": "x", "context": "y", "keep": 2}', 422, "keep: "),
        ("/highlight", b'{"question": "x", "context": "y", "language": "klingon"}', 200, ""),
        ("/verify", b'{"quotes": []}', 422, "quotes: expected 1 to 100 in a request, found 0"),
        ("/verify", b'{"quotes": [{}]}', 422, 'quote 0: expected "quote" or "claim", found neither'),
        ("/verify", b'{"quotes": [{"quote": " "}]}', 422, "quote 0: is blank"),
    ],
)
def test_what_cannot_be_asked_is_said_in_words_and_never_is_a_fault_of_the_server(
    connect, path, content, status, words
):
    client = connect(lookup({"Ostermann": 9.0}))
    reply = client.post(path, content=content, headers={"content-type": "application/json"})
    assert reply.status_code == status, reply.text
    assert words in reply.text.replace('\\"', '"')


def test_each_field_that_is_wrong_is_named(client):
    value = client.post("/ask", json={"top_k": "many", "min_confidence": 3}).json()
    assert [one["field"] for one in value["errors"]] == ["question", "top_k", "min_confidence"]
    assert "found 3" in value["errors"][2]["message"]


def test_what_is_not_there_is_said(client):
    assert detail(client.get("/nothing"), 404) == "there is nothing at '/nothing'; /docs lists what there is"
    assert "GET means nothing at '/ask'" in detail(client.get("/ask"), 405)
    assert "the server is not known by the name 'evil.example'" in detail(
        client.get("/health", headers={"host": "evil.example"}), 403
    )


def test_without_documents_they_cannot_be_asked(connect):
    client = connect(documents=False)
    assert "there are no documents yet" in detail(client.post("/ask", json={"question": "Who?"}), 409)
    assert client.get("/documents").json() == {"documents": [], "total": 0}


def test_a_request_that_is_too_large_is_refused(client):
    assert "2,000,000 bytes are the most" in detail(client.post("/ask", content=b"x" * 2_000_001), 413)

    def chunks():
        for _ in range(30):
            yield b"x" * 100_000

    headers = {"content-type": "application/json"}
    assert "2,000,000 bytes are the most" in detail(client.post("/ask", content=chunks(), headers=headers), 413)


def test_an_error_of_the_model_and_a_fault_of_the_program_are_said(client, caplog):
    assert detail(client.post("/ask", json={"question": "Which days crash: 28 days"}), 500) == "the model gives NaN"
    words = detail(client.post("/ask", json={"question": "Which days fault: 28 days"}), 500)
    assert words == "a fault in the program: KeyError: 'no such key'; the server's log has a line on it"
    assert "a request could not be answered: KeyError" in caplog.text
    assert client.post("/ask", json={"question": "Which: 28 days"}).json()["found"]


class HeldFinder(PhraseFinder):
    """Answers nothing until it is let go."""

    def __init__(self):
        super().__init__()
        self.entered, self.go = threading.Event(), threading.Event()

    def predict(self, examples, **decoding):
        self.entered.set()
        assert self.go.wait(30)
        return super().predict(examples, **decoding)


def test_a_full_queue_and_a_late_answer_have_their_own_statuses(connect):
    model = HeldFinder()
    client = connect(model, limits=ServiceLimits(waiting=1, seconds=30))
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(client.post, "/ask", json={"question": "Which: 28 days"})
        assert model.entered.wait(30)
        waiting = threads.submit(client.post, "/ask", json={"question": "Which: 14 days"})
        while client.get("/health").json()["waiting"] < 1:
            pass
        busy = client.post("/ask", json={"question": "Which: 28 days"})
        assert "1 requests wait already" in detail(busy, 429)
        assert int(busy.headers["retry-after"]) >= 1
        model.go.set()
        assert running.result(30).json()["answer"] == "28 days"
        assert waiting.result(30).json()["answer"] == "14 days"


def test_a_late_answer_is_given_up_and_not_computed(connect):
    model = HeldFinder()
    client = connect(model, limits=ServiceLimits(seconds=0.05))
    assert "no answer within 0.05 s" in detail(client.post("/ask", json={"question": "Which: 28 days"}), 504)
    assert "no answer within 0.05 s" in detail(client.post("/ask", json={"question": "Which: 14 days"}), 504)
    model.go.set()
    while client.get("/health").json()["waiting"]:
        pass
    assert model.asked <= 1


def test_who_goes_away_is_not_computed_for():
    class Gone:
        async def receive(self):
            return {"type": "http.disconnect"}

    class Waits:
        async def receive(self):
            await asyncio.Event().wait()

    future: Future = Future()
    assert asyncio.run(answered(Gone(), future, 30)).status_code == 499
    assert future.cancelled()
    late: Future = Future()
    with pytest.raises(OutOfTimeError):
        asyncio.run(answered(Waits(), late, 0.01))
    assert late.cancelled()


def test_many_at_once_each_get_their_own_answer(client):
    def ask(number):
        words = "28 days" if number % 2 else "14 days"
        value = client.post("/ask", json={"question": f"Which leave {number}: {words}"}).json()
        return value["question"] == f"Which leave {number}: {words}" and value["answer"] == words

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(100)))


def test_a_key_guards_all_but_health_and_the_docs(connect):
    client = connect(key="secret")
    for path in ("/health", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200
    for path in ("/documents", "/metrics"):
        assert "a key is needed" in detail(client.get(path), 401)
    question = {"question": "Which: 28 days"}
    refused = client.post("/ask", json=question)
    assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
    for headers in ({"authorization": "Bearer secret"}, {"x-api-key": "secret"}):
        assert client.post("/ask", json=question, headers=headers).json()["found"]


def test_pages_of_sites_that_are_named_may_call_and_others_may_not(connect):
    site = "https://intranet.example.com"
    client = connect(key="secret", cors_origins=[site])
    asks = {"origin": site, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
    preflight = client.options("/ask", headers=asks)
    assert preflight.status_code == 200 and preflight.headers["access-control-allow-origin"] == site
    headers = {"origin": site, "x-api-key": "secret"}
    reply = client.post("/ask", json={"question": "Which: 28 days"}, headers=headers)
    assert reply.json()["found"] and reply.headers["access-control-allow-origin"] == site
    other = client.post(
        "/ask", json={"question": "Which: 28 days"}, headers=headers | {"origin": "https://evil.example"}
    )
    assert other.status_code == 403 and "access-control-allow-origin" not in other.headers


def test_health_says_what_answers(connect):
    client = connect()
    assert client.get("/health").json() == {
        "ready": True,
        "model": "finder",
        "device": "cpu",
        "documents": 1,
        "waiting": 0,
        "version": qa_pipeline.__version__,
    }


def test_a_service_that_is_closed_is_not_ready(connect, folder):
    from fastapi.testclient import TestClient

    from qa_pipeline.serve.api import build_app
    from qa_pipeline.serve.service import Service

    service = Service(PhraseFinder())
    client = TestClient(build_app(service), "http://localhost")
    service.close()
    assert (client.get("/health").status_code, client.get("/health").json()["ready"]) == (503, False)
    assert "being stopped" in detail(client.post("/ask", json={"question": "Who?"}), 503)


def test_metrics_count_what_was_done(client):
    client.post("/ask", json={"question": "Which: 28 days"})
    client.post("/ask", json={"question": "Which leave: 99 days"})
    client.post("/ask", json={"question": " "})
    client.get("/some/where")
    client.delete("/documents/none.md")
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = reply.text.splitlines()
    for line in (
        'qa_requests_total{method="POST",path="/ask",status="200"} 2.0',
        'qa_requests_total{method="POST",path="/ask",status="422"} 1.0',
        'qa_requests_total{method="GET",path="other",status="404"} 1.0',
        'qa_requests_total{method="DELETE",path="/documents/{name:path}",status="404"} 1.0',
        'qa_questions_total{outcome="answered"} 1.0',
        'qa_questions_total{outcome="not_found"} 1.0',
        'qa_request_seconds_count{path="/ask"} 3.0',
        "qa_batch_requests_count 2.0",
        "qa_queue_length 0.0",
        "qa_documents 1.0",
    ):
        assert line in lines, reply.text


def test_importing_the_app_imports_no_torch():
    code = (
        "import sys, qa_pipeline.serve.api; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
