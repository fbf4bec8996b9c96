"""What a backend may use: how many requests and tokens, how fast, and what they may cost. Books nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.types import Request

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
    """

    concurrency: int = 8
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    timeout: float = 120.0
    max_retries: int = 6

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
class Spent:
    """Requests and tokens, booked or used."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )

    def __sub__(self, other: Spent) -> Spent:
        return self + Spent(-other.requests, -other.prompt_tokens, -other.completion_tokens)


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
