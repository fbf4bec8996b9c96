"""Measures what int8 costs: the same questions asked of the model before and after, and whether that is too much."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.errors import ModelError
from qa_pipeline.export.questions import Questions
from qa_pipeline.metrics import Scores, paired_bootstrap, resampling_of, score_rows

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

logger = logging.getLogger(__name__)

FEWEST = 100
"""With fewer questions a point of F1 is mostly chance."""
MOST_LOST_F1 = 0.5


@dataclass(frozen=True)
class Cost:
    """Scores in percent, of the same questions.

    Attributes:
        questions: how many.
        source: their file.
        fingerprint: of them.
        before, after: "exact_match" and "f1" of the model in float32 with torch, and of the exported one.
        same_answers: share of questions with the same answer text, 0 to 1.
        lost_f1, lost_exact_match: before minus after, in points.
        lost_f1_interval: of the loss, 95%, by a paired bootstrap.
        interval_over: what was drawn: "document", "context" or "question".
    """

    questions: int
    source: str
    fingerprint: str
    before: dict[str, float]
    after: dict[str, float]
    same_answers: float
    lost_f1: float
    lost_exact_match: float
    lost_f1_interval: tuple[float, float]
    interval_over: str

    def as_json(self) -> dict[str, Any]:
        """As export.json holds it."""
        return asdict(self) | {"lost_f1_interval": list(self.lost_f1_interval)}

    def in_words(self) -> str:
        """One sentence for people."""
        low, high = self.lost_f1_interval
        return (
            f"F1 {self.before['f1']:.2f} became {self.after['f1']:.2f} on {self.questions:,} questions of "
            f"{self.source} ({_signed(-self.lost_f1)}; 95%: {_signed(-high)} to {_signed(-low)}), exact match "
            f"{self.before['exact_match']:.2f} became {self.after['exact_match']:.2f}; {self.same_answers:.1%} of the "
            "answers are the same"
        )


def cost_of(before: QAPredictor, after: QAPredictor, questions: Questions) -> Cost:
    """Asks both and compares.

    Args:
        before: the model in float32 with torch.
        after: the exported one, with the same settings.
        questions: with answers.
    """
    rows = questions.rows
    if len(rows) < FEWEST:
        logger.warning(
            "%s: %d questions are few to measure int8 on (fewer than %d): the difference is mostly chance.",
            questions.source,
            len(rows),
            FEWEST,
        )
    texts = [_answers(predictor, questions) for predictor in (before, after)]
    scoring: dict[str, Any] = {
        "normalization": before.settings.answer_normalization,
        "language": before.settings.answer_language,
    }
    scores = [score_rows(found, rows, **scoring) for found in texts]
    drawn = resampling_of(rows)
    lost = paired_bootstrap(100 * scores[1].f1, 100 * scores[0].f1, np.random.default_rng(0), clusters=drawn.clusters)
    same = sum(texts[0][row["id"]] == texts[1][row["id"]] for row in rows)
    exact = [_means(one)["exact_match"] for one in scores]
    return Cost(
        questions=len(rows),
        source=questions.source,
        fingerprint=questions.fingerprint,
        before=_means(scores[0]),
        after=_means(scores[1]),
        same_answers=same / len(rows),
        lost_f1=lost.difference,
        lost_exact_match=exact[0] - exact[1],
        lost_f1_interval=(lost.low, lost.high),
        interval_over=drawn.unit,
    )


def require_little_lost(cost: Cost, most_lost_f1: float) -> None:
    """Raises a ModelError where int8 costs more F1, in points, than is allowed."""
    if cost.lost_f1 > most_lost_f1:
        raise ModelError(
            f"int8 costs {cost.lost_f1:.2f} points of F1, more than the {most_lost_f1:g} that are allowed: "
            f"{cost.in_words()}. Nothing was written. Leave int8 out, calibrate on other questions "
            "(calibration_data), allow more (most_lost_f1), or force it, which the card then says"
        )


def _answers(predictor: QAPredictor, questions: Questions) -> dict[str, str]:
    answers = predictor.predict(questions.rows, progress=None)
    return {row["id"]: answer.text for row, answer in zip(questions.rows, answers, strict=True)}


def _means(scores: Scores) -> dict[str, float]:
    return {"exact_match": 100 * float(scores.exact.mean()), "f1": 100 * float(scores.f1.mean())}


def _signed(points: float) -> str:
    return f"{points:+.2f}" if round(points, 2) else "0.00"
