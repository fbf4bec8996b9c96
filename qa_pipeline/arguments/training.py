"""Our TrainingArguments: those of transformers with the settings of `groups.TrainingSettings`. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass

import transformers

from qa_pipeline.arguments.groups import (
    DEFAULT_LOGGING_STEPS,
    DataArguments,
    LoRAArguments,
    ModelArguments,
    TrainingSettings,
)
from qa_pipeline.arguments.precision import accelerator_available, resolve_bf16
from qa_pipeline.arguments.sources import log_once


def default_eval_steps(logging_steps: float) -> float:
    """Steps between evaluations where none were given: logging_steps, as in transformers, but not its default here."""
    return 500 if logging_steps == DEFAULT_LOGGING_STEPS else logging_steps


# repr=False keeps the base class's repr, which hides tokens; a generated one would print hub_token.
@dataclass(repr=False)
class TrainingArguments(TrainingSettings, transformers.TrainingArguments):  # type: ignore[misc]
    """The training arguments of transformers with this project's defaults and a few of its own.

    `bf16` may be None, "where the device has it"; after construction it is True or False and `bf16_reason` says why.
    """

    def __post_init__(self) -> None:
        if not self.use_cpu and not accelerator_available():
            self.use_cpu = True  # transformers refuses bf16 on a machine without a GPU unless this is said
        self.bf16, self.bf16_reason = resolve_bf16(self.bf16, fp16=self.fp16, use_cpu=self.use_cpu)
        if self.eval_steps is None and self.eval_strategy == "steps":
            self.eval_steps = default_eval_steps(self.logging_steps)
        self.remove_unused_columns = False
        self.report_to = "none" if self.report_to is None else self.report_to
        super().__post_init__()
        if (there := self.n_gpu) > 1:
            # transformers would copy the model to all of them in every step (DataParallel): slower than one process a
            # GPU, and evaluation would use one all the same.
            self._n_gpu = 1
            log_once(
                "%d GPUs are here and one process was started: one GPU is used. For all of them: accelerate launch "
                "--config_file configs/accelerate/one_machine.yaml --num_processes %d run_qa.py ...",
                *(there, there),
            )


GROUPS = (ModelArguments, DataArguments, LoRAArguments, TrainingArguments)
"""The settings of run_qa.py, in the order of its help."""
