"""Evaluations and proposals of one search, charged to its budget and kept as they are made. Decides nothing.

What was kept is given back without asking anybody, in a way that a search which goes on from it cannot tell: the same
evaluations, the same charges, the same forecasts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.backends.budget import BudgetError
from qa_pipeline.optimisation.budget import TokenBudget, TokenMeter
from qa_pipeline.optimisation.evaluations import RUNG_NAMES, PromptCandidate, PromptEvaluation
from qa_pipeline.optimisation.record import SearchRecord, candidate_from_json, candidate_to_json
from qa_pipeline.optimisation.rungs import Rungs
from qa_pipeline.optimisation.search import Proposer


class KeptEvaluator:
    """Evaluates on rungs what the record does not hold.

    Args:
        rungs: of this search alone.
        record: keeps evaluations.
        part: name of the search in it.
        budget: is charged.
    """

    def __init__(self, rungs: Rungs, record: SearchRecord, part: str, budget: TokenBudget):
        self._rungs, self._record, self._part, self.budget = rungs, record, part, budget
        self.made: list[tuple[PromptCandidate, int]] = []

    def __call__(self, candidate: PromptCandidate, rung: int) -> PromptEvaluation:
        """The evaluation of a prompt on a rung; see `search.search`."""
        found = self._record.evaluation(self._part, candidate.hash, rung, lambda: self._rungs.evaluate(candidate, rung))
        self._rungs.recall(found)
        self.budget.charge((candidate.hash, rung), found.tokens)
        self.made.append((candidate, rung))
        return found

    def within_budget(self, candidate: PromptCandidate, rung: int) -> PromptEvaluation:
        """The same for a proposer that evaluates by itself.

        Raises:
            BudgetError: the tokens that it likely needs are not there.
        """
        needed = self.forecast(candidate, rung)
        if not self.budget.fits(needed):
            raise BudgetError(self.budget.why_not(RUNG_NAMES[rung], needed))
        return self(candidate, rung)

    def passages(self, rung: int) -> list[Passage]:
        """That a rung asks about."""
        return self._rungs.passages(rung)

    def forecast(self, candidate: PromptCandidate, rung: int) -> int:
        """Tokens that a prompt likely needs to climb to a rung; see `search.search`."""
        return self._rungs.forecast(candidate, rung)


class KeptProposer:
    """Another proposer, whose proposals are kept with what they took.

    Args:
        proposer: makes them, with a backend that is `meter`.
        name: of the proposer and its settings.
        evaluator: of the same search.
        record: keeps proposals.
        part: name of the search in it.
        meter: counts the tokens of the proposer's own requests.
    """

    def __init__(
        self,
        proposer: Proposer,
        name: str,
        evaluator: KeptEvaluator,
        record: SearchRecord,
        part: str,
        meter: TokenMeter,
    ):
        self._proposer, self._name, self._evaluator = proposer, name, evaluator
        self._record, self._part, self._meter = record, part, meter
        self._calls = 0

    def propose(
        self, parents: Sequence[tuple[PromptCandidate, PromptEvaluation]], number: int, rng: np.random.Generator
    ) -> list[PromptCandidate]:
        """See `search.Proposer`."""
        self._calls += 1
        shown = [[candidate.hash, found.rung, found.score] for candidate, found in parents]
        content = json.dumps([self._name, self._calls, number, shown])
        key = hashlib.sha256(content.encode()).hexdigest()[:20]
        before = len(self._evaluator.made)
        made: list[PromptCandidate] = []

        def make() -> dict[str, Any]:
            with self._meter.counting() as tokens:
                made.extend(self._proposer.propose(parents, number, rng))
            inner = [
                {"candidate": candidate_to_json(candidate), "rung": rung}
                for candidate, rung in self._evaluator.made[before:]
            ]
            return {"candidates": [candidate_to_json(one) for one in made], "tokens": tokens[0], "inner": inner}

        value = self._record.value(f"{self._part}/proposals/{key}", make)
        self._evaluator.budget.charge(("proposals", key), value["tokens"])
        for one in value["inner"]:  # charged already where they were made just now
            self._evaluator(candidate_from_json(one["candidate"]), one["rung"])
        return [candidate_from_json(one) for one in value["candidates"]]
