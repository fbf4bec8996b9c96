"""Who may call a server, and how much they may send. Answers what may not in the server's place. Never sees a model.

Closed unless it is opened: a server is for programs and pages of this machine. Pages of other sites that a visitor's
browser shows are kept out by the name that they call the server by (DNS rebinding) and by the site that they say they
are from, so that no page elsewhere can ask, add or remove anything.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import ipaddress
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from qa_pipeline.errors import ConfigError
from qa_pipeline.wording import in_short

LOCAL = "127.0.0.1"
KEY_VARIABLE = "QA_PIPELINE_API_KEY"
MOST_BODY = 2 * 10**6
"""Bytes of a request, unless its path takes more."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_Scope = dict[str, Any]
_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True)
class Access:
    """Who may call, and how much they may send.

    Attributes:
        key: that callers must give; None: none.
        hosts: names that the server may be called by, beside its addresses; None: any.
        any_address: whether it may be called by every IP address; else by those of `hosts` alone.
        origins: sites whose pages may call it, beside its own; "*": all.
        open_paths: paths that need no key.
        most_body: bytes of a request.
        most_body_of: path -> bytes, where a path takes more.
    """

    key: str | None = None
    hosts: frozenset[str] | None = _LOOPBACK
    any_address: bool = False
    origins: tuple[str, ...] = ()
    open_paths: frozenset[str] = frozenset()
    most_body: int = MOST_BODY
    most_body_of: Mapping[str, int] = field(default_factory=dict)


def checked_access(
    host: str,
    *,
    allow_no_key: bool = False,
    allowed_hosts: Sequence[str] = (),
    cors_origins: Sequence[str] = (),
    key: str | None = None,
    **limits: Any,
) -> Access:
    """Who may call a server on this host.

    On this machine (127.0.0.1, localhost, ::1) it may be called by these names. On another address a key is needed;
    with a key it may be called by any name, unless names are given.

    Args:
        host: that is listened on.
        allow_no_key: listen on an address that others reach without a key; by IP address, the machine's own name and
            `allowed_hosts` alone.
        allowed_hosts: names that it may be called by, such as that of a proxy; "*": any.
        cors_origins: sites whose pages may call it, such as "https://intranet.example.com"; "*": all.
        key: None: that of QA_PIPELINE_API_KEY in the environment, where it is set.
        limits: the other fields of `Access`.

    Raises:
        ConfigError: with every fault that was found.

    Example:
        >>> checked_access("127.0.0.1", key="secret").hosts is None
        True
    """
    faults = access_faults(host, allow_no_key=allow_no_key, cors_origins=cors_origins, key=key)
    if faults:
        raise ConfigError("command line", [f"--{name}: {fault}" for name, fault in faults])
    key, local = _key(key), is_local(host)
    names = frozenset(name.lower().rstrip(".") for name in allowed_hosts)
    if "*" in names or (key is not None and not names):
        hosts = None
    else:
        hosts = names | _LOOPBACK | {host.lower()} | (frozenset() if local else {socket.gethostname().lower()})
    return Access(key, hosts, not local, tuple(cors_origins), **limits)


def access_faults(
    host: str, *, allow_no_key: bool = False, cors_origins: Sequence[str] = (), key: str | None = None
) -> list[tuple[str, str]]:
    """What is wrong with who may call, as pairs of a setting's name and words; see `checked_access`."""
    faults = []
    key = _key(key)
    if key is not None and (not key or not key.isascii() or not key.isprintable() or key != key.strip()):
        faults.append(
            (
                "host",
                f"{KEY_VARIABLE} must be printable ASCII characters without spaces around them; unset it for no key",
            )
        )
    elif key is None and not allow_no_key and not is_local(host):
        faults.append(
            (
                "host",
                f"whoever reaches {host} could ask the model and read its documents; set {KEY_VARIABLE} in the "
                "environment to a secret that callers give, or pass --allow_no_key",
            )
        )
    for origin in cors_origins:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query):
            faults.append(
                ("cors_origins", f"expected a site such as https://intranet.example.com, found {in_short(origin)}")
            )
    return faults


def _key(key: str | None) -> str | None:
    return os.environ.get(KEY_VARIABLE) if key is None else key


def is_local(host: str) -> bool:
    """Whether only programs of this machine reach a server on this host.

    >>> is_local("127.0.0.1"), is_local("localhost"), is_local("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Guard:
    """Lets a request through to an ASGI app when host, site, key and size are right; else answers in its place.

    Args:
        app: that is guarded.
        access: what is right.
    """

    def __init__(self, app: Callable[[_Scope, _Receive, _Send], Awaitable[None]], access: Access):
        self.app, self.access = app, access

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Guards one request; as ASGI has it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "no websockets here"})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        most = self.access.most_body_of.get(scope["path"], self.access.most_body)
        refusal = self._refusal(scope["path"], headers, most)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        await self.app(scope, _counted(receive, most), send)

    def _refusal(self, path: str, headers: Mapping[str, str], most: int) -> tuple[int, str] | None:
        """Status and words where a request is not let through."""
        host = headers.get("host", "")
        if not self._is_own_name(host):
            return 403, (
                f"the server is not known by the name {in_short(host)}; call it by its own, or start it with "
                "--allowed_hosts NAME"
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_known_site(origin, host):
            site = in_short(origin)
            return 403, f"pages of {site} may not call this server; --cors_origins names sites that may"
        if self.access.key is not None and path not in self.access.open_paths and not self._has_key(headers):
            return 401, "a key is needed: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return 400, f"Content-Length: expected a number, found {in_short(length)}"
        if len(length) > 18 or int(length) > most:
            return 413, too_large(most)
        return None

    def _is_own_name(self, host: str) -> bool:
        if self.access.hosts is None:
            return True
        name = urlsplit(f"//{host}").hostname if _is_host(host) else None
        if name is None:
            return False
        if name.rstrip(".") in self.access.hosts:
            return True
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(name)
            return self.access.any_address or address.is_loopback
        return False

    def _is_known_site(self, origin: str, host: str) -> bool:
        known = self.access.origins
        return "*" in known or origin in known or urlsplit(origin).netloc.lower() == host.lower() != ""

    def _has_key(self, headers: Mapping[str, str]) -> bool:
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        known = {"bearer": rest.strip(), "basic": _password(rest)}
        given = known.get(scheme.lower(), headers.get("x-api-key", ""))
        return hmac.compare_digest(given.encode("utf-8", "replace"), str(self.access.key).encode())


def _password(given: str) -> str:
    """Of HTTP Basic authentication, which programs such as Label Studio know alone; the name before it may be any."""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def too_large(most: int) -> str:
    """What is said of a body that is too large."""
    return f"the request is too large; {most:,} bytes are the most here"


def _is_host(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        return bool(parts.hostname) and not parts.path and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        return False


def _counted(receive: _Receive, most: int) -> _Receive:
    """The same, until more bytes come than a request may have, whatever its headers say."""
    got = 0

    async def counted() -> dict[str, Any]:
        nonlocal got
        message = await receive()
        got += len(message.get("body") or b"")
        if got > most:
            from starlette.exceptions import HTTPException

            raise HTTPException(413, too_large(most))
        return message

    return counted


async def _answer(send: _Send, status: int, words: str) -> None:
    body = json.dumps({"detail": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
