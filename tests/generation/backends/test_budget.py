from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import BudgetError, Cache, Limits, Prices, estimate
from qa_pipeline.generation.backends.budget import Account, Usage, most_prompt_tokens
from qa_pipeline.generation.backends.pace import Pace, backoff, retry_after
from qa_pipeline.generation.backends.protocol import Completion
from tests.generation.backends.made import request, requests


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 7),
    st.integers(20, 60),
    st.lists(st.tuples(st.integers(1, 20), st.floats(0, 1), st.floats(0.01, 25)), min_size=1, max_size=60),
)
def test_no_window_holds_more_than_allowed(requests_allowed, tokens_allowed, rows):
    """rows: the most a request can use, the share it does use, the seconds it takes."""
    pace = Pace(requests_allowed, tokens_allowed, window=10, margin=0)
    now, sent, under_way = 0.0, [], []
    for most, share, seconds in rows:
        while True:
            for end, slot, used in [u for u in under_way if u[0] <= now]:
                pace.leave(end, slot, used)
            under_way = [u for u in under_way if u[0] > now]
            delay = pace.delay(now, most)
            if delay == 0:
                break
            now = min([now + delay, *(u[0] for u in under_way)]) + 1e-6
        used = int(most * share)
        under_way.append((now + seconds, pace.enter(now, most), used))
        sent.append((now, now + seconds, used))
    for start, _, _ in sent:
        assert sum(start <= s < start + 10 for s, _, _ in sent) <= requests_allowed
        assert sum(n for s, _, n in sent if start <= s < start + 10) <= tokens_allowed
    for _, end, _ in sent:
        assert sum(n for _, e, n in sent if end <= e < end + 10) <= tokens_allowed


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 12),
    st.integers(1, 3000),
    st.floats(0.0001, 0.01),
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=40),
)
def test_budgets_hold_whatever_comes_back(most_requests, most_tokens, most_cost, outcomes):
    prices = Prices(1.0, 3.0)
    limits = Limits(max_requests=most_requests or None, max_tokens=most_tokens, max_cost=most_cost)
    account = Account(Cache(), limits, prices)
    requests_made = prompt = completion = 0
    for i, (answered, share) in enumerate(outcomes):
        one = request(f"p{i}/s/0")
        most = account.most(one)
        try:
            assert account.reserve(most)
        except BudgetError:
            break
        used = Usage(1, int(most.prompt_tokens * share), int(most.completion_tokens * share))
        requests_made += 1
        prompt += used.prompt_tokens
        completion += used.completion_tokens
        if answered:
            text = Completion(one.key, "x", "stop", used.prompt_tokens, used.completion_tokens, False)
            account.store("m", one, text, most)
        else:
            account.settle(most, used)
    assert requests_made <= (most_requests or 10**9)
    assert prompt + completion <= most_tokens
    assert prices.cost(prompt, completion) <= most_cost + 1e-12
    usage = account.usage
    assert (usage.requests, usage.prompt_tokens, usage.completion_tokens) == (requests_made, prompt, completion)


def test_a_full_budget_waits_for_what_is_under_way():
    account = Account(Cache(), Limits(max_tokens=200), Prices())
    most = Usage(1, 80, 60)
    assert account.reserve(most)
    assert not account.reserve(most)
    account.settle(most, Usage(1, 20, 5))
    assert account.reserve(most)
    account.settle(most, most)
    with pytest.raises(
        BudgetError, match="max_tokens=200: 165 are used, and the next request may need up to 140 .*raise max_tokens"
    ):
        account.reserve(most)


def test_a_limit_says_what_is_used_and_what_of_it_is_only_reserved():
    account = Account(Cache(), Limits(max_tokens=5000), Prices())
    for used in (Usage(1, 1000, 620), None):
        assert account.reserve(Usage(1, 900, 100))
        account.settle(Usage(1, 900, 100), used)
    with pytest.raises(BudgetError) as caught:
        account.reserve(Usage(1, 2000, 476))
    said = "max_tokens=5000: 2,620 are used, and the next request may need up to 2,476"
    assert str(caught.value).startswith(said)
    assert "1,000 tokens of it are reserved for requests whose outcome is not known" in str(caught.value)


def test_settings_that_cannot_be_meant_are_named_together():
    with pytest.raises(BackendError) as caught:
        Account(Cache(), Limits(concurrency=0, max_cost=1, timeout=0), Prices())
    for word in ("concurrency", "timeout", "price_per_million_prompt_tokens"):
        assert word in str(caught.value)


@given(st.text())
def test_the_bound_of_a_prompt_is_above_its_bytes(text):
    assert most_prompt_tokens(request(text=text)) >= len(text.encode("utf-8", "replace"))


def test_a_plan_sums_up():
    plan = estimate(requests(10), Prices(1.0, 2.0))
    assert plan.requests == 10 and plan.most_completion_tokens == 200
    assert plan.likely_cost < plan.most_cost == pytest.approx((plan.most_prompt_tokens + 400) / 1e6)


@given(st.integers(1, 100))
def test_backoff_grows_to_a_minute_and_is_never_the_same_for_all(attempt):
    waits = {backoff(attempt, random.Random(i)) for i in range(5)}
    assert len(waits) == 5
    assert all(min(60, 0.5 * 2 ** (attempt - 1)) / 2 <= wait <= min(60, 0.5 * 2 ** (attempt - 1)) for wait in waits)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 50),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0),
        ({"retry-after": "999999"}, 3600),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers, seconds):
    assert retry_after(headers, now=10) == seconds
