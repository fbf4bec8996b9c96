"""Counts what an app does, in the form that Prometheus reads. Knows neither questions nor models.

Every app has a registry of its own, so that two in one process count apart.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)
OTHER = "other"
"""Stands for every path that is none of the app's, so that visitors cannot make metrics of their own."""


class ServerMetrics:
    """The metrics of one app; tells a service's observer's story too (see `computing.Observer`).

    Args:
        waiting: how many requests are in the queue now.
        documents: how many documents there are now.

    Example:
        >>> metrics = ServerMetrics(lambda: 3, lambda: 0)
        >>> metrics.answered(True)
        >>> "qa_queue_length 3.0" in metrics.text() and 'qa_questions_total{outcome="answered"} 1.0' in metrics.text()
        True
    """

    def __init__(self, waiting: Callable[[], int], documents: Callable[[], int]):
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        from prometheus_client.process_collector import ProcessCollector

        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "qa_requests", "Requests by path, method and status.", ["path", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "qa_request_seconds", "Seconds of a request, from its head to its last byte.", ["path"], registry=registry,
            buckets=SECONDS,
        )  # fmt: skip
        self.batches = Histogram(
            "qa_batch_requests", "Requests that were computed together.", registry=registry, buckets=SIZES
        )
        self.batch_seconds = Histogram(
            "qa_batch_seconds", "Seconds of computing a batch.", registry=registry, buckets=SECONDS
        )
        self.tokens = Counter("qa_batch_tokens", "Tokens of all batches, as estimated.", registry=registry)
        self.questions = Counter(
            "qa_questions", "Questions that were answered, or to which no answer was found.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        for outcome in ("answered", "not_found"):
            self.questions.labels(outcome)
        Gauge("qa_queue_length", "Requests that wait.", registry=registry).set_function(waiting)
        Gauge("qa_documents", "Documents that are asked.", registry=registry).set_function(documents)

    def batch(self, requests: int, tokens: int, seconds: float) -> None:
        """So many requests were computed together."""
        self.batches.observe(requests)
        self.batch_seconds.observe(seconds)
        self.tokens.inc(tokens)

    def answered(self, found: bool) -> None:
        """A question was answered, or no answer was found."""
        self.questions.labels("answered" if found else "not_found").inc()

    def request(self, path: str, method: str, status: int, seconds: float) -> None:
        """A request is over."""
        self.requests.labels(path, method, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def text(self) -> str:
        """All metrics, in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry).decode("utf-8")


class CountRequests:
    """Counts and times every request to an ASGI app.

    Args:
        app: whose requests are counted.
        metrics: takes them.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], metrics: ServerMetrics):
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handles one request; as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            path = getattr(scope.get("route"), "path", OTHER)
            known = scope["method"] in ("GET", "POST", "DELETE", "HEAD", "OPTIONS")
            method = scope["method"] if known else OTHER
            self.metrics.request(path, method, status, time.perf_counter() - began)
