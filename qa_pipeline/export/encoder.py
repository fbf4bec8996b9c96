"""Exports the encoder of the search: what compares the meaning of a question with passages, without torch.

It lies in a folder of the exported reader and is found there when documents are asked. Always in float32: it computes
one short text for a question, and its vectors must be comparable with those of indexes that torch made.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from qa_pipeline.errors import ModelError
from qa_pipeline.export.graph import MODEL_FILES, Format, graph_hashes, write_graph
from qa_pipeline.modeling.exported import INPUTS, ExportRecord, write_export
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.retrieval.encoders import MAX_TOKENS, RuntimeEncoder, TorchEncoder

LEAST_COSINE = 0.999
_TEXTS = (
    "annual leave",
    "Members pay nothing for their first card; a lost card costs 25 euros.",
    "A card is sent by post within 14 days, and whoever finds the old one again gets the money back. " * 20,
)


def write_search_encoder(folder: Path, form: Format, versions: dict[str, str]) -> ExportRecord:
    """Writes the weights that come with the package as an exported encoder.

    Args:
        folder: is made; an encoder of `retrieval.encoders.RuntimeEncoder`.
        form: as of the reader beside it.
        versions: of the packages that write it.

    Raises:
        ModelError: the weights of the package are not installed, or the graph gives other vectors than they do.
    """
    encoder = TorchEncoder(EMBEDDED_MODEL)
    model_file = MODEL_FILES[form, "float32"]
    (folder / model_file).parent.mkdir(parents=True)
    encoder.model.config.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)
    batch = encoder.tokenizer(list(_TEXTS), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    inputs = {name: batch[name] for name in INPUTS if name in batch}
    taken = write_graph(encoder.model, inputs, form, folder / model_file, EMBEDDED_MODEL, ("last_hidden_state",))
    record = ExportRecord(
        format=form,
        precision="float32",
        model_file=model_file,
        inputs=tuple(taken),
        outputs=("last_hidden_state",),
        files=graph_hashes(folder, model_file),
        model_type=str(encoder.model.config.model_type),
        num_parameters=sum(weights.numel() for weights in encoder.model.parameters()),
        longest_window=MAX_TOKENS,
        kind="encoder",
        source=EMBEDDED_MODEL,
        versions=versions,
    )
    _check_vectors(encoder, folder, record)
    write_export(record, folder)
    return record


def _check_vectors(encoder: TorchEncoder, folder: Path, record: ExportRecord) -> None:
    with torch.no_grad():
        expected = encoder.vectors(_TEXTS, False)
    exported = RuntimeEncoder(folder, record)
    for found in (exported.vectors(_TEXTS, False), np.concatenate([exported.vectors([t], False) for t in _TEXTS])):
        least = float((expected * found).sum(axis=1).min())
        if not least >= LEAST_COSINE:
            raise ModelError(
                f"{EMBEDDED_MODEL}: exported to {record.format}, the encoder gives other vectors (cosine {least:.4f}, "
                f"expected {LEAST_COSINE} or more); leave search_encoder out, or take the other format"
            )
