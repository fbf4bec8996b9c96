"""What of documents bears on a question, and how much of it is kept. Plain data; never sees a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_pipeline.arguments.limits import as_python, is_whole
from qa_pipeline.errors import ConfigError
from qa_pipeline.wording import in_short

GAP = "[...]"
"""Stands in a pruned context where something of the document was left out."""
LEAST_OF_BEST = 0.001
"""A sentence of less than this share of the best one's score fills no budget, unless a least score says otherwise."""
KEEP = 0.3
"""Share of the words that is kept where the caller names no budget."""


@dataclass(frozen=True)
class Excerpt:
    """A part of a document, and how much it bears on the question.

    Attributes:
        text: `context[start:end]` of its document.
        start, end: characters of the document's text, end exclusive.
        score: 0 to 1; of a span its confidence, of a sentence its share of all that bears on the question (those of all
            sentences add up to 1), of a piece its best sentence's.
        document: the document's name; "" for a plain text.
        page: on which it begins; None where there are no pages.
        headings: that it stands under, the outermost first, where they are known.
    """

    text: str
    start: int
    end: int
    score: float
    document: str = ""
    page: int | None = None
    headings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Highlight:
    """What of some documents bears on a question.

    Attributes:
        question: as asked.
        spans: what may be the answer, surest first, none overlapping another; empty where "no answer" won everywhere.
        sentences: all that were read, in the order of the documents, with their scores.
        pieces: what is kept of them, in the same order; neighbours are one piece.
        no_answer_confidence: of there being no answer, 0 to 1; 0 for a model that always answers.
        words, kept_words: of everything that was read, and of the pieces.
        sizes: of each document its length in characters, so that a gap at its end is known.

    Example:
        >>> piece = Excerpt("The fee is 25 euros.", 40, 60, 0.8, "fees.md")
        >>> found = Highlight("How high is the fee?", [], [piece], [piece], 0.1, 20, 5, {"fees.md": 100})
        >>> found.context, found.saved
        ('[...] The fee is 25 euros. [...]', 0.75)
    """

    question: str
    spans: list[Excerpt]
    sentences: list[Excerpt]
    pieces: list[Excerpt]
    no_answer_confidence: float
    words: int
    kept_words: int
    sizes: dict[str, int]

    @property
    def saved(self) -> float:
        """Share of the words that was left out, 0 to 1."""
        return 1 - self.kept_words / self.words if self.words else 0.0

    @property
    def context(self) -> str:
        """The pieces as one text, with GAP where something was left out; a line for each document."""
        lines: list[str] = []
        for number, piece in enumerate(self.pieces):
            before = self.pieces[number - 1] if number else None
            after = self.pieces[number + 1] if number + 1 < len(self.pieces) else None
            if before is None or before.document != piece.document:
                lines.append(f"{GAP} " if piece.start > 0 else "")
            lines[-1] += piece.text
            if after is not None and after.document == piece.document:
                lines[-1] += f" {GAP} "
            elif piece.end < self.sizes[piece.document]:
                lines[-1] += f" {GAP}"
        return "\n".join(lines)

    def best(self, most: int = 1) -> list[Excerpt]:
        """The sentences with the highest scores, best first."""
        return sorted(self.sentences, key=lambda one: -one.score)[:most]


@dataclass(frozen=True)
class Budget:
    """How much is kept of what was read; of several limits all hold.

    Attributes:
        max_words: at most so many words.
        keep: at most this share of the words, 0 to 1.
        least_score: only sentences of at least this score, 0 to 1.
    """

    max_words: int | None = None
    keep: float | None = None
    least_score: float | None = None

    @classmethod
    def checked(cls, max_words: Any, keep: Any, least_score: Any, min_confidence: Any = None) -> Budget:
        """A budget of a caller's values; without any, a share of KEEP.

        Args:
            max_words, keep, least_score: see the class.
            min_confidence: of spans, 0 to 1; checked with the others, so that all faults come at once.

        Raises:
            ConfigError: a value cannot be.
        """
        most = as_python(max_words)
        shares = {"keep": keep, "least_score": least_score, "min_confidence": min_confidence}
        shares = {name: as_python(value) for name, value in shares.items()}
        faults = []
        if most is not None and (not is_whole(most) or most < 1):
            faults.append(f"max_words must be a whole number, 1 or more, found {in_short(most)}")
        for name, value in shares.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (is_number and 0 <= value <= 1):
                faults.append(f"{name} must be a number from 0 to 1, found {in_short(value)}")
        if faults:
            raise ConfigError("settings of highlight", faults)
        share = KEEP if most is shares["keep"] is shares["least_score"] is None else shares["keep"]
        return cls(most, share, shares["least_score"])

    def chosen(self, scores: np.ndarray, words: np.ndarray) -> np.ndarray:
        """(num_sentences,) bool: the best sentences that fit, the best first; what is too long is passed over.

        The best sentence is kept though it is more than the share, if it fits `max_words`; where it does not, nothing
        is. What is nothing beside the best sentence fills no budget.

        Args:
            scores: (num_sentences,) 0 to 1.
            words: (num_sentences,) how many words each has.
        """
        kept = np.zeros(len(scores), dtype=bool)
        most = math.inf if self.max_words is None else float(self.max_words)
        share = math.inf if self.keep is None else self.keep * float(words.sum())
        order = np.argsort(-scores, kind="stable").tolist()
        if not order or words[order[0]] > most or scores[order[0]] < (self.least_score or 0.0):
            return kept
        kept[order[0]], spent = True, words[order[0]]
        least = LEAST_OF_BEST * scores[order[0]] if self.least_score is None else self.least_score
        for number in order[1:]:
            if scores[number] >= least and spent + words[number] <= min(most, share):
                kept[number], spent = True, spent + words[number]
        return kept
