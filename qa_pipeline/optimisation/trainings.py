"""Trains the small reader of rung 2 on rows and scores it on questions of people; keeps what it found, seed by seed.

A training is named by all that its scores hang on (rows, questions, seed, settings), so that a run which was killed
trains nothing twice, and rows that two prompts share are trained on once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.arguments.limits import QASettings
from qa_pipeline.data import Example
from qa_pipeline.data.example import fingerprint
from qa_pipeline.metrics.normalization import base_language
from qa_pipeline.modeling.paths import EMBEDDED_MODEL, WARM_STARTS

logger = logging.getLogger(__name__)

WARM_READER = WARM_STARTS[EMBEDDED_MODEL]
"""The adapter that comes with this package: the embedded model, that has learned from made-up questions what an answer
is. Rung 1 asks it as it is, and the trainings of rung 2 begin with it."""


@dataclass(frozen=True)
class SeedScores:
    """How one trained reader did: F1 and exact match of each question, 0 to 1, in the order of the questions."""

    f1: tuple[float, ...]
    em: tuple[float, ...]


TrainReader = Callable[[Sequence[Example], Sequence[Example], int], SeedScores]
"""(rows to train on, questions to score, seed) -> scores. With no row to train on the reader stays as it begins."""


@dataclass(frozen=True)
class ReaderTraining:
    """How the small reader is trained.

    A training of 300 rows by these defaults, on texts of 117 words (XQuAD-en), with 150 questions scored, takes 73
    seconds of one core (processor time, one thread, the machine shared with other work), and lifts F1 on other articles
    from 36.6 of the model as it begins to 45.0 and 43.6 (two seeds) where the rows are people's:
    `benchmarks/reader_training.py`.

    Attributes:
        model: what it begins with: a folder, a Hub id or package:MODULE/FOLDER; an adapter is merged, and all weights
            train.
        epochs: passes over the rows.
        learning_rate: its peak.
        settings: how windows are cut and answers decoded; whether a question may have no answer, the questions say.
        language: code of the questions; says how answers are compared.
    """

    model: str = WARM_READER
    epochs: float = 3.0
    learning_rate: float = 1e-4
    settings: QASettings = field(default_factory=QASettings)
    language: str = "en"

    def __call__(self, rows: Sequence[Example], questions: Sequence[Example], seed: int) -> SeedScores:
        """Trains on rows and answers questions; see `TrainReader`.

        Raises:
            ModelError: the model cannot be loaded or trained.
        """
        from qa_pipeline.run.small_reader import Passes, SmallReader

        begun = time.monotonic()
        unanswerable = any(one["is_impossible"] for one in questions)
        settings = replace(self.settings, version_2_with_negative=unanswerable)
        reader = SmallReader(learning_rate=self.learning_rate, seed=seed, settings=settings, model=self.model)
        if rows:
            reader.train(rows, [], Passes(self.epochs))
        normalization = "squad" if base_language(self.language) == "en" else "multilingual"
        scores = reader.score(questions, normalization, self.language)
        logger.info("Trained on %d rows, seed %d, in %.0f s.", len(rows), seed, time.monotonic() - begun)
        return SeedScores(tuple(map(float, scores.f1)), tuple(map(float, scores.exact)))

    def identity(self) -> dict[str, Any]:
        """What its scores hang on beside rows, questions and seed."""
        return asdict(self)


class KeptTrainings:
    """Trains what was not trained before, and keeps the scores of each training the moment they are there.

    Args:
        train: does a training.
        path: the file of what was found; made with its folder. None: kept in memory.
        identity: what the scores hang on beside rows, questions and seed, as JSON can hold it.

    Raises:
        DataError: the file cannot be read or written.

    Example:
        >>> def train(rows, questions, seed):
        ...     print("trains with seed", seed)
        ...     return SeedScores((0.5,), (0.0,))
        >>> kept = KeptTrainings(train, None, {"model": "m"})
        >>> kept([], [], 1) == kept([], [], 1)
        trains with seed 1
        True
    """

    def __init__(self, train: TrainReader, path: str | Path | None, identity: Mapping[str, Any]):
        self._train, self._identity = train, json.dumps(identity, sort_keys=True)
        self._done: dict[str, SeedScores] = {}
        self._lines: artifacts.Lines | None = None
        if path is None:
            return
        path = Path(path)
        with artifacts.writing(path, resumes=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lines = artifacts.Lines(path)
            self._lines.open(self._read(self._lines))

    def __call__(self, rows: Sequence[Example], questions: Sequence[Example], seed: int) -> SeedScores:
        """The scores of a training, done now or before.

        Raises:
            ModelError: as the training does.
            DataError: the file cannot be written.
        """
        key = self._key(rows, questions, seed)
        if key not in self._done:
            found = self._train(rows, questions, seed)
            if self._lines is not None:
                with artifacts.writing(self._lines.path, resumes=True):
                    self._lines.append({"id": key, "f1": found.f1, "em": found.em}, sync=True)
            self._done[key] = found
        return self._done[key]

    def close(self) -> None:
        """Closes the file."""
        if self._lines is not None:
            with artifacts.writing(self._lines.path, resumes=True):
                self._lines.close()

    def _key(self, rows: Sequence[Example], questions: Sequence[Example], seed: int) -> str:
        parts = (self._identity, fingerprint(rows), fingerprint(questions), str(seed))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def _read(self, lines: artifacts.Lines) -> int:
        """Takes in the whole lines of the file up to a damaged one; returns how many bytes they have."""
        size = 0
        for line in lines:
            try:
                value = json.loads(line)
                self._done[value["id"]] = SeedScores(tuple(map(float, value["f1"])), tuple(map(float, value["em"])))
            except (ValueError, KeyError, TypeError):
                logger.warning("%s: what follows its first %d bytes is damaged and is made again", lines.path, size)
                break
            size += len(line)
        return size
