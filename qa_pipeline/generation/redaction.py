"""Takes secrets out of what is shown or written: values under names such as `api_key`, and the key in use itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MARK = "[key]"
_SHORTEST_KEY = 8  # characters; a shorter one is a word that servers without keys are given
_LIKE_A_KEY = re.compile(r"\b(sk-|Bearer )[\w*.-]{6,}")
_SURELY_A_KEY = re.compile(r"\bsk-[\w-]{16,}|\bBearer [\w.~+/=-]{16,}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    ("apikey", "auth", "authorization", "authtoken", "bearer", "cookie", "credential", "credentials", "jwt", "key")
    + ("passphrase", "passwd", "password", "secret", "token")
)
_OF_A_MODEL = frozenset(("bos", "cls", "decode", "eos", "mask", "pad", "sep", "special", "start", "stop", "unk"))
"""What a `token` is that no one has to hide."""


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret: `api_key`, `X-Api-Key`, `accessToken`, but not `max_tokens`."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) and _OF_A_MODEL.isdisjoint(words)


def redacted(value: Any, keys: Iterable[str | None] = ()) -> Any:
    """The same value with a mark in the place of every secret.

    >>> redacted({"metadata": {"api_key": "abc"}, "top_p": 0.9})
    {'metadata': {'api_key': '[key]'}, 'top_p': 0.9}
    """
    keys = tuple(keys)
    if isinstance(value, Mapping):
        return {
            without_keys(name, keys) if isinstance(name, str) else name: (
                _hidden(one) if isinstance(name, str) and is_secret_name(name) else redacted(one, keys)
            )
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(one, keys) for one in value]
    return _SURELY_A_KEY.sub(MARK, without_keys(value, keys)) if isinstance(value, str) else value


def secrets_in(value: Any) -> Iterator[str]:
    """The texts under names of secrets, however deep."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _texts(one) if isinstance(name, str) and is_secret_name(name) else secrets_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from secrets_in(one)


def without_keys(text: str, keys: Iterable[str | None]) -> str:
    """The text with a mark in the place of every key that is long enough to be one."""
    for key in sorted({key for key in keys if key and len(key) >= _SHORTEST_KEY}, key=len, reverse=True):
        text = text.replace(key, MARK)
    return text


def without_what_looks_like_keys(text: str, keys: Iterable[str | None]) -> str:
    """As `without_keys`, and what begins as keys do goes as well: for messages, where nothing else is lost by it."""
    return _LIKE_A_KEY.sub(MARK, without_keys(text, keys))


def _hidden(value: Any) -> Any:
    """A secret; what is no text (a switch, a number of things) and what is empty hides nothing."""
    if isinstance(value, Mapping):
        return {name: _hidden(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(one) for one in value]
    return MARK if isinstance(value, str) and value else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield value.removeprefix("Bearer ").removeprefix("Basic ")
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)
