"""Loads what the arguments of the asking commands name: the model, and the texts that are asked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qa_pipeline.cli.ask_arguments import LoadArguments, PredictArguments
from qa_pipeline.documents.reading import Document, read_documents

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

_DATA_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


def load_predictor(name: str, arguments: LoadArguments, *, allow_new_head: bool = False) -> QAPredictor:
    """The model, with the limits of the arguments. Its name is the only thing that differs between models."""
    from qa_pipeline.predictor import QAPredictor

    return QAPredictor.from_pretrained(
        name,
        device=arguments.device,
        dtype=arguments.dtype,
        batch_tokens=arguments.batch_tokens,
        base_model=arguments.base_model,
        allow_new_head=allow_new_head,
        token=arguments.token,
        cache_dir=arguments.cache_dir,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
        **arguments.limits,
    )


def read_contexts(arguments: PredictArguments) -> list[Document]:
    """What is asked: the context of the command line (its source is ""), or documents."""
    if arguments.context is not None:
        return [Document(arguments.context, "")]
    for name in arguments.context_files:
        if name.lower().endswith(_DATA_ENDINGS):
            print(
                f"{name}: read as plain text, not as rows; questions and contexts in rows go to --data", file=sys.stderr
            )
    return list(read_documents(arguments.context_files, skip_bad=True, encoding=arguments.encoding))
