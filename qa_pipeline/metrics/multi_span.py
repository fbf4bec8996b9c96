"""Precision, recall and F1 of answers that are sets of spans, exact and partial. Pure functions of texts.

The measure is that of MultiSpanQA (Li et al. 2022, "MultiSpanQA: A Dataset for Multi-Span Question Answering", NAACL,
https://aclanthology.org/2022.naacl-main.90): all spans of all questions are counted together (micro average). Exact: a
predicted text that, normalised, is one of the question's references. Partial: a prediction is worth the longest run of
characters that it has in common with any reference, as a share of the prediction (precision); a reference the same as
a share of the reference (recall). Texts that are the same when normalised count once. A question whose references or
predictions are empty counts as one of each in the denominators.

Two things differ from the official script. A question without references that is rightly left unanswered is right in
both scores; there its exact half gives it nothing. And the common run is the longest one; the script lets difflib
leave out frequent characters of texts of 200 characters and more, so that equal texts may have nothing in common. On
shorter answers to answerable questions the numbers are the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_pipeline.errors import DataError
from qa_pipeline.metrics.normalization import normalize_answer, row_language


@dataclass(frozen=True)
class MultiSpanScores:
    """Counts of every question, in the order of the examples; every array is (num_questions,).

    Attributes:
        ids: question ids.
        predicted, references: distinct texts, at least 1.
        exact: predictions that are references.
        partial_predicted: what the predictions are worth, 0 to `predicted`.
        partial_references: what is found of the references, 0 to `references`.
    """

    ids: list[str]
    predicted: np.ndarray
    references: np.ndarray
    exact: np.ndarray
    partial_predicted: np.ndarray
    partial_references: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def summary(self) -> dict[str, float]:
        """multi_exact_ and multi_partial_ precision, recall and f1 in percent, and multi_total, the questions."""
        predicted, references = float(self.predicted.sum()), float(self.references.sum())
        found: dict[str, float] = {}
        for name, hits, recalled in (
            ("exact", self.exact, self.exact),
            ("partial", self.partial_predicted, self.partial_references),
        ):
            precision, recall = float(hits.sum()) / predicted, float(recalled.sum()) / references
            found |= {
                f"multi_{name}_precision": 100 * precision,
                f"multi_{name}_recall": 100 * recall,
                f"multi_{name}_f1": 100 * harmonic_mean(precision, recall),
            }
        return found | {"multi_total": len(self)}


def multi_span_scores(
    predictions: Mapping[str, Sequence[str]],
    examples: Sequence[Mapping[str, Any]],
    normalization: str = "squad",
    *,
    language: str | None = None,
) -> MultiSpanScores:
    """Scores sets of answers against sets of references, all of which are required.

    Args:
        predictions: question id -> texts; none, or "" alone, is "no answer". Ids that no example has are ignored.
        examples: canonical rows; of each `id`, `answers` and `metadata` are read. Which rows have sets of answers says
            `data.needs_all`.
        normalization: see `normalize_answer`.
        language: default language of the rows, for "multilingual".

    Raises:
        DataError: there is no question, or one has no prediction.

    Example:
        >>> towns = {"id": "1", "answers": {"text": ["Ulm", "Lindau"], "answer_start": [0, 5]}}
        >>> scores = multi_span_scores({"1": ["Ulm", "the Lindau line"]}, [towns])
        >>> [round(scores.summary()[f"multi_{kind}_f1"], 1) for kind in ("exact", "partial")]
        [50.0, 87.2]
    """
    if not examples:
        raise DataError("there are no questions to score")
    missing = [example["id"] for example in examples if example["id"] not in predictions]
    if missing:
        raise DataError(
            f'{len(missing)} of {len(examples)} questions have no prediction, the first is "{missing[0]}"; give a list '
            "of texts for each question ([] for no answer), or score only the questions that were asked"
        )
    rows = []
    for example in examples:
        given = predictions[example["id"]]
        if isinstance(given, str):
            raise DataError(f'prediction of question "{example["id"]}": expected a list of texts, found a text')
        golds, found = (
            distinct_texts(texts, example, normalization, language) for texts in (example["answers"]["text"], given)
        )
        rows.append((max(len(found), 1), max(len(golds), 1), *_hits(golds, found)))
    table = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return MultiSpanScores([example["id"] for example in examples], *table)


def distinct_texts(
    texts: Sequence[str], example: Mapping[str, Any], normalization: str = "squad", language: str | None = None
) -> list[str]:
    """The texts as they are compared, each once."""
    row_lang = row_language(example, language)
    return list(dict.fromkeys(normalize_answer(text, normalization, row_lang) for text in texts))


def exact_hits(golds: Sequence[str], found: Sequence[str]) -> float:
    """How many predictions are references; 1 where both are empty. Both from `distinct_texts`."""
    if not golds and found in ([], [""]):
        return 1.0
    return float(len(set(golds) & set(found)))


def harmonic_mean(precision: float, recall: float) -> float:
    """F1 of the two, 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _hits(golds: list[str], found: list[str]) -> tuple[float, float, float]:
    """Exact hits, and what the predictions are worth and what is found of the references, of normalised texts."""
    exact = exact_hits(golds, found)
    if not golds or found in ([], [""]):
        right = float(not golds) * exact
        return exact, right, right
    common = np.array([[_longest_common(gold, text) for text in found] for gold in golds], dtype=np.float64)
    gold_lengths = np.array([max(len(gold), 1) for gold in golds])
    found_lengths = np.array([max(len(text), 1) for text in found])
    return (
        exact,
        float((common / found_lengths).max(axis=0).sum()),
        float((common / gold_lengths[:, None]).max(axis=1).sum()),
    )


def _longest_common(one: str, other: str) -> int:
    """Length of the longest run of characters that both texts have."""
    if one == other:
        return len(one)
    return difflib.SequenceMatcher(None, one, other, autojunk=False).find_longest_match().size
