"""Questions and answers to decide about, made in the background: by rules, and by a model where there is one.

What is suggested hangs on the passages, the settings and the model alone, so that a second start suggests the same.
A passage that a person is looking at comes first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import QAError
from qa_pipeline.generation.types import Draft, Rejected, Row
from qa_pipeline.serve.label.decision import Proposal, Suggestion, item_id
from qa_pipeline.text.languages import is_other_language
from qa_pipeline.wording import first_line

if TYPE_CHECKING:
    from qa_pipeline.generation.questions.cloze import ClozeGenerator, Collection
    from qa_pipeline.predictor import Answer, QAPredictor

logger = logging.getLogger(__name__)

RULES = "rules"
CHUNK = 8
"""Passages that are asked about together."""
BLOCK = 64
"""Passages among which the rules look for what another one answers, so that the first questions do not wait for all."""
MOST_PROPOSALS = 4
LEAST = 0.05
"""Confidence of a runner-up that is shown."""


@dataclass(frozen=True)
class SuggestionSettings:
    """What is suggested.

    Attributes:
        questions: about one passage at the most; 0: none.
        unanswerable_fraction: share of them that their passage may not answer.
        seed: of the choice among questions.
        plugins: of the rules, see `ClozeGenerator`.
    """

    questions: int = 4
    unanswerable_fraction: float = 0.2
    seed: int = 42
    plugins: tuple[str, ...] = ("services",)


class Suggester:
    """Makes suggestions for passages, on a thread of its own from `start` to `stop`.

    Args:
        passages: in their order.
        predictor: answers the questions; None: the answers of the rules alone.
        settings: what is suggested.

    Attributes:
        fault: what went wrong in words; "" while nothing did. Passages after it have no suggestions.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        predictor: QAPredictor | None = None,
        settings: SuggestionSettings = SuggestionSettings(),
    ):
        self._passages = {passage.id: passage for passage in passages}
        self._predictor, self._settings = predictor, settings
        self._block = {name: number // BLOCK for number, name in enumerate(self._passages)}
        self._read: tuple[int, Collection] | None = None
        self._made: dict[str, list[Suggestion]] = {}
        self._waiting: dict[str, None] = dict.fromkeys(self._passages)
        self._lock = threading.Lock()
        self._more = threading.Condition(self._lock)
        self._stopped = False
        self._thread: threading.Thread | None = None
        self.fault = ""

    @property
    def total(self) -> int:
        """How many passages there are."""
        return len(self._passages)

    @property
    def done(self) -> int:
        """Of how many the suggestions are made."""
        with self._lock:
            return len(self._made)

    def check(self) -> None:
        """Looks at the settings before anything is made. Raises ConfigError with every fault."""
        if self._settings.questions:
            _ = self._generator

    def start(self) -> None:
        """Begins to make suggestions; returns at once."""
        self._thread = threading.Thread(target=self._run, name="suggestions", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it, after the chunk that is under way."""
        self._stopped = True
        if self._thread is not None:
            self._thread.join()

    def of(self, passage: str) -> list[Suggestion] | None:
        """The suggestions for a passage, least sure first; None: not made yet."""
        with self._lock:
            return self._made.get(passage)

    def made(self) -> Mapping[str, list[Suggestion]]:
        """All suggestions so far, by passage id."""
        with self._lock:
            return dict(self._made)

    def hurry(self, passage: str, wait: float = 0.0) -> list[Suggestion] | None:
        """Puts a passage first, and waits so many seconds for its suggestions; None: not made by then."""
        with self._lock:
            if passage in self._waiting:
                self._waiting = {passage: None, **self._waiting}
            if wait and not self._stopped and not self.fault:
                self._more.wait_for(lambda: passage in self._made or bool(self.fault), timeout=wait)
            return self._made.get(passage)

    def make(self, ids: Sequence[str]) -> dict[str, list[Suggestion]]:
        """Suggestions for some passages, at once.

        Raises:
            ConfigError: a setting is out of range.
            ModelError: the model fails.
        """
        drafts = self._drafts(ids)
        answers = self._answers([row for rows in drafts.values() for row in rows])
        made: dict[str, list[Suggestion]] = {}
        for name in ids:
            suggestions: dict[str, Suggestion] = {}
            for row in drafts.get(name, ()):
                found = Suggestion(
                    item_id(name, row.question), name, row.question, row.by, _proposals(row, answers.get(row.key))
                )
                suggestions.setdefault(found.item, found)
            made[name] = sorted(suggestions.values(), key=lambda one: one.rank)
        return made

    def _run(self) -> None:
        while not self._stopped:
            with self._lock:
                ids = list(self._waiting)[:CHUNK]
            if not ids:
                return
            try:
                made = self.make(ids)
            except QAError as error:
                fault = first_line(error)
            except Exception as error:  # a page without suggestions is still a page to label
                logger.warning("suggestions have ended", exc_info=True)
                fault = f"a fault in the program: {type(error).__name__}"
            else:
                fault = ""
            with self._lock:
                self.fault = fault
                if not fault:
                    self._made |= made
                    for name in ids:
                        self._waiting.pop(name, None)
                self._more.notify_all()
            if fault:
                return

    def _drafts(self, ids: Sequence[str]) -> dict[str, list[_AskedRow]]:
        """Questions by rules that pass the filters of generation, by passage."""
        from qa_pipeline.generation.arguments import FilterArguments
        from qa_pipeline.generation.filters import check, make_filters

        if not self._settings.questions:
            return {}
        filters = make_filters(FilterArguments())
        found: dict[str, list[_AskedRow]] = {}
        for draft in self._generate(ids):
            row = check(draft, filters) if isinstance(draft, Draft) else draft
            if isinstance(row, Row):
                found.setdefault(row.passage.id, []).append(_AskedRow(row))
        return found

    def _generate(self, ids: Sequence[str]) -> Iterator[Draft | Rejected]:
        """Drafts of the passages that are in English: the rules know no other language."""
        for block in sorted({self._block[name] for name in ids}):
            generator, collection = self._generator, self._collection(block)
            yield from generator.drafts_of(
                collection, [name for name in ids if self._block[name] == block and name in collection.number]
            )

    @cached_property
    def _generator(self) -> ClozeGenerator:
        from qa_pipeline.generation.questions.cloze import ClozeGenerator

        settings = self._settings
        return ClozeGenerator(
            seed=settings.seed,
            questions_per_context=settings.questions,
            unanswerable_fraction=settings.unanswerable_fraction,
            plugins=settings.plugins,
        )

    def _collection(self, block: int) -> Collection:
        """The passages of a block that are in English, read; the last one is kept."""
        if self._read is None or self._read[0] != block:
            from qa_pipeline.generation.questions.cloze import Collection

            texts: dict[str, list[str]] = {}
            passages = [one for name, one in self._passages.items() if self._block[name] == block]
            for passage in passages:
                texts.setdefault(passage.document, []).append(passage.text)
            foreign = {name for name, parts in texts.items() if is_other_language("\n".join(parts), "en")}
            self._read = (block, Collection([one for one in passages if one.document not in foreign]))
        return self._read[1]

    def _answers(self, rows: Sequence[_AskedRow]) -> dict[str, tuple[Answer, str]]:
        if self._predictor is None or not rows:
            return {}
        asked = [{"id": row.key, "question": row.question, "context": row.context} for row in rows]
        answers = self._predictor.predict(asked, progress=False)
        name = self._predictor.name
        return {row.key: (answer, name) for row, answer in zip(rows, answers, strict=True)}


class _AskedRow:
    """A row of the rules, with what the model is asked."""

    def __init__(self, row: Row):
        self.key, self.question, self.context = row.key, row.question, row.passage.text
        self.start = row.start
        self.end = None if row.start is None or row.answer is None else row.start + len(row.answer)
        self.by = RULES


def _proposals(row: _AskedRow, found: tuple[Answer, str] | None) -> tuple[Proposal, ...]:
    """The model's answer, then that of the rules, then the model's others; no characters twice."""
    rules = Proposal(row.start, row.end, RULES)
    if found is None:
        return (rules,)
    answer, model = found
    proposals = [Proposal(answer.start, answer.end, model, answer.confidence), rules]
    proposals += [
        Proposal(span.start, span.end, model, span.confidence) for span in answer.nbest if span.confidence >= LEAST
    ]
    if answer.no_answer_confidence >= LEAST:
        proposals.append(Proposal(None, None, model, answer.no_answer_confidence))
    kept: dict[tuple[int | None, int | None], Proposal] = {}
    for one in proposals:
        kept.setdefault((one.start, one.end), one)
    return tuple(kept.values())[:MOST_PROPOSALS]
