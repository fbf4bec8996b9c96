"""The stage of a run that weighs the search: how much it counts, beside the model, when documents are asked.

Fitted on the texts of validation, each a document of its own, and stored with the model.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import StoredSettings
from qa_pipeline.process import Process
from qa_pipeline.run.evaluating import Evaluator
from qa_pipeline.run.folder import RunFolder

logger = logging.getLogger(__name__)

LEAST_TEXTS = 20
"""Different texts of validation. Among fewer a search finds the right one whatever it counts."""
MOST_TEXTS = 200
"""Texts that are indexed: enough to be mistaken among, and embedded in seconds."""


def weigh_search(
    folder: RunFolder, process: Process, tokenizer: Any, settings: StoredSettings, validation: Evaluator
) -> None:
    """Fits `settings.retrieval_weight`; it stays None without training, with too few texts, or in several processes.

    Args:
        folder: takes the record of it.
        process: holds the trained model.
        tokenizer: belongs to it.
        settings: with the threshold and the temperature that were fitted.
        validation: the questions.
    """
    texts = list(dict.fromkeys(example["context"] for example in validation.examples))
    if not process.args.do_train or len(texts) < LEAST_TEXTS or process.args.world_size > 1:
        return
    from qa_pipeline.predictor.fusion import fit_retrieval_weight
    from qa_pipeline.predictor.predictor import QAPredictor

    texts = texts[:MOST_TEXTS]
    kept = set(texts)
    examples = [example for example in validation.examples if example["context"] in kept]
    model = process.trainer.accelerator.unwrap_model(process.trainer.model, keep_torch_compile=False)
    predictor = QAPredictor(model, tokenizer, settings)
    settings.retrieval_weight = fit_retrieval_weight(predictor, examples, _index(texts), **validation.scoring)
    logger.info("Weight of the search when documents are asked: %g.", settings.retrieval_weight)
    folder.stage("search", weight=settings.retrieval_weight, texts=len(texts))


def _index(texts: Sequence[str]) -> Any:
    """Each text as a document, found by words and, where the embeddings are at hand, by meaning."""
    from qa_pipeline.retrieval.index import Index

    documents = [Document(text, f"text {number}") for number, text in enumerate(texts, 1)]
    try:
        return Index.build(documents)
    except ModelError as error:
        logger.info("The search is weighed by words alone: %s", error)
        return Index.build(documents, dense=False)
