"""The main path of `generate`: passages -> drafts -> aligned and filtered rows -> data set or shard.

`generate(job, ...)` reads top to bottom. Rows are made in blocks of passages whose borders depend on passages alone; a
finished block is never done again, an unfinished one is. What is chosen at the end goes by stable keys, so that the
files of a run that was killed and started again are those of a run that was not.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa_pipeline.data.loading import squad_bytes
from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import choose_shard, choose_subset, rank
from qa_pipeline.errors import BackendError, DataError
from qa_pipeline.generation.card import dataset_card
from qa_pipeline.generation.dataset import Choice, make_dataset
from qa_pipeline.generation.filters import RowFilter, apply_filters, make_filters, round_trip
from qa_pipeline.generation.job import (
    CARD,
    SHARDS,
    WORK,
    Engine,
    Job,
    identity_of,
    public_settings,
    shard_identity,
)
from qa_pipeline.generation.journal import Block, Journal
from qa_pipeline.generation.outcome import Enough, Outcome
from qa_pipeline.generation.outputs import claim, write_outputs
from qa_pipeline.generation.progress import Progress
from qa_pipeline.generation.quotes import place
from qa_pipeline.generation.report import make_report, usage_facts
from qa_pipeline.generation.rows import Row
from qa_pipeline.generation.shards import Shard, write_shard
from qa_pipeline.generation.types import Draft, Rejected
from qa_pipeline.wording import counted

logger = logging.getLogger(__name__)

STOPPED_SHARDS = "shards_stopped_early"
"""The fact that counts them, so that what is joined from them says so."""


def generate(job: Job, say: Callable[[str], None] = logger.info) -> dict[str, Any] | Path:
    """Makes the data set, or the shard.

    Returns:
        The report, or the path of the shard.

    Raises:
        ConfigError: output_dir holds something else, or was edited.
        DataError: nothing was accepted, or a file cannot be read or written.
        BackendError: the backend failed for good, or the run stopped early with nothing accepted; the next run goes on.
    """
    settings = job.settings
    folder = Path(str(settings.generation.output_dir))
    number, of = settings.shard
    anew = settings.generation.overwrite_output_dir
    claim(folder, anew)
    passages = choose_shard(
        choose_subset(job.passages, settings.generation.subset, settings.generation.seed), number, of
    )
    identity = identity_of(job)
    journal_file = folder / WORK / f"journal-{number:05}-of-{of:05}.jsonl"
    by_id = {passage.id: passage for passage in passages}
    journal = Journal(journal_file, {**identity, "shard": [number, of]}, by_id, anew)
    backend = job.engine.backend
    usage = (lambda: backend.usage) if backend is not None else None
    progress = Progress(say, usage)
    try:
        done = _all_blocks(job, passages, journal, progress)
    except BackendError as error:
        kept = f"{progress.accepted:,} accepted rows so far are in {journal_file}; the same command goes on from there"
        raise type(error)(f"{error}\n{kept}") from error
    finally:
        journal.close()
    rows, rejected, stopped = done.rows, done.rejected, done.stopped
    if stopped:
        if not rows:
            raise BackendError(f"no row is left: nothing was accepted; {_refused(rejected)}. {stopped}")
        logger.warning("stopped early: %s", stopped)
    facts = {**job.facts, "passages_asked": done.asked, **usage_facts(usage() if usage else None)}
    if done.unanswered:
        facts["passages_unanswered"] = len(done.unanswered)
    if of > 1:
        notes = [*job.notes, f"shard {number}/{of} stopped early: {stopped}"] if stopped else job.notes
        facts |= {STOPPED_SHARDS: 1} if stopped else {}
        shard = Shard(number, of, shard_identity(job), public_settings(job), rows, rejected, facts, notes)
        return write_shard(folder / SHARDS, shard)
    return finish(
        folder, rows, job.choice, public_settings(job), facts, rejected, job.language, stopped, job.notes, anew
    )


def finish(
    folder: Path,
    rows: Sequence[Row],
    choice: Choice,
    settings: Mapping[str, Any],
    facts: Mapping[str, float],
    rejected: Counter[str],
    language: str,
    stopped: str | None = None,
    notes: Sequence[str] = (),
    anew: bool | None = None,
) -> dict[str, Any]:
    """Chooses and splits the rows and writes the data, its report and its card; returns the report.

    Raises:
        ConfigError: files in the folder were edited, see `claim`.
        DataError: no row is left, or a file cannot be written.
    """
    if stopped is None and facts.get(STOPPED_SHARDS):
        count = facts[STOPPED_SHARDS]
        stopped = f"{count:,.0f} of the shards (see the notes); start their commands again, then join all of them again"
        logger.warning("stopped early: %s", stopped)
    try:
        dataset = make_dataset(rows, choice)
    except DataError as error:
        types = settings.get("answer_types") if settings.get("backend") == "cloze" else None  # models only prefer them
        raise DataError(
            f"{error}; {counted(len(rows), 'draft')} accepted before that, {_refused(rejected)}"
            + (f"; answer_types allows only {', '.join(types)}" if types else "")
            + (f". Stopped early: {stopped}" if stopped else "")
        ) from None
    report = make_report(
        dataset,
        settings=settings,
        facts=facts,
        rejected=rejected,
        accepted=len(rows),
        language=language,
        stopped=stopped,
        notes=notes,
    )
    if report["split_by"] == "passage":
        logger.warning("split by passage, since all questions come from one document")
    rows_of = {f"{name}.json": [row.to_example() for row in rows] for name, rows in dataset.splits.items() if rows}
    contents = {name: squad_bytes(examples) for name, examples in rows_of.items()}
    contents[CARD] = dataset_card(report, language).encode("utf-8")
    claim(folder, anew)  # once more: a run may take hours
    write_outputs(folder, contents, report)
    return report


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


def _all_blocks(job: Job, passages: Sequence[Passage], journal: Journal, progress: Progress) -> Outcome:
    """Goes through the blocks until there are enough rows, or none is left."""
    from qa_pipeline.generation.backends import BudgetError

    done = Outcome()
    enough = Enough(job)
    groups = blocks(passages, job.engine, job.settings.generation.seed)
    for number, group in enumerate(groups):
        block = journal.done.get(number)
        digest = hashlib.sha256("\0".join(passage.id for passage in group).encode()).hexdigest()[:16]
        if block is not None and block.passages == digest:
            progress.count(len(block.rows), block.rejected)
            done.add(block, len(group))
        else:
            block = Block(digest)
            try:
                _one_block(job, number, group, journal, progress, block)
            except BudgetError as error:
                # What was accepted is used now; with more room the block is done again, from the cache.
                _judge(job, block, progress)
                done.add(block, len(block.heard_of - block.unanswered.keys()))
                done.over_budget = str(error)
                break
            done.add(block, len(group) - len(block.unanswered))
            progress.say(f"block {number + 1} of {len(groups)}: ")
        if enough(done.rows):
            break
    return done


def _one_block(
    job: Job, number: int, group: Sequence[Passage], journal: Journal, progress: Progress, block: Block
) -> None:
    """Fills `block` with the rows of a group of passages, noting each in the journal as it comes.

    A block with passages that are not done is not done: the next run does it again, from the cache.
    """
    journal.begin(number)
    seen: set[str] = set()
    for result in _checked(job, group):
        block.heard_of.add(result.passage.id if isinstance(result, Row) else result.passage_id)
        if isinstance(result, Rejected) and result.passing:
            block.unanswered[result.passage_id] = result
            progress.unanswered(result.reason)
            continue
        if isinstance(result, Row) and result.key in seen:
            result = Rejected("exact_duplicate", result.passage.id)
        if isinstance(result, Rejected):
            journal.rejected(number, result.reason, result.passage_id)
            block.rejected[result.reason] += 1
            progress.reject(result.reason)
        else:
            seen.add(result.key)
            journal.row(number, result)
            block.rows.append(result)
            progress.accept()
    _judge(job, block, progress)
    if not block.unanswered:
        journal.finish(number, block, ("round_trip",) if job.reader is not None else ())


def _refused(rejected: Counter[str]) -> str:
    return "refused: " + (", ".join(f"{count:,} {reason}" for reason, count in rejected.most_common(5)) or "none")


def _judge(job: Job, block: Block, progress: Progress) -> None:
    """The round trip over the rows of a block, where there is a reader."""
    if job.reader is None:
        return
    # In a stable order, since a reader's arithmetic may depend on which rows share a batch.
    ordered = sorted(block.rows, key=lambda row: row.key)
    block.rows.clear()
    for verdict in round_trip(ordered, job.reader, job.settings.filters.round_trip_f1):
        if isinstance(verdict, Rejected):
            block.rejected[verdict.reason] += 1
            progress.take_back(verdict.reason)
        else:
            block.rows.append(verdict)


def _checked(job: Job, group: Sequence[Passage]) -> Iterator[Row | Rejected]:
    """The drafts of a group, aligned and filtered."""
    filters = make_filters(job.settings.filters, job.language)
    for draft in job.engine.generator.drafts(group):
        yield check(draft, filters) if isinstance(draft, Draft) else draft


def check(draft: Draft, filters: Sequence[tuple[str, RowFilter]]) -> Row | Rejected:
    """The draft as an aligned row that has passed the filters, or why not."""
    placed = place(draft)
    return placed if isinstance(placed, Rejected) else apply_filters(placed, filters)
