"""What turns a batch of windows into logits: a model of transformers, or an exported one in its runtime.

The two have the same methods, so that nothing else of the predictor knows which it has. Never sees a question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from qa_pipeline.errors import ModelError
from qa_pipeline.postprocess.decoding import Array
from qa_pipeline.preprocess.windows import MODEL_INPUTS

if TYPE_CHECKING:
    from qa_pipeline.modeling.runtimes import Runtime
    from qa_pipeline.retrieval.embeddings import Embedder


@dataclass(frozen=True)
class CPU:
    """The device of an exported model; reads as a torch.device does."""

    type: str = "cpu"
    index: None = None

    def __str__(self) -> str:
        return self.type


class Reader(Protocol):
    """Computes logits.

    Attributes:
        model: what computes, a module of torch or a Runtime.
        device: where; has `type`.
        head_untrained: the head was never trained, so that logits are noise.
        num_parameters: weights, a 4-bit one counted as one.
        size_mb: their size in megabytes (10**6 bytes).
        longest_window: most tokens that the model takes; inf: no limit is known.
    """

    model: Any
    device: Any
    head_untrained: bool
    num_parameters: int
    size_mb: float
    longest_window: float

    def logits(self, batch: Mapping[str, np.ndarray]) -> tuple[Array, Array]:
        """Start and end logits, each (batch, seq_len), of the arrays of `collate_arrays`."""
        ...

    def check_fits(self, tokenizer: Any, max_seq_length: int) -> None:
        """Raises ModelError where the model does not take windows of this tokenizer and length."""
        ...

    def fingerprint(self, tokenizer: Any) -> str:
        """SHA-256 (first 16 hex digits) of the weights and the tokenizer."""
        ...

    @property
    def embedder(self) -> Embedder | None:
        """Embeds questions to documents; None: whatever the index takes."""
        ...


def reader_of(model: Any) -> Reader:
    """The reader of a model of transformers, or of an open runtime."""
    from qa_pipeline.modeling.runtimes import Runtime

    return RuntimeReader(model) if isinstance(model, Runtime) else TorchReader(model)


class TorchReader:
    """A question-answering model of transformers, which is put into evaluation mode."""

    def __init__(self, model: Any):
        from qa_pipeline import modeling
        from qa_pipeline.modeling.head import unwrap
        from qa_pipeline.predictor.device import compute_on_one_thread_in_forks

        compute_on_one_thread_in_forks()
        self.model = model.eval()
        self.device: Any = next(model.parameters()).device
        self.head_untrained: bool = modeling.is_head_untrained(model)
        self.num_parameters: int = modeling.describe(model)["parameters"]
        held = {tensor.data_ptr(): tensor.nbytes for tensor in (*model.parameters(), *model.buffers())}
        self.size_mb: float = sum(held.values()) / 1e6
        plain: Any = unwrap(model)
        positions = getattr(plain.config, "max_position_embeddings", None)
        self.longest_window: float = positions if isinstance(positions, int) and positions >= 1 else float("inf")

    def logits(self, batch: Mapping[str, np.ndarray]) -> tuple[Array, Array]:
        """Raises ModelError where the device's memory is too small."""
        import torch

        with torch.inference_mode():
            inputs = {
                name: torch.from_numpy(batch[name]).to(self.device, non_blocking=True)
                for name in MODEL_INPUTS
                if name in batch
            }
            try:
                outputs = self.model(**inputs)
            except torch.OutOfMemoryError as error:
                raise ModelError(
                    f"a batch of {tuple(batch['input_ids'].shape)} (windows, tokens) does not fit in the memory of "
                    f"{self.device}; lower batch_tokens"
                ) from error
            return outputs.start_logits, outputs.end_logits

    def check_fits(self, tokenizer: Any, max_seq_length: int) -> None:
        """As of Reader."""
        from qa_pipeline.modeling import check_fits

        check_fits(self.model, tokenizer, max_seq_length)

    def fingerprint(self, tokenizer: Any) -> str:
        """Reads every weight: some tenths of a second for 100 million."""
        from qa_pipeline.modeling import weights_fingerprint

        return weights_fingerprint(self.model, tokenizer)

    @property
    def embedder(self) -> None:
        """None: torch is there, and loads the model of the index."""
        return None


class RuntimeReader:
    """An exported model."""

    def __init__(self, runtime: Runtime):
        record = runtime.record
        self.model, self.device = runtime, CPU()
        self.head_untrained, self.num_parameters = record.head_untrained, record.num_parameters
        self.size_mb = sum((runtime.folder / name).stat().st_size for name in record.files) / 1e6
        self.longest_window: float = record.longest_window or float("inf")

    def logits(self, batch: Mapping[str, np.ndarray]) -> tuple[Array, Array]:
        """Raises ModelError where the runtime cannot compute them."""
        start, end = self.model.run(batch)
        return start, end

    def check_fits(self, tokenizer: Any, max_seq_length: int) -> None:
        """As of Reader. The tokenizer lies in the folder of the model."""
        if max_seq_length > self.longest_window:
            raise ModelError(
                f"max_seq_length {max_seq_length} is more than the {self.longest_window:.0f} positions of the exported "
                f"model; set max_seq_length to {self.longest_window:.0f} or less"
            )

    def fingerprint(self, tokenizer: Any) -> str:
        """By the hashes of the export."""
        record = self.model.record
        parts = [record.format, self.model.precision, record.files, tokenizer.backend_tokenizer.to_str()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def embedder(self) -> Embedder | None:
        """The encoder that was exported beside it, in the folder search_encoder."""
        from qa_pipeline.retrieval.embeddings import exported_embedder

        return exported_embedder(self.model.folder)
