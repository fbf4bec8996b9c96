"""Parts of one generation made apart, by hand or by the processes of a launch, and their way back together.

A shard holds the accepted rows of its passages, before duplicates are dropped and documents are split, since both need
all rows. Its name ends in a hash of its content; it is written at once or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.arguments import Settings
from qa_pipeline.generation.job import SHARDS, SPECIFICATION, Job, shard_identity
from qa_pipeline.generation.journal import differences
from qa_pipeline.generation.types import Row

logger = logging.getLogger(__name__)

FORMAT = 1
_OF_ALL = ("documents", "passages")  # facts of the whole input, which every shard repeats
# Facts over the life of a cache file:
_SPENT = ("requests", "prompt_tokens", "completion_tokens", "cost", "reserved_tokens", "reserved_cost")
STOPPED_SHARDS = "shards_stopped_early"
"""The fact that counts them, so that what is joined from them says so."""
_WAIT_SECONDS = 1.0
_NAME = re.compile(r"shard-([0-9]{5})-of-([0-9]{5})-([0-9a-f]{12})\.jsonl")


@dataclass
class Shard:
    """One part; 1/1 is the whole.

    Attributes:
        number, of: which part, from 1.
        identity: settings and inputs that all parts share.
        settings: all settings of the run that made it, for the report and the choice of rows.
        rows: accepted rows, in any order.
        rejected: drafts that did not pass, by reason.
        facts: sums for the report (documents, passages, requests, tokens, cost).
        notes: for the report.
        stop_reason: why the run ended early, if it did; in the file it is among the notes.
    """

    number: int
    of: int
    identity: dict[str, Any]
    settings: dict[str, Any]
    rows: list[Row]
    rejected: Counter[str] = field(default_factory=Counter)
    facts: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    stop_reason: str | None = None


def write_shard(folder: str | Path, shard: Shard) -> Path:
    """Writes the shard atomically under its content's name, and removes an earlier one of the same number.

    Raises:
        DataError: it cannot be written.
    """
    rows = sorted(shard.rows, key=lambda row: row.key)
    passages = {row.passage.id: row.passage for row in rows}
    facts, notes = shard.facts, shard.notes
    if shard.stop_reason:
        facts = {**facts, STOPPED_SHARDS: 1}
        notes = [*notes, f"shard {shard.number}/{shard.of} stopped early: {shard.stop_reason}"]
    head = {
        "kind": "shard",
        "format": FORMAT,
        "number": shard.number,
        "of": shard.of,
        "identity": shard.identity,
        "settings": shard.settings,
        "rejected": dict(sorted(shard.rejected.items())),
        "facts": facts,
        "notes": notes,
        "num_passages": len(passages),
        "num_rows": len(rows),
    }
    values = [head, *(asdict(passages[name]) for name in sorted(passages)), *(row.to_json() for row in rows)]
    content = b"".join(json.dumps(value, ensure_ascii=True).encode("ascii") + b"\n" for value in values)
    stem = f"shard-{shard.number:05}-of-{shard.of:05}-"
    path = Path(folder) / f"{stem}{_digest(content)}.jsonl"
    with artifacts.writing(path, resumes=True):
        artifacts.write_bytes(path, content)
    for old in path.parent.glob(f"{stem}*.jsonl"):
        if old.name != path.name and _NAME.fullmatch(old.name):
            with artifacts.writing(old, resumes=True):
                old.unlink(missing_ok=True)
    return path


def read_shard(path: str | Path) -> Shard:
    """Reads and verifies a shard.

    Raises:
        DataError: it is no shard, or its content is not what its name says.
    """
    path = Path(path)
    name = _NAME.fullmatch(path.name)
    if not name:
        raise DataError(f"{path}: expected a name such as shard-00001-of-00008-0123456789ab.jsonl")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    if _digest(content) != name[3]:
        raise DataError(f"{path}: its content does not have the hash in its name; copy or make it again")
    head, *lines = (json.loads(line) for line in content.splitlines())
    if head.get("format") != FORMAT:
        raise DataError(f"{path}: format {head.get('format')}, expected {FORMAT}; make it again with this version")
    passages = {value["id"]: Passage(**value) for value in lines[: head["num_passages"]]}
    rows = [Row.from_json(value, passages) for value in lines[head["num_passages"] :]]
    head |= {"rows": rows, "rejected": Counter(head["rejected"])}
    return Shard(**{one.name: head[one.name] for one in fields(Shard) if one.name in head})


def find_shards(sources: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The shards among files and folders, by name.

    Raises:
        DataError: there is none, or a source does not exist.
    """
    found: dict[str, Path] = {}
    for source in map(Path, sources):
        if not source.exists():
            raise DataError(f"{source}: no such file or folder")
        inside = source.rglob("shard-*.jsonl") if source.is_dir() else [source]
        found |= {path.name: path for path in inside}
    if not found:
        raise DataError(f"no shard in {', '.join(map(str, sources))}; `generate --shard I/N` writes them")
    return [found[name] for name in sorted(found)]


def join(shards: Iterable[Shard], where: str = "the shards") -> Shard:
    """All rows of a complete set of shards as one shard 1/1.

    Raises:
        DataError: a shard is missing, is there twice with different content, or belongs to another run.
    """
    shards = sorted(shards, key=lambda shard: shard.number)
    first = shards[0]
    for other in shards[1:]:
        if other.of != first.of or other.identity != first.identity:
            different = differences(first.identity, other.identity) or [f"of: was {first.of}, is {other.of}"]
            raise DataError(
                f"{where}: shard {other.number}/{other.of} and shard {first.number}/{first.of} were made differently: "
                + "; ".join(different)
            )
    numbers = Counter(shard.number for shard in shards)
    twice = [number for number, count in numbers.items() if count > 1]
    missing = [number for number in range(1, first.of + 1) if number not in numbers]
    if twice:
        raise DataError(f"{where}: shard {_some(twice)} of {first.of} is there more than once; keep one")
    if missing:
        raise DataError(f"{where}: shard {_some(missing)} of {first.of} is missing; make it with --shard I/{first.of}")
    rejected: Counter[str] = Counter()
    for shard in shards:
        rejected.update(shard.rejected)
    settings = {**first.settings, "shard": None}
    rows = [row for shard in shards for row in shard.rows]
    facts = _add_up([shard.facts for shard in shards])
    notes = list(dict.fromkeys(note for shard in shards for note in shard.notes))
    return Shard(1, 1, first.identity, settings, rows, rejected, facts, notes)


@dataclass(frozen=True)
class Launch:
    """The processes of `accelerate launch` or `torchrun`; each makes a shard of its own, and the first joins them.

    Attributes:
        rank: of this process, from 0.
        processes: how many there are; 1 without a launcher.
        earlier_shards: those that were there when this process began, and when each was written.
    """

    rank: int
    processes: int
    earlier_shards: dict[Path, int]


def join_launch(settings: Settings) -> Launch:
    """What this process is in its launch; gives it its shard of the work.

    Raises:
        ConfigError: the settings name a shard, too.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    if processes > 1:
        if settings.generation.shard is not None:
            raise ConfigError(settings.source, "shard: the processes of a launch are shards already; leave it out")
        settings.generation.shard = f"{rank + 1}/{processes}"
    return Launch(rank, processes, written_shards(Path(str(settings.generation.output_dir)) / SHARDS, processes))


def wait_for_shards(launch: Launch, job: Job) -> list[Shard]:
    """The shards of this launch, once every process has written its own; the launcher ends all when one fails.

    What an earlier launch left is another run's, or the same as this one's will be, or stopped early: then it is old.

    Raises:
        DataError: another process of this launch made another run's shard, or one cannot be read.
    """
    wanted, folder, count = shard_identity(job), job.folder / SHARDS, launch.processes
    found: dict[int, Shard] = {}
    seen: dict[Path, int] = {}
    last_missing: list[int] = []
    while True:
        for path, written in written_shards(folder, count).items():
            if seen.get(path) == written:
                continue
            old = launch.earlier_shards.get(path) == written
            try:
                shard = read_shard(path)
            except DataError as error:
                if old or isinstance(error.__cause__, FileNotFoundError):
                    continue  # its process is about to replace it, or has just done so
                raise
            seen[path] = written
            if shard.identity == wanted:
                if not (old and shard.facts.get(STOPPED_SHARDS)):
                    found[shard.number] = shard
                continue
            different = "; ".join(differences(shard.identity, wanted))
            if not old:
                raise DataError(
                    f"{path}: made by another process of this launch, where this one finds other things: {different}. "
                    "All processes need the same settings and documents; in place of a prompt give "
                    f"spec_file={job.folder / SPECIFICATION}, which no model reads; --overwrite_output_dir "
                    "begins anew"
                )
            logger.info("%s is of an earlier run (%s); waiting for this launch to replace it", path, different)
        missing = [number for number in range(1, count + 1) if number not in found]
        if not missing:
            return [found[number] for number in sorted(found)]
        if missing != last_missing:
            logger.info("waiting for shard %s of %d", ", ".join(map(str, missing)), count)
            last_missing = missing
        time.sleep(_WAIT_SECONDS)


def written_shards(folder: Path, count: int) -> dict[Path, int]:
    """The shards I/`count` that are in the folder now, and when each was written."""
    written = {}
    for path in sorted(folder.glob(f"shard-*-of-{count:05}-*.jsonl")):
        with contextlib.suppress(FileNotFoundError):  # replaced by its process since it was listed
            written[path] = path.stat().st_mtime_ns
    return written


def _add_up(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    """Facts of all shards together; what was spent on one account is a sum already, of which the last is the whole."""
    facts: dict[str, float] = {}
    spent: dict[tuple[str, float], float] = {}
    for number, part in enumerate(parts):
        for name, value in part.items():
            if name in _OF_ALL:
                facts[name] = max(facts.get(name, 0), value)
            elif name in _SPENT:
                account = (name, part.get("account") or -number)
                spent[account] = max(spent.get(account, 0), value)
            elif name != "account":
                facts[name] = facts.get(name, 0) + value
    for (name, _), value in spent.items():
        facts[name] = facts.get(name, 0) + value
    return facts


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (" ..." if len(numbers) > 5 else "")
