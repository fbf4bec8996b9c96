"""Runs jobs of many threads on one thread, those that can be computed together in one batch. Knows no questions.

A batch is the job that waits longest, and the jobs of the same key that wait behind it, while the token budget lasts.
Since the oldest job is always in the next batch, none waits for ever. Whoever submits a job holds a future of it; a
future that is cancelled, or whose time is over, before its batch begins is never computed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any

from qa_pipeline.serve.refusals import BusyError, OutOfTimeError, StoppingError
from qa_pipeline.wording import error_in_short

logger = logging.getLogger(__name__)

MOST_WAITING = 256
LINGER = 0.003
"""Seconds that a batch waits for more to come, where the one before held more than one job."""
_PACE = 0.9
"""Share of the older batches in the mean of the seconds that a job takes."""

Compute = Callable[[Hashable, list[Any]], Iterable[Any]]
"""The results of items of one key, in their order; may be a generator, whose results are handed out as they come."""


@dataclass
class QueuedJob:
    """One thing to compute.

    Attributes:
        key: jobs of the same key can be computed together.
        item: what `Compute` is given.
        tokens: about how many tokens a model reads for it.
        until: `time.monotonic()` at which nobody waits for it any more.
        seconds: that it may take, as was asked for.
        future: takes the result.
    """

    key: Hashable
    item: Any
    tokens: int
    until: float
    seconds: float
    future: Future[Any] = field(default_factory=Future)


class Batcher:
    """A queue, and the one thread that computes what is in it.

    Args:
        compute: see `Compute`. Where it fails on several items, each is computed once more alone, so that no job fails
            for another's sake.
        most_tokens: of a batch; a job of more is a batch of its own.
        most_waiting: jobs in the queue, not counting those that are being computed.
        linger: seconds, see LINGER.
        on_batch: told of every batch: its jobs, tokens and seconds. Called on the thread that computes.

    Example:
        >>> with Batcher(lambda key, items: [key * item for item in items], most_tokens=100) as batcher:
        ...     futures = [batcher.submit(key, 7, tokens=10) for key in (1, 2, 1)]
        ...     [future.result() for future in futures]
        [7, 14, 7]
    """

    def __init__(
        self,
        compute: Compute,
        *,
        most_tokens: int,
        most_waiting: int = MOST_WAITING,
        linger: float = LINGER,
        on_batch: Callable[[int, int, float], None] | None = None,
    ):
        self._compute, self._on_batch = compute, on_batch
        self.most_tokens, self.most_waiting, self.linger = most_tokens, most_waiting, linger
        self._queue: deque[QueuedJob] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._last = 0
        self._seconds_each = 0.05
        self._thread = threading.Thread(target=self._run, name="qa-batches", daemon=True)
        self._thread.start()

    def __enter__(self) -> Batcher:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """How many jobs wait; those that are being computed do not count."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether jobs are taken and computed."""
        return self._thread.is_alive() and not self._closed

    def submit(self, key: Hashable, item: Any, *, tokens: int, seconds: float = 3600.0) -> Future[Any]:
        """Puts a job into the queue.

        Args:
            key, item, tokens: see `QueuedJob`.
            seconds: after which it is not begun any more.

        Returns:
            Its future, which ends in what `compute` gives or raises, or in an OutOfTimeError.

        Raises:
            BusyError: the queue is full.
            StoppingError: it is being closed.
        """
        job = QueuedJob(key, item, tokens, time.monotonic() + seconds, seconds)
        with self._changed:
            if self._closed:
                raise StoppingError
            if len(self._queue) >= self.most_waiting:
                self._drop_abandoned()
            if len(self._queue) >= self.most_waiting:
                raise BusyError(len(self._queue), len(self._queue) * self._seconds_each)
            self._queue.append(job)
            self._changed.notify()
        return job.future

    def close(self, seconds: float | None = None) -> None:
        """Takes nothing more, computes what waits, and returns when that is done, or after so many seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(seconds)

    # The thread that computes

    def _run(self) -> None:
        while jobs := self._next_batch():
            running = [job for job in jobs if self._begin(job)]
            if not running:
                continue
            began = time.monotonic()
            self._work(running)
            taken = time.monotonic() - began
            self._seconds_each = _PACE * self._seconds_each + (1 - _PACE) * taken / len(running)
            if self._on_batch is not None:
                self._on_batch(len(running), sum(job.tokens for job in running), taken)

    def _next_batch(self) -> list[QueuedJob]:
        """The oldest job and those that go with it, as soon as there is one; none when all is done."""
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            if not self._queue:
                return []
            if self._last > 1:
                self._wait_for_more()
            batch, self._queue = self._taken()
            self._last = len(batch)
            return batch

    def _wait_for_more(self) -> None:
        """Others that were answered just now ask again within a moment, and are computed at little more cost."""
        end = time.monotonic() + self.linger
        while not self._closed and sum(job.tokens for job in self._queue) < self.most_tokens:
            left = end - time.monotonic()
            if left <= 0 or not self._changed.wait(left):
                break

    def _taken(self) -> tuple[list[QueuedJob], deque[QueuedJob]]:
        """The jobs of the next batch, and those that are left."""
        first, *others = self._queue
        batch, left, tokens = [first], deque[QueuedJob](), first.tokens
        for job in others:
            if job.key == first.key and tokens + job.tokens <= self.most_tokens:
                batch.append(job)
                tokens += job.tokens
            else:
                left.append(job)
        return batch, left

    def _begin(self, job: QueuedJob) -> bool:
        """Whether somebody still waits for it; from then on it cannot be cancelled."""
        if not job.future.set_running_or_notify_cancel():
            return False
        if time.monotonic() < job.until:
            return True
        job.future.set_exception(OutOfTimeError(job.seconds))
        return False

    def _work(self, jobs: list[QueuedJob]) -> None:
        """Computes jobs of one key; where that fails, each that has no result is computed alone."""
        left = deque(jobs)
        try:
            for result in self._compute(jobs[0].key, [job.item for job in jobs]):
                left.popleft().future.set_result(result)
            if left:
                raise RuntimeError(f"{len(jobs)} items were given, and {len(jobs) - len(left)} results came back")
        except Exception as error:
            if len(jobs) == 1:
                _fail(jobs[0], error)
                return
            logger.debug("a batch of %d failed, each of its jobs is computed alone: %s", len(jobs), error)
            for job in left:
                self._work([job])

    def _drop_abandoned(self) -> None:
        now = time.monotonic()
        kept = deque[QueuedJob]()
        for job in self._queue:
            if job.future.cancelled():
                job.future.set_running_or_notify_cancel()
            elif now >= job.until and job.future.set_running_or_notify_cancel():
                job.future.set_exception(OutOfTimeError(job.seconds))
            else:
                kept.append(job)
        self._queue = kept


def wait_for(future: Future[Any], seconds: float) -> Any:
    """The result of a job; a job that takes longer is given up, and is not begun if it has not been.

    Raises:
        OutOfTimeError: it took longer.
        Exception: what the job ended in.
    """
    try:
        return future.result(seconds)
    except FutureTimeoutError:
        if future.done() and not future.cancelled():  # the job itself ended in such an error
            raise
        future.cancel()
        raise OutOfTimeError(seconds) from None


def _fail(job: QueuedJob, error: Exception) -> None:
    try:
        job.future.set_exception(error)
    except InvalidStateError:
        logger.error("a result came twice: %s", error_in_short(error))
