"""Trains a question-answering model on windows and resumes by itself. Never reads data, never decides an answer."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import EarlyStoppingCallback, PreTrainedTokenizerBase

from qa_pipeline.arguments import TrainingArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.attention import use_float32_attention
from qa_pipeline.modeling.head import compute_head_in_own_dtype, unwrap
from qa_pipeline.preprocess import Windows
from qa_pipeline.preprocess.batching import MODEL_INPUTS
from qa_pipeline.process import checkpoints
from qa_pipeline.process.interrupting import saving_on_interrupt
from qa_pipeline.process.trainer import Evaluation, QATrainer

logger = logging.getLogger(__name__)


class Process:
    """Checkpoint-resuming training and evaluation.

    Args:
        model: from `modeling.load_model`, LoRA already attached where wanted.
        tokenizer: decides padding; saved with every checkpoint.
        args: training arguments; `args.output_dir` holds the checkpoints.
        train_windows: labelled windows, or None to evaluate only.
        evaluation: what `eval_strategy` evaluates during training.
        pad_to: lengths (tokens) that a batch may have; None pads to a few sizes by itself.
        extra: (num_windows,) bool, training windows that are passed over `args.extra_train_epochs` times.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        args: TrainingArguments,
        train_windows: Windows | None = None,
        evaluation: Evaluation | None = None,
        pad_to: Sequence[int] | None = None,
        extra: np.ndarray | None = None,
    ):
        self.args = args
        if args.bf16 or args.fp16:
            compute_head_in_own_dtype(model)
        if args.bf16 and args.device.type == "cpu":
            use_float32_attention(model)
        if args.use_liger_kernel:
            _require_liger_kernels(model)
        # transformers' own way marks the checkpoint as the end of the training; see `saving_on_interrupt`.
        self._save_on_sigterm = bool(getattr(args, "enable_jit_checkpoint", False))
        args.enable_jit_checkpoint = False
        self.trainer = QATrainer(model, args, tokenizer, train_windows, evaluation, pad_to, extra)
        if args.early_stopping_patience is not None:
            stopping = EarlyStoppingCallback(args.early_stopping_patience, args.early_stopping_threshold)
            self.trainer.add_callback(stopping)

    def train(self) -> dict[str, float]:
        """Trains, going on from the newest whole checkpoint of `output_dir`.

        Returns:
            `train_loss` (mean over the steps done now), `train_steps` (how many those are), `train_runtime` (seconds)
            and the like; nothing where no step was left. The model in memory is then the last one, or the best one with
            `load_best_model_at_end`.

        Raises:
            Interrupted: Ctrl-C; says what the next run begins with.
            ModelError: the training had not ended, and its checkpoints do not hold enough to go on.
        """
        checkpoint = self._checkpoint_to_resume()
        if self.trainer.is_world_process_zero():
            checkpoints.remove_broken(str(self.args.output_dir))
        self.trainer.accelerator.wait_for_everyone()
        if checkpoint is not None:
            logger.info("Going on from %s.", checkpoint)
            if _training_had_ended(checkpoint, self.args):
                self.trainer.restore_finished(checkpoint)
                return {}
        begin = 0 if checkpoint is None else int(_state(checkpoint)["global_step"])
        if checkpoint is not None and not list(checkpoint.glob("rng_state*")):
            raise ModelError(
                f"{checkpoint} holds weights alone (save_only_model), without what training needs to go on from it; "
                "overwrite_output_dir=true starts again"
            )
        with saving_on_interrupt(self.trainer, self._save_on_sigterm):
            output = self.trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        return dict(output.metrics) | {"train_steps": output.global_step - begin}

    def evaluate(self, evaluation: Evaluation, prefix: str = "eval") -> tuple[dict[str, float], Any]:
        """Evaluates once.

        Returns:
            Metrics with `prefix` (loss, score, seconds) and the candidates of all windows, on every process.
        """
        return self.trainer.evaluate_windows(evaluation, prefix)

    def probe(self, windows: Windows, count: int = 4) -> dict[str, torch.Tensor]:
        """Model inputs of a few windows, for comparing a saved model with memory."""
        batch = self.trainer.collator(windows)(list(range(min(count, len(windows)))))
        return {name: batch[name] for name in MODEL_INPUTS if name in batch}

    def _checkpoint_to_resume(self) -> Path | None:
        wanted = self.args.resume_from_checkpoint
        if wanted in (None, True, "True", "true"):
            return checkpoints.last_whole_checkpoint(str(self.args.output_dir))
        if wanted in (False, "False", "false"):
            return None
        problem = checkpoints.fault(str(wanted))
        if problem is not None:
            raise ModelError(
                f"resume_from_checkpoint {wanted}: {problem}. Leave resume_from_checkpoint out to use the newest whole "
                f"checkpoint of {self.args.output_dir}."
            )
        return Path(str(wanted))


def _require_liger_kernels(model: Any) -> None:
    """Liger itself leaves a model that it has no kernels for as it is, and only logs it.

    Raises:
        ModelError: liger-kernel is missing, or does not know this type of model.
    """
    plain: Any = unwrap(model)
    kind = plain.config.model_type
    try:
        from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN as known
    except ImportError as error:
        raise ModelError("use_liger_kernel needs liger-kernel; run: pip install liger-kernel") from error
    if kind not in known:
        raise ModelError(f"use_liger_kernel: Liger has no kernels for models of type {kind}; leave it out")


def _training_had_ended(checkpoint: Path, args: TrainingArguments) -> bool:
    """Whether the run stopped by itself at this checkpoint (all steps done, or early stopping), with today's length."""
    state = _state(checkpoint)
    control = state.get("stateful_callbacks", {}).get("TrainerControl", {}).get("args", {})
    if args.max_steps > 0:
        same_length = state.get("max_steps") == args.max_steps
    else:
        same_length = state.get("num_train_epochs") == math.ceil(args.num_train_epochs)
    return bool(control.get("should_training_stop", False)) and same_length


def _state(checkpoint: Path) -> dict[str, Any]:
    return dict(json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8")))
