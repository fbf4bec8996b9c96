"""Judges what a prompt made of single passages: a score of each, and words on it that a language model can learn from.

The rungs score a prompt on many passages at once; whoever improves it looks at a few. Never asks or chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.filters import Reader, overlap
from qa_pipeline.generation.types import Row
from qa_pipeline.optimisation.evaluations import PromptCandidate
from qa_pipeline.optimisation.inspection import Inspect, Inspection
from qa_pipeline.optimisation.rungs import RungSettings, round_trip_f1

_MOST_SHOWN = 5
"""Refusals and weak rows of a passage that the words name."""


@dataclass(frozen=True)
class Judgement:
    """How a prompt did on one passage.

    Attributes:
        score: 0 to 1.
        inspection: what it made of the passage.
        words: what was good and bad, for a language model.
    """

    score: float
    inspection: Inspection
    words: str


Judge = Callable[[PromptCandidate, Sequence[Passage]], list[Judgement]]
"""One judgement for each passage, in their order."""


class PassageJudge:
    """Scores single passages, as the rungs score many: the share of the questions asked for that are worth something.

    Args:
        inspect: what a prompt made of passages.
        questions_per_passage: asked for.
        reader: a frozen reader: a row is worth what it finds of the answer, less the penalty for repeated words, as on
            rung 1; None: every accepted row is worth 1, as on rung 0.
        overlap_penalty, language: as of the rungs.
    """

    def __init__(
        self,
        inspect: Inspect,
        questions_per_passage: int,
        reader: Reader | None = None,
        overlap_penalty: float = RungSettings.overlap_penalty,
        language: str = "en",
    ):
        self._inspect, self._wanted, self._reader = inspect, questions_per_passage, reader
        self._penalty, self._language = overlap_penalty, language

    def __call__(self, candidate: PromptCandidate, passages: Sequence[Passage]) -> list[Judgement]:
        """One judgement for each passage.

        Raises:
            BackendError: the backend cannot be asked.
        """
        inspections = self._inspect(candidate, passages)
        rows = [row for one in inspections for row in one.rows]
        worth = dict(zip((row.key for row in rows), self._worth(rows), strict=True))
        return [self._judged(one, worth) for one in inspections]

    def _worth(self, rows: Sequence[Row]) -> list[float]:
        if self._reader is None or not rows:
            return [1.0] * len(rows)
        answers = self._reader(rows)
        return [
            max(0.0, round_trip_f1(row, answer, self._language) - self._penalty * overlap(row, self._language))
            for row, answer in zip(rows, answers, strict=True)
        ]

    def _judged(self, one: Inspection, worth: Mapping[str, float]) -> Judgement:
        score = min(1.0, sum(worth[row.key] for row in one.rows) / self._wanted)
        lines = [f"{len(one.rows)} of {self._wanted} questions asked for were accepted."]
        lines += [f"Refused: {refusal.words}." for refusal in one.refusals[:_MOST_SHOWN]]
        weak = [row for row in one.rows if worth[row.key] < 0.5]
        lines += [
            f'Accepted, but of little worth: question "{row.question}", answer "{row.answer}" (a reader finds other '
            "words, or the question only repeats the sentence)."
            for row in weak[:_MOST_SHOWN]
        ]
        return Judgement(score, one, "\n".join(lines))
