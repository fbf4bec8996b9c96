from __future__ import annotations

import json
import logging
import time

import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import BudgetError, Cache, OpenAIBackend, Prices
from qa_pipeline.generation.types import Completion, Failure
from tests.generation.backends.made import SCHEMA, backend, request, requests
from tests.generation.server import Raw, Reply, Reset, ScriptedServer, Status, Whitespace


def first_then(fault, *, text="fine"):
    """The first request meets a fault, all others are answered."""
    return lambda number, body: fault if number == 0 else Reply(text)


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


def test_requests_are_read_only_as_far_as_there_is_room():
    taken = []

    def endless():
        for i in range(10**9):
            taken.append(i)
            yield request(f"p{i}/s/0", f"Say {i}.")

    with ScriptedServer() as server:
        running = backend(server.url, concurrency=3).complete(endless())
        next(running)
        running.close()
    assert len(taken) <= 6


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


@pytest.mark.parametrize("limit", [1, 5, 9])
def test_max_requests_is_never_exceeded_retries_included(limit, tmp_path):
    with ScriptedServer(lambda n, body: Status(500) if n % 3 == 0 else Reply("fine")) as server:
        asking = backend(server.url, tmp_path / "c.sqlite", max_requests=limit)
        with pytest.raises(BudgetError, match=f"max_requests={limit} is used up"):
            list(asking.complete(requests(30)))
        assert len(server.log) == limit
        with pytest.raises(BudgetError):  # started again
            list(backend(server.url, tmp_path / "c.sqlite", max_requests=limit).complete(requests(30)))
        assert len(server.log) == limit


def test_max_tokens_and_max_cost_are_never_exceeded():
    def script(number, body):
        if number % 4 == 1:
            return Reply("lost " * 20, seconds=1.0)  # the client has left; the tokens are paid for
        return Status(500) if number % 4 == 2 else Reply("word " * 20)

    for limits in ({"max_tokens": 2_000}, {"max_cost": 0.002}):
        with ScriptedServer(script) as server:
            asking = backend(server.url, prices=Prices(1.0, 2.0), timeout=0.5, **limits)
            with pytest.raises(BudgetError, match=f"{next(iter(limits))}=.* used"):
                list(asking.complete(requests(200)))
            time.sleep(1.0)
            cost = sum(e.prompt_tokens + 2 * e.completion_tokens for e in server.log) / 1e6
            assert 0 < server.tokens <= 2_000 if "max_tokens" in limits else 0 < cost <= 0.002
            assert len(server.log) > 5


def test_requests_per_minute_hold_in_every_window_of_the_servers_log():
    with ScriptedServer(lambda n, body: Status(500) if n % 5 == 4 else Reply("fine")) as server:
        asking = backend(server.url, requests_per_minute=5, pace_window=1.0, pace_margin=0.8, concurrency=8)
        assert len(list(asking.complete(requests(12)))) == 12
        times = [e.arrived for e in server.log]
        assert max(sum(t <= u < t + 1.0 for u in times) for t in times) <= 5


def test_tokens_per_minute_hold_in_every_window_of_the_servers_log():
    with ScriptedServer(lambda n, body: Reply("word " * 20, seconds=0.05)) as server:
        asking = backend(server.url, tokens_per_minute=300, pace_window=1.0, pace_margin=0.8, concurrency=8)
        assert len(list(asking.complete(requests(24)))) == 24
        spent = [(e.arrived, e.prompt_tokens + e.completion_tokens) for e in server.log]
        assert max(sum(n for u, n in spent if t <= u < t + 1.0) for t, _ in spent) <= 300


def troubled(number, body):
    """Every kind of trouble between the answers: too many requests, with a time to wait and without, and errors."""
    if number % 7 == 2:
        return Status(429, {"Retry-After": "0.3"})
    if number % 7 == 4:
        return Status(429)
    return Status(503) if number % 7 == 6 else Reply("word " * 15)


def test_rates_hold_in_the_servers_log_with_retries_and_429s():
    with ScriptedServer(troubled) as server:
        asking = backend(server.url, requests_per_minute=8, pace_window=1.0, pace_margin=0.8, concurrency=8)
        assert [type(r) for r in asking.complete(requests(14))] == [Completion] * 14
        times = [e.arrived for e in server.log]
        assert len(times) > 14 and max(sum(t <= u < t + 1.0 for u in times) for t in times) <= 8
        asked_to_wait = [e for e in server.log if isinstance(e.action, Status) and e.action.headers]
        for entry in asked_to_wait:  # those under way at that moment cannot be held back; later ones are
            after = [t for t in times if t > entry.arrived + 0.1]
            assert not after or min(after) - entry.arrived >= 0.3
    with ScriptedServer(troubled) as server:
        asking = backend(server.url, tokens_per_minute=400, pace_window=1.0, pace_margin=0.8, concurrency=8)
        assert [type(r) for r in asking.complete(requests(14))] == [Completion] * 14
        spent = [(e.arrived, e.prompt_tokens + e.completion_tokens) for e in server.log]
        assert max(sum(n for u, n in spent if t <= u < t + 1.0) for t, _ in spent) <= 400


@pytest.mark.parametrize("limits", [{"max_requests": 13}, {"max_tokens": 900}, {"max_cost": 0.0012}], ids=str)
def test_budgets_hold_in_the_servers_log_with_retries_and_429s(limits, tmp_path):
    with ScriptedServer(troubled) as server:
        for _ in range(2):  # started again it goes on with what is left, which is nothing
            asking = backend(server.url, tmp_path / "c.sqlite", prices=Prices(1.0, 2.0), **limits)
            with pytest.raises(BudgetError, match=f"{next(iter(limits))}=.* used"):
                list(asking.complete(requests(100)))
            asking.close()
        cost = sum(e.prompt_tokens + 2 * e.completion_tokens for e in server.log) / 1e6
        held = {"max_requests": len(server.log), "max_tokens": server.tokens, "max_cost": cost}
        assert any(isinstance(e.action, Status) for e in server.log)
        assert all(0 < held[name] <= limit for name, limit in limits.items())


def test_further_fields_reach_the_server_and_part_the_cache(tmp_path):
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    with ScriptedServer() as server:
        for extra in (None, off, off):
            list(backend(server.url, tmp_path / "c.sqlite", extra_body=extra).complete([request()]))
        assert ["chat_template_kwargs" in e.body for e in server.log] == [False, True]


def test_a_request_larger_than_a_minutes_tokens_is_an_error():
    with ScriptedServer() as server:
        with pytest.raises(BackendError, match="tokens_per_minute=50 is less than one request may need"):
            list(backend(server.url, tokens_per_minute=50).complete(requests(3)))
        assert not server.log


def test_a_server_that_counts_no_tokens_is_booked_at_the_most():
    with ScriptedServer(lambda n, body: Reply("one two", usage=False)) as server:
        asking = backend(server.url)
        [result] = asking.complete([request()])
        assert result.prompt_tokens >= len("Say something.") and 2 <= result.completion_tokens <= 20
        assert json.loads(json.dumps(server.log[0].body))["model"] == "m"


@pytest.mark.parametrize(
    ("fault", "known"),
    [(Status(429), True), (Status(500), True), (Status(503), True), (Raw(b'{"error": {"message": "busy"}}'), True),
     (Status(504), False), (Reset(), False), (Raw(b'{"choices": ['), False)],
    ids=str,
)  # fmt: skip
def test_only_what_nobody_knows_stays_booked_at_its_most(fault, known, tmp_path):
    with ScriptedServer(first_then(fault)) as server:
        asking = backend(server.url, tmp_path / "c.sqlite", prices=Prices(1.0, 1.0))
        list(asking.complete([request()]))
        usage = asking.usage
        assert usage.requests == len(server.log) == 2
        assert usage.prompt_tokens + usage.completion_tokens == server.tokens
        assert (usage.reserved_tokens == 0) == known and (usage.reserved_cost == 0) == known
        asking.close()
        booked = Cache(tmp_path / "c.sqlite").spent()
        assert booked.prompt_tokens + booked.completion_tokens == server.tokens + usage.reserved_tokens


def test_a_cost_is_known_where_both_prices_are():
    with ScriptedServer() as server:
        for prices, known in ((None, False), (Prices(1.0, None), False), (Prices(1.0, 2.0), True)):
            asking = backend(server.url, prices=prices)
            list(asking.complete([request()]))
            assert (asking.usage.cost is not None) == (asking.usage.reserved_cost is not None) == known


def test_what_passes_and_what_does_not_is_said_with_the_servers_address():
    for fault, passing in ((Status(500), True), (Reset(), True), (Raw(b"<html>"), True), (Status(422), False)):
        with ScriptedServer(lambda n, body, fault=fault: fault) as server:
            [result] = backend(server.url, max_retries=0).complete([request()])
            assert isinstance(result, Failure) and result.passing is passing
            assert result.detail.startswith(f"{server.url}: ")


@pytest.mark.parametrize(("key", "hidden"), [("k", False), ("1234567", False), ("12345678", True)])
def test_a_key_too_short_to_be_one_leaves_messages_readable(key, hidden, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    script = lambda n, body: Status(401, message=f"a fake {key}")  # noqa: E731
    with ScriptedServer(script) as server, pytest.raises(BackendError) as caught:
        list(backend(server.url).complete([request()]))
    assert ("a fake [key]" in str(caught.value)) == hidden and "HTTP 401 a fake" in str(caught.value)
