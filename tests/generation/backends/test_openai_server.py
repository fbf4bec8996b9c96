from __future__ import annotations

import logging

import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import Cache, OpenAIBackend, chat_api, endpoint
from qa_pipeline.generation.backends.chat_api import OWN_FIELDS
from qa_pipeline.generation.backends.protocol import Completion, Failure
from tests.generation.backends.made import SCHEMA, backend, request, requests
from tests.generation.server import Raw, Reply, Reset, ScriptedServer, Status, Whitespace, first_then


def test_requests_are_answered_and_counted():
    with ScriptedServer(lambda n, body: Reply("to " + body["messages"][0]["content"])) as server:
        asking = backend(server.url)
        results = {r.key: r for r in asking.complete(requests(9))}
        assert len(results) == 9
        for i in range(9):
            assert results[f"p{i}/step/0"].text == f"to Say {i}."
        assert asking.usage.requests == len(server.log) == 9
        assert asking.usage.prompt_tokens + asking.usage.completion_tokens == server.tokens
        assert server.most_under_way <= 4
        assert server.log[0].body["max_tokens"] == 20


@pytest.mark.parametrize(
    "fault",
    [
        Status(500),
        Status(502),
        Status(503),
        Status(429),
        Reset(),
        Raw(b"<html>a proxy</html>"),
        Raw(b'{"choices": []}'),
        Raw(b'{"choices": null}'),
        Raw(b'{"choices": [{"index": 0}]}'),
        Raw(b'{"error": {"message": "upstream"}}'),
        Raw(b"[1]"),
        Raw(b""),
    ],
    ids=str,
)
def test_faults_that_pass_are_asked_again(fault):
    with ScriptedServer(first_then(fault)) as server:
        [result] = backend(server.url).complete([request()])
        assert isinstance(result, Completion) and result.text == "fine"
        assert len(server.log) == 2


@pytest.mark.parametrize("fault", [Reply("late", seconds=60), Whitespace(60)], ids=["silence", "endless whitespace"])
def test_an_attempt_that_takes_too_long_is_cut_off_and_asked_again(fault):
    with ScriptedServer(first_then(fault)) as server:
        [result] = backend(server.url, timeout=1.0).complete([request()])
        assert result.text == "fine"
        assert len(server.log) == 2


def test_a_fault_that_stays_is_a_counted_failure():
    with ScriptedServer(lambda n, body: Raw(b'{"choices": []}')) as server:
        [result] = backend(server.url, max_retries=2).complete([request()])
        assert isinstance(result, Failure) and result.reason == "empty_choices"
        assert len(server.log) == 3


def test_retry_after_holds_back_every_request():
    with ScriptedServer(first_then(Status(429, {"Retry-After": "1"}))) as server:
        results = list(backend(server.url, concurrency=1).complete(requests(3)))
        assert [type(r) for r in results] == [Completion] * 3
        assert server.log[1].arrived - server.log[0].arrived >= 1.0


@pytest.mark.parametrize(
    ("code", "match"),
    [(401, "OPENAI_API_KEY"), (403, "Check the key"), (404, "base_url ends in /v1.*model 'm'")],
)
def test_refusals_stop_at_once_with_what_to_do(code, match):
    with ScriptedServer(lambda n, body: Status(code)) as server:
        with pytest.raises(BackendError, match=match):
            list(backend(server.url, concurrency=1).complete(requests(50)))
        assert len(server.log) == 1


def test_an_account_without_credit_stops_at_once():
    with ScriptedServer(lambda n, body: Status(429, message="insufficient_quota")) as server:
        with pytest.raises(BackendError, match="no credit left"):
            list(backend(server.url, concurrency=1).complete(requests(5)))
        assert len(server.log) == 1


def test_a_server_that_is_gone_stops_the_run():
    asking = backend("http://127.0.0.1:9/v1", max_retries=1, give_up_after=3)
    with pytest.raises(BackendError, match="the last 3 requests failed.*unreachable"):
        list(asking.complete(requests(20)))
    assert asking.usage.prompt_tokens == 0


def test_what_came_before_a_server_died_is_yielded_and_kept(tmp_path):
    with ScriptedServer(lambda n, body: Reply("fine") if n < 6 else Status(500)) as server:
        asking = backend(server.url, tmp_path / "c.sqlite", max_retries=0, give_up_after=2, concurrency=2)
        got = []
        with pytest.raises(BackendError, match="goes? on|go on"):
            for result in asking.complete(requests(20)):
                got.append(result)
        assert sum(isinstance(r, Completion) for r in got) == 6
        assert len(Cache(tmp_path / "c.sqlite")) == 6


def test_passages_that_are_too_long_do_not_stop_a_run():
    script = lambda n, body: Status(400, message="This model's maximum context length is 10 tokens")  # noqa: E731
    with ScriptedServer(script) as server:
        results = list(backend(server.url, give_up_after=2).complete(requests(5)))
        assert {r.reason for r in results} == {"too_long"}
        assert len(server.log) == 5


def test_a_completed_request_is_never_sent_again(tmp_path):
    with ScriptedServer() as server:
        first = list(backend(server.url, tmp_path / "c.sqlite").complete(requests(5)))
        again = backend(server.url, tmp_path / "c.sqlite")
        second = list(again.complete(requests(5)))
        assert len(server.log) == 5
        assert all(r.cached for r in second) and not any(r.cached for r in first)
        assert {(r.key, r.text) for r in first} == {(r.key, r.text) for r in second}
        assert again.usage.cached == 5 and again.usage.requests == 5


def test_structured_output_is_asked_for_and_dropped_where_it_is_refused():
    def script(number, body):
        return Status(400, message="unsupported field") if "response_format" in body else Reply("{}")

    with ScriptedServer(script) as server:
        results = list(backend(server.url, concurrency=1).complete(requests(4, schema=SCHEMA)))
        assert [type(r) for r in results] == [Completion] * 4
        assert ["response_format" in e.body for e in server.log] == [True, False, False, False, False]
        assert server.log[0].body["response_format"]["json_schema"]["schema"] == SCHEMA


def test_a_refusal_for_another_reason_keeps_structured_output():
    def script(number, body):
        return Status(400, message="bad words") if "3" in body["messages"][0]["content"] else Reply("{}")

    with ScriptedServer(script) as server:
        results = {r.key: r for r in backend(server.url, concurrency=1).complete(requests(6, schema=SCHEMA))}
        assert results["p3/step/0"].reason == "refused" and "bad words" in results["p3/step/0"].detail
        assert "response_format" in server.log[-1].body


def test_the_server_teaches_the_names_of_fields():
    def script(number, body):
        if "max_tokens" in body:
            return Status(400, message="Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if "temperature" in body:
            return Status(400, message="'temperature' does not support 0.5 with this model")
        return Reply("fine")

    with ScriptedServer(script) as server:
        results = list(backend(server.url, concurrency=1).complete(requests(3)))
        assert [r.text for r in results] == ["fine"] * 3
        assert len(server.log) == 5
        assert server.log[-1].body["max_completion_tokens"] == 20


def test_the_key_comes_from_the_environment_and_stays_out_of_everything(tmp_path, monkeypatch, caplog):
    key = "abc-SECRET-123"
    monkeypatch.setenv("OUR_KEY", key)
    caplog.set_level(logging.DEBUG)

    def script(number, body):
        if number == 2:
            return Status(401, message=f"Incorrect API key provided: {key}")
        return Status(500, message=f"{key} failed") if number == 0 else Reply("fine")

    with ScriptedServer(script) as server:
        asking = backend(server.url, tmp_path / "c.sqlite", api_key_env="OUR_KEY", concurrency=1)
        with pytest.raises(BackendError) as caught:
            list(asking.complete(requests(5)))
        assert server.log[0].authorization == f"Bearer {key}"
    asking.close()
    assert key not in str(caught.value) and "Incorrect API key" in str(caught.value)
    assert key not in caplog.text and key not in repr(vars(caught.value))
    for file in tmp_path.iterdir():
        assert key.encode() not in file.read_bytes()


def test_a_missing_key_is_named(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BackendError, match="set the environment variable OPENAI_API_KEY"):
        OpenAIBackend("gpt")
    with pytest.raises(BackendError, match="NOT_SET"):
        OpenAIBackend("gpt", base_url="http://localhost:1/v1", api_key_env="NOT_SET")
    with pytest.raises(BackendError, match="expected something like") as caught:
        OpenAIBackend("gpt", base_url="ftp://me:pass@localhost")
    assert "pass@" not in str(caught.value)


def test_further_fields_reach_the_server_and_part_the_cache(tmp_path):
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    with ScriptedServer() as server:
        for extra in (None, off, off):
            list(backend(server.url, tmp_path / "c.sqlite", extra_body=extra).complete([request()]))
        assert ["chat_template_kwargs" in e.body for e in server.log] == [False, True]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"max_tokens": 5}, "leave max_tokens out: set max_completion_tokens"),
        ({"max_completion_tokens": 5, "n": 4}, "max_completion_tokens out.*; leave n out: one answer"),
        ({"response_format": {"type": "json_object"}}, "leave response_format out"),
        ({"stream": True}, "leave stream out"),
        ({"top_p": float("nan")}, "cannot be written as JSON"),
        ({"stop": "\ud800"}, "cannot be written as JSON"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_fields_that_are_set_here_or_that_cannot_be_sent_are_refused(extra, said):
    with pytest.raises(BackendError, match=f"extra_body: .*{said}"):
        backend("http://localhost:1/v1", extra_body=extra)


def test_every_field_that_is_set_here_is_among_those_that_are_refused():
    for length_name in ("max_tokens", "max_completion_tokens"):
        assert (
            chat_api.ServerDialect("m", length_name=length_name).body(request(schema=SCHEMA)).keys()
            <= OWN_FIELDS.keys()
        )


@pytest.mark.parametrize("word", ["temperature", "seed"])
def test_a_server_that_always_refuses_is_asked_a_few_times_only(word):
    script = lambda n, body: Status(400, message=f"no {word}; max_tokens: use max_completion_tokens")  # noqa: E731
    with ScriptedServer(script) as server:
        asking = backend(server.url)
        asking._dialect.extra = {"max_tokens": 5}  # a field that comes back whatever is learned
        [result] = asking.complete([request(schema=SCHEMA)])
        assert isinstance(result, Failure) and result.reason == "refused"
        assert len(server.log) <= 6


@pytest.mark.parametrize(
    "url",
    ["http://[::1/v1", "http://localhost:abc/v1", "http://localhost:99999/v1", "http://localhost:0/v1",
     "http://10.0.0.1:-5/v1", "http://a[b]/v1", "http:///v1", "http://a b/v1", "http://x\x00y/v1", "http://x/\ud800",
     "localhost:8000/v1"],
    ids=ascii,
)  # fmt: skip
def test_an_address_that_cannot_be_meant_is_named(url):
    with pytest.raises(BackendError, match="base_url: expected something like") as caught:
        backend(url)
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize("url", ["http://[::1]:80/v1", "https://h\u00e4user.de/v1/", " http://localhost:8000/v1\n"])
def test_unusual_addresses_are_taken(url):
    assert endpoint.check_url(url) == url.strip().rstrip("/")


@pytest.mark.parametrize("url", ["http://me:pass@[::1/v1?k=pass", "http://me:pass/word@localhost:80/v1?pass"])
def test_no_part_of_an_address_that_cannot_be_read_is_a_password(url):
    with pytest.raises(BackendError) as caught:
        backend(url)
    assert "pass" not in str(caught.value)


def test_no_client_is_an_error_that_costs_nothing(tmp_path, monkeypatch):
    def refuse(**given):
        raise FileNotFoundError(f"no certificates for {given['api_key']}")

    monkeypatch.setattr("openai.AsyncOpenAI", refuse)
    monkeypatch.setenv("OPENAI_API_KEY", "abc-SECRET-123")
    asking = backend("http://localhost:1/v1", tmp_path / "c.sqlite")
    with pytest.raises(BackendError, match=r"no client can be made.*FileNotFoundError: no certificates for \[key\]"):
        list(asking.complete(requests(5)))
    assert asking.usage.reserved_tokens == asking.usage.requests == 0


def test_what_the_client_raises_is_a_fault(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "abc-SECRET-123")

    class Client:
        chat = completions = with_raw_response = property(lambda self: self)

        async def create(self, **given):
            raise ExceptionGroup("unhandled errors", [OverflowError("abc-SECRET-123: port must be 0-65535.\ud800")])

        async def close(self):
            pass

    asking = backend("http://localhost:1/v1", max_retries=0)
    asking._client = Client()
    [result] = asking.complete([request()])
    assert isinstance(result, Failure) and result.reason == "unreachable" and result.transient
    assert result.detail == "http://localhost:1/v1: OverflowError: [key]: port must be 0-65535.\ufffd"


def test_half_characters_become_replacement_marks(tmp_path):
    with ScriptedServer(lambda n, body: Reply("a\ud83d b", "stop\udc00")) as server:
        asking = backend(server.url, tmp_path / "c.sqlite")
        [first] = asking.complete([request(text="Say \ud800.")])
        [again] = asking.complete([request(text="Say \ud800.")])
        assert server.log[0].body["messages"][0]["content"] == "Say \ufffd."
        assert len(server.log) == 1 and again.cached
        assert (first.text, first.finish_reason) == (again.text, again.finish_reason) == ("a\ufffd b", "stop\ufffd")


KEYS = ("sk-proj-Ab12Cd34", "AIzaSyD3fG5hJ7kL9zXcVbNm_2QwErTy", "hf_AbCdEfGhIjKlMnOpQrStUvWxYz", "0123456789abcdef" * 2)
NAMES = ("OUR_KEY", "MY_COMPANY_OPENAI_API_KEY_2026", "openai_key_of_the_whole_department")


@pytest.mark.parametrize("given", [*KEYS, *NAMES])
def test_a_key_in_the_place_of_its_variables_name_is_not_shown(given):
    with pytest.raises(BackendError) as caught:
        backend("http://localhost:1/v1", api_key_env=given)
    assert (given in str(caught.value)) == (given in NAMES)
    assert ("give the NAME of the environment variable" in str(caught.value)) == (given in KEYS)


def test_what_passes_and_what_does_not_is_said_with_the_servers_address():
    for fault, transient in ((Status(500), True), (Reset(), True), (Raw(b"<html>"), True), (Status(422), False)):
        with ScriptedServer(lambda n, body, fault=fault: fault) as server:
            [result] = backend(server.url, max_retries=0).complete([request()])
            assert isinstance(result, Failure) and result.transient is transient
            assert result.detail.startswith(f"{server.url}: ")


@pytest.mark.parametrize(("key", "hidden"), [("k", False), ("1234567", False), ("12345678", True)])
def test_a_key_too_short_to_be_one_leaves_messages_readable(key, hidden, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    script = lambda n, body: Status(401, message=f"a fake {key}")  # noqa: E731
    with ScriptedServer(script) as server, pytest.raises(BackendError) as caught:
        list(backend(server.url).complete([request()]))
    assert ("a fake [key]" in str(caught.value)) == hidden and "HTTP 401 a fake" in str(caught.value)
