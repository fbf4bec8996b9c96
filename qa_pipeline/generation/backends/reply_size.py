"""Keeps a reply of a server from filling the memory: it is unfolded piece by piece, and cut off where it gets too long.

No completion is nearly as long; what is longer is an endless reply, or a small one that unfolds to gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Any

LONGEST_REPLY = 16 * 1024 * 1024  # bytes, unfolded
ACCEPTED = "gzip"
"""How a reply may be packed: what can be unfolded here up to a limit."""
_UNPACKERS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


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
    pieces = _capped(response.stream, _UNPACKERS.get(packed))
    # The client takes none but streams of its own library, of which there are two by now (httpx, httpx2).
    base = next(one for one in type(response.stream).__mro__ if one.__name__ == "AsyncByteStream")
    close = response.stream.aclose
    methods = {"__aiter__": lambda self: pieces, "aclose": lambda self: close()}
    response.stream = type("CappedStream", (base,), methods)()


async def _capped(stream: Any, wbits: int | None) -> AsyncIterator[bytes]:
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
