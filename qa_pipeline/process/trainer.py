"""transformers' Trainer with what span extraction does otherwise: batches, loss, evaluation, checkpoints.

How logits become candidates and candidates become scores is given from outside (`Evaluation`), so that training knows
nothing of decoding.
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback
from transformers.trainer_callback import TrainerState
from transformers.trainer_utils import rotate_checkpoints

from qa_pipeline.arguments import TrainingArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.preprocess import IGNORE, Windows, collate
from qa_pipeline.preprocess.windows import MODEL_INPUTS, inference_batches
from qa_pipeline.process import checkpoints
from qa_pipeline.process.batching import LengthGroupedBatches, MixedBatches

_ORDERS = {"batch_rebalance": "group_by_length"}  # processes already get batches of equal length in each step


class CandidatesLike(Protocol):
    """What `Evaluation.reduce` returns: a few numbers a window, as arrays that can be sent between processes."""

    def to_arrays(self) -> dict[str, Any]:
        """Named numpy arrays with one row a window."""
        ...


@dataclass
class Evaluation:
    """How a set of windows is evaluated.

    Attributes:
        windows: all windows of the questions; with labels when a loss is wanted.
        reduce: (start_logits (B, L), end_logits (B, L), batch) -> candidates of the batch.
        join: candidates of several batches or processes -> one.
        score: candidates of all windows -> metrics without prefix ("f1": 88.5), or None when there is no gold.
    """

    windows: Windows
    reduce: Callable[[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]], Any]
    join: Callable[[Sequence[Any]], Any]
    score: Callable[[Any], dict[str, float]] | None = None


class QATrainer(Trainer):
    """transformers' Trainer with length-grouped batches, span loss, candidate evaluation and sealed checkpoints."""

    # Narrower than in Trainer, which also takes models that come later and tokenizers of other kinds.
    args: TrainingArguments
    model: Any
    processing_class: Any

    def __init__(
        self,
        model: Any,
        args: TrainingArguments,
        tokenizer: PreTrainedTokenizerBase,
        train_windows: Windows | None,
        evaluation: Evaluation | None,
        pad_to: Sequence[int] | None,
        extra: np.ndarray | None = None,
        callbacks: Sequence[TrainerCallback] = (),
    ):
        self.train_windows, self.evaluation, self.pad_to = train_windows, evaluation, pad_to
        self.extra = extra
        self._epochs = _EpochSetter()
        self._kept_loader: tuple[Windows, DataLoader[int]] | None = None
        self.best_before: Path | None = None
        super().__init__(
            model=model,
            args=args,
            processing_class=tokenizer,
            train_dataset=None if train_windows is None else range(len(train_windows)),
            eval_dataset=None if evaluation is None else range(len(evaluation.windows)),
            callbacks=[self._epochs, _BestCheckpoint(self), *callbacks],
        )
        # The loss below is already divided by the number of windows in the whole accumulated batch.
        self.loss_is_scaled_for_ga = True
        if not (self.place_model_on_device or self.is_model_parallel) and getattr(model, "hf_device_map", None) is None:
            # Trainer leaves the model where it was until it trains or evaluates; here it may be evaluated before.
            self._move_model_to_device(model, args.device)

    # Batches

    def get_train_dataloader(self) -> DataLoader[int]:
        """Batches of this process; already sharded, so accelerate is not asked to do it."""
        if self.train_windows is None:
            raise ModelError("training was asked for without training windows")
        args = self.args
        lengths = self.train_windows.lengths
        options: dict[str, Any] = {
            "batch_size": None if args.train_batch_tokens else args.train_batch_size,
            "batch_tokens": args.train_batch_tokens,
            "seed": args.data_seed if args.data_seed is not None else args.seed,
            "rank": args.process_index,
            "world_size": args.world_size,
            "order": _ORDERS.get(args.train_sampling_strategy, args.train_sampling_strategy),
            "longest": self.train_windows.max_length,
            "pad_to": self.pad_to,
        }
        batches: LengthGroupedBatches | MixedBatches
        if args.extra_train_epochs is None or self.extra is None or self.extra.all() or not self.extra.any():
            batches = LengthGroupedBatches(lengths, **options)
        else:
            epochs = math.ceil(args.num_train_epochs)
            times = args.extra_train_epochs * epochs / args.num_train_epochs  # a last epoch may be cut short
            batches = MixedBatches(lengths, self.extra, epochs=epochs, extra_epochs=times, **options)
        self._epochs.batches = batches
        return self._loader(self.train_windows, batches)

    def total_steps(self) -> int:
        """Optimizer steps that the arguments ask for, as Trainer counts them."""
        if self.args.max_steps > 0:
            return self.args.max_steps
        return math.ceil(self.args.num_train_epochs * self.steps_in_epoch())

    def steps_in_epoch(self) -> int:
        """Optimizer steps of one epoch, with the processes of now."""
        return max(math.ceil(len(self.get_train_dataloader()) / self.args.gradient_accumulation_steps), 1)

    def _loader(self, windows: Windows, batches: Any) -> DataLoader[int]:
        args, workers = self.args, self.args.dataloader_num_workers
        return DataLoader(
            range(len(windows)),  # type: ignore[arg-type]
            batch_sampler=batches,
            collate_fn=self.collator(windows),
            num_workers=workers,
            pin_memory=args.dataloader_pin_memory and torch.cuda.is_available(),
            persistent_workers=args.dataloader_persistent_workers,
            prefetch_factor=args.dataloader_prefetch_factor,
            multiprocessing_context=getattr(args, "dataloader_multiprocessing_context", None) if workers else None,
            in_order=getattr(args, "dataloader_in_order", True),
            # Its own generator: a loader that drew its seed from the global one would change dropout after a resume.
            generator=torch.Generator().manual_seed(args.seed),
        )

    def _evaluation_loader(self, windows: Windows, batches: Any) -> DataLoader[int]:
        """A loader of its own for each evaluation, or with dataloader_persistent_workers the one of these windows."""
        if not self.args.dataloader_persistent_workers:
            return self._loader(windows, batches)
        if self._kept_loader is None or self._kept_loader[0] is not windows:
            self._kept_loader = windows, self._loader(windows, batches)
        return self._kept_loader[1]

    def collator(self, windows: Windows) -> Callable[[list[int]], dict[str, torch.Tensor]]:
        """Makes batches out of indices of these windows, padded as the tokenizer pads.

        Knows nothing of the trainer: where workers are started and not forked, it is pickled.
        """
        tokenizer = self.processing_class
        return functools.partial(
            collate,
            windows=windows,
            pad_token_id=tokenizer.pad_token_id or 0,
            padding_side=tokenizer.padding_side,
            pad_to=self.pad_to,
            pad_token_type_id=tokenizer.pad_token_type_id,
        )

    # Loss

    def _get_num_items_in_batch(
        self, batch_samples: list[dict[str, torch.Tensor]], device: torch.device
    ) -> torch.Tensor | int | None:
        """Labelled windows in one optimizer step, over all accumulated batches and, where that is on, all processes."""
        if not batch_samples:
            return None
        count = torch.stack([(batch["start_positions"] != IGNORE).sum() for batch in batch_samples]).sum().to(device)
        if self.args.world_size > 1 and self.args.average_tokens_across_devices:
            count = self.accelerator.gather(count).sum()
        return count

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean over labelled windows of (start + end cross-entropy) / 2, over one whole optimizer step."""
        outputs = model(**{name: inputs[name] for name in MODEL_INPUTS if name in inputs})
        total, count = span_loss(
            outputs.start_logits,
            outputs.end_logits,
            inputs["start_positions"],
            inputs["end_positions"],
            label_smoothing=self.args.label_smoothing_factor,
        )
        items = count if num_items_in_batch is None else num_items_in_batch
        loss = total / torch.clamp(torch.as_tensor(items, device=total.device), min=1)
        if self.args.average_tokens_across_devices:
            # Distributed training averages gradients over processes; this makes that average a sum over all windows.
            loss = loss * self.args.world_size
        return (loss, outputs) if return_outputs else loss

    # Optimizer

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """As in Trainer; `head_learning_rate` gives the QA head (new, unlike the encoder) a rate of its own."""
        if self.optimizer is None and self.args.head_learning_rate is not None:
            optimizer_class, kwargs = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            self.optimizer = optimizer_class(self._parameter_groups(), **kwargs)
        return super().create_optimizer(model)

    def _parameter_groups(self) -> list[dict[str, Any]]:
        from qa_pipeline.modeling import find_qa_head

        heads = tuple(find_qa_head(self.model))
        decayed = set(self.get_decay_parameter_names(self.model))
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                in_head = any(f".{head}." in f".{name}" for head in heads)
                groups.setdefault((in_head, name in decayed), []).append(parameter)
        return [
            {
                "params": parameters,
                "weight_decay": self.args.weight_decay if decays else 0.0,
                "lr": self.args.head_learning_rate if in_head else self.args.learning_rate,
            }
            for (in_head, decays), parameters in sorted(groups.items())
        ]

    # Evaluation

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Called by Trainer at every `eval_steps`; keeps candidates only."""
        if self.evaluation is None:
            raise ModelError("evaluation during training was asked for without evaluation windows")
        metrics, _ = self.evaluate_windows(self.evaluation, metric_key_prefix)
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def evaluate_windows(self, evaluation: Evaluation, prefix: str) -> tuple[dict[str, float], Any]:
        """Runs the model over all windows. Returns prefixed metrics and candidates, the same on every process."""
        args = self.args
        begin = time.perf_counter()
        windows = evaluation.windows
        batches = inference_batches(
            windows.lengths,
            args.eval_batch_tokens,
            args.process_index,
            args.world_size,
            windows.max_length,
            batch_size=None if args.eval_batch_tokens else args.eval_batch_size,
            pad_to=self.pad_to,
        )
        loader = self._evaluation_loader(windows, batches)
        self.callback_handler.eval_dataloader = loader
        model = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
        was_training = model.training
        model.eval()
        parts, loss_sum, loss_count = [], 0.0, 0
        with torch.no_grad(), self.accelerator.autocast(), self._weights_of_full_eval(model):
            for batch in loader:
                batch = self._prepare_inputs(batch)
                outputs = model(**{name: batch[name] for name in MODEL_INPUTS if name in batch})
                parts.append(evaluation.reduce(outputs.start_logits, outputs.end_logits, batch))
                if "start_positions" in batch:
                    total, count = span_loss(
                        outputs.start_logits, outputs.end_logits, batch["start_positions"], batch["end_positions"]
                    )
                    loss_sum, loss_count = loss_sum + float(total), loss_count + int(count)
                self.control = self.callback_handler.on_prediction_step(args, self.state, self.control)
        model.train(was_training)
        if not self.is_in_train:
            # Closes the progress bar, as Trainer's own predict does.
            self.callback_handler.on_predict(args, self.state, self.control, {})
        parts, loss_sum, loss_count = self._from_all_processes(parts, loss_sum, loss_count)
        candidates = evaluation.join(parts)
        metrics = {"loss": loss_sum / loss_count} if loss_count else {}
        if evaluation.score is not None:
            metrics.update(evaluation.score(candidates))
        seconds = time.perf_counter() - begin
        metrics |= {"runtime": round(seconds, 3), "windows_per_second": round(len(windows) / max(seconds, 1e-9), 2)}
        return {f"{prefix}_{name}": value for name, value in metrics.items()}, candidates

    @contextlib.contextmanager
    def _weights_of_full_eval(self, model: torch.nn.Module) -> Iterator[None]:
        """Inside, the weights are rounded as bf16_full_eval or fp16_full_eval say; as in Trainer not during training.

        Trainer leaves them rounded. Here the model is saved after it was evaluated, so its own weights come back.
        """
        args = self.args
        dtype = torch.bfloat16 if args.bf16_full_eval else torch.float16 if args.fp16_full_eval else None
        if dtype is None or self.is_in_train:
            yield
            return
        kept = [(t, t.data) for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()]
        try:
            for tensor, own in kept:
                tensor.data = own.to(dtype)
            yield
        finally:
            for tensor, own in kept:
                tensor.data = own

    def _from_all_processes(self, parts: list[Any], loss_sum: float, loss_count: int) -> tuple[list[Any], float, int]:
        if self.args.world_size == 1:
            return parts, loss_sum, loss_count
        gathered: list[Any] = [None] * self.args.world_size
        torch.distributed.all_gather_object(gathered, (parts, loss_sum, loss_count))
        joined = [part for share in gathered for part in share[0]]
        return joined, sum(share[1] for share in gathered), sum(share[2] for share in gathered)

    # Checkpoints

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Model and tokenizer only: Trainer's training_args.bin would carry the hub token to disk."""
        if not self.args.should_save:
            return
        folder = str(output_dir if output_dir is not None else self.args.output_dir)
        model = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
        # "auto" would ask the Hub for the base model of an adapter at every checkpoint.
        options = {"save_embedding_layers": False} if hasattr(model, "peft_config") else {}
        model.save_pretrained(folder, state_dict=state_dict, **options)
        self.processing_class.save_pretrained(folder)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Seals the checkpoint before older ones are rotated away, so that a kill never leaves none."""
        limit, self.args.save_total_limit = self.args.save_total_limit, None
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.save_total_limit = limit
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            checkpoints.seal(Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}")
            rotate_checkpoints(
                output_dir=str(self.args.output_dir),
                save_total_limit=limit,
                best_model_checkpoint=self.state.best_model_checkpoint,
            )

    def restore_finished(self, result: Path, checkpoint: Path | None, step: int) -> None:
        """Puts the result of a training that had ended in memory, without another step.

        Args:
            result: folder with the weights, a checkpoint or a saved model.
            checkpoint: whose state to take over; None where none is left.
            step: at which training had ended.
        """
        if checkpoint is not None:
            self.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        self.state.global_step = step
        self.state.best_model_checkpoint = str(result)
        self._load_best_model()


class _EpochSetter(TrainerCallback):
    """Tells the batch sampler which epoch begins (also after a resume in the middle of one)."""

    batches: LengthGroupedBatches | MixedBatches | None = None

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.batches is not None:
            self.batches.set_epoch(int(state.epoch or 0))


class _BestCheckpoint(TrainerCallback):
    """Says where the best checkpoint of a resumed training lies now: its state holds the path of when it was written.

    Trainer would forget it in a folder that was moved, or take that of another run which now has the old name.
    """

    def __init__(self, trainer: QATrainer):
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        best = self.trainer.best_before
        state.best_model_checkpoint = None if best is None else str(best)


def span_loss(
    start_logits: torch.Tensor,
    end_logits: torch.Tensor,
    start_positions: torch.Tensor,
    end_positions: torch.Tensor,
    label_smoothing: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of start and end, in float32.

    Args:
        start_logits, end_logits: (batch, seq_len).
        start_positions, end_positions: (batch,) token positions, or IGNORE for a window without a loss. (The models'
            own loss would clamp -100 to 0, the CLS token, and train it as "no answer".)
        label_smoothing: share of the target spread over all positions.

    Returns:
        The sum over labelled windows of (start + end) / 2, and the number of labelled windows.
    """
    losses = [
        torch.nn.functional.cross_entropy(
            logits.float(), positions.long(), ignore_index=IGNORE, reduction="sum", label_smoothing=label_smoothing
        )
        for logits, positions in ((start_logits, start_positions), (end_logits, end_positions))
    ]
    return (losses[0] + losses[1]) / 2, (start_positions != IGNORE).sum()
