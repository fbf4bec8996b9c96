"""Weighs what a search says of a passage against what a model says of a span of it, and fits the weight.

`evidence` never sees a model; `fit_retrieval_weight` asks a predictor once, and weighs what it said in several ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.metrics import score_rows
from qa_pipeline.predictor.sources import NUM_PASSAGES, FoundPassages

if TYPE_CHECKING:
    from qa_pipeline.retrieval.hits import Hit, PassageIndex

RETRIEVAL_WEIGHT = 4.0
"""Where none was fitted; chosen with benchmarks/asking_worth.py, and flat from 2 to 8."""
WEIGHTS = (0.0, 0.5, 1.0, 2.0, RETRIEVAL_WEIGHT, 8.0)
"""Those that are tried."""
MOST_QUESTIONS = 100
"""That a weight is fitted on: it takes some seconds of a small model on a CPU."""
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


def fit_retrieval_weight(
    predictor: Any,
    examples: Sequence[Mapping[str, Any]],
    index: PassageIndex,
    *,
    num_passages: int = NUM_PASSAGES,
    weights: Sequence[float] = WEIGHTS,
    normalization: str = "squad",
    language: str | None = None,
    rng: np.random.Generator | None = None,
) -> float:
    """The weight of the search with which questions have the best answers, by F1.

    RETRIEVAL_WEIGHT stays unless another is better by more than one standard error: few questions follow chance.

    Args:
        predictor: with the threshold and temperature that it will be asked with.
        examples: labelled questions; those without an answer are left out, since another passage may have one.
        index: of the texts that the questions are about, and the more others the better.
        num_passages: that are read for each.
        weights: that are tried.
        normalization, language: how answers are scored, see `metrics.score_rows`.
        rng: draws MOST_QUESTIONS where there are more; None: those at equal distances.
    """
    answered = [example for example in examples if example["answers"]["text"]]
    if len(answered) > MOST_QUESTIONS:
        step = np.linspace(0, len(answered) - 1, MOST_QUESTIONS).astype(int)
        chosen = step if rng is None else np.sort(rng.choice(len(answered), MOST_QUESTIONS, replace=False))
        answered = [answered[place] for place in chosen]
    if not answered:
        return RETRIEVAL_WEIGHT
    texts = _texts_by_weight(predictor, answered, FoundPassages(index, num_passages), [*weights, RETRIEVAL_WEIGHT])
    f1 = np.stack([score_rows(by_id, answered, normalization, language=language).f1 for by_id in texts])
    gain = f1[:-1] - f1[-1]
    error = gain.std(axis=1, ddof=1) / np.sqrt(len(answered)) if len(answered) > 1 else np.full(len(gain), np.inf)
    best = int(np.argmax(gain.mean(axis=1)))
    return float(weights[best]) if gain[best].mean() > error[best] else RETRIEVAL_WEIGHT


def _texts_by_weight(
    predictor: Any, examples: Sequence[Mapping[str, Any]], sources: FoundPassages, weights: Sequence[float]
) -> list[dict[str, str]]:
    """The answer to each question by its id, for each weight; the passages are read once for all weights."""
    settings = predictor.settings
    threshold = settings.null_score_diff_threshold if settings.version_2_with_negative else np.inf
    found = [sources.readings(example["question"]) for example in examples]
    rows = (
        {"question": example["question"], "context": reading.text}
        for example, readings in zip(examples, found, strict=True)
        for reading in readings
    )
    answers = predictor.predict(rows, progress=False)
    texts: list[dict[str, str]] = [{} for _ in weights]
    for example, readings in zip(examples, found, strict=True):
        hits = [reading.hit for reading in readings if reading.hit is not None]
        best = []  # the text and the gap of the best span of each passage
        for reading in readings:
            spans = [(span.text, span.score) for span in next(answers).nbest if reading.place(span)]
            best.append(spans[0] if spans else ("", -np.inf))
        gaps = np.array([gap for _, gap in best])
        for by_id, weight in zip(texts, weights, strict=True):
            joint = gaps + weight * settings.temperature * evidence(hits) if hits else gaps
            place = int(np.argmax(joint)) if len(joint) else -1
            by_id[example["id"]] = best[place][0] if place >= 0 and -joint[place] <= threshold else ""
    return texts
