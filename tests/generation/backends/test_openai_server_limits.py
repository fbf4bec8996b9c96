"""What a server is asked at most: rates and budgets, read from its own log."""

from __future__ import annotations

import json
import time

import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import BudgetError, Cache, Prices
from qa_pipeline.generation.backends.protocol import Completion
from tests.generation.backends.made import backend, request, requests
from tests.generation.server import Raw, Reply, Reset, ScriptedServer, Status, first_then

PACE = {"pace_window": 0.5, "pace_margin": 1.5}
"""A busy machine logs a request up to the margin late without a window being wrong."""


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
        asking = backend(server.url, requests_per_minute=5, **PACE, concurrency=8)
        assert len(list(asking.complete(requests(12)))) == 12
        times = [e.arrived for e in server.log]
        assert max(sum(t <= u < t + PACE["pace_window"] for u in times) for t in times) <= 5


def test_tokens_per_minute_hold_in_every_window_of_the_servers_log():
    with ScriptedServer(lambda n, body: Reply("word " * 20, seconds=0.05)) as server:
        asking = backend(server.url, tokens_per_minute=300, **PACE, concurrency=8)
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
        asking = backend(server.url, requests_per_minute=8, **PACE, concurrency=8)
        assert [type(r) for r in asking.complete(requests(14))] == [Completion] * 14
        times = [e.arrived for e in server.log]
        assert len(times) > 14 and max(sum(t <= u < t + PACE["pace_window"] for u in times) for t in times) <= 8
        asked_to_wait = [e for e in server.log if isinstance(e.action, Status) and e.action.headers]
        for entry in asked_to_wait:  # those under way at that moment cannot be held back; later ones are
            after = [t for t in times if t > entry.arrived + 0.1]
            assert not after or min(after) - entry.arrived >= 0.3
    with ScriptedServer(troubled) as server:
        asking = backend(server.url, tokens_per_minute=400, **PACE, concurrency=8)
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
