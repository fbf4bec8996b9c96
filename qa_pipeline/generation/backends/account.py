"""Books what requests use against the limits, in the cache file. Never sends anything.

The most that a request can cost is reserved before it is sent and settled to what it did cost afterwards, so that a
limit holds whatever comes back, retries included. A request whose outcome is unknown (a timeout, a broken connection,
a killed process) stays booked at its most.
"""

from __future__ import annotations

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.cache import Cache
from qa_pipeline.generation.backends.limits import BudgetError, Limits, Prices, Spent, most_prompt_tokens
from qa_pipeline.generation.types import Completion, Request, UsageSoFar


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

    def most(self, request: Request) -> Spent:
        """The most that one attempt can use."""
        return Spent(1, most_prompt_tokens(request) + self._surplus, request.max_tokens)

    def reserve(self, most: Spent) -> bool:
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

    def settle(self, most: Spent, used: Spent | None) -> None:
        """Replaces the booking of a request without a completion by what it used; None: nobody knows, it stays."""
        self.under_way -= 1
        if used is not None:
            self.cache.settle(most, used)

    def store(self, model: str, request: Request, completion: Completion, most: Spent) -> None:
        """Keeps a completion and replaces the request's booking by what it used."""
        self.under_way -= 1
        used = Spent(1, completion.prompt_tokens, completion.completion_tokens)
        self._surplus += max(0, used.prompt_tokens - most.prompt_tokens)  # a server that adds to the prompt
        self.cache.put(model, request, completion, used - most, settled=most)

    def find(self, model: str, request: Request) -> Completion | None:
        """The completion of an earlier request, if it is kept."""
        found = self.cache.get(model, request)
        self.cached += found is not None
        return found

    @property
    def usage(self) -> UsageSoFar:
        """What was spent over the life of the cache file; what is under way counts as reserved."""
        booked, unsettled = self.cache.totals()
        used = booked - unsettled
        known = self.prices.known
        return UsageSoFar(
            requests=booked.requests,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cost=self._cost(used) if known else None,
            reserved_tokens=_tokens(unsettled),
            reserved_cost=self._cost(unsettled) if known else None,
            cached=self.cached,
            account=self.cache.account,
        )

    def _fault(self, booked: Spent, unsettled: Spent, most: Spent) -> str | None:
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

    def _cost(self, amount: Spent) -> float:
        return self.prices.cost(amount.prompt_tokens, amount.completion_tokens)


def _tokens(amount: Spent) -> int:
    return amount.prompt_tokens + amount.completion_tokens


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.4g}"
