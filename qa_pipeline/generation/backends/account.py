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
        fault = self.cache.book(most, self._fault)
        if fault is None:
            self.under_way += 1
            return True
        if self.under_way:
            return False
        raise BudgetError(fault)

    def settle(self, most: Spent, used: Spent) -> None:
        """Replaces the booking of a request without a completion by what it used."""
        self.under_way -= 1
        if used != most:
            self.cache.book(used - most, None)

    def store(self, model: str, request: Request, completion: Completion, most: Spent) -> None:
        """Keeps a completion and replaces the request's booking by what it used."""
        self.under_way -= 1
        used = Spent(1, completion.prompt_tokens, completion.completion_tokens)
        self._surplus += max(0, used.prompt_tokens - most.prompt_tokens)  # a server that adds to the prompt
        self.cache.put(model, request, completion, used - most)

    def find(self, model: str, request: Request) -> Completion | None:
        """The completion of an earlier request, if it is kept."""
        found = self.cache.get(model, request)
        self.cached += found is not None
        return found

    @property
    def usage(self) -> UsageSoFar:
        """What was spent over the life of the cache file, bookings under way at their most."""
        spent = self.cache.spent()
        cost = self.prices.cost(spent.prompt_tokens, spent.completion_tokens)
        return UsageSoFar(
            spent.requests, spent.prompt_tokens, spent.completion_tokens, cost, self.cached, self.cache.account
        )

    def _fault(self, after: Spent) -> str | None:
        """What would be exceeded, as one message; None for nothing."""
        limits = self.limits
        cost = self.prices.cost(after.prompt_tokens, after.completion_tokens)
        tokens = after.prompt_tokens + after.completion_tokens
        rows: list[tuple[str, float, float | None]] = [
            ("max_requests", after.requests, limits.max_requests),
            ("max_tokens", tokens, limits.max_tokens),
            ("max_cost", cost, limits.max_cost),
        ]
        for name, value, limit in rows:
            if limit is not None and value > limit:
                return (
                    f"{name}={limit:g} is used up: the next request could bring the total to {value:g} (earlier runs "
                    f"on {self.cache.name} and retries included). What is done is kept; raise {name} and start the "
                    "same command to go on"
                )
        return None
