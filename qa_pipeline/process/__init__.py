"""Checkpoint-resuming training and evaluation on windows."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa_pipeline.process.process import Process
    from qa_pipeline.process.trainer import Evaluation

__all__ = ["Evaluation", "Process"]


def __getattr__(name: str) -> Any:
    # Batching and checkpoints need no torch; the trainer, which does, is loaded when it is asked for.
    if name == "Process":
        from qa_pipeline.process.process import Process

        return Process
    if name == "Evaluation":
        from qa_pipeline.process.trainer import Evaluation

        return Evaluation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
