"""The files of a journey's model: what of a run folder it is, what may go when training is done, and its own copy.

Trains nothing, and knows no stage.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from qa_pipeline import artifacts
from qa_pipeline.errors import ModelError

HISTORY = "history.json"
"""The course of a training: losses and validation scores."""
_NO_MODEL_FILES = frozenset(
    {
        *(artifacts.RUN, artifacts.DATA_REPORT, artifacts.TRAIN_RESULTS, artifacts.EVAL_RESULTS),
        *(artifacts.PREDICT_RESULTS, artifacts.BASE_RESULTS, artifacts.ALL_RESULTS, artifacts.MODEL_CARD),
        *(artifacts.predictions_name("eval"), artifacts.nbest_name("eval"), artifacts.null_odds_name("eval")),
        *(HISTORY, "training_args.bin", "trainer_state.json", "trial.json"),
    }
)
"""Files of a run folder that are no part of the model."""


def slim_checkpoints(folder: Path) -> None:
    """Leaves of the checkpoints of a training that is done only what they tell of its course.

    The model is saved, so that weights and states of the optimizer, three times its size each, are only in the way.
    """
    from qa_pipeline.process.checkpoints import list_checkpoints

    for checkpoint in list_checkpoints(folder):
        for path in checkpoint.iterdir():
            if path.is_file() and path.name != "trainer_state.json":
                path.unlink()


def model_files(folder: Path) -> dict[str, Path]:
    """The files of a run folder that are its model and results, by name."""
    names = [path for path in sorted(folder.iterdir()) if path.is_file() and _is_of_model(path)]
    found = {path.name: path for path in names}
    for name in (artifacts.RUN, artifacts.ALL_RESULTS, HISTORY):
        if (folder / name).exists():
            found[name] = folder / name
    return found


def _is_of_model(path: Path) -> bool:
    return path.name not in _NO_MODEL_FILES and not path.name.startswith(".") and path.suffix not in (".jsonl", ".lock")


def publish_model(run_folder: Path, target: Path) -> dict[str, Path]:
    """Copies the model of a run folder, an adapter merged into its base, to a folder of its own.

    Args:
        run_folder: of a finished training.
        target: is replaced; it is whole, or absent.

    Returns:
        Its files by name.

    Raises:
        ModelError: the run folder holds no whole model.
    """
    from qa_pipeline.modeling import merge_adapter
    from qa_pipeline.modeling.paths import ADAPTER_CONFIG

    beside = target.with_name(f".{target.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    with artifacts.writing(target, resumes=True):
        source = run_folder
        if (run_folder / ADAPTER_CONFIG).exists():
            source = run_folder / artifacts.MERGED_FOLDER
            if not source.is_dir():
                merge_adapter(run_folder, source)
        files = [path for path in sorted(source.iterdir()) if path.is_file() and _is_of_model(path)]
        if not any(path.suffix == ".safetensors" for path in files):
            raise ModelError(f"{run_folder} holds no weights; --from train trains again")
        beside.mkdir(parents=True)
        for path in files:
            shutil.copy2(path, beside / path.name)
        if target.exists():
            shutil.rmtree(target)
        beside.rename(target)
    return {path.name: target / path.name for path in files}
