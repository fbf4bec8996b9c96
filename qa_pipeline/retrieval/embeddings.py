"""Turns texts into vectors whose dot product says how alike their meanings are. Never sees a query as such.

Mean pooling over the tokens of a text, and length 1, as Sentence-BERT has it (Reimers and Gurevych 2019,
https://arxiv.org/abs/1908.10084); the weights that come with the package were trained to be used so. They are computed
with torch, or, of an exported encoder, without: the vectors of the two can be compared (cosine above 0.999).
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.exported import is_export, read_export
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.retrieval.encoders import Encoder, RuntimeEncoder, TorchEncoder

if TYPE_CHECKING:
    from qa_pipeline.modeling.exported import ExportRecord

logger = logging.getLogger(__name__)

SEARCH_ENCODER = "search_encoder"
"""Folder inside an exported reader that holds the encoder which was exported with it."""
_BATCH = 32
_REMEMBERED = 2000
"""Texts whose vectors are kept: those of a catalogue are compared with every query again."""


class Embedder:
    """Computes embeddings with an encoder; loads it when the first text comes.

    Args:
        model: Hub id, folder, or package:MODULE/FOLDER of an encoder that was trained for mean pooling, or the folder
            of an exported one (or of an exported reader that has one), which needs no torch; None: the weights that
            come with the package.

    Raises:
        ModelError: when it is first used: there is no such model, it cannot be loaded, or what computes it is missing.

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
        """What its vectors are of: the model as it was given, that which was exported, or the one of the package."""
        if self._exported is not None:
            return self._exported[1].source
        return self.model or EMBEDDED_MODEL

    @property
    def needs_torch(self) -> bool:
        """Whether torch computes; an exported encoder has a runtime of its own."""
        return self._exported is None

    def _compute(self, texts: Sequence[str], fast: bool = False) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), place))
        if not order:
            return np.zeros((0, self._encoder.dim), dtype=np.float32)
        lots = [order[begin : begin + _BATCH] for begin in range(0, len(order), _BATCH)]
        found = np.concatenate([self._encoder.vectors([texts[place] for place in lot], fast) for lot in lots])
        return np.asarray(found[np.argsort(order)])

    @cached_property
    def _encoder(self) -> Encoder:
        return TorchEncoder(self.name) if self._exported is None else RuntimeEncoder(*self._exported)

    @cached_property
    def _exported(self) -> tuple[Path, ExportRecord] | None:
        """The folder and the record of an exported encoder; None where the model is another."""
        if self.model is None or not is_export(self.model):
            return None
        folder = Path(self.model)
        record = read_export(folder)
        if record is not None and record.kind == "reader":
            folder /= SEARCH_ENCODER
            record = read_export(folder)
        if record is None or record.kind != "encoder":
            raise ModelError(
                f"{self.model}: is an exported model that answers, without an encoder for the search; export it again "
                f"with --search_encoder, or leave it out to take {EMBEDDED_MODEL}"
            )
        return folder, record


def exported_embedder(folder: str | Path) -> Embedder | None:
    """The encoder that was exported with a reader; None where the folder is none or has none."""
    inside = Path(folder) / SEARCH_ENCODER
    return shared_embedder(str(inside)) if is_export(inside) else None


def embedder_at_hand(model: str | None, *offered: Embedder | None) -> Embedder | None:
    """What computes the vectors of a model on this machine.

    Args:
        model: its name; None: the weights of the package.
        offered: embedders that are there; the first of this model is taken.

    Returns:
        None for the weights of the package where none was offered and torch is missing, which is warned of once: a
        search then goes by words alone.
    """
    name = model or EMBEDDED_MODEL
    for one in offered:
        if one is not None and one.name == name:
            return one
    if model is None and not _has_torch():
        _warn_of_words_alone()
        return None
    return shared_embedder(model)


def name_and_embedder(model: str | Embedder | None) -> tuple[str | None, Embedder | None]:
    """The name of a model as an index keeps it (None: the weights of the package), and what computes it where given."""
    embedder = model if isinstance(model, Embedder) else Embedder(model) if model and is_export(model) else None
    if embedder is None:
        assert not isinstance(model, Embedder)
        return model, None
    return None if embedder.name == EMBEDDED_MODEL else embedder.name, embedder


@cache
def shared_embedder(model: str | None) -> Embedder:
    """One for all of a process: a model is loaded once."""
    return Embedder(model)


def _has_torch() -> bool:
    try:
        return all(importlib.util.find_spec(name) is not None for name in ("torch", "transformers"))
    except (ImportError, ValueError):  # what hides a package may raise either
        return False


@cache
def _warn_of_words_alone() -> None:
    logger.warning(
        "texts are compared by their words alone: to compare their meaning needs torch and transformers, or a model "
        "that was exported with --search_encoder"
    )
