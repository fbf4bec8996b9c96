"""Where a chat completions endpoint is and what opens it: address, key, client; and texts without the key.

A key is only ever handed to the client; no name, address, file or message that comes from here has it. A reply is
unfolded piece by piece and cut off where it gets longer than any completion: it is endless, or unfolds to gigabytes.
"""

from __future__ import annotations

import logging
import os
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from qa_pipeline.errors import BackendError
from qa_pipeline.text.folding import whole_characters
from qa_pipeline.wording import short

_LONGEST_DETAIL = 300  # characters
LONGEST_REPLY = 16 * 1024 * 1024  # bytes, unfolded
ACCEPTED = "gzip"
"""How a reply may be packed: what can be unfolded here up to a limit."""
_UNPACKERS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
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


def check_url(url: str) -> str:
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
            f"{without_credentials(url)}: no client can be made for this address ({error_text(error, keys)}); check "
            "base_url, and the environment variables for proxies and certificates"
        ) from error


def clean(text: str, keys: Sequence[str]) -> str:
    """One short line without keys, and without characters that a terminal obeys."""
    text = without_what_looks_like_keys(text, keys)
    text = " ".join("".join(c if c.isprintable() else " " for c in whole_characters(text)).split())
    return short(text, _LONGEST_DETAIL)


def error_text(error: BaseException, keys: Sequence[str]) -> str:
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


class ReplyError(Exception):
    """A reply that is not read to its end, and why."""


async def cap_reply(response: Any) -> None:
    """A hook of an httpx client: the body of the response, of one with an error status too, comes unfolded and capped.

    Raises:
        ReplyError: it is packed in another way than was asked for.
    """
    packed = response.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity", *_UNPACKERS):
        raise ReplyError(f"the reply is packed as {packed!r}, where {ACCEPTED} or nothing was asked for")
    response.headers.pop("content-encoding", None)
    pieces = _cap(response.stream, _UNPACKERS.get(packed))
    # The client takes none but streams of its own library, of which there are two by now (httpx, httpx2).
    base = next(one for one in type(response.stream).__mro__ if one.__name__ == "AsyncByteStream")
    close = response.stream.aclose
    methods = {"__aiter__": lambda self: pieces, "aclose": lambda self: close()}
    response.stream = type("CappedStream", (base,), methods)()


async def _cap(stream: Any, wbits: int | None) -> AsyncIterator[bytes]:
    unpack = None if wbits is None else zlib.decompressobj(wbits)
    left = LONGEST_REPLY
    async for piece in stream:
        if unpack is not None:
            try:
                piece = unpack.decompress(piece, left + 1)
            except zlib.error as error:
                raise ReplyError(f"the reply cannot be unpacked ({error})") from error
        left -= len(piece)
        if left < 0:
            raise ReplyError(f"the reply is longer than {LONGEST_REPLY // 2**20} MiB; the rest was not read")
        yield piece


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret: `api_key`, `X-Api-Key`, `accessToken`, but not `max_tokens`."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) and _OF_A_MODEL.isdisjoint(words)


def redact(value: Any, keys: Iterable[str | None] = ()) -> Any:
    """The same value with a mark in the place of every secret.

    >>> redact({"metadata": {"api_key": "abc"}, "top_p": 0.9})
    {'metadata': {'api_key': '[key]'}, 'top_p': 0.9}
    """
    keys = tuple(keys)
    if isinstance(value, Mapping):
        return {
            without_keys(name, keys) if isinstance(name, str) else name: (
                _hide(one) if isinstance(name, str) and is_secret_name(name) else redact(one, keys)
            )
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(one, keys) for one in value]
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


def _hide(value: Any) -> Any:
    """A secret; what is no text (a switch, a number of things) and what is empty hides nothing."""
    if isinstance(value, Mapping):
        return {name: _hide(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(one) for one in value]
    return MARK if isinstance(value, str) and value else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield value.removeprefix("Bearer ").removeprefix("Basic ")
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)
