"""Any server that speaks the chat completions of OpenAI: vLLM, llama.cpp, Ollama, TGI, `transformers serve`, OpenAI.

Requests go out from one event loop in a thread of its own; the caller pulls requests in and completions out. What a
request can cost is booked before it is sent, and what comes back is on disk before the caller sees it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import queue
import random
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import chat_api, endpoint
from qa_pipeline.generation.backends.budget import Account, Limits, Prices, Usage
from qa_pipeline.generation.backends.cache import Cache
from qa_pipeline.generation.backends.chat_api import ChatReply, Fault, ServerDialect
from qa_pipeline.generation.backends.endpoint import redact
from qa_pipeline.generation.backends.models import resolve_model
from qa_pipeline.generation.backends.pace import Pace, Slot, backoff
from qa_pipeline.generation.backends.protocol import Completion, Failure, Request, UsageTotals

logger = logging.getLogger(__name__)

OPENAI_URL = "https://api.openai.com/v1"
_POLL = 0.05  # seconds between looks at a limit that an answer may lift
_MOST_AMENDMENTS = 3  # of one request: its three fields that servers refuse


@dataclass
class _Session:
    """One call of `complete`: what came out, and what made it stop."""

    results: queue.SimpleQueue[Completion | Failure | BaseException | None] = field(default_factory=queue.SimpleQueue)
    stopped: bool = False


class _Stopped(Exception):
    """The session ends; this request was not sent."""


class OpenAIBackend:
    """Completes requests on a server.

    Args:
        model: what the server calls it; the short names of `models` stand for Hub ids.
        base_url: up to and with /v1; None: OPENAI_BASE_URL, else OpenAI's own.
        api_key_env: environment variable that holds the key; None: OPENAI_API_KEY, and no key where it is not set and
            base_url is given.
        limits: of number, speed, time, cost and patience.
        prices: for cost and max_cost.
        cache: a Cache or its file; None keeps completions in memory.
        structured: ask for JSON that follows a request's schema; dropped by itself on a server that refuses it.
        extra_body: further fields of every request, for example {"chat_template_kwargs": {"enable_thinking": False}};
            none of those that are set here (`chat_api.OWN_FIELDS`).

    Raises:
        BackendError: the openai package or the key is missing, or a setting cannot be meant.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key_env: str | None = None,
        limits: Limits | None = None,
        prices: Prices | None = None,
        cache: Cache | str | Path | None = None,
        structured: bool = True,
        extra_body: dict[str, Any] | None = None,
    ):
        self.model = resolve_model(model, on_a_server=True).hub_id
        self.limits = limits or Limits()
        self._url = endpoint.check_url(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
        self._key = endpoint.read_key(api_key_env, required=self._url == OPENAI_URL)
        if faults := chat_api.extra_body_faults(extra_body or {}):
            raise BackendError(f"extra_body: {'; '.join(faults)}")
        self._cache = cache if isinstance(cache, Cache) else Cache(cache)
        self._account = Account(self._cache, self.limits, prices or Prices())
        self._dialect = ServerDialect(self.model, structured=structured, extra=dict(extra_body or {}))
        # Other fields, other completions: what was kept with them is no answer to a request without.
        # A key among them changes no completion, and must not be on disk.
        self._keys = endpoint.known_keys(self._url, api_key_env, extra_body)
        shown = redact(extra_body, self._keys)
        self._kept_as = self.model + (json.dumps(shown, sort_keys=True) if extra_body else "")
        per_minute = self.limits.requests_per_minute, self.limits.tokens_per_minute
        self._pace = Pace(*per_minute, self.limits.pace_window, self.limits.pace_margin)
        self._turn = asyncio.Lock()  # the longest waiting goes first
        self._failed_in_a_row = 0
        self._settled = 0
        self._jitter = random.Random()
        endpoint.require_openai()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Any = None

    @property
    def usage(self) -> UsageTotals:
        """Requests, tokens and cost over the life of the cache file, and hits in the cache of this process."""
        return self._account.usage

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        """Completes requests, in any order; `requests` is read as far as there is room for more.

        Raises:
            BackendError: the server refuses for a reason that will not pass (401, 403, 404, no quota), or it no longer
                answers. What was under way is yielded first.
            BudgetError: there is no room for a further request.
        """
        source = iter(requests)
        session = _Session()
        loop = self._running_loop()
        tasks = []
        fatal: BaseException | None = None
        waiting = 0
        exhausted = False
        try:
            while True:
                while not exhausted and fatal is None and waiting < self.limits.concurrency:
                    request = next(source, None)
                    if request is None:
                        exhausted = True
                    elif (found := self._account.find(self._kept_as, request)) is not None:
                        yield found
                    else:
                        tasks.append(asyncio.run_coroutine_threadsafe(self._work(request, session), loop))
                        waiting += 1
                if not waiting:
                    break
                result = session.results.get()
                waiting -= 1
                tasks = [task for task in tasks if not task.done()]
                if isinstance(result, BaseException):
                    fatal = fatal or result
                    session.stopped = True
                elif result is not None:
                    yield result
        finally:
            session.stopped = True
            for task in tasks:
                task.cancel()
        if fatal is not None:
            raise fatal

    def close(self) -> None:
        """Ends the thread and closes connections and the cache."""
        loop, self._loop = self._loop, None
        if loop is not None:
            if self._client is not None:
                asyncio.run_coroutine_threadsafe(self._client.close(), loop).result(timeout=10)
                self._client = None
            loop.call_soon_threadsafe(loop.stop)
            assert self._thread is not None
            self._thread.join(timeout=10)
            loop.close()
        self._cache.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="openai backend", daemon=True)
            self._thread.start()
        return self._loop

    async def _work(self, request: Request, session: _Session) -> None:
        """Puts exactly one result into the session."""
        try:
            result: Completion | Failure | BaseException | None = await self._answer(request, session)
        except _Stopped:
            result = None
        except Exception as error:  # handed to the caller's thread, which raises it
            result = error
        session.results.put(result)

    async def _answer(self, request: Request, session: _Session) -> Completion | Failure:
        """Sends one request until it has an answer, or a fault that will not pass.

        Raises:
            BackendError: going on is pointless.
            _Stopped: the session ended before.
        """
        structured = True
        passing_faults = amendments = 0
        while True:
            most = self._account.most(request)
            await self._reserve(most, session)
            slot = await self._admit(most, session)
            body = self._dialect.body(request, structured)
            answer = await self._attempt(request, body, most, slot)
            if isinstance(answer, Completion):
                self._failed_in_a_row = 0
                if not structured and self._dialect.structured:
                    self._dialect.structured = False
                    logger.info("%s refuses response_format; JSON is asked for in words from here on", self._shown_url)
                return answer
            if answer.fatal:
                raise BackendError(f"{self._shown_url}: {answer.detail}. {answer.advice(self.model, self._shown_url)}")
            more = answer.reason == "refused" and amendments < _MOST_AMENDMENTS
            if more and self._dialect.amend(body, answer.detail):
                amendments += 1
                continue
            if answer.reason == "refused" and "response_format" in body:
                structured = False
                continue
            passing_faults += 1
            if not answer.transient or passing_faults > self.limits.max_retries:
                return self._failure(request, answer)
            await self._wait(answer, passing_faults, session)

    async def _attempt(self, request: Request, body: dict[str, Any], most: Usage, slot: Slot) -> Completion | Fault:
        """Sends a request once, keeps what comes back and settles what it cost."""
        completion, used = None, None  # an attempt that is broken off may have cost the most
        try:
            answer = await chat_api.send(self._open_client(), body, self.limits.timeout, self._keys)
            if isinstance(answer, ChatReply):
                completion = answer.completion(request, most)
                used = Usage(1, completion.prompt_tokens, completion.completion_tokens)
                return completion
            used = answer.used
            return answer
        except BackendError:  # there is no client, so nothing was sent
            used = Usage()
            raise
        finally:
            tokens = used or most
            self._pace.leave(time.monotonic(), slot, tokens.prompt_tokens + tokens.completion_tokens)
            self._settled += 1
            if completion is None:
                self._account.settle(most, used)
            else:
                self._account.store(self._kept_as, request, completion, most)

    async def _reserve(self, most: Usage, session: _Session) -> None:
        """Books the most that an attempt can cost; waits where answers under way may leave room."""
        while True:
            if session.stopped:
                raise _Stopped
            seen = self._settled
            if self._account.reserve(most):
                return
            while self._settled == seen and not session.stopped:
                await asyncio.sleep(_POLL)

    async def _admit(self, most: Usage, session: _Session) -> Slot:
        """Waits for a place in the minute; gives the booking back when the session ends meanwhile."""
        tokens = most.prompt_tokens + most.completion_tokens
        try:
            async with self._turn:
                while (delay := self._pace.delay(time.monotonic(), tokens)) > 0:
                    await self._sleep(_POLL if delay == float("inf") else delay, session)
                if session.stopped:
                    raise _Stopped
                return self._pace.enter(time.monotonic(), tokens)
        except ValueError as error:
            self._account.settle(most, Usage())
            raise BackendError(f"{error}; raise it, or lower max_passage_words or max_completion_tokens") from error
        except BaseException:
            self._account.settle(most, Usage())
            self._settled += 1
            raise

    async def _wait(self, fault: Fault, attempt: int, session: _Session) -> None:
        if fault.retry_after is not None:
            # The server asks everybody to wait, not this request alone.
            self._pace.pause(time.monotonic() + fault.retry_after)
            if fault.retry_after > 30:
                logger.warning("%s asks to wait %.0f s (%s)", self._shown_url, fault.retry_after, fault.detail)
            await self._sleep(fault.retry_after, session)
        else:
            base = self.limits.backoff_seconds * (4 if fault.reason == "rate_limited" else 1)
            await self._sleep(backoff(attempt, self._jitter, base), session)

    async def _sleep(self, seconds: float, session: _Session) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if session.stopped:
                raise _Stopped
            await asyncio.sleep(min(left, 0.2))

    def _failure(self, request: Request, fault: Fault) -> Failure:
        if fault.reason != "too_long":  # that is the passage, not the server
            self._failed_in_a_row += 1
        if self._failed_in_a_row >= self.limits.give_up_after:
            raise BackendError(
                f"{self._shown_url}: the last {self._failed_in_a_row} requests failed, retries included; the last one: "
                f"{fault.reason} ({fault.detail}). What is done is kept; mend the server and start the same command "
                "to go on"
            )
        return Failure(request.key, fault.reason, f"{self._shown_url}: {fault.detail}", fault.transient)

    def _open_client(self) -> Any:
        if self._client is None:
            self._client = endpoint.open_client(self._url, self._key, self.limits.timeout)
        return self._client

    @property
    def _shown_url(self) -> str:
        return endpoint.without_credentials(self._url)
