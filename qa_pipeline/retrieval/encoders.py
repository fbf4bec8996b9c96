"""What computes the embeddings of a batch of texts: a model of transformers, or an exported one in its runtime.

Both give the mean over the tokens of a text, at length 1, and nothing else knows which of them it has. Never keeps a
vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from qa_pipeline.errors import ModelError
from qa_pipeline.wording import error_in_short

if TYPE_CHECKING:
    from qa_pipeline.modeling.exported import ExportRecord

MAX_TOKENS = 256
"""Of one text; what is longer is cut off. The weights of the package were made for no more."""
_STEP = 16
"""Lengths are padded to multiples of it for a runtime, which prepares itself for each length that it has not met."""


class Encoder(Protocol):
    """Computes embeddings."""

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        ...

    def vectors(self, texts: Sequence[str], fast: bool) -> np.ndarray:
        """(num_texts, dim) float32 of a batch of texts, each row of length 1; in bfloat16 inside where `fast`."""
        ...


class TorchEncoder:
    """An encoder of transformers.

    Args:
        name: Hub id, folder, or package:MODULE/FOLDER.

    Attributes:
        tokenizer, model: as transformers loads them, in float32.
        longest: tokens that are read of a text at most.

    Raises:
        ModelError: torch or transformers is not installed, there is no such model, or it cannot be loaded.
    """

    def __init__(self, name: str):
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging
        except ImportError as error:
            raise ModelError(
                f"{name}: to compute embeddings with it needs torch and transformers ({error_in_short(error)}); run: "
                "pip install torch transformers, or name an exported encoder: the folder search_encoder that "
                "qa-pipeline export writes"
            ) from error
        from qa_pipeline.modeling.checks import positions
        from qa_pipeline.modeling.paths import at_hand, resolve_model_path

        path = at_hand(resolve_model_path(name))
        bar = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(path)
            model = AutoModel.from_pretrained(path, dtype=torch.float32, use_safetensors=True)
        except Exception as error:  # transformers raises many kinds for a folder that is none of its models
            raise ModelError(f"{name}: cannot be loaded to compare texts: {error_in_short(error)}") from error
        finally:
            if bar:
                logging.enable_progress_bar()
        self.model: Any = model.eval()
        known = (MAX_TOKENS, self.tokenizer.model_max_length, *positions(self.model))
        self.longest = int(min(one for one in known if one))

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return int(self.model.config.hidden_size)

    def vectors(self, texts: Sequence[str], fast: bool) -> np.ndarray:
        """As of Encoder; bfloat16 only where the processor computes it natively."""
        import torch

        batch = self.tokenizer(list(texts), padding=True, truncation=True, max_length=self.longest, return_tensors="pt")
        with torch.inference_mode():
            hidden = (self._fast_model if fast else self.model)(**batch).last_hidden_state.float()
            mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            return np.asarray(torch.nn.functional.normalize(mean, dim=1).numpy())

    @cached_property
    def _fast_model(self) -> Any:
        import copy

        import torch

        from qa_pipeline.arguments.precision import resolve_bf16

        native, _ = resolve_bf16(use_cpu=True)
        return copy.deepcopy(self.model).to(torch.bfloat16) if native else self.model


class RuntimeEncoder:
    """An exported encoder, which needs neither torch nor transformers. Always as fast as its runtime can.

    Args:
        folder: of the export.
        record: its export.json.

    Raises:
        ModelError: the runtime is not installed or cannot open it, or files are missing.
    """

    def __init__(self, folder: Path, record: ExportRecord):
        from qa_pipeline.modeling.plain_tokenizer import PlainTokenizer
        from qa_pipeline.modeling.runtimes import Runtime

        tokenizer = PlainTokenizer(folder, record.inputs)
        self._tokenizer = tokenizer.backend_tokenizer
        longest = min(MAX_TOKENS, tokenizer.model_max_length, record.longest_window or MAX_TOKENS)
        self._tokenizer.enable_truncation(max_length=longest, direction=tokenizer.truncation_side)
        self._tokenizer.enable_padding(
            direction=tokenizer.padding_side,
            pad_id=tokenizer.pad_token_id,
            pad_type_id=tokenizer.pad_token_type_id,
            pad_token=self._tokenizer.id_to_token(tokenizer.pad_token_id),
            pad_to_multiple_of=_STEP if longest % _STEP == 0 else None,
        )
        self._runtime = Runtime(folder, record)

    @cached_property
    def dim(self) -> int:
        """Numbers of a vector."""
        return len(self.vectors(["a"], True)[0])

    def vectors(self, texts: Sequence[str], fast: bool) -> np.ndarray:
        """As of Encoder."""
        encoded = self._tokenizer.encode_batch(list(texts))
        batch = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": np.array([one.attention_mask for one in encoded], dtype=np.int64),
            "token_type_ids": np.array([one.type_ids for one in encoded], dtype=np.int64),
        }
        (hidden,) = self._runtime.run(batch)
        return mean_vectors(hidden, batch["attention_mask"])


def mean_vectors(hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mean over the tokens of each text, at length 1.

    Args:
        hidden: (batch, seq_len, dim) float32 vectors of tokens.
        mask: (batch, seq_len) 1 for a token, 0 for padding.

    >>> mean_vectors(np.array([[[3.0, 0.0], [3.0, 8.0], [9.0, 9.0]]]), np.array([[1, 1, 0]]))
    array([[0.6, 0.8]])
    """
    weights = mask.astype(hidden.dtype)
    mean = (weights[:, None, :] @ hidden)[:, 0] / np.maximum(weights.sum(axis=1), 1)[:, None]
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12))
