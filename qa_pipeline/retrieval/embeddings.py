"""Turns texts into vectors whose dot product says how alike their meanings are. Never sees a query as such.

Mean pooling over the tokens of a text, and length 1, as Sentence-BERT has it (Reimers and Gurevych 2019,
https://arxiv.org/abs/1908.10084); the weights that come with the package were trained to be used so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from qa_pipeline.errors import ModelError
from qa_pipeline.wording import error_in_short

MAX_TOKENS = 256
"""Of one text; what is longer is cut off. The embedded weights were made for no more."""
_BATCH = 32
_REMEMBERED = 2000
"""Texts whose vectors are kept: those of a catalogue are compared with every query again."""


class Embedder:
    """Computes embeddings with an encoder; loads it when the first text comes.

    Args:
        model: Hub id, folder, or package:MODULE/FOLDER of an encoder that was trained for mean pooling; None: the
            weights that come with the package.

    Raises:
        ModelError: when it is first used: there is no such model, or it cannot be loaded.

    Example:
        >>> vectors = Embedder().embed(["annual leave", "holidays of employees", "a recipe for soup"])
        >>> vectors.shape, bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
        ((3, 384), True)
    """

    def __init__(self, model: str | None = None):
        self.model = model
        self._vectors: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(num_texts, dim) float32, each row of length 1; the same text gives the same row (to rounding)."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        computed = dict(zip(missing, self._compute(missing), strict=True))
        rows = [self._vectors[text] if text in self._vectors else computed[text] for text in texts]
        room = max(0, _REMEMBERED - len(self._vectors))
        self._vectors |= {text: computed[text] for text in missing[:room]}
        return np.stack(rows) if rows else self._compute([])

    def embed_many(self, texts: Sequence[str]) -> np.ndarray:
        """As `embed`, for texts that are compared with questions later: nothing is remembered.

        Where the processor computes bfloat16 natively that is used, in about a quarter of the time; the vectors then
        have a cosine above 0.999 with those of `embed`.
        """
        return self._compute(texts, fast=True)

    @property
    def name(self) -> str:
        """The model as it was given, or the one of the package."""
        from qa_pipeline.modeling.paths import EMBEDDED_MODEL

        return self.model or EMBEDDED_MODEL

    def _compute(self, texts: Sequence[str], fast: bool = False) -> np.ndarray:
        import torch

        tokenizer, encoder = self._loaded
        if fast:
            encoder = self._fast_encoder
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), place))
        vectors = np.zeros((len(texts), encoder.config.hidden_size), dtype=np.float32)
        for begin in range(0, len(order), _BATCH):
            places = order[begin : begin + _BATCH]
            batch = tokenizer(
                [texts[place] for place in places],
                padding=True,
                truncation=True,
                max_length=MAX_TOKENS,
                return_tensors="pt",
            )
            with torch.inference_mode():
                hidden = encoder(**batch).last_hidden_state.float()
                mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
                pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
                vectors[places] = torch.nn.functional.normalize(pooled, dim=1).numpy()
        return vectors

    @cached_property
    def _fast_encoder(self) -> Any:
        """In bfloat16 where the processor computes it natively."""
        import copy

        import torch

        from qa_pipeline.arguments.precision import resolve_bf16

        encoder = self._loaded[1]
        native, _ = resolve_bf16(use_cpu=True)
        return copy.deepcopy(encoder).to(torch.bfloat16) if native else encoder

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        from qa_pipeline.modeling.paths import at_hand, resolve_model_path

        name = self.name
        path = at_hand(resolve_model_path(name))
        bar = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(path)
            encoder = AutoModel.from_pretrained(path, dtype=torch.float32, use_safetensors=True)
        except Exception as error:  # transformers raises many kinds for a folder that is none of its models
            raise ModelError(f"{name}: cannot be loaded to compare texts: {error_in_short(error)}") from error
        finally:
            if bar:
                logging.enable_progress_bar()
        return tokenizer, encoder.eval()
