"""How fast requests may go out and when one is sent again: per minute, after a fault, and when a server asks to wait.

Pure bookkeeping over times that the caller passes in (seconds of a monotonic clock). Never sleeps.
"""

from __future__ import annotations

import email.utils
import random
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

MARGIN = 1.0
"""Seconds added to the window: requests reach the server a little later than they are sent, not all equally late."""
LONGEST_BACKOFF = 60.0  # seconds
LONGEST_RETRY_AFTER = 3600.0


@dataclass(eq=False)
class Slot:
    """One request's place in the window."""

    tokens: int
    left: float | None = None  # when it was answered; None: under way


class Pace:
    """Admits requests so that no window ever holds more of them, or of their tokens, than allowed.

    A request's tokens count from its sending, at their most, until one window after its answer: whether a server
    counts tokens when they come in or when they go out, it counts no more than allowed.
    """

    def __init__(
        self,
        requests: float | None = None,
        tokens: float | None = None,
        window: float = 60.0,
        margin: float = MARGIN,
    ):
        self.requests = requests
        self.tokens = tokens
        self.window = window + margin
        self._sent: deque[float] = deque()
        self._slots: list[Slot] = []
        self._paused_until = 0.0

    def delay(self, now: float, tokens: int) -> float:
        """Seconds until a request of at most `tokens` may go out; 0 for now. Infinite: only after an answer.

        Raises:
            ValueError: it is larger than a whole window's tokens.
        """
        self._forget(now)
        if self.tokens is not None and tokens > self.tokens:
            raise ValueError(f"tokens_per_minute={self.tokens:g} is less than one request may need ({tokens})")
        wait = max(0.0, self._paused_until - now)
        if self.requests is not None:
            # Below one a window, one request waits proportionally longer.
            allowed = max(1, int(self.requests))
            window = self.window if self.requests >= 1 else self.window / self.requests
            if len(self._sent) >= allowed:
                wait = max(wait, self._sent[-allowed] + window - now)
        if self.tokens is not None:
            wait = max(wait, self._until_room(now, tokens))
        return wait

    def enter(self, now: float, tokens: int) -> Slot:
        """Books a request that goes out now."""
        self._sent.append(now)
        slot = Slot(tokens)
        self._slots.append(slot)
        return slot

    def leave(self, now: float, slot: Slot, tokens: int) -> None:
        """Books what a request used in the end."""
        slot.tokens = tokens
        slot.left = now

    def pause(self, until: float) -> None:
        """Holds everything back until then."""
        self._paused_until = max(self._paused_until, until)

    def _until_room(self, now: float, tokens: int) -> float:
        assert self.tokens is not None
        held = sum(slot.tokens for slot in self._slots)
        if held + tokens <= self.tokens:
            return 0.0
        for slot in sorted((s for s in self._slots if s.left is not None), key=lambda s: s.left or 0.0):
            held -= slot.tokens
            if held + tokens <= self.tokens:
                assert slot.left is not None
                return max(0.0, slot.left + self.window - now)
        return float("inf")

    def _forget(self, now: float) -> None:
        longest = self.window if not self.requests or self.requests >= 1 else self.window / self.requests
        while self._sent and self._sent[0] + longest <= now:
            self._sent.popleft()
        self._slots = [s for s in self._slots if s.left is None or s.left + self.window > now]


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
