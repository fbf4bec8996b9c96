"""What is asked of a language model and what comes back: requests, completions, failures, and what they used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: str  # "system", "user", "assistant"
    content: str


@dataclass(frozen=True)
class Request:
    """One completion that is wanted."""

    key: str  # stable: passage id, step, sample index
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float
    seed: int | None
    schema: dict[str, Any] | None  # JSON Schema the completion should follow


@dataclass(frozen=True)
class Completion:
    """What a model wrote for one request."""

    key: str
    text: str
    finish_reason: str  # "stop", "length", ...
    prompt_tokens: int
    completion_tokens: int
    cached: bool


@dataclass(frozen=True)
class Failure:
    """A request that has no completion; `transient`: the same request may get one at another time."""

    key: str
    reason: str  # "timeout", "server_error", "empty_choices", ...
    detail: str
    transient: bool = False


@dataclass
class UsageTotals:
    """What a backend has spent: requests sent, tokens, money in the currency of the given prices, cache hits.

    What is reserved comes on top: the most that requests can have used whose outcome is not known. Costs are None
    where the prices are not known. `account` names the cache file that the sums are of; 0 where there is none.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    reserved_tokens: int = 0
    reserved_cost: float | None = None
    cached: int = 0
    account: int = 0


class Backend(Protocol):
    """Completes requests, in any order.

    Raises BackendError when going on is pointless (the server says 401 or 404), and its kind BudgetError when the
    user's budget is used up.
    """

    model: str

    @property
    def usage(self) -> UsageTotals:
        """What was spent so far."""
        ...

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        """One result for each request."""
        ...
