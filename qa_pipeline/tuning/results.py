"""What a tuning gave: every trial, the best settings, and the folder with its files. Reads a study, trains nothing."""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ModelError

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from qa_pipeline.tuning.arguments import TuningPlan

logger = logging.getLogger(__name__)

TUNING_FILE = "tuning.json"
BEST_FILE = "best.yaml"
_KEPT = (
    *(artifacts.RUN, artifacts.RUN_LOCK, artifacts.DATA_REPORT, artifacts.ALL_RESULTS),
    *(artifacts.TRAIN_RESULTS, artifacts.EVAL_RESULTS),
)


@dataclass(frozen=True)
class TuningTrial:
    """One trial.

    Attributes:
        number: its place among the trials; 0 has the settings as they are.
        settings: what was drawn, by name.
        f1: on the validation data after the best epoch, in percent; None where it came to no end.
        epochs: F1 after each epoch.
        state: complete, pruned, failed, running or waiting.
        seconds: how long it took; None as long as it takes.
        exact_match: as `f1`.
        f1_interval: 95% bootstrap interval of `f1`.
        retries: how often its process was killed, so that it was done again.
        error: why it failed.
        same_as: the earlier trial with the same settings, whose score it has without a training.
        initial_weights: hash of the weights that it began with, without adapters.
        optuna_number: of its last try in the study.
        folder: of its run; relative to that of the study where it is inside.
    """

    number: int
    settings: dict[str, Any]
    f1: float | None
    epochs: list[float]
    state: str
    seconds: float | None = None
    exact_match: float | None = None
    f1_interval: list[float] | None = None
    retries: int = 0
    error: str | None = None
    same_as: int | None = None
    initial_weights: str | None = None
    optuna_number: int = 0
    folder: str | None = None


@dataclass(frozen=True)
class TuningResult:
    """What a tuning gave.

    Attributes:
        best_trial: number of the trial with the highest F1; of equals the first.
        best_settings: of a training that gives its score again, as a configuration file has them.
        trials: in the order of their numbers.
        storage: of the study, as Optuna and its dashboard open it.
        study_name: its name in there.
        folder: of the study, with tuning.json, best.yaml and the trials.
    """

    best_trial: int
    best_settings: dict[str, Any]
    trials: list[TuningTrial]
    storage: str
    study_name: str
    folder: Path

    @property
    def best(self) -> TuningTrial:
        """The best trial."""
        return self.trials[self.best_trial]

    @property
    def model(self) -> Path:
        """Folder with the model of the best trial."""
        return self.folder / str(self.best.folder)

    def to_dict(self) -> dict[str, Any]:
        """What tuning.json holds; its schema is `tuning` in `qa_pipeline.data.schema`."""
        first = self.trials[0]
        return {
            "study_name": self.study_name,
            "storage": self.storage,
            "best_trial": self.best_trial,
            "best_f1": self.best.f1,
            "default_f1": first.f1,
            "best_settings": self.best_settings,
            "trials": [asdict(trial) for trial in self.trials],
        }


def collect(plan: TuningPlan, study: Study, storage: str) -> TuningResult | None:
    """The trials so far, and the best of them; None as long as none came to its end."""
    from qa_pipeline.tuning.study import latest

    trials = [_trial_of(place, trial) for place, trial in sorted(latest(study).items())]
    scores = [(trial.f1, -trial.number) for trial in trials if trial.state == "complete" and trial.f1 is not None]
    if not scores:
        return None
    best = trials[-max(scores)[1]]
    settings = plan.best_settings(best.settings)
    return TuningResult(best.number, settings, trials, storage, study.study_name, plan.folder)


def _trial_of(place: int, trial: FrozenTrial) -> TuningTrial:
    from optuna.storages import RetryHeartbeatStaleTrialCallback

    names = {"FAIL": "failed"}
    noted = trial.user_attrs
    complete = trial.state.name == "COMPLETE"
    error = noted.get("error")
    if trial.state.name == "FAIL" and error is None:
        error = "its process was killed, again and again"
    return TuningTrial(
        number=place,
        settings=dict(trial.params) or dict(trial.system_attrs.get("fixed_params", {})),
        f1=trial.value if complete else None,
        epochs=[value for _, value in sorted(trial.intermediate_values.items())],
        state=names.get(trial.state.name, trial.state.name.lower()),
        seconds=round(trial.duration.total_seconds(), 1) if trial.duration is not None else None,
        exact_match=noted.get("exact_match") if complete else None,
        f1_interval=noted.get("f1_interval") if complete else None,
        retries=len(RetryHeartbeatStaleTrialCallback.retry_history(trial)),
        error=error,
        same_as=noted.get("same_as"),
        initial_weights=noted.get("initial_weights"),
        optuna_number=trial.number,
        folder=noted.get("folder"),
    )


def write_results(plan: TuningPlan, result: TuningResult) -> None:
    """Writes tuning.json and best.yaml, and frees the disk of what is no longer needed. Only in its turn."""
    from qa_pipeline.tuning.trials import write_settings

    header = (
        f"# The best of {len(result.trials)} trials, number {result.best_trial}: F1 {result.best.f1:.2f} on the "
        f"validation data that chose it\n# (trial 0, the settings as they are: {round_shown(result.trials[0].f1)}).\n"
        f"#   qa-pipeline train {plan.folder / BEST_FILE}\n"
    )
    write_settings(plan.folder / BEST_FILE, result.best_settings, header)
    artifacts.write_json(plan.folder / TUNING_FILE, result.to_dict())
    for trial in result.trials:
        if trial.state in ("complete", "pruned", "failed"):
            _free(plan.folder, trial, keep_model=trial.folder == result.best.folder)


def _free(home: Path, trial: TuningTrial, keep_model: bool) -> None:
    """Removes the checkpoints of a trial that is done, and its model unless it is the best."""
    folder = home / str(trial.folder)
    if trial.folder is None or folder.parent != home / "trials" or not folder.is_dir():
        return  # never trained, or a run that was given
    for path in folder.iterdir():
        if path.is_dir() and (not keep_model or path.name.startswith("checkpoint-")):
            shutil.rmtree(path)
        elif path.is_file() and not keep_model and path.name not in _KEPT:
            path.unlink()


def results_of(plan: TuningPlan, study: Study, storage: str) -> TuningResult:
    """As `collect`, when all is done.

    Raises:
        ModelError: no trial came to its end.
    """
    result = collect(plan, study, storage)
    if result is None:
        raise ModelError(f"{plan.folder}: no trial came to its end; the study in {storage} says why of each")
    return result


def tuning_table(result: TuningResult) -> str:
    """The trials, the best first, a line each; and what to make of the best score."""
    names = [name for name in result.trials[0].settings]
    rows = [["trial", "F1", "epochs", "state", *names]]
    ranked = sorted(result.trials, key=lambda one: (one.f1 is None, -(one.f1 or 0), one.number))
    for one in ranked:
        state = one.state if one.same_as is None else f"as trial {one.same_as}"
        cells = [f"{one.number}", round_shown(one.f1), f"{len(one.epochs)}", state]
        rows.append([*cells, *(round_shown(one.settings.get(name)) for name in names)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([*lines, "", *_verdict(result)])


def _verdict(result: TuningResult) -> list[str]:
    first, best = result.trials[0], result.best
    if best.number == 0 or first.f1 is None or best.f1 is None:
        return [
            f"best: trial {best.number}, F1 {round_shown(best.f1)}" + " (the settings as they are)" * (not best.number)
        ]
    interval = ""
    if best.f1_interval is not None:
        interval = f" (95%: {best.f1_interval[0]:.1f} to {best.f1_interval[1]:.1f})"
    return [
        f"best: trial {best.number}, F1 {best.f1:.2f}{interval}; the settings as they are: {first.f1:.2f}",
        "The best of many scores on the same questions flatters: what it is worth, other questions tell.",
    ]


def round_shown(value: Any) -> str:
    """A value of a setting or a score, rounded for reading."""
    if isinstance(value, float):
        return f"{value:.2f}" if 1 <= abs(value) < 1000 else f"{value:.3g}"
    return "-" if value is None else str(value)
