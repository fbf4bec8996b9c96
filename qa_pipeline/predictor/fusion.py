"""Weighs what a search says of a passage against what a model says of a span of it, and fits the weight.

Never asks a model by itself: what it fits on, the predictor answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from qa_pipeline.retrieval.hits import Hit

RETRIEVAL_WEIGHT = 2.0
"""Where none was fitted."""
COSINE = 20.0
"""Nats of a cosine of 1. Embedding models of this kind are trained with softmax over cosines times 20."""


def evidence(hits: Sequence[Hit]) -> np.ndarray:
    """(num_hits,) how much less likely the search makes it that a passage holds the answer than the likeliest one.

    In nats, 0 or less, and comparable between questions: BM25 adds up logarithms of how rare the shared words are, and
    embeddings were trained so that a cosine times COSINE is a logit. Where a search says neither (an index of one's
    own), minus the logarithm of the rank stands for them.

    >>> from qa_pipeline.documents.passage import Passage
    >>> from qa_pipeline.retrieval.hits import Hit
    >>> near, far = (Hit(Passage(name, "a", "text"), 1.0, words, 0.5) for name, words in (("1", 7.5), ("2", 6.0)))
    >>> evidence([near, far]).tolist()
    [0.0, -1.5]
    """
    total = np.array([hit.words + COSINE * (hit.meaning or 0.0) for hit in hits], dtype=np.float64)
    if np.ptp(total) == 0:
        scores = -np.array([hit.score for hit in hits], dtype=np.float64)
        total = -np.log(np.searchsorted(np.sort(scores), scores, side="left") + 1)
    return np.asarray(total - total.max())
