"""Parts of one generation made apart, and their way back together.

A shard holds the accepted rows of its passages, before duplicates are dropped and documents are split, since both need
all rows. Its name ends in a hash of its content; it is written at once or not at all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import DataError
from qa_pipeline.generation.journal import differences
from qa_pipeline.generation.rows import Row

FORMAT = 1
_OF_ALL = ("documents", "passages")  # facts of the whole input, which every shard repeats
# Facts over the life of a cache file:
_SPENT = ("requests", "prompt_tokens", "completion_tokens", "cost", "reserved_tokens", "reserved_cost")
_NAME = re.compile(r"shard-([0-9]{5})-of-([0-9]{5})-([0-9a-f]{12})\.jsonl")


@dataclass
class Shard:
    """One part.

    Attributes:
        number, of: which part, from 1.
        identity: settings and inputs that all parts share.
        settings: all settings of the run that made it, for the report and the choice of rows.
        rows: accepted rows, in any order.
        rejected: drafts that did not pass, by reason.
        facts: sums for the report (documents, passages, requests, tokens, cost).
        notes: for the report.
    """

    number: int
    of: int
    identity: dict[str, Any]
    settings: dict[str, Any]
    rows: list[Row]
    rejected: Counter[str] = field(default_factory=Counter)
    facts: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def write_shard(folder: str | Path, shard: Shard) -> Path:
    """Writes the shard atomically under its content's name, and removes an earlier one of the same number.

    Raises:
        DataError: it cannot be written.
    """
    rows = sorted(shard.rows, key=lambda row: row.key)
    passages = {row.passage.id: row.passage for row in rows}
    head = {
        "kind": "shard",
        "format": FORMAT,
        "number": shard.number,
        "of": shard.of,
        "identity": shard.identity,
        "settings": shard.settings,
        "rejected": dict(sorted(shard.rejected.items())),
        "facts": shard.facts,
        "notes": shard.notes,
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


def find_shards(sources: Sequence[str | Path]) -> list[Path]:
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
    facts = _added([shard.facts for shard in shards])
    notes = list(dict.fromkeys(note for shard in shards for note in shard.notes))
    return Shard(1, 1, first.identity, settings, rows, rejected, facts, notes)


def _added(parts: Sequence[dict[str, float]]) -> dict[str, float]:
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
