"""Makes new prompts by asking a language model for better instructions. Never evaluates one, and writes nothing.

The model is shown the instructions as they are, how many drafts were refused and why, some of these drafts, what a
reader made of the rows, and in which lines other prompts that were tried differ. (Scored attempts as in OPRO, Yang et
al. 2023, "Large Language Models as Optimizers"; reasons for failures as in ProTeGi, Pryzant et al. 2023, "Automatic
Prompt Optimization with Gradient Descent and Beam Search".) What it proposes is checked, and what cannot be tried is
counted with the reason.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.backends.protocol import Backend, Completion, Request
from qa_pipeline.generation.questions.llm.parsing import ParseError
from qa_pipeline.generation.questions.llm.prompts import prompt_of_kind
from qa_pipeline.generation.questions.llm.requests import (
    NoAnswerError,
    Requests,
    Result,
    no_answer_error,
    read_result,
)
from qa_pipeline.generation.report import meaning
from qa_pipeline.optimisation.evaluations import RUNG_NAMES, PromptCandidate, PromptEvaluation
from qa_pipeline.optimisation.inspection import Inspect, Refusal, typical_refusals
from qa_pipeline.optimisation.instructions import (
    FIRST,
    MOST_GROWTH,
    SECOND,
    Instructions,
    instructions_of,
    rewrite_fault,
    slots_to_keep,
    with_instructions,
)
from qa_pipeline.text.words import count_words

logger = logging.getLogger(__name__)

PROPOSALS_A_REQUEST = 3
"""More than that, and a small model repeats itself."""
_MOST_REASONS = 6
_MOST_REFUSALS = 5
_MOST_ATTEMPTS = 3
_MOST_NEW_LINES = 4
"""Lines shown of another prompt."""
_OF_QUESTIONS = frozenset(
    {
        *("no_question", "empty_question", "question_too_short", "question_too_long", "answer_in_question"),
        *("mentions_the_text", "bare_pronoun", "overlap", "exact_duplicate", "near_duplicate", "contradiction"),
    }
)
"""Reasons that the second request of an answer-first prompt can mend; the others are of the first."""
_PLACES = {
    FIRST: "The passage stands above them, and a line on the form of the reply below.",
    SECOND: "The passage and the answers that were chosen from it stand above them, and a line on the form of the "
    "reply below; each question is for one of these answers.",
}
Parent = tuple[PromptCandidate, PromptEvaluation]


@dataclass(frozen=True)
class _Asked:
    """One request for rewrites of one prompt."""

    request: Request
    asking: Requests
    parent: PromptCandidate
    part: str


class Rewriter:
    """Asks the configured model for other instructions of the prompts that did best; a proposer of the search.

    What it asks hangs on its arguments and `rng` alone, so that a search that is started again asks the same, and is
    answered from the cache.

    Args:
        backend: asks the language model.
        inspect: what a prompt made of passages, to show some refused drafts; None: only counts are shown.
        passages: that every prompt was asked about (those of the first rung), for `inspect`.
        task: what the questions are for, in the user's words, or blank.
        temperature: of sampling; rewrites should differ.

    Attributes:
        refused: proposals that cannot be tried, by a word of `instructions.FAULTS`; of this process.
    """

    def __init__(
        self,
        backend: Backend,
        inspect: Inspect | None = None,
        passages: Sequence[Passage] = (),
        *,
        task: str = "",
        temperature: float = 1.0,
    ):
        self._backend, self._inspect, self._passages = backend, inspect, list(passages)
        self._task = f"What the questions are for: {task.strip()}\n" if task.strip() else ""
        self._temperature = temperature
        self.refused: Counter[str] = Counter()

    def propose(self, parents: Sequence[Parent], number: int, rng: np.random.Generator) -> list[PromptCandidate]:
        """At most so many prompts that differ from each other and from the parents; fewer where the model has none.

        Args:
            parents: the best so far with their evaluations, best first; each is rewritten in turn.
            number: wanted.
            rng: seeds the requests.

        Raises:
            BackendError: a request got no answer; with other prompts the next start would be another search.
            BudgetError: a limit of the backend leaves no room.
        """
        if not parents or number < 1:
            return []
        seed = int(rng.integers(2**31))
        asked = [
            self._ask(parents, turn, min(PROPOSALS_A_REQUEST, number - turn * PROPOSALS_A_REQUEST), seed)
            for turn in range(-(-number // PROPOSALS_A_REQUEST))
        ]
        results = self._complete(asked)
        known = {candidate.hash for candidate, _ in parents}
        found: list[PromptCandidate] = []
        refused: Counter[str] = Counter()
        for one in asked:
            for proposal in self._read(one, results, refused):
                if proposal.hash in known:
                    refused["known"] += 1
                else:
                    known.add(proposal.hash)
                    found.append(proposal)
        self.refused += refused
        logger.info(
            "the model proposed %d prompts that can be tried; refused: %s",
            len(found),
            ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items())) or "none",
        )
        return found[:number]

    def _ask(self, parents: Sequence[Parent], turn: int, wanted: int, seed: int) -> _Asked:
        """The request of a turn. A parent whose turn comes again is asked about again, with another seed."""
        candidate, evaluation = parents[turn % len(parents)]
        part = _part_to_mend(candidate, evaluation.rejected)
        now = instructions_of(candidate.recipe, part)
        shown = self._refusals(candidate)
        values = {
            "task": self._task,
            "place": _PLACES[part],
            "instructions": now.text,
            "findings": "\n".join(findings(candidate, evaluation, shown, parents, part)),
            "number": str(wanted),
            "words": str(max(20, int(MOST_GROWTH * count_words(now.text) * 0.9))),
            "keep": _keep(now),
        }
        prompt = prompt_of_kind("rewrite")
        key = f"{prompt.name}/{candidate.hash}/{part}/{turn}"
        # Three characters a token are few for English, and JSON marks come on top.
        room = 200 + wanted * (80 + int(MOST_GROWTH * len(now.text)) // 3)
        asking = Requests(self._temperature, seed, room)
        return _Asked(asking.make(key, prompt, values, wanted), asking, candidate, part)

    def _refusals(self, candidate: PromptCandidate) -> list[Refusal]:
        if self._inspect is None or not self._passages:
            return []
        return typical_refusals(self._inspect(candidate, self._passages), _MOST_REFUSALS)

    def _complete(self, asked: Sequence[_Asked]) -> dict[str, Result]:
        """The results by key; where one cannot be read, that of a second attempt.

        Raises:
            BackendError: a request got no answer.
        """
        results = {result.key: result for result in self._backend.complete([one.request for one in asked])}
        repairs: dict[str, Request] = {}
        for one in asked:
            result = results[one.request.key]
            try:
                read_result(result, one.request.schema or {})
            except NoAnswerError as error:
                raise no_answer_error([error.failure]) from None
            except ParseError as error:
                if error.reason in ("not_json", "wrong_schema") and isinstance(result, Completion):
                    repairs[one.request.key] = one.asking.repair(one.request, result.text, error.problem)
        first = {repair.key: key for key, repair in repairs.items()}
        if repairs:
            results |= {first[result.key]: result for result in self._backend.complete(list(repairs.values()))}
        return results

    def _read(self, asked: _Asked, results: Mapping[str, Result], refused: Counter[str]) -> Iterator[PromptCandidate]:
        """The proposals of a request that can be tried; the others are counted.

        Raises:
            BackendError: the second attempt got no answer.
        """
        try:
            items, bad = read_result(results[asked.request.key], asked.request.schema or {})
        except NoAnswerError as error:
            raise no_answer_error([error.failure]) from None
        except ParseError:
            refused["unreadable"] += 1
            return
        refused["unreadable"] += bad
        parent = asked.parent.recipe
        for item in items[:PROPOSALS_A_REQUEST]:
            text, why = item["instructions"], item["why"]
            name = f"rewrite: {why}" if why else f"rewrite of {parent.name}"
            child = with_instructions(parent, asked.part, text, name=name, made_by="rewrite")
            if fault := rewrite_fault(text, child, parent, asked.part):
                refused[fault] += 1
            else:
                yield PromptCandidate(child)


def findings(
    candidate: PromptCandidate,
    evaluation: PromptEvaluation,
    refusals: Sequence[Refusal],
    tried: Sequence[Parent],
    part: str = FIRST,
) -> Iterator[str]:
    """What is known of a prompt, in lines that a language model can read.

    Args:
        candidate, evaluation: the prompt, and what the highest rung that it climbed found.
        refusals: some of its refused drafts.
        tried: other prompts with their evaluations; the candidate may be among them.
        part: the request whose instructions are to be rewritten.
    """
    yield f"Of the drafts that were made with them, {sum(evaluation.rejected.values()):,} were refused:"
    reasons = sorted(evaluation.rejected.items(), key=lambda item: (-item[1], item[0]))
    for reason, count in reasons[:_MOST_REASONS]:
        yield f"- {count:,}: {meaning(reason)}"
    if not reasons:
        yield "- none"
    if refusals:
        yield "Some of them:"
        for refusal in refusals:
            yield f"- {refusal.words}"
    yield from _of_reader(evaluation.parts)
    yield from _others(candidate, evaluation, tried, part)


def _of_reader(parts: Mapping[str, float]) -> Iterator[str]:
    """What the round trip says, where it was made."""
    if "round_trip_f1" in parts:
        yield f"A reader found {parts['round_trip_f1']:.0f}% of the accepted answers again; the more, the better."
    if "overlap" in parts:
        yield (
            f"{100 * parts['overlap']:.0f}% of the words of a question stand in the sentence of its answer; the fewer, "
            "the better."
        )


def _others(
    candidate: PromptCandidate, evaluation: PromptEvaluation, tried: Sequence[Parent], part: str
) -> Iterator[str]:
    """In which lines others that were tried differ, and how they did, where the scores compare."""
    own = instructions_of(candidate.recipe, part).text.splitlines()
    found = []
    for other, score in tried:
        if score.rung != evaluation.rung or other.recipe.kind != candidate.recipe.kind or other.hash == candidate.hash:
            continue
        new = [
            line for line in instructions_of(other.recipe, part).text.splitlines() if line.strip() and line not in own
        ]
        if new:
            difference = score.score - evaluation.score
            than = f"{abs(difference):.1f} {'more' if difference >= 0 else 'less'}"
            found += [f"- {than}, with:", *(f"    {line.strip()}" for line in new[:_MOST_NEW_LINES])]
            if sum(line.startswith("- ") for line in found) == _MOST_ATTEMPTS:
                break
    if found:
        yield f"The instructions now scored {evaluation.score:.1f} ({RUNG_NAMES[evaluation.rung]}). Others scored:"
        yield from found


def _part_to_mend(candidate: PromptCandidate, rejected: Mapping[str, int]) -> str:
    """The request that most of what was refused is about."""
    if candidate.recipe.kind != "answers":
        return FIRST
    of_questions = sum(count for reason, count in rejected.items() if reason in _OF_QUESTIONS)
    return SECOND if 2 * of_questions > sum(rejected.values()) else FIRST


def _keep(now: Instructions) -> str:
    """The rule on slots; blank where there are none."""
    slots = slots_to_keep(now)
    if not slots:
        return ""
    return (
        f"\n- Write these words exactly as they are, each once, since values are put in their place: "
        f"{', '.join(slots)}. Write no other word with a dollar sign."
    )
