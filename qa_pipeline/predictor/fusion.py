"""Weighs what a search says of a passage against what a model says of a span of it, and fits the weight.

Never asks a model by itself: what it fits on, the predictor answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from qa_pipeline.retrieval.hits import Hit

RETRIEVAL_WEIGHT = 4.0
"""Where none was fitted."""


def evidence(hits: Sequence[Hit]) -> np.ndarray:
    """(num_hits,) how much less likely the search makes it that a passage holds the answer than the nearest one.

    It is minus the logarithm of the rank, in nats: with a weight of 1, the second passage is half as likely as the
    first, and the tenth a tenth. Ranks compare between questions and between kinds of search, which scores do not.
    Passages of the same score share the better rank.

    >>> from qa_pipeline.documents.passage import Passage
    >>> from qa_pipeline.retrieval.hits import Hit
    >>> found = [Hit(Passage(str(score), "a", "text"), score, 1.0) for score in (3.0, 2.0, 2.0, 1.0)]
    >>> evidence(found).round(2).tolist()
    [-0.0, -0.69, -0.69, -1.39]
    """
    scores = -np.array([hit.score for hit in hits], dtype=np.float64)
    return -np.log(np.searchsorted(np.sort(scores), scores, side="left") + 1)
