"""Who is let through to an app: by the name it is called by, the page that calls, the key and the size."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.serve.access import Access, Guard, checked_access, is_local


async def app(scope, receive, send):
    """Reads the body to its end, and answers."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"let through"})


def call(access, path="/ask", chunks=(b"",), **headers):
    """Status and words of one request."""
    sent = []
    left = list(chunks)

    async def receive():
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    given = {"host": "localhost:8000"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value is not None],
    }
    asyncio.run(Guard(app, access)(scope, receive, send))
    body = sent[1]["body"]
    return sent[0]["status"], body.decode() if body == b"let through" else json.loads(body)["detail"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "localhost.", "127.0.0.2"]
)
def test_a_server_of_this_machine_is_called_by_its_own_names(host):
    assert call(checked_access("127.0.0.1"), host=host) == (200, "let through")


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.1", "", None, "localhost:x", "a@localhost", "[::1"]
)
def test_and_by_no_other_name(host):
    status, words = call(checked_access("127.0.0.1"), host=host)
    assert status == 403 and "the server is not known by the name" in words and "--allowed_hosts" in words


def test_names_that_it_may_be_called_by_are_given_or_with_a_key_are_any():
    access = checked_access("127.0.0.1", allowed_hosts=["QA.example.com"])
    assert call(access, host="qa.example.com")[0] == 200 and call(access, host="other.example.com")[0] == 403
    assert call(checked_access("127.0.0.1", allowed_hosts=["*"]), host="any.example")[0] == 200
    with_key = checked_access("0.0.0.0", key="secret")
    assert call(with_key, host="any.example", x_api_key="secret")[0] == 200
    named = checked_access("0.0.0.0", key="secret", allowed_hosts=["qa.example.com"])
    assert call(named, host="any.example", x_api_key="secret")[0] == 403


def test_without_a_key_an_open_address_is_called_by_addresses_and_its_own_name_alone():
    access = checked_access("0.0.0.0", allow_no_key=True)
    assert call(access, host="192.168.1.7:8000")[0] == 200
    assert call(access, host=f"{socket.gethostname()}:8000")[0] == 200
    assert call(access, host="rebound.example:8000")[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999", "http://localhost", "x"])
def test_a_page_of_another_site_may_not_call(origin):
    status, words = call(checked_access("127.0.0.1"), origin=origin)
    assert status == 403 and "may not call this server; --cors_origins names sites that may" in words


def test_a_page_of_its_own_may_call_and_so_may_sites_that_are_named():
    assert call(checked_access("127.0.0.1"), origin="http://localhost:8000")[0] == 200
    access = checked_access("127.0.0.1", cors_origins=["https://intranet.example.com"])
    assert call(access, origin="https://intranet.example.com")[0] == 200
    assert call(access, origin="https://intranet.example.com.evil.example")[0] == 403
    assert call(checked_access("127.0.0.1", cors_origins=["*"]), origin="https://any.example")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [{"authorization": "Bearer secret"}, {"authorization": "bearer  secret"}, {"x_api_key": "secret"}],
)
def test_a_key_is_given_in_either_of_two_ways(headers):
    assert call(checked_access("127.0.0.1", key="secret"), **headers) == (200, "let through")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer "},
        {"authorization": "Basic secret"},
        {"authorization": "secret"},
        {"x_api_key": "Secret"},
        {"x_api_key": "sécret"},
        {"authorization": "Bearer wrong", "x_api_key": "secret"},
    ],
)
def test_a_wrong_key_or_none_is_refused(headers):
    status, words = call(checked_access("127.0.0.1", key="secret"), **headers)
    assert status == 401 and "a key is needed: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`" in words
    assert "secret" not in words


def test_paths_that_are_open_need_no_key():
    access = checked_access("127.0.0.1", key="secret", open_paths=frozenset({"/health"}))
    assert call(access, "/health")[0] == 200
    assert call(access, "/health/")[0] == call(access, "/ask")[0] == 401


@pytest.mark.parametrize(
    ("headers", "chunks", "status"),
    [
        ({"content_length": "10"}, [b"0123456789"], 200),
        ({"content_length": "11"}, [b"0123456789a"], 413),
        ({"content_length": "9" * 5000}, [b""], 413),
        ({"content_length": "-1"}, [b""], 400),
        ({"content_length": "ten"}, [b""], 400),
    ],
)
def test_the_size_that_is_said_is_bounded(headers, chunks, status):
    assert call(Access(most_body=10), chunks=chunks, **headers)[0] == status


def test_the_size_that_comes_is_bounded_whatever_is_said():
    from starlette.exceptions import HTTPException

    with pytest.raises(HTTPException, match="the request is too large; 10 bytes are the most here"):
        call(Access(most_body=10), chunks=[b"012345", b"6789ab"])
    assert call(Access(most_body=10, most_body_of={"/documents": 20}), "/documents", [b"012345", b"6789ab"])[0] == 200


def test_websockets_are_closed():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(app, Access())({"type": "websocket"}, None, send))
    assert sent[0]["type"] == "websocket.close"


def test_an_open_address_needs_a_key_or_a_word(monkeypatch):
    monkeypatch.delenv("QA_PIPELINE_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"--host: whoever reaches 0\.0\.0\.0 could .* set QA_PIPELINE_API_KEY"):
        checked_access("0.0.0.0")
    assert checked_access("0.0.0.0", allow_no_key=True).key is None
    monkeypatch.setenv("QA_PIPELINE_API_KEY", "secret")
    assert checked_access("0.0.0.0").key == "secret"


@pytest.mark.parametrize("key", ["", "  ", " secret", "sécret", "a\nb"])
def test_a_key_that_no_header_can_hold_is_refused(key):
    with pytest.raises(ConfigError, match="QA_PIPELINE_API_KEY must be printable ASCII"):
        checked_access("127.0.0.1", key=key)


def test_all_faults_come_at_once():
    with pytest.raises(ConfigError, match=r"(?s)--host: .*--cors_origins: .*found 'intranet'.*found 'http://a/b'"):
        checked_access("0.0.0.0", cors_origins=["intranet", "http://a/b"])


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("box", False)],
)
def test_which_addresses_are_this_machines_alone(host, local):
    assert is_local(host) is local
