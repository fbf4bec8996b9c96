"""Requests and backends for the tests."""

from __future__ import annotations

from typing import Any

from qa_pipeline.generation.backends import Limits, OpenAIBackend, Prices
from qa_pipeline.generation.backends.protocol import Message, Request

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def request(key: str = "p/step/0", text: str = "Say something.", **changes: Any) -> Request:
    values = {"max_tokens": 20, "temperature": 0.5, "seed": 1, "schema": None, **changes}
    return Request(key=key, messages=(Message("user", text),), **values)


def requests(number: int, **changes: Any) -> list[Request]:
    return [request(f"p{i}/step/0", f"Say {i}.", **changes) for i in range(number)]


def backend(url: str, cache: Any = None, *, prices: Prices | None = None, **changes: Any) -> OpenAIBackend:
    """An impatient one. Names of Limits go there, the others to the backend."""
    limits = {"timeout": 60.0, "max_retries": 3, "concurrency": 4, "backoff_seconds": 0.01}
    for name in list(changes):
        if name in Limits.__dataclass_fields__:
            limits[name] = changes.pop(name)
    return OpenAIBackend("m", base_url=url, cache=cache, limits=Limits(**limits), prices=prices, **changes)
