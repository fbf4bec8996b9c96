"""Several processes of one launch: which part is whose, and how the first waits for the others' shards."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.arguments import Settings
from qa_pipeline.generation.job import SPECIFICATION, Job, shard_identity
from qa_pipeline.generation.journal import differences
from qa_pipeline.generation.run import STOPPED_SHARDS
from qa_pipeline.generation.shards import Shard, read_shard

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 1.0


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Holds a lock of that name, where the file system has locks."""
    lock = FileLock(path)
    with contextlib.suppress(NotImplementedError), artifacts.writing(path, resumes=True):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def launched(settings: Settings) -> tuple[int, int]:
    """(rank, processes) under `accelerate launch` or `torchrun`; then every process makes a shard of its own."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    if processes > 1:
        if settings.generation.shard is not None:
            raise ConfigError(settings.source, "shard: the processes of a launch are shards already; leave it out")
        settings.generation.shard = f"{rank + 1}/{processes}"
    return rank, processes


def wait_for_shards(folder: Path, count: int, job: Job, before: dict[Path, int]) -> list[Shard]:
    """The shards of this launch, once every process has written its own; the launcher ends all when one fails.

    What an earlier launch left is another run's, or the same as this one's will be, or stopped early: then it is old.

    Args:
        before: what `written_shards` gave when this process began.

    Raises:
        DataError: another process of this launch made another run's shard, or one cannot be read.
    """
    wanted = shard_identity(job)
    found: dict[int, Shard] = {}
    seen: dict[Path, int] = {}
    told: list[int] = []
    while True:
        for path, written in written_shards(folder, count).items():
            if seen.get(path) == written:
                continue
            old = before.get(path) == written
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
                    f"spec_file={folder.parent / SPECIFICATION}, which no model reads; --overwrite_output_dir "
                    "begins anew"
                )
            logger.info("%s is of an earlier run (%s); waiting for this launch to replace it", path, different)
        missing = [number for number in range(1, count + 1) if number not in found]
        if not missing:
            return [found[number] for number in sorted(found)]
        if missing != told:
            logger.info("waiting for shard %s of %d", ", ".join(map(str, missing)), count)
            told = missing
        time.sleep(_WAIT_SECONDS)


def written_shards(folder: Path, count: int) -> dict[Path, int]:
    """The shards I/`count` that are in the folder now, and when each was written."""
    written = {}
    for path in sorted(folder.glob(f"shard-*-of-{count:05}-*.jsonl")):
        with contextlib.suppress(FileNotFoundError):  # replaced by its process since it was listed
            written[path] = path.stat().st_mtime_ns
    return written
