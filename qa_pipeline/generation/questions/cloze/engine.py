"""The cloze engine: passages in, questions with answers out, without a language model.

For each passage: find typed answers, choose among them within the budget and balanced over kinds of questions, ask for
each, leave out what gives the answer away or asks the same again, add near misses. Passages of a kind that a plug-in
knows are asked about by that. Everything is a function of the seed, the passage and the set of passages; neither their
order nor the process they run in matters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze.asking import general_drafts
from qa_pipeline.generation.questions.cloze.passages import Collection, ReadPassage
from qa_pipeline.generation.questions.cloze.phrases import second_halves
from qa_pipeline.generation.questions.cloze.plugins import Plugin, make_plugins
from qa_pipeline.generation.questions.cloze.spans import resolve_types
from qa_pipeline.generation.questions.cloze.unanswerable import Case, near_miss
from qa_pipeline.generation.questions.cloze.words import normalized
from qa_pipeline.generation.types import MOST_UNANSWERABLE, Draft, Rejected

TRIES = 4
"""Candidates tried per question of the budget."""
MOST_QUESTIONS = 100
"""About one passage."""


class ClozeGenerator:
    """Turns passages into drafts.

    Args:
        seed: of all random choices.
        questions_per_context: at most this many answerable questions a passage, 1 to MOST_QUESTIONS.
        unanswerable_fraction: share of all questions that their passage does not answer, 0 to MOST_UNANSWERABLE.
        answer_types: groups and types of `spans.GROUPS`; None for all.
        language: of the passages; "en" is the only one.
        plugins: names ("services", "MODULE:CLASS", "none") or classes, see `plugins`.

    Raises:
        ConfigError: a value is of another type or out of range; all problems at once.

    Example:
        >>> mill = Passage("1", "mill", "The old mill of Norby was built by Anna Berg in 1790.")
        >>> sorted(draft.answer for draft in ClozeGenerator(answer_types=("date", "name")).drafts([mill]))
        ['1790', 'Anna Berg', 'Norby']
    """

    def __init__(
        self,
        seed: int = 0,
        questions_per_context: int = 5,
        unanswerable_fraction: float = 0.0,
        answer_types: Sequence[str] | None = None,
        language: str = "en",
        plugins: Sequence[str | type[Plugin]] = ("services",),
    ):
        problems = []
        if not isinstance(questions_per_context, int) or not 1 <= questions_per_context <= MOST_QUESTIONS:
            problems.append(f"questions_per_context must be 1 to {MOST_QUESTIONS}; found {questions_per_context!r}")
        if not 0 <= unanswerable_fraction <= MOST_UNANSWERABLE:
            problems.append(
                f"unanswerable_fraction must be between 0 and {MOST_UNANSWERABLE}; found {unanswerable_fraction!r}"
            )
        if language != "en":
            problems.append(
                f"language must be 'en': the cloze engine has word lists of English only; found {language!r}. "
                "Use a language-model backend for other languages"
            )
        self.plugins: list[Plugin] = []
        try:
            self.kinds = resolve_types(answer_types)
            self.plugins = make_plugins(plugins, self.kinds)
        except ConfigError as error:
            problems += [f"{error.source}: {problem}" for problem in error.problems]
        if problems:
            raise ConfigError("cloze options", problems)
        self.seed, self.budget, self.fraction = seed, questions_per_context, unanswerable_fraction

    def drafts(self, passages: Sequence[Passage]) -> Iterator[Draft | Rejected]:
        """Questions about every passage, in the order of the passages' ids; passages with the same id are one."""
        return self.drafts_of(Collection(passages))

    def drafts_of(self, collection: Collection, of: Sequence[str] | None = None) -> Iterator[Draft | Rejected]:
        """The same of a collection that is ready; `of` names the passages (ids) to ask about, None for all."""
        asked: dict[int, list[Draft | Rejected]] = {}

        def answerable(number: int) -> list[Draft]:
            if number not in asked:
                asked[number] = self._answerable(collection.passages[number])
            return [draft for draft in asked[number] if isinstance(draft, Draft)]

        numbers = range(len(collection.passages)) if of is None else sorted(collection.number[name] for name in of)
        for number in numbers:
            drafts = answerable(number)
            yield from asked[number]
            if not self.fraction:
                del asked[number]
            else:
                yield from self._unanswerable(collection, number, drafts, answerable)

    def _answerable(self, passage: ReadPassage) -> list[Draft | Rejected]:
        """Drafts up to the budget, then what was refused on the way."""
        rng = _rng(self.seed, passage.source.id)
        plugin = next((plugin for plugin in self.plugins if plugin.applies(passage)), None)
        made = plugin.drafts(passage, rng) if plugin is not None else general_drafts(passage, self.kinds, rng)
        drafts: list[Draft | Rejected] = []
        rejected: list[Draft | Rejected] = []
        for one in islice(made, TRIES * self.budget):
            (drafts if isinstance(one, Draft) else rejected).append(one)
            if len(drafts) == self.budget:
                break
        return drafts + rejected

    def _unanswerable(
        self, collection: Collection, number: int, drafts: Sequence[Draft], answerable: Callable[[int], list[Draft]]
    ) -> Iterator[Draft | Rejected]:
        passage = collection.passages[number]
        rng = _rng(self.seed, "unanswerable", passage.source.id)
        wanted = len(drafts) * self.fraction / (1 - self.fraction)
        count = int(wanted) + int(rng.random() < wanted - int(wanted))
        seen = {normalized(draft.question) for draft in drafts}
        case = Case(collection, number, drafts, answerable, self._topics(passage))
        for _ in range(count):
            for _ in range(3):
                draft = near_miss(case, rng)
                if draft is None or normalized(draft.question) not in seen:
                    break
            if draft is None or normalized(draft.question) in seen:
                yield Rejected("no_near_miss", passage.source.id)
                continue
            seen.add(normalized(draft.question))
            yield draft

    def _topics(self, passage: ReadPassage) -> frozenset[str]:
        """Of which kinds of questions that fit many passages this one answers some."""
        own = {
            half.name
            for sentence in passage.sentences
            if passage.spoken and sentence.askable
            for half in second_halves(passage.text, sentence)
        }
        return frozenset(own).union(*(plugin.topics(passage) for plugin in self.plugins))


def _rng(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and the names alone, so that order and parallelism change nothing."""
    digest = hashlib.sha256("\0".join((str(seed), *names)).encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(np.frombuffer(digest[:16], dtype=np.uint32))
