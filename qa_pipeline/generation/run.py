"""The main path of `generate`: passages -> drafts -> aligned and filtered rows, in blocks that survive a kill.

`make_rows(job)` reads top to bottom. Rows are made in blocks of passages whose borders depend on passages alone; a
finished block is never done again, an unfinished one is. What is chosen at the end goes by stable keys, so that the
files of a run that was killed and started again are those of a run that was not.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import choose_shard, choose_subset, rank
from qa_pipeline.errors import BackendError, DataError
from qa_pipeline.generation.backends.protocol import UsageTotals
from qa_pipeline.generation.dataset import choose_dataset
from qa_pipeline.generation.filters import check, make_filters, round_trip
from qa_pipeline.generation.job import WORK, Engine, Job, identity_of, public_settings, shard_identity
from qa_pipeline.generation.journal import Block, DraftJournal
from qa_pipeline.generation.outputs import claim
from qa_pipeline.generation.report import refusals_text, usage_facts, usage_text
from qa_pipeline.generation.shards import Shard
from qa_pipeline.generation.types import Draft, Rejected, Row
from qa_pipeline.wording import counted

logger = logging.getLogger(__name__)

SECONDS = 5.0
"""Between two lines that say how far a run is."""


def make_rows(job: Job, say: Callable[[str], None] = logger.info) -> Shard:
    """Makes the rows of a job; what was done before is taken from its journal.

    Returns:
        The rows of all its passages, or of the job's shard of them.

    Raises:
        ConfigError: output_dir holds something else, or was edited.
        DataError: a file cannot be read or written.
        BackendError: the backend failed for good, or the run stopped early with nothing accepted; the next run goes on.
    """
    general = job.settings.generation
    number, of = job.settings.shard
    claim(job.folder, general.overwrite_output_dir)
    passages = choose_shard(choose_subset(job.passages, general.subset, general.seed), number, of)
    journal = DraftJournal(
        job.folder / WORK / f"journal-{number:05}-of-{of:05}.jsonl",
        {**identity_of(job), "shard": [number, of]},
        {passage.id: passage for passage in passages},
        general.overwrite_output_dir,
    )
    backend = job.engine.backend
    usage = (lambda: backend.usage) if backend is not None else None
    progress = RunProgress(say, usage)
    try:
        _all_blocks(job, passages, journal, progress)
    except BackendError as error:
        kept = f"{progress.accepted:,} accepted rows so far are in {journal.path}; the same command goes on from there"
        raise type(error)(f"{error}\n{kept}") from error
    finally:
        journal.close()
    rows, rejected, stopped = progress.rows, progress.rejected, progress.stop_reason
    if stopped:
        if not rows:
            raise BackendError(f"no row is left: nothing was accepted; {refusals_text(rejected)}. {stopped}")
        logger.warning("stopped early: %s", stopped)
    facts = {**job.facts, "passages_asked": progress.asked, **usage_facts(usage() if usage else None)}
    if progress.unanswered:
        facts["passages_unanswered"] = len(progress.unanswered)
    settings = public_settings(job)
    return Shard(number, of, shard_identity(job), settings, rows, rejected, facts, list(job.notes), stopped)


def blocks(passages: Sequence[Passage], engine: Engine, seed: int) -> list[list[Passage]]:
    """The passages in blocks, in the stable random order in which they are asked about."""
    if not engine.by_document:
        ordered = sorted(passages, key=lambda passage: rank(seed, passage.id))
        return [ordered[i : i + engine.block_size] for i in range(0, len(ordered), engine.block_size)]
    documents: dict[str, list[Passage]] = {}
    for passage in passages:
        documents.setdefault(passage.document, []).append(passage)
    result: list[list[Passage]] = [[]]
    for name in sorted(documents, key=lambda name: rank(seed, name)):
        if result[-1] and len(result[-1]) + len(documents[name]) > engine.block_size:
            result.append([])
        result[-1] += documents[name]
    return result if passages else []


def _all_blocks(job: Job, passages: Sequence[Passage], journal: DraftJournal, progress: RunProgress) -> None:
    """Goes through the blocks until there are enough rows, or none is left."""
    from qa_pipeline.generation.backends import BudgetError

    target = RowTarget(job)
    groups = blocks(passages, job.engine, job.settings.generation.seed)
    for number, group in enumerate(groups):
        block = journal.done.get(number)
        digest = hashlib.sha256("\0".join(passage.id for passage in group).encode()).hexdigest()[:16]
        if block is not None and block.passages == digest:
            progress.add(block, len(group))
        else:
            block = Block(digest)
            progress.begin(block)
            try:
                _one_block(job, number, group, journal, progress)
            except BudgetError as error:
                # What was accepted is used now; with more room the block is done again, from the cache.
                _apply_round_trip(job, block)
                progress.add(block, len(block.passages_seen - block.unanswered.keys()))
                progress.over_budget = str(error)
                break
            progress.add(block, len(group) - len(block.unanswered))
            progress.say(f"block {number + 1} of {len(groups)}: ")
        if target.is_reached(progress.rows):
            break


def _one_block(job: Job, number: int, group: Sequence[Passage], journal: DraftJournal, progress: RunProgress) -> None:
    """Fills the block that is under way with the rows of its passages, noting each in the journal as it comes.

    A block with passages that are not done is not done: the next run does it again, from the cache.
    """
    block = progress.block
    journal.begin(number)
    seen: set[str] = set()
    for result in _rows_of(job, group):
        block.passages_seen.add(result.passage.id if isinstance(result, Row) else result.passage_id)
        if isinstance(result, Row) and result.key in seen:
            result = Rejected("exact_duplicate", result.passage.id)
        if isinstance(result, Row):
            seen.add(result.key)
            journal.row(number, result)
            block.rows.append(result)
        elif result.outage:
            block.unanswered[result.passage_id] = result
        else:
            journal.reject(number, result.reason, result.passage_id)
            block.rejected[result.reason] += 1
        progress.tick()
    _apply_round_trip(job, block)
    if not block.unanswered:
        journal.finish(number, block, ("round_trip",) if job.reader is not None else ())


def _apply_round_trip(job: Job, block: Block) -> None:
    """The round trip over the rows of a block, where there is a reader."""
    if job.reader is None:
        return
    # In a stable order, since a reader's arithmetic may depend on which rows share a batch.
    ordered = sorted(block.rows, key=lambda row: row.key)
    results = round_trip(ordered, job.reader, job.settings.filters.round_trip_f1)
    block.rows[:] = [result for result in results if isinstance(result, Row)]
    block.rejected.update(result.reason for result in results if isinstance(result, Rejected))


def _rows_of(job: Job, group: Sequence[Passage]) -> Iterator[Row | Rejected]:
    """The drafts of a group of passages, aligned and filtered."""
    filters = make_filters(job.settings.filters, job.language)
    for draft in job.engine.generator.drafts(group):
        yield check(draft, filters) if isinstance(draft, Draft) else draft


class RunProgress:
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
