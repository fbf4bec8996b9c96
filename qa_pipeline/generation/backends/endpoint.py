"""Where a chat completions endpoint is and what opens it: address, key, client; and texts without the key.

A key is only ever handed to the client; no name, address or message that is shown from here has it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.reply_size import ACCEPTED, cap_reply
from qa_pipeline.generation.redaction import secrets_in, without_what_looks_like_keys
from qa_pipeline.text.folding import whole_characters
from qa_pipeline.wording import short

_LONGEST_DETAIL = 300  # characters


def require_openai() -> None:
    """Fails where the openai package is missing.

    Raises:
        BackendError: what to install.
    """
    try:
        import openai  # noqa: F401
    except ImportError as error:
        raise BackendError("backend openai needs the openai package; run: pip install openai") from error


def read_key(variable: str | None, required: bool) -> str | None:
    """The key from the environment.

    Raises:
        BackendError: it is not there but needed. Shows no name that may be the key itself.
    """
    key = os.environ.get(variable or "OPENAI_API_KEY", "").strip()
    if not key and variable and not _is_name(variable):
        raise BackendError(
            "api_key_env: what was given looks like a key itself, so it is not shown; give the NAME of the environment "
            "variable that holds the key, such as OPENAI_API_KEY"
        )
    if not key and (required or variable):
        raise BackendError(
            f"no API key: set the environment variable {variable or 'OPENAI_API_KEY'}, or give base_url of a server "
            "that needs none"
        )
    if key and not key.isprintable() or not key.isascii():
        raise BackendError(f"{variable or 'OPENAI_API_KEY'} holds characters that no API key has")
    return key or None


def known_keys(url: str, api_key_env: str | None, extra_body: object) -> list[str]:
    """Every secret that a run is given: the key, a password in the address, values under names of secrets."""
    parts = _split(url)
    password = unquote(parts.password) if parts is not None and parts.password else ""
    key = os.environ.get(api_key_env or "OPENAI_API_KEY", "").strip()
    return [one for one in (key, password, *secrets_in(extra_body)) if one]


def checked_url(url: str) -> str:
    """The URL without a slash at its end.

    Raises:
        BackendError: it is no http URL.
    """
    url = url.strip().rstrip("/")
    parts = _split(url)
    written = url.isprintable() and " " not in url
    if not written or parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise BackendError(
            f"base_url: expected something like http://localhost:8000/v1, found {without_credentials(url)!r}"
        )
    return url


def without_credentials(url: str) -> str:
    """The URL as it may be shown: no user name, password or query."""
    parts = _split(url)
    if parts is None:  # nobody knows where its parts end
        return re.split("[?#]", url.rpartition("@")[2])[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def open_client(url: str, key: str | None, timeout: float) -> Any:
    """An AsyncOpenAI that sends every request exactly once, to this address only, and reads no endless reply.

    A redirect is not followed: it would be a request that nobody counted, and could hand documents to another host.
    """
    import openai

    for name in ("httpx", "httpx2", "openai"):
        library = logging.getLogger(name)
        if library.level == logging.NOTSET:
            library.setLevel(logging.WARNING)  # a line for every request
    keys = [key] if key else []
    try:
        http = openai.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"response": [cap_reply]})
        return openai.AsyncOpenAI(
            base_url=url,
            api_key=key or "none",
            timeout=timeout,
            max_retries=0,
            http_client=http,
            default_headers={"Accept-Encoding": ACCEPTED},
        )
    except Exception as error:  # the libraries' own: an address, a proxy or a file of certificates that they refuse
        raise BackendError(
            f"{without_credentials(url)}: no client can be made for this address ({named(error, keys)}); check "
            "base_url, and the environment variables for proxies and certificates"
        ) from error


def clean(text: str, keys: Sequence[str]) -> str:
    """One short line without keys, and without characters that a terminal obeys."""
    text = without_what_looks_like_keys(text, keys)
    text = " ".join("".join(c if c.isprintable() else " " for c in whole_characters(text)).split())
    return short(text, _LONGEST_DETAIL)


def named(error: BaseException, keys: Sequence[str]) -> str:
    """An exception of a library in one line; of a group, the first in it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return clean(f"{type(error).__name__}: {error}".rstrip(": "), keys)


def _is_name(text: str) -> bool:
    """Whether a text can be the name of an environment variable, and is unlike a key."""
    mixed = all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    like_a_key = len(text) >= 20 and (mixed or re.search("[A-Za-z0-9]{20}", text))
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) is not None and not like_a_key


def _split(url: str) -> SplitResult | None:
    """The parts of a URL; None where its host or port cannot be meant."""
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:
        return None
