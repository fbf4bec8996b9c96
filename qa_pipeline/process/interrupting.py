"""Lets Ctrl-C end a training with a checkpoint, from which the same command goes on."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import Trainer, TrainerCallback

from qa_pipeline.errors import Interrupted
from qa_pipeline.process import checkpoints

logger = logging.getLogger(__name__)


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
    handled = (
        trainer.args.world_size == 1
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if handled:
        trainer.add_callback(saving)
        signal.signal(signal.SIGINT, saving.on_signal)
        on_sigterm = signal.signal(signal.SIGTERM, saving.on_signal) if sigterm else None
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(_what_is_kept(str(trainer.args.output_dir), trainer.state.global_step)) from None
    finally:
        if handled:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if sigterm:
                signal.signal(signal.SIGTERM, on_sigterm)
            trainer.remove_callback(saving)


class _SaveAndStop(TrainerCallback):
    """Asks for a checkpoint once it was told to, and ends the training by KeyboardInterrupt as soon as one is written.

    The control is not told to stop: the checkpoint would hold that, and a resume take the training for ended.
    """

    def __init__(self) -> None:
        self.asked = False

    def on_signal(self, number: int, frame: Any) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        logger.warning("Interrupted: a checkpoint is written after this step; Ctrl-C again stops at once.")

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
