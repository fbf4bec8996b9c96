"""What the blocks of a run have come to: their sums, whether that is enough, and why it ended early. Asks nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa_pipeline.errors import DataError
from qa_pipeline.generation.dataset import make_dataset
from qa_pipeline.generation.job import Job
from qa_pipeline.generation.journal import Block
from qa_pipeline.generation.rows import Row
from qa_pipeline.generation.types import Rejected
from qa_pipeline.wording import counted


@dataclass
class Outcome:
    """What all blocks came to, done now or before.

    Attributes:
        asked: passages that were asked about, to the end.
        unanswered: one for each passage that is not done, since requests failed that may succeed at another time.
        over_budget: the limit that ended the run, if one did.
    """

    rows: list[Row] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    unanswered: list[Rejected] = field(default_factory=list)
    over_budget: str | None = None

    def add(self, block: Block, asked: int) -> None:
        """Takes in a block."""
        self.rows += block.rows
        self.rejected += block.rejected
        self.asked += asked
        self.unanswered += block.unanswered.values()

    @property
    def stopped(self) -> str | None:
        """Why the run ended early and how it goes on; None: it did not."""
        reasons = [self.over_budget] if self.over_budget else []
        if self.unanswered:
            reasons.append(_without_answers(self.unanswered))
        return ". ".join(reasons) or None


class Enough:
    """Whether the rows so far give the wanted number; looked at only when there could be enough."""

    def __init__(self, job: Job):
        self._choice = job.choice
        wanted = job.settings.generation.num_examples
        self._wanted = None if wanted is None else -(-wanted // job.settings.shard[1])
        self._look_at = self._wanted or 0

    def __call__(self, rows: Sequence[Row]) -> bool:
        """Whether they do."""
        if self._wanted is None or len(rows) < self._look_at:
            return False
        try:
            got = len(make_dataset(rows, self._choice).rows)
        except DataError:  # nothing can be chosen from these rows yet
            got = 0
        self._look_at = len(rows) + max(1, self._wanted - got)
        return got >= self._wanted


def _without_answers(unanswered: Sequence[Rejected]) -> str:
    """What is missing, why, and that the same command goes on."""
    counts = Counter(one.reason for one in unanswered)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
    return (
        f"{counted(len(unanswered), 'passage')} not done, since requests failed, retries included: {reasons}; the "
        f"last: {unanswered[-1].passing}. Start the same command again: it asks about these passages and keeps the rest"
    )
