"""What a backend may use, and the books on what it has used: requests, tokens and money. Never sends anything.

The most that a request can cost is reserved before it is sent and settled to what it did cost afterwards, so that a
limit holds whatever comes back, retries included. A request whose outcome is unknown (a timeout, a broken connection,
a killed process) stays booked at its most.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.pace import MARGIN
from qa_pipeline.generation.backends.protocol import Completion, Request, UsageTotals

if TYPE_CHECKING:
    from qa_pipeline.generation.backends.cache import Cache

TOKENS_PER_MESSAGE = 16  # role, turn marks; no chat template in use takes more
TOKENS_PER_PROMPT = 64  # a template's own default system prompt
LIKELY_BYTES_PER_TOKEN = 4.0


class BudgetError(BackendError):
    """max_requests, max_tokens or max_cost leaves no room for the next request."""


@dataclass(frozen=True)
class Limits:
    """Limits of one backend; None is no limit.

    Args:
        concurrency: requests under way at a time.
        requests_per_minute, tokens_per_minute: in any 60 seconds; tokens are prompt and completion together.
        max_requests, max_tokens, max_cost: over the life of a cache file, so that a run that is started again goes on
            with what is left. Retries count.
        timeout: seconds for one attempt, from sending to the last byte.
        max_retries: further attempts after the first, for faults that can pass.
        backoff_seconds: first wait after such a fault.
        give_up_after: that many requests in a row that failed for good end the run.
        pace_window, pace_margin: seconds that "per minute" means, and the allowance for requests that arrive late.
    """

    concurrency: int = 8
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    timeout: float = 120.0
    max_retries: int = 6
    backoff_seconds: float = 0.5
    give_up_after: int = 10
    pace_window: float = 60.0
    pace_margin: float = MARGIN

    def problems(self, prices: Prices | None = None) -> list[str]:
        """One line for each setting that cannot be meant."""
        found = []
        if self.concurrency < 1:
            found.append(f"concurrency: expected 1 or more, found {self.concurrency}")
        if self.max_retries < 0:
            found.append(f"max_retries: expected 0 or more, found {self.max_retries}")
        positive = ("requests_per_minute", "tokens_per_minute", "max_requests", "max_tokens", "max_cost", "timeout")
        for name in positive:
            value = getattr(self, name)
            if value is not None and not value > 0:
                found.append(f"{name}: expected more than 0, found {value}")
        if self.max_cost is not None and (prices is None or not prices.known):
            found.append(
                "max_cost needs prices: give price_per_million_prompt_tokens and price_per_million_completion_tokens"
            )
        return found


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost, in the user's currency; None: not known, counted as nothing."""

    per_million_prompt_tokens: float | None = None
    per_million_completion_tokens: float | None = None

    @property
    def known(self) -> bool:
        """Whether a cost can be computed."""
        return self.per_million_prompt_tokens is not None and self.per_million_completion_tokens is not None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The price of these tokens."""
        return (
            prompt_tokens * (self.per_million_prompt_tokens or 0.0)
            + completion_tokens * (self.per_million_completion_tokens or 0.0)
        ) / 1e6


@dataclass(frozen=True)
class Usage:
    """Requests and tokens, booked or used."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )

    def __sub__(self, other: Usage) -> Usage:
        return self + Usage(-other.requests, -other.prompt_tokens, -other.completion_tokens)


def most_prompt_tokens(request: Request) -> int:
    """An upper bound of the prompt's tokens for any tokenizer: a token stands for at least one byte of UTF-8."""
    size = sum(len(m.content.encode("utf-8", "surrogatepass")) + TOKENS_PER_MESSAGE for m in request.messages)
    schema = len(json.dumps(request.schema)) if request.schema else 0
    return size + schema + TOKENS_PER_PROMPT


@dataclass(frozen=True)
class Estimate:
    """What a list of requests would use. "Likely" takes English text; "most" cannot be exceeded without retries."""

    requests: int
    likely_prompt_tokens: int
    most_prompt_tokens: int
    most_completion_tokens: int
    likely_cost: float
    most_cost: float


def estimate(requests: Iterable[Request], prices: Prices) -> Estimate:
    """Says what requests would use, without sending them."""
    number = likely = most = completion = 0
    for request in requests:
        number += 1
        bound = most_prompt_tokens(request)
        likely += math.ceil(bound / LIKELY_BYTES_PER_TOKEN)
        most += bound
        completion += request.max_tokens
    return Estimate(
        number, likely, most, completion, prices.cost(likely, completion // 2), prices.cost(most, completion)
    )


class Account:
    """Books requests against the limits, in the cache file, so that they outlive the process."""

    def __init__(self, cache: Cache, limits: Limits, prices: Prices):
        problems = limits.problems(prices)
        if problems:
            raise BackendError("backend limits: " + "; ".join(problems))
        self.cache = cache
        self.limits = limits
        self.prices = prices
        self.under_way = 0
        self.cached = 0
        self._surplus = 0

    def most(self, request: Request) -> Usage:
        """The most that one attempt can use."""
        return Usage(1, most_prompt_tokens(request) + self._surplus, request.max_tokens)

    def reserve(self, most: Usage) -> bool:
        """Books `most`; False when it does not fit while other requests are under way, which may leave room.

        Raises:
            BudgetError: it does not fit and nothing is under way that could leave room.
        """
        fault = self.cache.reserve(most, lambda booked, unsettled: self._fault(booked, unsettled, most))
        if fault is None:
            self.under_way += 1
            return True
        if self.under_way:
            return False
        raise BudgetError(fault)

    def settle(self, most: Usage, used: Usage | None) -> None:
        """Replaces the booking of a request without a completion by what it used; None: nobody knows, it stays."""
        self.under_way -= 1
        if used is not None:
            self.cache.settle(most, used)

    def store(self, model: str, request: Request, completion: Completion, most: Usage) -> None:
        """Keeps a completion and replaces the request's booking by what it used."""
        self.under_way -= 1
        used = Usage(1, completion.prompt_tokens, completion.completion_tokens)
        self._surplus += max(0, used.prompt_tokens - most.prompt_tokens)  # a server that adds to the prompt
        self.cache.put(model, request, completion, used - most, settled=most)

    def find(self, model: str, request: Request) -> Completion | None:
        """The completion of an earlier request, if it is kept."""
        found = self.cache.get(model, request)
        self.cached += found is not None
        return found

    @property
    def usage(self) -> UsageTotals:
        """What was spent over the life of the cache file; what is under way counts as reserved."""
        booked, unsettled = self.cache.totals()
        used = booked - unsettled
        known = self.prices.known
        return UsageTotals(
            requests=booked.requests,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cost=self._cost(used) if known else None,
            reserved_tokens=_tokens(unsettled),
            reserved_cost=self._cost(unsettled) if known else None,
            cached=self.cached,
            account=self.cache.account,
        )

    def _fault(self, booked: Usage, unsettled: Usage, most: Usage) -> str | None:
        """The limit that `most` would exceed, and how much of it is used, as one message; None for none."""
        limits = self.limits
        rows: list[tuple[str, float, float, float | None]] = [
            ("max_requests", booked.requests, 1, limits.max_requests),
            ("max_tokens", _tokens(booked), _tokens(most), limits.max_tokens),
            ("max_cost", self._cost(booked), self._cost(most), limits.max_cost),
        ]
        for name, before, more, limit in rows:
            if limit is None or before + more <= limit:
                continue
            given = f"{name}={limit}" if isinstance(limit, int) else f"{name}={limit:g}"
            text = f"{given} is used up"
            if before < limit:
                text = f"{given}: {_shown(before)} are used, and the next request may need up to {_shown(more)}"
            text += f" (earlier runs on {self.cache.name} and retries included"
            if _tokens(unsettled) and name != "max_requests":
                text += f"; {_tokens(unsettled):,} tokens of it are reserved for requests whose outcome is not known"
            return f"{text}). What is done is kept; raise {name} and start the same command to go on"
        return None

    def _cost(self, amount: Usage) -> float:
        return self.prices.cost(amount.prompt_tokens, amount.completion_tokens)


def _tokens(amount: Usage) -> int:
    return amount.prompt_tokens + amount.completion_tokens


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.4g}"
