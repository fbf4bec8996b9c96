"""What the blocks of a run have come to: rows, refusals, passages left undone. Says so every few seconds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from qa_pipeline.errors import DataError
from qa_pipeline.generation.backends.protocol import UsageTotals
from qa_pipeline.generation.dataset import choose_dataset
from qa_pipeline.generation.job import Job
from qa_pipeline.generation.journal import Block
from qa_pipeline.generation.report import usage_facts, usage_text
from qa_pipeline.generation.types import Rejected, Row
from qa_pipeline.wording import counted

SECONDS = 5.0


class Progress:
    """The sums over all blocks, done now or before, and over the one that is under way.

    Args:
        say: takes a line.
        usage: gives what the backend has used so far; None without a backend.
        seconds: between two lines.

    Attributes:
        rows, rejected: of the blocks that were taken in.
        asked: passages that were asked about, to the end.
        unanswered: one for each passage that is not done, since requests failed that may succeed at another time.
        over_budget: the limit that ended the run, if one did.
        block: the one that is under way.
    """

    def __init__(
        self, say: Callable[[str], None], usage: Callable[[], UsageTotals] | None = None, seconds: float = SECONDS
    ):
        self._say, self._usage, self._seconds = say, usage, seconds
        self._last = time.monotonic()
        self.rows: list[Row] = []
        self.rejected: Counter[str] = Counter()
        self.asked = 0
        self.unanswered: list[Rejected] = []
        self.over_budget: str | None = None
        self.block = Block()

    @property
    def accepted(self) -> int:
        """Rows that passed, those of the block that is under way included."""
        return len(self.rows) + len(self.block.rows)

    @property
    def stop_reason(self) -> str | None:
        """Why the run ended early and how it goes on; None: it did not."""
        reasons = [self.over_budget] if self.over_budget else []
        if self.unanswered:
            reasons.append(_outage(self.unanswered))
        return ". ".join(reasons) or None

    def begin(self, block: Block) -> None:
        """A block is under way."""
        self.block = block

    def add(self, block: Block, asked: int) -> None:
        """Takes in a block of which so many passages were asked about to the end."""
        self.block = Block()
        self.rows += block.rows
        self.rejected += block.rejected
        self.asked += asked
        self.unanswered += block.unanswered.values()

    def tick(self) -> None:
        """Prints a line if the last is some seconds old."""
        if time.monotonic() - self._last >= self._seconds:
            self.say()

    def say(self, before: str = "") -> None:
        """Prints a line now."""
        self._last = time.monotonic()
        rejected = self.rejected + self.block.rejected
        text = f"{self.accepted:,} accepted, {sum(rejected.values()):,} refused{_in_brackets(rejected)}"
        outages = Counter(one.reason for one in (*self.unanswered, *self.block.unanswered.values()))
        if outages:
            text += f", {counted(sum(outages.values()), 'passage')} not done{_in_brackets(outages)}"
        if self._usage is not None:
            used = self._usage()
            text += f"; {usage_text(usage_facts(used))}" + (f"; {used.cached:,} from the cache" if used.cached else "")
        self._say(f"{before}{text}")


class RowTarget:
    """The wanted number of rows: whether the rows so far give it; looked at only when there could be enough."""

    def __init__(self, job: Job):
        self._choice = job.choice
        wanted = job.settings.generation.num_examples
        self._wanted = None if wanted is None else -(-wanted // job.settings.shard[1])
        self._look_at = self._wanted or 0

    def is_reached(self, rows: Sequence[Row]) -> bool:
        """Whether they do."""
        if self._wanted is None or len(rows) < self._look_at:
            return False
        try:
            got = len(choose_dataset(rows, self._choice).rows)
        except DataError:  # nothing can be chosen from these rows yet
            got = 0
        self._look_at = len(rows) + max(1, self._wanted - got)
        return got >= self._wanted


def _outage(unanswered: Sequence[Rejected]) -> str:
    """What is missing, why, and that the same command goes on."""
    counts = Counter(one.reason for one in unanswered)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
    return (
        f"{counted(len(unanswered), 'passage')} not done, since requests failed, retries included: {reasons}; the "
        f"last: {unanswered[-1].outage}. Start the same command again: it asks about these passages and keeps the rest"
    )


def _in_brackets(counts: Counter[str]) -> str:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common(4))
    return f" ({reasons})" if reasons else ""
