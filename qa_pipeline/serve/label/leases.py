"""Who is at which passage, so that two people do not do the same. Only advice: a decision is never refused for it.

One small JSON file that all processes share; the caller has the lock of the store. What cannot be read counts as no
lease: at worst two people look at one passage, and what they decide is kept all the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from qa_pipeline import artifacts

SECONDS = 300.0
"""How long a passage stays with a person who does nothing."""


@dataclass(frozen=True)
class Lease:
    """A passage that a person is at.

    Attributes:
        client: a name of the browser's window, since people may not say who they are.
        person: who; "" where no name was given.
        until: seconds since 1970.
    """

    client: str
    person: str
    until: float


class Leases:
    """The leases of one file of labels, by passage id.

    Args:
        path: the file.
        seconds: see SECONDS.
        now: the clock.
    """

    def __init__(self, path: Path, seconds: float = SECONDS, now: Callable[[], float] = time.time):
        self.path, self.seconds, self._now = path, seconds, now

    def held(self) -> dict[str, Lease]:
        """The leases that have not run out."""
        try:
            value = json.loads(self.path.read_bytes())
            leases = {str(name): Lease(**one) for name, one in value.items()}
            return {name: one for name, one in leases.items() if one.until > self._now()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def take(self, passage: str, client: str, person: str) -> Lease | None:
        """Leases a passage, unless somebody else has it; the client's other leases end.

        Returns:
            The lease of the other; None where the passage is the client's now.
        """
        held = self.held()
        other = held.get(passage)
        kept = {name: one for name, one in held.items() if one.client != client}
        if other is not None and other.client != client:
            self._write(kept)
            return other
        self._write({**kept, passage: Lease(client, person, self._now() + self.seconds)})
        return None

    def release(self, client: str) -> None:
        """Ends the leases of a client."""
        held = self.held()
        kept = {name: one for name, one in held.items() if one.client != client}
        if len(kept) < len(held):
            self._write(kept)

    def _write(self, leases: dict[str, Lease]) -> None:
        artifacts.write_json(self.path, {name: asdict(one) for name, one in leases.items()})
