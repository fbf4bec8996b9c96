"""Scores candidates on three rungs, each dearer and nearer to the truth than the one before. Never chooses among them.

- Rung 0, validity: accepted rows for 1,000 tokens.
- Rung 1, round trip: how well a frozen reader finds the answers again, less a penalty for questions that only repeat
  the words of the answer's sentence, times the share of the questions asked for that were accepted.
- Rung 2, trained reader: F1 on questions of people of a small reader that was trained on the rows.

A rung asks about the first so many passages of one stable random order. Those of rung 0 are the first of rung 1, and so
on, so that nothing is asked twice and a larger rung only adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_pipeline.data import Example
from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import rank
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.filters import FoundText, Reader, overlap
from qa_pipeline.generation.questions.llm.requests import stable_number
from qa_pipeline.generation.types import Row
from qa_pipeline.metrics import f1, resampling_of
from qa_pipeline.metrics.normalization import base_language
from qa_pipeline.optimisation.evaluations import (
    RUNGS,
    PromptCandidate,
    PromptEvaluation,
    Synthesis,
    estimate_mean,
    ratio_values,
)
from qa_pipeline.optimisation.synthesis import Synthesizer
from qa_pipeline.optimisation.trainings import TrainReader


@dataclass(frozen=True)
class RungSettings:
    """How much each rung does.

    Attributes:
        passages: asked about on rungs 0, 1 and 2; a later rung has at least as many.
        overlap_penalty: what a question loses on rung 1, as a share of a right answer, when all its content words stand
            in the sentence of its answer: such questions are found again by any reader that matches words, and teach
            no more than that.
        train_rows: rows that a reader of rung 2 is trained on, the same number for every candidate that has as many.
        seeds: of the trainings of rung 2.
        language: code, for cutting sentences and comparing answers.
        seed: of the order of passages, the choice of rows and the intervals.
    """

    passages: tuple[int, int, int] = (20, 60, 120)
    overlap_penalty: float = 0.3
    train_rows: int = 300
    seeds: tuple[int, ...] = (0, 1, 2)
    language: str = "en"
    seed: int = 0

    def problems(self) -> list[str]:
        """One line for each setting that cannot be meant."""
        found = []
        if not 1 <= self.passages[0] <= self.passages[1] <= self.passages[2]:
            found.append(f"passages: expected numbers of 1 or more that do not fall, found {list(self.passages)}")
        if not 0 <= self.overlap_penalty <= 1:
            found.append(f"overlap_penalty: expected 0 to 1, found {self.overlap_penalty}")
        if self.train_rows < 1:
            found.append(f"train_rows: expected 1 or more, found {self.train_rows}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            found.append(f"seeds: expected one or more, each once, found {list(self.seeds)}")
        return found


@dataclass(frozen=True)
class _Finding:
    """What a rung says of a synthesis: a value a unit, by which units are drawn, and what the score is made of."""

    values: np.ndarray
    clusters: np.ndarray | None
    rows: int
    parts: dict[str, float]
    noise: float | None = None


class Rungs:
    """Evaluates candidates on the passages of one domain.

    Args:
        synthesizer: makes rows.
        passages: of the domain; a rung uses as many of them as it has.
        settings: how much each rung does.
        reader: a frozen reader that answers the questions of rung 1.
        train: trains and scores the readers of rung 2; None where there is no check set.
        check: questions of people that rung 2 is scored on; none of them may be a test question.
        domain: what the passages are about, for the evaluations.

    Attributes:
        sample: the passages in the order in which rungs take them.

    Raises:
        ConfigError: settings that cannot be meant, or no passages.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        passages: Sequence[Passage],
        settings: RungSettings,
        *,
        reader: Reader,
        train: TrainReader | None = None,
        check: Sequence[Example] = (),
        domain: str = "",
    ):
        problems = settings.problems()
        if not passages:
            problems.append("there is no passage to ask about; give documents with text")
        if problems:
            raise ConfigError("rungs", problems)
        self.settings, self.domain = settings, domain
        by_id = {passage.id: passage for passage in passages}
        self.sample = sorted(by_id.values(), key=lambda passage: rank(settings.seed, passage.id))
        self._synthesizer, self._reader, self._train, self._check = synthesizer, reader, train, list(check)
        self._done: dict[tuple[str, int], PromptEvaluation] = {}

    @property
    def last(self) -> int:
        """The highest rung that there is: 2, or 1 without a check set, so that the round trip judges."""
        return 2 if self._train is not None and self._check else 1

    def passages(self, rung: int) -> list[Passage]:
        """The passages of a rung, those of the rungs below first."""
        return self.sample[: self.settings.passages[rung]]

    def recall(self, evaluation: PromptEvaluation) -> None:
        """Takes in an evaluation of an earlier run: it is not done again, and its tokens are not counted again."""
        self._done[evaluation.prompt_hash, evaluation.rung] = evaluation

    def evaluate(self, candidate: PromptCandidate, rung: int) -> PromptEvaluation:
        """What a rung finds of a candidate; a second call gives the same without doing it again.

        Raises:
            ValueError: there is no such rung.
            BackendError, BudgetError: as the synthesizer.
            ModelError: a reader cannot be loaded or trained.
        """
        if rung not in RUNGS[: self.last + 1]:
            raise ValueError(f"rung {rung}: there are rungs 0 to {self.last}")
        if (candidate.hash, rung) not in self._done:
            self._done[candidate.hash, rung] = self._evaluated(candidate, rung)
        return self._done[candidate.hash, rung]

    def synthesis(self, candidate: PromptCandidate, rung: int) -> Synthesis:
        """The rows that a candidate has made on a rung; asks for what was not asked before."""
        return self._synthesizer(candidate, self.passages(rung))

    def training_examples(self, rows: Sequence[Row]) -> list[Example]:
        """The rows that a reader is trained on, as examples: at most `train_rows`, drawn by stable keys."""
        ranked = sorted(rows, key=lambda row: rank(self.settings.seed, row.key))
        return [row.to_example() for row in ranked[: self.settings.train_rows]]

    def forecast(self, candidate: PromptCandidate, rung: int) -> int:
        """The tokens that an evaluation likely needs beyond earlier ones of the candidate; 0 for one that was done.

        By what its own passages needed so far where there are any, else by the length of its requests. Asks nothing.
        """
        if (candidate.hash, rung) in self._done:
            return 0
        earlier, tokens = self._asked(candidate)
        new = self.passages(rung)[earlier:]
        if earlier and tokens:
            return -(-tokens * len(new) // earlier)
        return self._synthesizer.plan(candidate, new) if new else 0

    def _asked(self, candidate: PromptCandidate) -> tuple[int, int]:
        """How many passages earlier evaluations of a candidate asked about, and the tokens of all of them."""
        own = [one for (name, _), one in self._done.items() if name == candidate.hash]
        return max((one.passages for one in own), default=0), sum(one.tokens for one in own)

    def _evaluated(self, candidate: PromptCandidate, rung: int) -> PromptEvaluation:
        passages = self.passages(rung)
        synthesis = self._synthesizer(candidate, passages)
        find = (self._validity, self._round_trip, self._trained)[rung]
        finding = find(passages, synthesis)
        rng = np.random.default_rng(stable_number(self.settings.seed, candidate.hash, rung, "interval"))
        found = estimate_mean(finding.values, rng, finding.clusters)
        earlier, _ = self._asked(candidate)
        return PromptEvaluation(
            prompt_hash=candidate.hash,
            domain=self.domain,
            rung=rung,
            score=found.mean,
            low=found.low,
            high=found.high,
            noise=found.standard_error if finding.noise is None else finding.noise,
            passages=len(passages),
            rows=finding.rows,
            tokens=sum(synthesis.passage_tokens[passage.id] for passage in passages[earlier:]),
            rejected=synthesis.rejected,
            parts=finding.parts,
            values=tuple(map(float, finding.values)),
        )

    def _validity(self, passages: Sequence[Passage], synthesis: Synthesis) -> _Finding:
        """Accepted rows for 1,000 tokens, linearised by passage."""
        rows = _by_passage(passages, synthesis.rows)
        tokens = [synthesis.passage_tokens[passage.id] for passage in passages]
        values = np.zeros(len(passages))
        if sum(tokens):
            values = ratio_values([1000.0 * len(rows[passage.id]) for passage in passages], tokens)
        parts = {"accepted_per_1000_tokens": float(values.mean()), "accepted": self._accepted(passages, synthesis)}
        return _Finding(values, None, len(synthesis.rows), parts)

    def _round_trip(self, passages: Sequence[Passage], synthesis: Synthesis) -> _Finding:
        """100 times the sum over accepted rows of max(0, F1 - penalty * overlap), over the questions asked for.

        That is the mean over accepted rows times the share that was accepted. A row counts nothing at worst: that the
        reader, which is weak, did not find an answer does not make the row worse than none.
        """
        # In a stable order, since a reader's arithmetic may depend on which rows share a batch.
        rows = sorted(synthesis.rows, key=lambda row: row.key)
        answers = self._reader(rows) if rows else []
        if len(answers) != len(rows):
            raise ValueError(f"the reader gave {len(answers)} answers to {len(rows)} questions")
        language = self.settings.language
        found = {row.key: round_trip_f1(row, answer, language) for row, answer in zip(rows, answers, strict=True)}
        shared = {row.key: overlap(row, language) for row in rows}
        wanted = self._synthesizer.questions_per_passage
        worth = {key: max(0.0, found[key] - self.settings.overlap_penalty * shared[key]) for key in found}
        by_passage = _by_passage(passages, synthesis.rows)
        values = np.array([100 * sum(worth[row.key] for row in by_passage[one.id]) / wanted for one in passages])
        parts = {
            "round_trip_f1": 100 * _mean(list(found.values())),
            "overlap": _mean([shared[row.key] for row in rows if row.start is not None]),
            "accepted": self._accepted(passages, synthesis),
        }
        return _Finding(values, None, len(rows), parts)

    def _trained(self, passages: Sequence[Passage], synthesis: Synthesis) -> _Finding:
        """F1 on the check questions, mean over seeds; each seed's F1 and exact match are parts."""
        assert self._train is not None  # `evaluate` has looked
        examples = self.training_examples(synthesis.rows)
        scores = [self._train(examples, self._check, seed) for seed in self.settings.seeds]
        each = 100 * np.array([one.f1 for one in scores], dtype=np.float64)  # (num_seeds, num_questions)
        parts: dict[str, float] = {}
        for seed, one in zip(self.settings.seeds, scores, strict=True):
            parts |= {f"f1_seed_{seed}": 100 * _mean(one.f1), f"em_seed_{seed}": 100 * _mean(one.em)}
        by_seed = each.mean(axis=1)
        noise = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else 0.0
        return _Finding(each.mean(axis=0), resampling_of(self._check).clusters, len(examples), parts, noise)

    def _accepted(self, passages: Sequence[Passage], synthesis: Synthesis) -> float:
        """The share of the questions asked for that became rows, 0 to 1."""
        return len(synthesis.rows) / (len(passages) * self._synthesizer.questions_per_passage)


def round_trip_f1(row: Row, found: FoundText, language: str = "en") -> float:
    """How much of a row's answer a reader found, 0 to 1: F1 in words, 0 where it found them at another place.

    1 where the row has no answer and the reader found none.
    """
    if row.answer is None or row.start is None:
        return float(not found.text)
    if not found.text:
        return 0.0
    if found.start is not None:
        apart = found.start >= row.start + len(row.answer) or row.start >= found.start + len(found.text)
        if apart:
            return 0.0
    normalization = "squad" if base_language(language) == "en" else "multilingual"
    return f1(found.text, row.answer, normalization, language)


def _by_passage(passages: Sequence[Passage], rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {passage.id: [] for passage in passages}
    for row in rows:
        found[row.passage.id].append(row)
    return found


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
