"""Trains all weights of a small model on examples and asks it, in memory: for trials of data. Keeps no run folder.

What a run folder is for (checkpoints, thresholds fitted to validation, a model card) is `run.run_qa`; this is for the
many short trainings that only tell which of several data sets teaches more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa_pipeline.arguments.limits import QASettings
from qa_pipeline.data import Example
from qa_pipeline.metrics import Scores, score_rows
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.postprocess import Candidates, Postprocess, Prediction
from qa_pipeline.preprocess import Preprocess

TOKENS_PER_BATCH = 2048
LEAST_BATCH = 4
"""Windows of a batch, however long they are."""


@dataclass(frozen=True)
class Passes:
    """How a reader is trained: `num_train_epochs` and `extra_train_epochs` of run_qa.py."""

    epochs: float
    extra: float | None = None


class SmallReader:
    """A small model that trains on examples and answers questions; by default the embedded weights with a fresh head.

    Args:
        learning_rate: its peak; a tenth of the steps warm up.
        seed: of the head and of the order of the examples.
        settings: how windows are cut and answers decoded; None: the defaults.
        model: the weights that it starts from: a folder, a Hub id, or `package:MODULE/FOLDER`. An adapter is merged.

    Raises:
        ModelError: the model cannot be loaded.

    Example:
        >>> from qa_pipeline import load_examples
        >>> examples, _ = load_examples("mock_data/test.json")
        >>> reader = SmallReader(learning_rate=1e-4, seed=0, model="package:qa_pipeline/warm_starts/all_minilm_l6_v2")
        >>> reader.train(examples[:4], [], Passes(1))
        >>> len(reader.score(examples[4:6]))
        2
    """

    def __init__(
        self, *, learning_rate: float, seed: int, settings: QASettings | None = None, model: str = EMBEDDED_MODEL
    ):
        from qa_pipeline import modeling
        from qa_pipeline.arguments import LoRAArguments, ModelArguments

        self.seed, self.learning_rate = seed, learning_rate
        arguments = ModelArguments(model_name_or_path=model, attention_dropout=0.0, hidden_dropout=0.0)
        self.tokenizer = modeling.load_tokenizer(arguments)
        self.model = modeling.load_model(arguments, LoRAArguments(use_lora=False), seed=seed)
        self.preprocess = Preprocess(self.tokenizer, settings)
        self.postprocess = Postprocess(settings)

    def train(self, examples: Sequence[Example], extra: Sequence[Example], passes: Passes) -> None:
        """Trains all weights; about TOKENS_PER_BATCH tokens a batch.

        Args:
            examples: canonical rows, at least one.
            extra: more rows, with passes of their own.
            passes: over both.
        """
        from transformers.trainer_callback import PrinterCallback

        from qa_pipeline.process import Process

        rng = np.random.default_rng(self.seed)
        rows = [*examples, *extra]
        order = rng.permutation(len(rows))
        windows = self.preprocess.labelled_windows([rows[i] for i in order], rng)
        batch = max(LEAST_BATCH, round(TOKENS_PER_BATCH / float(np.mean(windows.lengths))))
        with tempfile.TemporaryDirectory() as folder:
            args = quiet_arguments(
                folder,
                per_device_train_batch_size=batch,
                num_train_epochs=passes.epochs,
                extra_train_epochs=passes.extra,
                learning_rate=self.learning_rate,
                warmup_steps=0.1,
                seed=self.seed,
            )
            is_extra = (order >= len(examples))[windows.example_index]
            process = Process(self.model, self.tokenizer, args, train_windows=windows, extra=is_extra)
            process.trainer.remove_callback(PrinterCallback)
            process.train()

    def save(self, folder: Path) -> None:
        """Writes a folder that another reader can start from."""
        self.model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(folder)

    def predictions(self, examples: Sequence[Example]) -> list[Prediction]:
        """The prediction for each example, in their order."""
        from qa_pipeline.process import Evaluation, Process

        windows = self.preprocess.windows(examples)

        def reduce(start: Any, end: Any, batch: Any) -> Any:
            return self.postprocess.reduce(start, end, batch, windows=windows, examples=examples)

        with tempfile.TemporaryDirectory() as folder:
            process = Process(self.model, self.tokenizer, quiet_arguments(folder, per_device_eval_batch_size=32))
            _, candidates = process.evaluate(Evaluation(windows, reduce, Candidates.concatenate))
        return self.postprocess.predictions(examples, windows, candidates)

    def score(self, examples: Sequence[Example], normalization: str = "squad", language: str | None = None) -> Scores:
        """EM and F1 of every question, each from 0 to 1; how texts are compared is as in `metrics.score_rows`."""
        predictions = {one.id: one.text for one in self.predictions(examples)}
        return score_rows(predictions, examples, normalization, language=language)


def quiet_arguments(folder: str, **options: Any) -> Any:
    """Training arguments that write nothing and say nothing."""
    from qa_pipeline.arguments import TrainingArguments

    quiet: dict[str, Any] = {
        "save_strategy": "no",
        "eval_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    return TrainingArguments(output_dir=folder, **quiet, **options)
