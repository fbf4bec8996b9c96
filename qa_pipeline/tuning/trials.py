"""One trial: a training with the drawn settings, in a folder of its own, watched epoch by epoch. Never reads test data.

It is the training of `qa-pipeline train FILE`, where FILE lies beside the trial's folder. A trial that is done again
goes on from the checkpoints of the try before it.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import torch
import yaml
from optuna.study import Study
from optuna.trial import TrialState
from transformers import TrainerCallback

from qa_pipeline import artifacts
from qa_pipeline.arguments import Arguments, parse_arguments, public_dict
from qa_pipeline.errors import ConfigError, ModelError
from qa_pipeline.process.checkpoints import list_checkpoints
from qa_pipeline.run.run import run_qa
from qa_pipeline.tuning.arguments import TuningPlan
from qa_pipeline.tuning.results import round_shown
from qa_pipeline.tuning.study import TuningWorker, draw, latest, places
from qa_pipeline.wording import in_one_line

logger = logging.getLogger(__name__)

TRIALS = "trials"
_OF_THE_WEIGHTS = ("model_name_or_path", "load_in_4bit", "load_in_8bit")


class TrialFailed(Exception):
    """The values of a trial led to no model: too little memory, weights that are no numbers, settings that clash."""


class _OtherWeights(ModelError):
    pass


def run_trial(plan: TuningPlan, study: Study, worker: TuningWorker, trial: optuna.Trial) -> float:
    """Trains one trial, and ends the worker's turn as soon as the trial is under way.

    Returns:
        F1 on the validation data after the best epoch, in percent.

    Raises:
        optuna.TrialPruned: others were better after the same epoch.
        TrialFailed: the values led to no model. The settings as they are raise what is wrong with them.
    """
    worker.sign(trial)
    chosen = {name: draw(trial, dimension) for name, dimension in plan.space.items()}
    place = places(study.get_trials(deepcopy=False))[trial.number]
    folder = plan.folder / TRIALS / str(place)
    trial.set_user_attr("folder", f"{TRIALS}/{place}")
    worker.turn.release()
    shown = ", ".join(f"{key} {round_shown(value)}" for key, value in chosen.items())
    logger.info("Trial %d%s: %s", place, " (the settings as they are)" if place == 0 else "", shown)
    if (twin := _twin(study, trial, place)) is not None:
        return twin
    config = write_settings(folder.with_name(f"{place}.yaml"), plan.settings_of_trial(chosen, folder))
    watcher = _Watcher(study, trial, prunes=plan.tuning.prune_trials and place > 0)
    try:
        results = train(read_settings(plan, config), watcher)
    except (ModelError, ConfigError, torch.OutOfMemoryError) as error:
        if place == 0 or isinstance(error, _OtherWeights):
            raise
        trial.set_user_attr("error", in_one_line(error))
        logger.warning("Trial %d failed: %s", place, in_one_line(error))
        raise TrialFailed from error
    trial.set_user_attr("exact_match", results["eval_exact_match"])
    trial.set_user_attr("f1_interval", list(results["eval_f1_interval"]))
    return float(results["eval_f1"])


def train(arguments: Arguments, watcher: TrainerCallback) -> dict[str, Any]:
    """Trains as `train` does, with the memory of the trial before it given back.

    What reading the data found was said when the tuning began, and stands in each run.json.
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    loggers = [logging.getLogger(f"qa_pipeline.{name}") for name in ("run.splits", "preprocess", "run.evaluating")]
    levels = [one.level for one in loggers]
    try:
        for one in loggers:
            one.setLevel(logging.ERROR)
        return run_qa(arguments, [watcher])
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def write_settings(path: Path, values: dict[str, Any], header: str = "") -> Path:
    """Writes a configuration file of `train`."""
    return artifacts.write_text(path, header + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110))


def read_settings(plan: TuningPlan, config: Path) -> Arguments:
    """A configuration file as `train` reads it, with the secrets that stand in no file."""
    return parse_arguments([str(config), *(word for key, text in plan.secrets.items() for word in (f"--{key}", text))])


def _twin(study: Study, trial: optuna.Trial, place: int) -> float | None:
    """The score of an earlier trial with the same values, which this one would have too: trainings are repeatable."""
    for other, ended in latest(study).items():
        if other != place and ended.state is TrialState.COMPLETE and ended.params == trial.params:
            for step, value in ended.intermediate_values.items():
                trial.report(value, step)
            for key in ("folder", "initial_weights", "exact_match", "f1_interval"):
                if key in ended.user_attrs:
                    trial.set_user_attr(key, ended.user_attrs[key])
            trial.set_user_attr("same_as", other)
            logger.info("Trial %d is trial %d again: its score is taken over.", place, other)
            return ended.value
    return None


class _Watcher(TrainerCallback):
    """Notes which weights a trial begins with and its F1 after each epoch, and ends it where others did better."""

    def __init__(self, study: Study, trial: optuna.Trial, prunes: bool):
        self.study, self.trial, self.prunes = study, trial, prunes
        self.reported = set(study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def on_init_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Before any checkpoint is read, these are the weights that the training begins with."""
        begins_with = weights_hash(kwargs["model"])
        self.trial.set_user_attr("initial_weights", begins_with)
        for other in self.study.get_trials(deepcopy=False):
            known = other.user_attrs.get("initial_weights", begins_with)
            same_model = all(other.params.get(key) == self.trial.params.get(key) for key in _OF_THE_WEIGHTS)
            if same_model and known != begins_with:
                raise _OtherWeights(
                    f"trial {self.trial.number} begins with the weights {begins_with}, and trial {other.number} began "
                    f"with {known}, though model and seed are the same: the files of the model have changed since, or "
                    "a trial saw what another had learned"
                )

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        f1, epoch = kwargs["metrics"]["eval_f1"], math.ceil(state.epoch - 1e-6)
        if epoch not in self.reported:
            self.trial.report(f1, epoch)
        logger.info("Trial in %s: F1 %.2f after epoch %d.", args.output_dir, f1, epoch)
        at_end = state.global_step >= state.max_steps
        if self.prunes and not at_end and self.trial.should_prune():
            raise optuna.TrialPruned(f"after epoch {epoch}")


def weights_hash(model: torch.nn.Module) -> str:
    """16 digits of the SHA-256 of all weights but those of adapters, whose shapes differ from trial to trial."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        if "lora_" not in name:
            digest.update(name.replace(".base_layer", "").encode())
            digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def finished_run(run: Path, arguments: Arguments, data: Mapping[str, str]) -> dict[str, Any] | str:
    """The scores of a run that is given for trial 0, or why they cannot be taken.

    Args:
        run: a run folder.
        arguments: those of trial 0.
        data: fingerprints of the data of the tuning, by split.

    Returns:
        "f1", "exact_match", "f1_interval", and "epochs" (F1 by epoch, as far as it is known); or a reason.
    """
    try:
        record = json.loads((run / artifacts.RUN).read_text(encoding="utf-8"))
        results = json.loads((run / artifacts.EVAL_RESULTS).read_text(encoding="utf-8"))
        scores = {key: results[f"eval_{key}"] for key in ("f1", "exact_match", "f1_interval")}
    except (OSError, ValueError, KeyError) as error:
        return f"it is no run that was measured ({in_one_line(error, 80)})"
    if "finished" not in record["stages"]:
        return "it did not come to its end"
    for name, fingerprint in data.items():
        if record.get("data", {}).get(name, {}).get("fingerprint") != fingerprint:
            return f"its {name} data is another"
    had = record.get("trained_with", record["config"])
    for key, value in public_dict(arguments.model, arguments.data, arguments.lora, arguments.training).items():
        if key not in _ABOUT_THE_RUN and had.get(key) != value:
            return f"its {key} is {had.get(key)!r}, and that of trial 0 is {value!r}"
    return scores | {"epochs": _epochs_of(run)}


_ABOUT_THE_RUN = (
    *("output_dir", "overwrite_output_dir", "resume_from_checkpoint", "do_predict", "test_file", "max_predict_samples"),
    *("eval_on_start", "merge_adapter", "push_to_hub", "save_total_limit", "save_steps", "eval_steps"),
    *("logging_steps", "logging_strategy", "logging_dir", "disable_tqdm", "report_to", "run_name", "log_level"),
    *("project", "token", "hub_token", "hub_model_id"),
)
"""Settings that change no score."""


def _epochs_of(run: Path) -> dict[int, float]:
    """F1 after each epoch, as far as a checkpoint of the run still tells."""
    with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
        state = list_checkpoints(run)[-1] / "trainer_state.json"
        history = json.loads(state.read_text(encoding="utf-8"))["log_history"]
        return {math.ceil(one["epoch"] - 1e-6): one["eval_f1"] for one in history if "eval_f1" in one}
    return {}
