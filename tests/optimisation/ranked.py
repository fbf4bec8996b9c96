"""Domains whose prompts have made-up scores, and an encoder that counts words: nothing is loaded."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import islice

import numpy as np

from qa_pipeline.generation.questions.llm.recipes import Factors, Recipe, factor_grid, recipe_of
from qa_pipeline.optimisation.domain_scores import DomainScores
from qa_pipeline.optimisation.prompt_heads import HeadSettings
from qa_pipeline.optimisation.prompt_model import PromptModel

DIM = 24
STEP = 53
"""Recipes of the grid from one measured prompt to the next: the first 24 have all values of all factors."""
QUICK = HeadSettings(heads=3, hidden=24, width=8, steps=120, extend_steps=80)


class WordCounts:
    """Stands in for an Embedder: a vector of length 1 by the words of a text."""

    def __init__(self, name: str = "word-counts"):
        self.name = name
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(list(texts))
        rows = np.zeros((len(texts), DIM), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % DIM] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def quick_model(**changes: object) -> PromptModel:
    return PromptModel(WordCounts(), HeadSettings(**{**vars(QUICK), **changes}))  # type: ignore[arg-type]


def unit(number: int) -> np.ndarray:
    """The vector of a made-up domain; those of two numbers have nothing in common."""
    return np.eye(DIM, dtype=np.float32)[number]


def grid(count: int, step: int = STEP) -> list[tuple[Factors, Recipe]]:
    """Recipes from all over the grid."""
    return [(one, recipe_of(one)) for one in islice(factor_grid(), 0, count * step, step)]


def domain(name: str, vector: np.ndarray, score, count: int = 24, noise: float = 0.5) -> DomainScores:
    """A domain in which `score(factors)` is what a prompt scores, without noise."""
    chosen = grid(count)
    scores = np.array([score(factors) for factors, _ in chosen], dtype=np.float64)
    return DomainScores(name, vector, [recipe for _, recipe in chosen], scores, np.full(count, noise))


def likes_short(factors: Factors) -> float:
    return 50 + 8 * (factors.order == "short") + 4 * (factors.evidence == "sentence")


def likes_answers(factors: Factors) -> float:
    return 50 + 8 * (factors.order == "answer_first") - 4 * (factors.evidence == "sentence")
