"""Looks at what a prompt made of single passages: the rows that were accepted, and the drafts that were refused.

A synthesis counts refusals; whoever is to write a better prompt must see some. What was asked before comes from the
backend's cache, so that looking again costs nothing. Never scores or chooses.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import BackendError
from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.generation.filters import check, make_filters
from qa_pipeline.generation.questions.llm.generator import LLMGenerator, LLMOptions
from qa_pipeline.generation.report import meaning
from qa_pipeline.generation.types import Draft, Rejected, Row
from qa_pipeline.optimisation.evaluations import PromptCandidate
from qa_pipeline.wording import short

_LONGEST = 160
"""Characters of a question or an answer that is shown."""


@dataclass(frozen=True)
class Refusal:
    """A draft that came to nothing.

    Attributes:
        reason: as it is counted; see `generation.report.MEANINGS`.
        question, answer: of the draft; "" where the completion could not even be read.
    """

    reason: str
    question: str = ""
    answer: str = ""

    @property
    def words(self) -> str:
        """The draft and what was wrong with it, in a line.

        >>> Refusal("answer_in_question", "Is it open until six?", "six").words
        'question "Is it open until six?", answer "six": the question gives its answer away'
        """
        said = meaning(self.reason)
        if not self.question:
            return said
        question, answer = (short(" ".join(text.split()), _LONGEST) for text in (self.question, self.answer))
        return f'question "{question}", answer "{answer}": {said}'


@dataclass(frozen=True)
class Inspection:
    """What a prompt made of one passage.

    Attributes:
        passage: that was asked about.
        rows: accepted, in the order of their drafts.
        refusals: the others.
    """

    passage: Passage
    rows: tuple[Row, ...] = ()
    refusals: tuple[Refusal, ...] = ()


Inspect = Callable[[PromptCandidate, Sequence[Passage]], list[Inspection]]
"""What a prompt made of each of these passages, in their order."""


class Inspector:
    """Asks about passages, or takes what was asked before from the cache, and sorts the drafts.

    Args:
        backend: asks the language model.
        filters: which drafts are refused. Rows that are much like others stay: one passage has few of them.
        language: code of the language of the passages.
        options: as the synthesizer has them; the recipe is that of the candidate.
    """

    def __init__(self, backend: Backend, filters: FilterArguments, language: str, options: LLMOptions):
        self._backend, self._options = backend, options
        self._filters = make_filters(filters, language)

    def __call__(self, candidate: PromptCandidate, passages: Sequence[Passage]) -> list[Inspection]:
        """One inspection for each passage, in their order.

        Raises:
            BackendError: the backend cannot be asked, or a passage got no answer.
            BudgetError: a limit of the backend leaves no room.
        """
        generator = LLMGenerator(self._backend, dataclasses.replace(self._options, recipe=candidate.recipe))
        rows: dict[str, list[Row]] = {passage.id: [] for passage in passages}
        refusals: dict[str, list[Refusal]] = {passage.id: [] for passage in passages}
        for draft in generator.drafts(passages):
            found = check(draft, self._filters) if isinstance(draft, Draft) else draft
            if isinstance(found, Row):
                rows[found.passage.id].append(found)
            else:
                refusals[found.passage_id].append(_refusal(draft, found))
        return [Inspection(one, tuple(rows[one.id]), tuple(refusals[one.id])) for one in passages]


def typical_refusals(inspections: Iterable[Inspection], most: int) -> list[Refusal]:
    """Some refusals to show: reasons in turn, the commonest first, and of each those with a question first.

    Args:
        inspections: of one prompt.
        most: refusals wanted.
    """
    found = [refusal for one in inspections for refusal in one.refusals]
    counts = Counter(refusal.reason for refusal in found)
    by_reason = {
        reason: sorted(dict.fromkeys(one for one in found if one.reason == reason), key=lambda one: not one.question)
        for reason, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    }
    chosen: list[Refusal] = []
    turn = 0
    while len(chosen) < most and any(len(group) > turn for group in by_reason.values()):
        chosen += [group[turn] for group in by_reason.values() if len(group) > turn]
        turn += 1
    return chosen[:most]


def _refusal(draft: Draft | Rejected, found: Rejected) -> Refusal:
    """Raises BackendError where the passage is not done: what is shown must not hang on luck."""
    if found.outage:
        raise BackendError(
            f"a passage got no answer, retries included: {found.reason} ({found.outage}). What is done is kept; start "
            "the same command to go on"
        )
    if isinstance(draft, Draft):
        return Refusal(found.reason, draft.question, draft.answer or "")
    return Refusal(found.reason)
