"""Says every few seconds how far a generation is: accepted, refused and not answered by reason, and what it used."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from qa_pipeline.generation.report import usage_facts, usage_text
from qa_pipeline.generation.types import UsageSoFar
from qa_pipeline.wording import counted

SECONDS = 5.0


class Progress:
    """Counts what comes by and prints a line now and then.

    Args:
        say: takes a line.
        usage: gives what the backend has used so far; None without a backend.
        seconds: between two lines.
    """

    def __init__(
        self, say: Callable[[str], None], usage: Callable[[], UsageSoFar] | None = None, seconds: float = SECONDS
    ):
        self._say, self._usage, self._seconds = say, usage, seconds
        self._last = time.monotonic()
        self.accepted = 0
        self.rejected: Counter[str] = Counter()
        self.not_done: Counter[str] = Counter()

    def count(self, accepted: int, rejected: Counter[str]) -> None:
        """Adds what an earlier run did."""
        self.accepted += accepted
        self.rejected.update(rejected)

    def accept(self) -> None:
        """One row passed."""
        self.accepted += 1
        self._tick()

    def reject(self, reason: str) -> None:
        """One draft did not."""
        self.rejected[reason] += 1
        self._tick()

    def unanswered(self, reason: str) -> None:
        """A passage is left for the next run."""
        self.not_done[reason] += 1
        self._tick()

    def take_back(self, reason: str) -> None:
        """A row that had passed is refused after all."""
        self.accepted -= 1
        self.reject(reason)

    def line(self) -> str:
        """How far it is."""
        text = f"{self.accepted:,} accepted, {sum(self.rejected.values()):,} refused{_listed(self.rejected)}"
        if self.not_done:
            text += f", {counted(sum(self.not_done.values()), 'passage')} not done{_listed(self.not_done)}"
        if self._usage is not None:
            used = self._usage()
            text += f"; {usage_text(usage_facts(used))}" + (f"; {used.cached:,} from the cache" if used.cached else "")
        return text

    def say(self, before: str = "") -> None:
        """Prints the line now."""
        self._last = time.monotonic()
        self._say(f"{before}{self.line()}")

    def _tick(self) -> None:
        if time.monotonic() - self._last >= self._seconds:
            self.say()


def _listed(counts: Counter[str]) -> str:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common(4))
    return f" ({reasons})" if reasons else ""
