"""Compares the logits of an exported folder with those of the model that it was made from.

The windows are made of a text of this file: several lengths, alone and in padded batches, up to the longest window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import logits_of
from qa_pipeline.modeling.exported import ExportRecord
from qa_pipeline.modeling.runtimes import Runtime
from qa_pipeline.preprocess import Preprocess, collate_arrays
from qa_pipeline.preprocess.windows import MODEL_INPUTS, Windows

if TYPE_CHECKING:
    from qa_pipeline.arguments import QASettings

TOLERANCE = 1e-3
"""Largest accepted difference of a float32 logit, relative to the largest logit (or 1): another order of sums."""

_QUESTION = "How high is the fee for a lost card?"
_SENTENCES = (
    "Members of the library pay nothing for their first card. A lost card costs 25 euros, and its replacement is sent "
    "by post within 14 days; whoever finds the old one again gets the money back. "
)
_REPEATS = (1, 2, 5, 11, 23, 47)


def probe_batches(tokenizer: Any, settings: QASettings) -> Iterator[dict[str, np.ndarray]]:
    """Batches of model inputs, int64 (batch, seq_len) each: windows alone, in pairs of unlike length, and all at once.

    Args:
        tokenizer: of the model.
        settings: whose windows they are; the longest are as long as max_seq_length allows.
    """
    windows = _probe_windows(tokenizer, settings)
    by_length = np.argsort(windows.lengths, kind="stable").tolist()
    shortest, longest = by_length[0], by_length[-1]
    for indices in ([shortest, longest], [shortest], [longest], by_length[: len(by_length) // 2 + 1], by_length):
        yield _batch(indices, windows, tokenizer)


def example_inputs(tokenizer: Any, settings: QASettings) -> dict[str, torch.Tensor]:
    """The first of these batches, of two windows with padding in one, as tensors: what a graph is traced with."""
    return {name: torch.from_numpy(value) for name, value in next(probe_batches(tokenizer, settings)).items()}


def single_windows(windows: Windows, tokenizer: Any) -> list[dict[str, np.ndarray]]:
    """Each window as a batch of its own, without padding."""
    return [
        {name: value[:, : int(windows.lengths[index])] for name, value in _batch([index], windows, tokenizer).items()}
        for index in range(len(windows))
    ]


def check_logits(model: nn.Module, folder: Path, record: ExportRecord, tokenizer: Any, settings: QASettings) -> float:
    """Compares the logits of a folder, computed in float32, with the model's, and gives the largest difference.

    Args:
        model: in float32 on the CPU.
        folder: with the graph that `record` names.
        record: of the folder. Of int8 only that the logits are numbers is asked: they differ, and `gate` says how much
            that costs.
        tokenizer, settings: of the model.

    Raises:
        ModelError: logits are missing, not finite, of another shape, or (float32) differ beyond rounding.
    """
    runtime = Runtime(folder, record, precision="float32")
    worst, scale = 0.0, 1.0
    for batch in probe_batches(tokenizer, settings):
        expected = _stacked(model, batch)
        found = np.stack(runtime.run(batch))
        shape = (2, *batch["input_ids"].shape)
        if found.shape != shape:
            raise _unlike(
                record, f"its logits have shape {found.shape}, expected {shape} (start and end, batch, tokens)"
            )
        mask = batch["attention_mask"].astype(bool)
        if not np.isfinite(found[:, mask]).all():
            raise _unlike(record, "a logit is not finite (NaN or infinite)")
        worst = max(worst, float(np.abs(found - expected)[:, mask].max()))
        scale = max(scale, float(np.abs(expected[:, mask]).max()))
    if record.precision == "float32" and not worst <= TOLERANCE * scale:
        raise _unlike(record, f"its logits differ by up to {worst:.3g} (at most {TOLERANCE * scale:.3g} is rounding)")
    return worst


def _unlike(record: ExportRecord, fault: str) -> ModelError:
    return ModelError(
        f"{record.source}: exported to {record.format}, the model is not the same: {fault}. Nothing was written; take "
        "the other format, or ask the model with torch as it is"
    )


def _stacked(model: nn.Module, batch: Mapping[str, np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        both = logits_of(model, {name: torch.from_numpy(value) for name, value in batch.items()})
    return torch.stack(both).float().numpy()


def _probe_windows(tokenizer: Any, settings: QASettings) -> Windows:
    rows: list[Any] = [
        {"id": str(repeat), "question": _QUESTION, "context": _SENTENCES * repeat} for repeat in _REPEATS
    ]
    return Preprocess(tokenizer, settings).windows(rows)


def _batch(indices: list[int], windows: Windows, tokenizer: Any) -> dict[str, np.ndarray]:
    batch = collate_arrays(
        indices,
        windows,
        pad_token_id=tokenizer.pad_token_id or 0,
        padding_side=tokenizer.padding_side,
        pad_token_type_id=tokenizer.pad_token_type_id,
    )
    return {name: batch[name] for name in MODEL_INPUTS if name in batch}
