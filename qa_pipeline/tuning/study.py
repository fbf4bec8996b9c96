"""The study of a tuning: Optuna's record of which trials there were, and which comes next. Knows no model.

What a trial draws hangs on its place among the trials and on those that ended before it, not on the process that draws
it: a study that was killed and goes on has the trials of one that was not. A trial whose process was killed goes back
into the queue with its values; whose process that was says a lock, which ends with the process, or on other machines
its heartbeat. Journals have no heartbeat: there, `release_trials` says that nobody is at work.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import socket
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qa_pipeline.errors import ConfigError
from qa_pipeline.tuning.search_space import Dimension
from qa_pipeline.wording import first_line

SQLITE_FILE = "study.db"
JOURNAL_FILE = "study.journal"
HEARTBEAT_SECONDS = 30
GRACE_SECONDS = 180
MOST_RETRIES = 5
"""A trial whose process was killed more often than this is not tried again: it is probably what kills it."""
_DRAWN_BLINDLY = 6
"""Trials before the sampler begins to learn from them."""
_NEVER_PRUNED = 4
"""Trials that must have come to their end before others are compared with them."""


def storage_address(wanted: str | None, folder: Path) -> str:
    """A URL of a database, or the path of a journal file, as a reader passes it to Optuna or to its dashboard."""
    if wanted == "journal":
        return str(folder / JOURNAL_FILE)
    return wanted or f"sqlite:///{folder / SQLITE_FILE}"


def open_storage(address: str) -> BaseStorage:
    """Opens, and creates where it is not there, the storage of `storage_address`.

    Raises:
        ConfigError: it cannot be opened.
    """
    try:
        if "://" not in address:
            return JournalStorage(JournalFileBackend(address))
        return RDBStorage(
            address,
            engine_kwargs={"connect_args": {"timeout": 60}} if address.startswith("sqlite") else None,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=GRACE_SECONDS,
            heartbeat_stale_trial_callback=_retry(),
        )
    except Exception as error:  # of any driver
        raise ConfigError("study_storage", f"{address} cannot be opened: {first_line(error)}") from error


def _retry() -> RetryHeartbeatStaleTrialCallback:
    return RetryHeartbeatStaleTrialCallback(max_retry=MOST_RETRIES, inherit_intermediate_values=True)


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Inside, Optuna logs nothing below an error, and does not warn of what it calls experimental."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


def open_study(address: str, name: str, seed: int) -> Study:
    """The study of this name; a new one where there is none."""
    return optuna.create_study(
        storage=open_storage(address),
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        sampler=_PlaceSampler(seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_NEVER_PRUNED),
    )


def forget_study(address: str, name: str) -> None:
    """Deletes the study of this name, where there is one."""
    storage = open_storage(address)
    if name in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=name, storage=storage)


def add_finished(
    study: Study, space: Mapping[str, Dimension], values: dict[str, Any], scores: Mapping[str, Any]
) -> None:
    """Adds a trial that is done.

    Args:
        study: where to.
        space: what was tried.
        values: those of the trial.
        scores: its "f1" and "epochs" (F1 by epoch); the others are noted with it.
    """
    study.add_trial(
        optuna.create_trial(
            value=scores["f1"],
            params=values,
            distributions={name: dimension.distribution() for name, dimension in space.items()},
            intermediate_values=scores["epochs"],
            user_attrs={key: value for key, value in scores.items() if key not in ("f1", "epochs")},
        )
    )


def places(trials: list[FrozenTrial]) -> dict[int, int]:
    """Optuna's number of each trial -> its place among the trials, from 0. A retry has the place of what it repeats."""
    found: dict[int, int] = {}
    count = 0
    for trial in sorted(trials, key=lambda one: one.number):
        first = RetryHeartbeatStaleTrialCallback.retried_trial_number(trial)
        if first in found:
            found[trial.number] = found[first]
        else:
            found[trial.number] = count
            count += 1
    return found


def latest(study: Study) -> dict[int, FrozenTrial]:
    """The trial of each place; of several tries the last one."""
    trials = study.get_trials(deepcopy=False)
    where = places(trials)
    return {where[trial.number]: trial for trial in trials}


def draw(trial: optuna.Trial, dimension: Dimension) -> Any:
    """The value of one setting in a trial."""
    name, low, high = dimension.name, dimension.low, dimension.high
    if dimension.choices is not None:
        return trial.suggest_categorical(name, dimension.choices)
    if dimension.whole:
        return trial.suggest_int(name, int(low), int(high), step=int(dimension.step or 1), log=dimension.log)
    return trial.suggest_float(name, low, high, step=dimension.step, log=dimension.log)


class _PlaceSampler(BaseSampler):
    """Optuna's TPE, seeded anew for each trial by the trial's place."""

    def __init__(self, seed: int):
        self._seed = seed
        self._tpe = TPESampler(seed=seed, n_startup_trials=_DRAWN_BLINDLY)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        place = places(study.get_trials(deepcopy=False))[trial.number]
        self._tpe = TPESampler(seed=(self._seed * 100_003 + place) % 2**32, n_startup_trials=_DRAWN_BLINDLY)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._tpe.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._tpe.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        self._tpe.after_trial(study, trial, state, values)


@dataclass
class TuningWorker:
    """This process, as one that works on the study. It holds a lock as long as it lives, by which others know.

    Attributes:
        folder: of the study.
        name: of its lock file; stands in each of its trials.
    """

    folder: Path
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}")

    def __post_init__(self) -> None:
        self.lock = _lock_of(self.folder, self.name)
        self.turn = FileLock(self.folder / ".turn.lock")

    def __enter__(self) -> TuningWorker:
        Path(self.lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(NotImplementedError):  # a file system without locks
            self.lock.acquire(timeout=0)
        return self

    def __exit__(self, *error: object) -> None:
        self.lock.release()
        Path(self.lock.lock_file).unlink(missing_ok=True)

    @contextlib.contextmanager
    def its_turn(self) -> Iterator[None]:
        """Inside, no other process begins a trial or writes results; `turn.release()` ends that earlier."""
        with contextlib.suppress(NotImplementedError):
            self.turn.acquire()
        try:
            yield
        finally:
            self.turn.release()

    def sign(self, trial: optuna.Trial) -> None:
        """Writes into a trial who does it."""
        trial.set_user_attr("worker", self.name)
        trial.set_user_attr("host", socket.gethostname())
        trial.set_user_attr("pid", os.getpid())


def _lock_of(folder: Path, worker: str) -> FileLock:
    return FileLock(folder / "workers" / f"{worker}.lock")


def release_dead(study: Study, worker: TuningWorker, everything: bool = False) -> list[int]:
    """Puts trials whose process is gone back into the queue. Only in its turn.

    Args:
        study: whose trials.
        worker: whose turn it is.
        everything: all that count as running are gone.

    Returns:
        Optuna's numbers of those trials.
    """
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    optuna.storages.fail_stale_trials(study)  # those without a heartbeat
    left = {trial.number for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    gone = [one.number for one in running if one.number in left and (everything or _is_gone(one, worker))]
    for number in gone:
        requeue(study, number)
    return gone + [one.number for one in running if one.number not in left]


def requeue(study: Study, number: int) -> None:
    """Notes that a trial came to no end, and queues it again with the values that it had. Only in its turn."""
    study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
    _retry()(study, study.get_trials()[number])


def _is_gone(trial: FrozenTrial, other: TuningWorker) -> bool:
    worker = trial.user_attrs.get("worker")
    if worker is None:  # killed in the moment before it signed, which it would have done in its turn
        return other.turn.is_locked
    if trial.user_attrs.get("host") != socket.gethostname():
        return False  # its heartbeat says
    lock = _lock_of(other.folder, worker)
    if not Path(lock.lock_file).exists():
        return True
    try:
        with lock.acquire(timeout=0):
            pass
    except (Timeout, NotImplementedError):
        return False
    Path(lock.lock_file).unlink(missing_ok=True)
    return True


def minutes_used(study: Study) -> float:
    """How long the trials that came to an end took, added up."""
    ended = [trial for trial in latest(study).values() if trial.state.is_finished()]
    return sum((trial.duration or datetime.timedelta()).total_seconds() for trial in ended) / 60


def check_identity(study: Study, identity: Mapping[str, Any], folder: Path) -> None:
    """Writes into a new study what it is about; an earlier one must be about the same.

    Raises:
        ConfigError: it has other settings, another search space or other data; names each difference.
    """
    if not study.user_attrs:
        for key, value in identity.items():
            study.set_user_attr(key, value)
        return
    faults = []
    for key, value in identity.items():
        before = study.user_attrs.get(key, {})
        for name in sorted({*before, *value}):
            if before.get(name) != value.get(name):
                was, now = before.get(name, "not given"), value.get(name, "not given")
                faults.append(f"{folder} holds a study with other {key}: {name} was {was!r} and is now {now!r}")
    if faults:
        faults[-1] += "; give another output_dir, or overwrite_output_dir=true to start afresh"
        raise ConfigError("output_dir", faults)
