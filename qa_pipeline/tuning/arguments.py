"""The settings of a tuning: those of a training, and which trials there are. From file and flags to a checked plan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from qa_pipeline.arguments.config_files import SECRET_KEYS, found
from qa_pipeline.arguments.settings import setting, settings_of
from qa_pipeline.tuning.search_space import (
    IN_A_TRIAL,
    PER_EPOCH,
    Dimension,
    default_search_space,
    leaves_out,
    read_search_space,
)

if TYPE_CHECKING:
    from qa_pipeline.arguments.resolver import Resolution

DEFAULT_TRIALS = 20


@dataclass
class TuningArguments:
    """Which trials there are, and where their study is kept.

    Example:
        >>> TuningArguments(num_trials=8).prune_trials
        True
    """

    _argument_group_name: ClassVar[str] = "tuning"

    num_trials: int | None = setting(
        None,
        f"Trials, the settings as they are among them. None: {DEFAULT_TRIALS}, or as many as tuning_minutes allow.",
        least=1,
    )
    tuning_minutes: float | None = setting(
        None,
        "No trial begins once the trials of the study, of all starts and workers together, have taken so many minutes.",
        above=0,
    )
    search_space: dict[str, Any] | None = setting(
        None,
        'What is tried, by name of a training setting: {"low": 1e-4, "high": 1e-3, "log": true}, with "step" in place '
        'of "log", or {"choices": [8, 16]}. None: a search space around the settings, for LoRA or for all weights.',
    )
    prune_trials: bool = setting(
        True, "End a trial after an epoch in which its F1 is below the median of the others' in the same epoch."
    )
    tuning_workers: int = setting(1, "Processes that work on the study, a trial each.", least=1)
    study_storage: str | None = setting(
        None,
        "Where the study is kept. None: an SQLite file in output_dir; journal: a journal file in output_dir, for "
        "network file systems; or the URL of a database.",
    )
    study_name: str | None = setting(None, "Name of the study; None: that of output_dir.")
    release_trials: bool = setting(
        False,
        "Take every trial that counts as running for one whose process was killed, and do it again. For journals on a "
        "network file system whose machine is gone; no other process may be at work.",
    )


@dataclass
class TuningPlan:
    """A tuning that was checked and may begin.

    Attributes:
        values: settings of the training as they were given, by name.
        base: all settings of trial 0, defaults included.
        tuning: which trials there are.
        space: what each of the others may change.
        folder: of the study.
        secrets: those of the settings that are written into no file.
        overwrite: an earlier study in the folder is replaced.
    """

    values: dict[str, Any]
    base: dict[str, Any]
    tuning: TuningArguments
    space: dict[str, Dimension]
    folder: Path
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    overwrite: bool = False

    @property
    def most_trials(self) -> int | None:
        """How many trials there are; None: as many as the minutes allow."""
        given = self.tuning.num_trials
        return DEFAULT_TRIALS if given is None and self.tuning.tuning_minutes is None else given

    @property
    def study_name(self) -> str:
        """Name of the study in its storage."""
        return self.tuning.study_name or self.folder.resolve().name

    def settings_of_trial(self, chosen: Mapping[str, Any], output_dir: str | Path) -> dict[str, Any]:
        """The settings of one trial, as a configuration file of `train` has them."""
        kept = {key: value for key, value in self.values.items() if key not in IN_A_TRIAL}
        return {**kept, **PER_EPOCH, **chosen, "output_dir": str(output_dir)}

    def best_settings(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a training that gives the score of a trial again. As in a trial, test data is not read."""
        asked = {"eval_on_start": self.values["eval_on_start"]} if "eval_on_start" in self.values else {}
        return self.settings_of_trial({**chosen, **asked}, self.folder / "best")


def parse_tuning_arguments(argv: list[str]) -> TuningPlan:
    """Resolves `[CONFIG.json|CONFIG.yaml] [--key value ...]`, one flat file of both kinds of settings.

    Raises:
        ConfigError: with every fault that was found, those of the search space and of its extremes among them.
    """
    from qa_pipeline.arguments.resolver import Resolution
    from qa_pipeline.arguments.training import GROUPS

    return plan_of(Resolution.read(argv, (*GROUPS, TuningArguments)))


def make_plan(values: Mapping[str, Any], tuning: TuningArguments, output_dir: str | Path) -> TuningPlan:
    """The same for settings that Python code gives.

    Raises:
        ConfigError: as `parse_tuning_arguments`.
    """
    from qa_pipeline.arguments.resolver import Resolution
    from qa_pipeline.arguments.training import GROUPS

    both = {**values, **asdict(tuning), "output_dir": str(output_dir)}
    return plan_of(Resolution.of(both, "tuning", (*GROUPS, TuningArguments)))


def plan_of(resolution: Resolution) -> TuningPlan:
    """Checks the settings of a tuning.

    Raises:
        ConfigError: with every fault that was found.
    """
    from qa_pipeline.arguments.checks import check_run

    own = settings_of(TuningArguments)
    overwrite = bool(resolution.values["overwrite_output_dir"])
    resolution.values |= IN_A_TRIAL
    check_run(resolution)
    if os.environ.get("WORLD_SIZE", "1") != "1":
        resolution.report("", "a trial has one process; start tune without accelerate launch, and give tuning_workers")
    base = {key: value for key, value in resolution.values.items() if key not in (*own, *SECRET_KEYS)}
    given = {key: one.value for key, one in resolution.given.items() if key not in own}
    secrets = {key: value for key in SECRET_KEYS & given.keys() if (value := given.pop(key)) is not None}
    space, faults = _search_space(resolution.values["search_space"], base, given, resolution.source)
    for fault in faults:
        resolution.report("search_space", fault)
    resolution.raise_problems()
    given.pop("overwrite_output_dir", None)
    folder = Path(given.pop("output_dir"))
    tuning = resolution.make(TuningArguments)
    return TuningPlan(given, base, tuning, space, folder, secrets, overwrite)


def _search_space(
    wanted: Mapping[str, Any] | None, base: Mapping[str, Any], given: Mapping[str, Any], place: str
) -> tuple[dict[str, Dimension], list[str]]:
    """The search space, and what is wrong with it: by itself, and with the other settings."""
    from qa_pipeline.arguments.training import GROUPS

    if wanted is None:
        space, faults = default_search_space(base), list[str]()
    else:
        space, faults = read_search_space(wanted, settings_of(*GROUPS))
        faults += leaves_out(space, base)
        if not wanted:
            faults.append(f"expected settings to try, found none; leave it out for the default one ({found(None)})")
    known = set(_problems_with(given, place))
    for name, dimension in space.items():
        tried = {value: _problems_with({**given, name: value}, place) for value in dimension.extremes}
        faults += [
            f"{name} {found(value)}: {text}" for value, texts in tried.items() for text in texts if text not in known
        ]
    return space, faults


def _problems_with(given: Mapping[str, Any], place: str) -> list[str]:
    """What is wrong with a training of these settings."""
    from qa_pipeline.arguments.checks import check_run
    from qa_pipeline.arguments.resolver import Resolution
    from qa_pipeline.arguments.training import GROUPS

    resolution = Resolution.of({**given, **PER_EPOCH}, place, GROUPS)
    resolution.values |= IN_A_TRIAL
    check_run(resolution)
    return [problem.text for problem in resolution.problems]
