"""Finds the questions that an int8 export needs: some to calibrate on, some to measure on.

They are those that the user names, else those of the model's own run, which `run.json` names.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from qa_pipeline import artifacts
from qa_pipeline.data import Example, load_examples
from qa_pipeline.data.example import fingerprint
from qa_pipeline.errors import DataError, QAError
from qa_pipeline.preprocess import Preprocess
from qa_pipeline.preprocess.windows import Windows
from qa_pipeline.run.publishing import last_part
from qa_pipeline.wording import first_line

logger = logging.getLogger(__name__)

Split = Literal["train", "validation"]
JOURNEY_MODEL, JOURNEY_DATA = "model", "process"
"""Folders in an output folder of `prompt2model`; the second holds `train.json` and `validation.json`."""


@dataclass(frozen=True)
class Questions:
    """Questions with their texts.

    Attributes:
        rows: verified examples.
        source: the name of their file.
    """

    rows: list[Example]
    source: str

    @property
    def fingerprint(self) -> str:
        """Of the rows, see `data.example.fingerprint`."""
        return fingerprint(self.rows)


def read_questions(
    source: str | Path | Sequence[Example] | None, split: Split, folder: Path | None, *, most: int | None = None
) -> Questions | None:
    """The questions that were named, else those of the model's own run.

    Args:
        source: a file in any format, or examples in memory; None: those that the run in `folder` had as `split`.
        split: "train" (whose answers are not needed) or "validation".
        folder: of the model, where it has one on this machine.
        most: at most so many questions, the first.

    Returns:
        None where nothing was named and the run's own cannot be found or read.

    Raises:
        DataError, ConfigError: what was named cannot be read, or has no question to use.
    """
    if source is not None and not isinstance(source, str | Path):
        rows = list(source)
        if not rows:
            raise DataError(f"{split} questions: the list is empty")
        return Questions(rows[:most], f"{len(rows):,} examples in memory")
    if source is not None:
        return _read(str(source), split, None, most)
    for path, mapping in _own_files(folder, split) if folder is not None else ():
        try:
            return _read(str(path), split, mapping, most)
        except QAError as error:
            logger.warning("%s questions of the model's own run cannot be read: %s", split, first_line(error))
    return None


def calibration_windows(questions: Questions, preprocess: Preprocess, most: int) -> Windows:
    """One window each of at most `most` questions, drawn at random but always the same, from texts all over the file.

    Args:
        questions: to draw from.
        preprocess: with the model's tokenizer and settings.
        most: how many.
    """
    rng = np.random.default_rng(0)
    drawn = rng.permutation(len(questions.rows))[:most]
    windows = preprocess.windows([questions.rows[row] for row in sorted(drawn)])
    order = rng.permutation(len(windows))
    _, first = np.unique(windows.example_index[order], return_index=True)
    return windows.select(np.sort(order[first]))


def _read(source: str, split: Split, mapping: Any, most: int | None) -> Questions:
    rows, report = load_examples(source, field_mapping=mapping, require_answers=split == "validation", max_samples=most)
    if not rows:
        raise DataError(f"{source}: no usable question is left ({report.rows_dropped} rows were dropped)")
    return Questions(rows, last_part(source))


def _own_files(folder: Path, split: Split) -> list[tuple[Path, Any]]:
    """Files of a split that belong to a model's folder, with their field mapping."""
    config = _run_config(folder)
    named = config.get(f"{split}_file")
    found = [(path, config.get("field_mapping")) for path in _places(folder, named)]
    if folder.name == JOURNEY_MODEL:
        found.append((folder.parent / JOURNEY_DATA / f"{split}.json", None))
    return [one for one in found if one[0].is_file()]


def _run_config(folder: Path) -> dict[str, Any]:
    """The settings of the run that trained the model; nothing where there are none that can be read."""
    for place in (folder, folder.parent):  # a merged model lies in the folder of its run
        try:
            record = json.loads((place / artifacts.RUN).read_text(encoding="utf-8"))
            config = record.get("trained_with", record["config"])
        except (OSError, ValueError, KeyError, AttributeError):
            continue
        if isinstance(config, dict):
            return config
    return {}


def _places(folder: Path, source: Any) -> list[Path]:
    """Where a file may be that a run named relative to the folder in which it was started."""
    if not isinstance(source, str) or not source:
        return []
    return [Path(source), *(above / source for above in folder.absolute().parents)]
