"""Makes new prompts with GEPA (Agrawal et al. 2025, arXiv 2507.19457), for which the package `gepa` is needed.

GEPA improves the instructions of one prompt: it looks at what they made of a few passages, lets the language model
reflect on it, tries what comes back on the same passages, and keeps what is better on some passage of all. Here it gets
passages with scores and words on what was refused; its own requests go through the same backend as all others.

GEPA would keep its state as a pickle. It is not asked to: its choices hang on its seed and on completions, which the
backend keeps, so that a killed search asks nothing twice when GEPA goes the same way again. Writes nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import BackendError, ConfigError
from qa_pipeline.generation.backends.budget import BudgetError
from qa_pipeline.generation.backends.protocol import Backend, Completion, Failure, Message, Request
from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.generation.questions.llm.requests import no_answer_error, stable_number
from qa_pipeline.optimisation.budget import TokenMeter
from qa_pipeline.optimisation.evaluations import PromptCandidate, PromptEvaluation
from qa_pipeline.optimisation.inspection import Inspection
from qa_pipeline.optimisation.instructions import (
    FAULTS,
    FIRST,
    MOST_GROWTH,
    SECOND,
    instructions_of,
    rewrite_fault,
    slots_to_keep,
    with_instructions,
)
from qa_pipeline.optimisation.judging import Judge, Judgement

logger = logging.getLogger(__name__)

MINIBATCH = 3
"""Passages on which GEPA compares a prompt with what it was made of; its own default."""
MOST_STEPS = 60
"""Of one call; GEPA goes on as long as there are tokens, also where it finds nothing more."""
_MOST_SHOWN = 5
"""Accepted questions of a passage that GEPA is shown."""
_TEMPERATURE = 1.0
_TEMPLATE = """A language model writes questions about passages by these instructions:
```
<curr_param>
```

What it made of some passages, and what was refused of it:
<side_info>

Write better instructions, by which more of its questions are accepted. They are for other passages: say nothing
that is true of these alone. {keep}At most {most:,} characters. The form of the reply is said elsewhere.

Provide the new instructions within ``` blocks."""
"""In place of GEPA's own, which asks for the facts of the examples: here they would be of the wrong passages."""


def require_gepa() -> None:
    """Raises ConfigError where the package is not installed."""
    if find_spec("gepa") is None:
        raise ConfigError("gepa", "the package is not installed; run: pip install gepa")


class GepaProposer:
    """GEPA as a proposer of the search. Begins with the best parent.

    Args:
        backend: the backend of the search in a meter; GEPA's own requests go through it, and those of `judge` must too.
        judge: scores passages.
        passages: that GEPA may use; all of them are its validation set.
        tokens: that one call may use, asked for when the call begins.
        steps: of one call, at most.

    Attributes:
        refused: proposals of GEPA that cannot be tried, by a word of `instructions.FAULTS`; of this process.

    Raises:
        ConfigError: the package `gepa` is not installed.
    """

    def __init__(
        self,
        backend: TokenMeter,
        judge: Judge,
        passages: Sequence[Passage],
        tokens: Callable[[], int],
        *,
        steps: int = MOST_STEPS,
    ):
        require_gepa()
        self._backend, self._judge, self._passages = backend, judge, list(passages)
        self._tokens, self._steps = tokens, steps
        self.refused: Counter[str] = Counter()

    def propose(
        self, parents: Sequence[tuple[PromptCandidate, PromptEvaluation]], number: int, rng: np.random.Generator
    ) -> list[PromptCandidate]:
        """The prompts that did better on the passages, best first, at most `number`; none where there are none.

        Raises:
            BackendError: the backend cannot be asked. (That it has no tokens left only ends GEPA.)
        """
        if not parents or number < 1 or not self._passages:
            return []
        gepa: Any = import_module("gepa")
        seed = int(rng.integers(2**31))
        purse = Purse(self._backend, self._tokens())
        adapter = PromptAdapter(parents[0][0].recipe, self._judge, purse)
        reflection = Reflection(self._backend, seed, purse, room=adapter.longest)
        try:
            gepa.optimize(
                seed_candidate=adapter.first,
                trainset=self._passages,
                valset=self._passages,
                adapter=adapter,
                reflection_lm=reflection,
                reflection_prompt_template=adapter.templates,
                reflection_minibatch_size=min(MINIBATCH, len(self._passages)),
                stop_callbacks=[lambda state: purse.is_empty or state.i >= self._steps],
                logger=_Logger(),
                cache_evaluation=True,
                seed=seed,
                raise_on_exception=True,
            )
        except (NoTokensError, BackendError) as error:
            logger.info("GEPA ended: %s", error)
        # GEPA goes on where its language model fails.
        if purse.failure is not None and not isinstance(purse.failure, BudgetError):
            raise purse.failure
        self.refused += adapter.refused
        known = {candidate.hash for candidate, _ in parents}
        return [PromptCandidate(one) for one in adapter.best(len(self._passages)) if one.hash not in known][:number]


class NoTokensError(Exception):
    """What one call of GEPA may use is used up; says how much."""


class Purse:
    """The tokens of one call, and whether the next step fits.

    Args:
        backend: counts the tokens of all that goes through it.
        tokens: that may be used.

    Attributes:
        is_empty: nothing more can be paid.
        failure: of the backend, which ends all.
    """

    def __init__(self, backend: TokenMeter, tokens: int):
        self._backend, self._begun, self.tokens = backend, backend.tokens, tokens
        self._largest: dict[str, float] = {}
        self.is_empty = tokens <= 0
        self.failure: BackendError | None = None

    @property
    def used(self) -> int:
        """Tokens so far."""
        return self._backend.tokens - self._begun

    def pay(self, what: str, number: int, do: Callable[[], Any]) -> Any:
        """Does something that takes tokens, where its like before says that they are there.

        Args:
            what: it is, such as "passage".
            number: how many of it.
            do: does it.

        Raises:
            NoTokensError: they are not there.
        """
        before = self.used
        needed = int(self._largest.get(what, 0.0) * number)
        if self.is_empty or before + needed > self.tokens:
            self.is_empty = True
            raise NoTokensError(
                f"{before:,} of {self.tokens:,} tokens are used, and the next step needs about {needed:,}"
            )
        try:
            result = do()
        except BackendError as error:
            self.failure, self.is_empty = error, True
            raise
        self._largest[what] = max(self._largest.get(what, 0.0), (self.used - before) / max(1, number))
        return result


class PromptAdapter:
    """What GEPA knows of prompts (`gepa.GEPAAdapter`): instructions in, scores of passages and words on them out.

    Args:
        recipe: whose instructions are improved.
        judge: scores passages.
        purse: pays for it.

    Attributes:
        first: the instructions as they are, by name.
        longest: characters that instructions may have.
        templates: of what GEPA asks the language model, by name.
        refused: proposals that cannot be tried, by reason.
        propose_new_texts: None: GEPA proposes in its own way.
    """

    propose_new_texts = None

    def __init__(self, recipe: Recipe, judge: Judge, purse: Purse):
        self._recipe, self._judge, self._purse = recipe, judge, purse
        self._parts = {"instructions": FIRST}
        if recipe.kind == "answers":
            self._parts = {"instructions_for_answers": FIRST, "instructions_for_questions": SECOND}
        self._old = {name: instructions_of(recipe, part) for name, part in self._parts.items()}
        self.first = {name: old.text for name, old in self._old.items()}
        self.longest = int(MOST_GROWTH * max(map(len, self.first.values())))
        self.templates = {name: self._template(name) for name in self._parts}
        self.refused: Counter[str] = Counter()
        self._recipes: dict[str, Recipe] = {}
        self._scores: dict[str, dict[str, float]] = {}

    def evaluate(self, batch: list[Passage], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        """Scores of passages, 0 to 1; what cannot be asked scores 0 and says why."""
        recipe, fault = self._made(candidate)
        if fault is not None:
            self.refused[fault] += 1
            words = f"These instructions cannot be used: {FAULTS[fault]}."
            judgements = [Judgement(0.0, Inspection(passage), words) for passage in batch]
        else:
            judgements = self._purse.pay("passage", len(batch), lambda: self._judge(PromptCandidate(recipe), batch))
            self._recipes[recipe.hash] = recipe
            scores = self._scores.setdefault(recipe.hash, {})
            scores |= {passage.id: one.score for passage, one in zip(batch, judgements, strict=True)}
        return import_module("gepa").EvaluationBatch(
            outputs=[one.words for one in judgements],
            scores=[one.score for one in judgements],
            trajectories=judgements if capture_traces else None,
        )

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """What GEPA shows to the language model, by name of the instructions."""
        return {name: [self._shown(one) for one in eval_batch.trajectories] for name in components_to_update}

    def best(self, passages: int) -> list[Recipe]:
        """The recipes that did better on so many passages than that which GEPA began with, the best first."""
        whole = {name: sum(found.values()) for name, found in self._scores.items() if len(found) >= passages}
        begun = whole.get(self._recipe.hash, 0.0)
        better = [name for name, score in whole.items() if score > begun]
        return [self._recipes[name] for name in sorted(better, key=lambda name: (-whole[name], name))]

    def _template(self, name: str) -> str:
        slots = slots_to_keep(self._old[name])
        keep = f"Keep the words {', '.join(slots)}: values are put in their place. " if slots else ""
        return _TEMPLATE.format(keep=keep, most=int(MOST_GROWTH * len(self.first[name])))

    def _made(self, candidate: Mapping[str, str]) -> tuple[Recipe, str | None]:
        """The recipe of instructions, and why it cannot be tried, if so."""
        recipe = self._recipe
        for name, part in self._parts.items():
            text = candidate[name]
            if text.strip() == self.first[name]:
                continue
            child = with_instructions(recipe, part, text, name=f"gepa of {self._recipe.name}", made_by="gepa")
            if fault := rewrite_fault(text, child, recipe, part):
                return recipe, fault
            recipe = child
        if recipe.hash == self._recipe.hash:
            return self._recipe, None
        # A child of that which GEPA began with, also where both of its requests were changed.
        return replace(recipe, parent=self._recipe.hash), None

    @staticmethod
    def _shown(judgement: Judgement) -> dict[str, Any]:
        rows = judgement.inspection.rows[:_MOST_SHOWN]
        return {
            "Inputs": {"passage": judgement.inspection.passage.text},
            "Generated Outputs": {"accepted": [f"{row.question} -> {row.answer}" for row in rows]},
            "Feedback": judgement.words,
        }


class Reflection:
    """The language model that GEPA reflects with: a prompt in, a text out.

    Args:
        backend: asks it.
        seed: of sampling, with the prompt.
        purse: pays for it.
        room: characters that new instructions may have.
    """

    def __init__(self, backend: Backend, seed: int, purse: Purse, room: int):
        self._backend, self._seed, self._purse = backend, seed, purse
        self._most = 400 + room // 2

    def __call__(self, prompt: str | Sequence[Mapping[str, Any]]) -> str:
        """What the model says; "" where it refuses.

        Raises:
            BackendError: there is no answer, and asking again at another time may give one.
        """
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        messages = tuple(Message(str(turn["role"]), str(turn["content"])) for turn in turns)
        number = stable_number(self._seed, *(message.content for message in messages))
        request = Request(f"gepa/{number:016x}", messages, self._most, _TEMPERATURE, number & 0x7FFFFFFF, None)
        text: str = self._purse.pay("reflection", 1, lambda: self._text(request))
        return text

    def _text(self, request: Request) -> str:
        (result,) = self._backend.complete([request])
        if isinstance(result, Failure) and result.transient:
            raise no_answer_error([result])
        return result.text if isinstance(result, Completion) else ""


class _Logger:
    """GEPA's log, as ours."""

    def log(self, message: str) -> None:
        logger.debug("%s", message)
