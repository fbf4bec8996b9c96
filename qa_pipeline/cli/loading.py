"""Loads what the arguments of the asking commands name: the model, and the texts that are asked."""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qa_pipeline.cli.ask_arguments import LoadArguments, PredictArguments
from qa_pipeline.documents.reading import Document, read_documents

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor
    from qa_pipeline.retrieval.index import Index

SMALL = 64_000
"""Bytes of files that are read for each call, and not indexed."""
_DATA_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


def load_predictor(name: str, arguments: LoadArguments, *, allow_new_head: bool = False) -> QAPredictor:
    """The model, with the limits of the arguments. Its name is the only thing that differs between models."""
    from qa_pipeline.predictor import QAPredictor

    return QAPredictor.from_pretrained(
        name,
        backend=arguments.backend,
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


def open_documents(arguments: PredictArguments) -> list[Document] | Index:
    """What is asked: the text of the command line, an index of the documents, or a few small files as they are.

    Nothing of small files is kept in the user's cache: they are read sooner than an index is opened.
    """
    if arguments.context is not None:
        return [Document(arguments.context, "")]
    paths = arguments.document_paths
    for name in paths:
        if name.lower().endswith(_DATA_ENDINGS):
            print(
                f"{name}: read as plain text, not as rows; questions and contexts in rows go to --data", file=sys.stderr
            )
    if arguments.index is None and _are_small_files(paths):
        documents = list(read_documents(paths, encoding=arguments.encoding))
        names = [Path(one.source).name for one in documents]  # as an index names them
        uses = Counter(names)
        return [
            replace(one, source=name if uses[name] == 1 else one.source)
            for one, name in zip(documents, names, strict=True)
        ]
    from qa_pipeline.retrieval.embeddings import exported_embedder
    from qa_pipeline.retrieval.opening import open_index

    dense = arguments.dense and arguments.most_passages is not None  # else nothing is searched
    logging.getLogger("qa_pipeline.retrieval").setLevel(logging.INFO)  # where the index is, and that it is made
    embedder = exported_embedder(str(arguments.model)) if dense else None
    return open_index(paths or None, arguments.index, dense=dense, encoding=arguments.encoding, model=embedder)


def _are_small_files(paths: Sequence[str]) -> bool:
    return all(map(os.path.isfile, paths)) and sum(map(os.path.getsize, paths)) <= SMALL
