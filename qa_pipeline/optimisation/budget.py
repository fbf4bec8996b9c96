"""One number of tokens, and what of it is used. Never asks a model.

What a search does next must not hang on whether a process was killed before. So the books hold what finished work is
known to have taken, each piece once, and not what a server happened to be sent twice. The cap on what is really sent
is that of the backend (`max_tokens`, over the life of its cache file); `KEPT_BACK` is the room between the two.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager

from qa_pipeline.generation.backends.protocol import Backend, Completion, Failure, Request, UsageTotals

KEPT_BACK = 0.1
"""Share of max_tokens that no search plans with: for requests that failed or whose process was killed, which count."""


class TokenBudget:
    """Prompt and completion tokens that may be used, and what used them.

    Args:
        total: tokens.

    Example:
        >>> budget = TokenBudget(1000)
        >>> budget.charge("first", 300), budget.charge("first", 300)  # known already: counted once
        (None, None)
        >>> budget.spent, budget.fits(700), budget.fits(701)
        (300, True, False)
    """

    def __init__(self, total: int):
        self.total = total
        self._charges: dict[Hashable, int] = {}

    @property
    def spent(self) -> int:
        """Tokens of all that was charged."""
        return sum(self._charges.values())

    @property
    def left(self) -> int:
        """Tokens that may still be used; never below 0."""
        return max(0, self.total - self.spent)

    def fits(self, tokens: int) -> bool:
        """Whether so many more may be used."""
        return tokens <= self.left

    def why_not(self, work: str, tokens: int) -> str:
        """In words that a piece of work does not fit, which likely needs so many tokens."""
        return (
            f"the budget: {self.spent:,} of {self.total:,} tokens are used, and the next evaluation ({work}) needs "
            f"about {tokens:,}"
        )

    def charge(self, name: Hashable, tokens: int) -> None:
        """Notes what a piece of work used. What is charged again under its name counts with the larger number."""
        self._charges[name] = max(tokens, self._charges.get(name, 0))


class TokenMeter:
    """Another backend, with a count of the tokens of the completions that came through here, kept ones included.

    Args:
        backend: what completes the requests.
    """

    def __init__(self, backend: Backend):
        self._backend = backend
        self.model = backend.model
        self.tokens = 0

    @property
    def usage(self) -> UsageTotals:
        """That of the other backend."""
        return self._backend.usage

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        """One result for each request, as the other backend gives it."""
        for result in self._backend.complete(requests):
            if isinstance(result, Completion):
                self.tokens += result.prompt_tokens + result.completion_tokens
            yield result

    @contextmanager
    def counting(self) -> Iterator[list[int]]:
        """A list that holds, when the block has ended, the tokens that came through in it."""
        found: list[int] = []
        before = self.tokens
        try:
            yield found
        finally:
            found.append(self.tokens - before)
