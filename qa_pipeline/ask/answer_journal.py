"""Keeps the answers to a file of questions beside the output as they are computed, so that a kill loses none of them.

OUTPUT.journal is there while the files of the output are not; the same command goes on from it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from qa_pipeline import artifacts
from qa_pipeline.ask.answer_files import Place, check_target
from qa_pipeline.postprocess import from_json, to_json
from qa_pipeline.wording import counted

if TYPE_CHECKING:
    from qa_pipeline.predictor import Answer

Answers = Iterator[tuple["Answer", Place]]


@contextmanager
def open_journal(path: str | None) -> Iterator[artifacts.Journal | None]:
    """The journal of an output, which no other process writes meanwhile; None where there is no output.

    Raises:
        ConfigError: another process answers into it, or files of another run lie where those beside it would go.
        DataError: it could not be written.
    """
    check_target(path)
    if path is None:
        yield None
        return
    target = Path(path)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    with artifacts.writing(path):
        artifacts.hold(
            lock,
            "command line",
            f"--output: another process is answering into {path}; wait for it to end, or give another name",
        )
    try:
        with artifacts.Journal(target.with_name(f"{target.name}.journal")) as journal:
            yield journal
    finally:
        # While it is held: a process that has opened it in between sees that the file is gone, and makes another.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def fill(
    journal: artifacts.Journal,
    path: str,
    identity: Mapping[str, str],
    ids: Sequence[str],
    answers_after: Callable[[int], Answers],
) -> int:
    """Computes the answers that the journal lacks, and keeps each at once. Says on stderr where it goes on.

    Args:
        journal: of `open_journal`.
        path: the output.
        identity: fingerprints of all that answers hang on; what they are of, in words.
        ids: of the questions, in their order.
        answers_after: computes those after the first N.

    Returns:
        How many were computed now.

    Raises:
        DataError: the journal cannot be read or written.
    """
    with artifacts.writing(path, resumes=True):
        changed = journal.begin(identity, ids)
    done = len(journal)
    if changed:
        print(f"{journal.path} is of another run ({', '.join(changed)} changed): starting over", file=sys.stderr)
    elif done:
        total = counted(len(ids), "question")
        print(f"{path}: goes on after {done:,} of {total}, which were answered before", file=sys.stderr)
    for answer, place in answers_after(done) if done < len(ids) else ():
        with artifacts.writing(path, resumes=True):
            journal.append(to_json(answer) | {"place": place})
    return len(ids) - done


def answers_of(journal: artifacts.Journal) -> Answers:
    """All answers of a journal, read one by one."""
    from qa_pipeline.predictor import Answer

    return ((from_json(Answer, value), value["place"]) for value in journal)


def fingerprint_of(values: Iterable[Any]) -> str:
    """SHA-256 (first 16 hex digits) of values that JSON can hold, in order."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(json.dumps(value).encode("ascii") + b"\n")
    return digest.hexdigest()[:16]
