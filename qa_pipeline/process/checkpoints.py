"""Decides where a training begins: at the first step, at a checkpoint, or nowhere because it had ended.

A checkpoint counts only once its manifest is written, which happens last. The manifest lists every file
of the checkpoint with its size and a hash of its bytes, so a folder that a kill (or a full disk) left half written, or
that a bad disk or copy changed, is told from a whole one. A checkpoint is known by its step and its folder, never by a
path that was written down: run folders are moved and renamed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from qa_pipeline.arguments import TrainingArguments

logger = logging.getLogger(__name__)

_NAME = re.compile(r"^checkpoint-(\d+)$")


def seal(folder: str | Path) -> None:
    """Writes the manifest of a complete checkpoint folder."""
    folder = Path(folder)
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != artifacts.CHECKPOINT_MANIFEST and not path.name.endswith(".tmp")
    ]
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files}
    hashes = {str(path.relative_to(folder)): _hash(path) for path in files}
    artifacts.write_json(folder / artifacts.CHECKPOINT_MANIFEST, {"files": sizes, "sha256": hashes})


def fault(folder: str | Path, contents: bool = True) -> str | None:
    """Says what is wrong with a checkpoint folder, or None when it is whole.

    Args:
        contents: also reads every file; manifests of earlier versions of this program have no hashes to compare with.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / artifacts.CHECKPOINT_MANIFEST).read_text(encoding="utf-8"))
        files, hashes = manifest["files"], manifest.get("sha256", {})
    except FileNotFoundError:
        return f"it has no {artifacts.CHECKPOINT_MANIFEST}, which is written last"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"its {artifacts.CHECKPOINT_MANIFEST} cannot be read"
    if not (isinstance(files, dict) and isinstance(hashes, dict)):
        return f"its {artifacts.CHECKPOINT_MANIFEST} cannot be read"
    for name, size in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes, expected {size}"
    if contents:
        try:
            changed = [name for name in files if name in hashes and _hash(folder / name) != hashes[name]]
        except OSError as error:
            return f"a file cannot be read ({error.strerror or error})"
        if changed:
            return f"{changed[0]} is not as it was written: its bytes have changed"
    return None


def list_checkpoints(output_dir: str | Path) -> list[Path]:
    """Checkpoint folders of a run, oldest step first, whole or not."""
    output_dir = Path(output_dir)
    if not output_dir.is_dir():
        return []
    found = [(int(m.group(1)), p) for p in output_dir.iterdir() if p.is_dir() and (m := _NAME.match(p.name))]
    return [path for _, path in sorted(found)]


def step_of(path: str | Path) -> int | None:
    """The step that a checkpoint's name tells; None for other names."""
    match = _NAME.match(Path(path).name)
    return int(match.group(1)) if match else None


def whole_checkpoint(step: int, *folders: str | Path) -> Path | None:
    """The whole checkpoint of a step, in the first of the folders that has one."""
    paths = (Path(folder) / f"checkpoint-{step}" for folder in folders)
    return next((path for path in paths if path.is_dir() and fault(path) is None), None)


def last_whole_checkpoint(output_dir: str | Path) -> Path | None:
    """The newest whole checkpoint; newer broken ones are named in a warning."""
    for path in reversed(list_checkpoints(output_dir)):
        problem = fault(path)
        if problem is None:
            return path
        logger.warning("Skipping checkpoint %s: %s. The one before it is used.", path, problem)
    return None


def remove_broken(output_dir: str | Path) -> None:
    """Deletes checkpoints that are not whole, so that rotation never keeps one in place of a whole one."""
    whole_found = False  # of those before it, which are not gone on from, sizes say enough
    for path in reversed(list_checkpoints(output_dir)):
        if fault(path, contents=not whole_found) is not None:
            shutil.rmtree(path, ignore_errors=True)
        else:
            whole_found = True


def remove_all(output_dir: str | Path) -> None:
    """Deletes every checkpoint of a run."""
    for path in list_checkpoints(output_dir):
        shutil.rmtree(path, ignore_errors=True)


def _hash(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@dataclass(frozen=True)
class EndedTraining:
    """A training that came to its end in this folder, as the folder's record tells.

    Attributes:
        steps: how many optimizer steps it took.
        num_train_epochs, max_steps: how long it was asked to be.
        best_step: of the checkpoint that was taken as the best; None where none was, or where that is not known.
        saved: the folder that holds its model; None where the model is not there.
    """

    steps: int
    num_train_epochs: float | None = None
    max_steps: int | None = None
    best_step: int | None = None
    saved: Path | None = None

    @property
    def length(self) -> str:
        """How long it was asked to be, in words."""
        return _length(self.num_train_epochs, self.max_steps)


@dataclass(frozen=True)
class Beginning:
    """Where a training begins.

    Attributes:
        checkpoint: it goes on from here; None: from the first step.
        step: optimizer steps that are done.
        epoch: how many passes over the data those were; None where that is not known.
        result: folder with the weights of a training that had ended; None: there are steps to train.
        best: the best checkpoint so far; None where there is none.
        note: what the user should know; None where everything goes the usual way.
    """

    checkpoint: Path | None = None
    step: int = 0
    result: Path | None = None
    best: Path | None = None
    note: str | None = None
    epoch: float | None = None


def find_beginning(args: TrainingArguments, total: int, ended: EndedTraining | None = None) -> Beginning:
    """Where a training with these arguments begins.

    Args:
        args: training arguments.
        total: optimizer steps that the arguments ask for.
        ended: an earlier training of this run that had ended.

    Raises:
        ModelError: `resume_from_checkpoint` names a checkpoint that is not whole, or there is training left and the
            checkpoint to go on from holds weights alone.
        ConfigError: more training is asked for than the one that had ended, and there is no checkpoint to go on from.
    """
    begin = _beginning(args, total, ended)
    if begin.result is None and begin.checkpoint is not None and not list(begin.checkpoint.glob("rng_state*")):
        raise ModelError(
            f"{begin.checkpoint} holds weights alone (save_only_model), without what training needs to go on from it; "
            "overwrite_output_dir=true starts again"
        )
    return begin


def _beginning(args: TrainingArguments, total: int, ended: EndedTraining | None) -> Beginning:
    wanted = args.resume_from_checkpoint
    if wanted in (False, "False", "false") or args.overwrite_output_dir and wanted in (None, True, "True", "true"):
        return Beginning()
    if wanted not in (None, True, "True", "true"):
        problem = fault(str(wanted))
        if problem is not None:
            raise ModelError(
                f"resume_from_checkpoint {wanted}: {problem}. Leave resume_from_checkpoint out to use the newest whole "
                f"checkpoint of {args.output_dir}."
            )
        return _from_checkpoint(Path(str(wanted)), args)
    last = last_whole_checkpoint(str(args.output_dir))
    if ended is None:
        return Beginning() if last is None else _from_checkpoint(last, args)
    return _after_the_end(last, args, total, ended)


def best_step(state: dict[str, Any]) -> int | None:
    """The step of the best checkpoint that a trainer state tells of, whatever the path it is written with."""
    step = step_of(str(state.get("best_model_checkpoint") or ""))
    return step if step is not None else state.get("best_global_step") or None


def _from_checkpoint(checkpoint: Path, args: TrainingArguments) -> Beginning:
    state = _state(checkpoint)
    step, best = int(state["global_step"]), best_step(state)
    # Beside it, and in the folder of the run, which may be another one where resume_from_checkpoint says so.
    found = None if best is None else whole_checkpoint(best, checkpoint.parent, Path(str(args.output_dir)))
    note = None
    if args.load_best_model_at_end and best is not None and found is None:
        note = (
            f"the best checkpoint so far, of step {best}, is not in {checkpoint.parent}: unless a later one is better, "
            "the last model is kept in place of the best"
        )
    if _had_ended(state, args):
        result = found if args.load_best_model_at_end and found is not None else checkpoint
        return Beginning(checkpoint, step, result, found, note, state.get("epoch"))
    return Beginning(checkpoint, step, None, found, note, state.get("epoch"))


def _after_the_end(last: Path | None, args: TrainingArguments, total: int, ended: EndedTraining) -> Beginning:
    """The beginning in a folder whose training had ended."""
    now = _length(args.num_train_epochs, args.max_steps)
    same = ended.length == now
    had_ended = f"training had ended at step {ended.steps}"
    if same or total <= ended.steps:
        result = _result(last, args, ended)
        note = None
        if total < ended.steps and not same:
            note = f"{had_ended} ({ended.length}), and {now} asks for {total}: nothing is trained"
        if result is not None:
            return Beginning(last, ended.steps, result, note=note)
    if last is None:
        if ended.saved is not None:
            raise ConfigError(
                "output_dir",
                f"{args.output_dir}: {had_ended} ({ended.length}), and no checkpoint is left from which {now} could go "
                "on: it would train from the first step and replace the model; give another output_dir, or "
                "overwrite_output_dir=true to do that",
            )
        return Beginning(note=f"{had_ended}, but neither its model nor a checkpoint is there: it begins again")
    found = _from_checkpoint(last, args)
    if same:
        said = f"{had_ended}, but its model is not there any more: it goes on from {last.name}"
    else:
        said = f"{had_ended} ({ended.length}), and {now} asks for {total}: it goes on from {last.name}"
        said += ", with the learning rates of the new length"
    if found.step < ended.steps:
        said += f"; the steps after {found.step} are trained again"
    return dataclasses.replace(found, result=None, note="; ".join(filter(None, (said, found.note))))


def _result(last: Path | None, args: TrainingArguments, ended: EndedTraining) -> Path | None:
    """The folder with the weights that the training ended with, or None where it is gone."""
    folder = Path(str(args.output_dir))
    state = {} if last is None else _state(last)
    at_end = state.get("global_step") == ended.steps
    best = ended.best_step
    if best is None and last is not None and (at_end or best_step(state) == state["global_step"]):
        best = best_step(state)  # where only the best checkpoint was kept, it says so of itself
    if args.load_best_model_at_end and best is not None:
        found = whole_checkpoint(best, folder)
        return found if found is not None else ended.saved
    return last if at_end else ended.saved


def _had_ended(state: dict[str, Any], args: TrainingArguments) -> bool:
    """Whether a run stopped by itself at this checkpoint (all steps done, or early stopping), with today's length."""
    control = state.get("stateful_callbacks", {}).get("TrainerControl", {}).get("args", {})
    if not control.get("should_training_stop", False):
        return False
    if args.max_steps > 0:
        return args.max_steps == state.get("max_steps")
    stopped_early: bool = state["global_step"] < state.get("max_steps", 0)
    # The state knows whole epochs only; how far it came tells 1.5 of them from 2.
    far_enough = stopped_early or (state.get("epoch") or 0.0) >= args.num_train_epochs - 1e-6
    return far_enough and math.ceil(args.num_train_epochs) == state.get("num_train_epochs")


def _length(num_train_epochs: float | None, max_steps: int | None) -> str:
    return f"max_steps {max_steps}" if max_steps and max_steps > 0 else f"num_train_epochs {num_train_epochs or 0:g}"


def _state(checkpoint: Path) -> dict[str, Any]:
    """What Trainer wrote of a whole checkpoint; one of an earlier version of this program has no hash that proves it.

    Raises:
        ModelError: it is no state of a training.
    """
    path = checkpoint / "trainer_state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(state, dict) and isinstance(state.get("global_step"), int):
            return state
        found = "no object with a global_step"
    except (OSError, ValueError, RecursionError) as error:
        found = str(error)
    raise ModelError(f"{path} is damaged ({found}); move {checkpoint.name} away, and the checkpoint before it is used")
