"""What backends without a server share: the cache first, then batches of what is left. Never loads a model."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa_pipeline.generation.backends.budget import Account, Limits, Prices, Usage
from qa_pipeline.generation.backends.cache import Cache
from qa_pipeline.generation.backends.protocol import Completion, Failure, Request, UsageTotals
from qa_pipeline.text.folding import whole_characters


class InProcessBackend:
    """Completes requests in batches, in this process; `_write` and `_prompt_tokens` are the model's.

    A completion's text has no special tokens; its tokens are counted with the one that ends it.

    Args:
        model: as the user named it.
        loaded: how it is loaded and drawn from; with the name, the cache's key.
        batch_size: requests that are handed over at a time.
        limits: of number; those of speed and time mean nothing here.
        cache: a Cache or its file; None keeps completions in memory.
    """

    def __init__(
        self,
        model: str,
        loaded: Mapping[str, Any],
        batch_size: int,
        limits: Limits | None,
        cache: Cache | str | Path | None,
    ):
        self.model = model
        self._kept_as = f"{model} {json.dumps(loaded, sort_keys=True)}"
        self.batch_size = max(1, batch_size)
        self._cache = cache if isinstance(cache, Cache) else Cache(cache)
        self._account = Account(self._cache, limits or Limits(), Prices(0.0, 0.0))

    @property
    def usage(self) -> UsageTotals:
        """Requests and tokens over the life of the cache file, and hits in the cache of this process; no cost."""
        return replace(self._account.usage, cost=None, reserved_cost=None)

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        """Completes requests, in any order.

        Raises:
            BackendError: the model cannot be loaded or fails.
            BudgetError: there is no room for a further request; those before it are yielded first.
        """
        missing: list[Request] = []
        for request in requests:
            found = self._account.find(self._kept_as, request)
            if found is not None:
                yield found
                continue
            missing.append(request)
            if len(missing) == self.batch_size:
                yield from self._complete(missing)
                missing = []
        if missing:
            yield from self._complete(missing)

    def close(self) -> None:
        """Closes the cache."""
        self._cache.close()

    def _complete(self, requests: Sequence[Request]) -> Iterator[Completion | Failure]:
        """Books, writes and keeps one batch, or several where the budget does not hold all at their most."""
        waiting = deque(zip(requests, self._prompt_tokens(requests), strict=True))
        while waiting:
            booked: list[tuple[Request, Usage]] = []
            while waiting:
                request, prompt_tokens = waiting[0]
                if isinstance(prompt_tokens, Failure):
                    yield prompt_tokens
                else:
                    most = Usage(1, prompt_tokens, request.max_tokens)
                    if not self._account.reserve(most):  # raises where nothing is booked that may leave room
                        break
                    booked.append((request, most))
                waiting.popleft()
            yield from self._write_and_keep(booked)

    def _write_and_keep(self, booked: Sequence[tuple[Request, Usage]]) -> list[Completion | Failure]:
        """Writes a batch; all of it is kept before any of it is handed on."""
        try:
            written = self._write([request for request, _ in booked]) if booked else []
        except BaseException:
            for _, most in booked:
                self._account.settle(most, Usage())
            raise
        results: list[Completion | Failure] = []
        for (request, most), one in zip(booked, written, strict=True):
            if isinstance(one, Failure):
                self._account.settle(most, Usage())
                results.append(one)
                continue
            completion = replace(one, text=whole_characters(one.text))
            self._account.store(self._kept_as, request, completion, most)
            results.append(completion)
        return results

    def _prompt_tokens(self, requests: Sequence[Request]) -> list[int | Failure]:
        """The tokens of each prompt, or why it cannot be completed."""
        raise NotImplementedError

    def _write(self, requests: Sequence[Request]) -> Sequence[Completion | Failure]:
        """Writes a batch, in order."""
        raise NotImplementedError
