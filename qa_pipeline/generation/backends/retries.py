"""What an answer of a server means, and how long to wait before asking again. Pure; never sends or sleeps."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Mapping

LONGEST_BACKOFF = 60.0
LONGEST_RETRY_AFTER = 3600.0

FATAL = {401, 403}
"""Status codes of a key that does not open."""
WRONG_PLACE = {404, 405, 501}
"""Status codes of an address that takes no such requests: a path that is not there, or a plain web server."""
PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
"""Status codes of faults that can pass."""
UNKNOWN = {408, 502, 504, 520, 521, 522, 523, 524}
"""Status codes of a gateway, or of a wait that was given up: what the server behind has done is not known. All other
errors are the server's own word that it did not do what was asked."""


def backoff(attempt: int, jitter: random.Random, base: float = 0.5) -> float:
    """Seconds before the next attempt: doubled each time, then anywhere between half of it and all of it.

    Args:
        attempt: number of failed attempts, from 1.
        jitter: so that clients that failed together do not come back together.
        base: seconds at most after the first failure.
    """
    return min(LONGEST_BACKOFF, base * 2 ** min(attempt - 1, 30)) * jitter.uniform(0.5, 1.0)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that a server asks to wait, by retry-after-ms or Retry-After (seconds or a date); None: it does not.

    Args:
        headers: with names that are looked up whatever their case.
        now: seconds since 1970, for dates.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return min(milliseconds / 1000, LONGEST_RETRY_AFTER)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is None and value:
        try:
            date = email.utils.parsedate_to_datetime(value).timestamp()
        except (TypeError, ValueError, OverflowError, OSError, IndexError):  # no date, or in a year that no clock knows
            return None
        seconds = max(0.0, date - (time.time() if now is None else now))
    return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
