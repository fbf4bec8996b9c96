"""The cloze engine: passages in, questions with answers out, without a language model.

For each passage: find typed answers, choose among them within the budget and balanced over kinds of questions, ask for
each, leave out what gives the answer away or asks the same again, add near misses. Everything is a function of the
seed, the passage and the set of passages; neither their order nor the process they run in matters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze.answers import resolve_types
from qa_pipeline.generation.questions.cloze.asking import Candidate, ask, candidates_of
from qa_pipeline.generation.questions.cloze.collection import Collection
from qa_pipeline.generation.questions.cloze.options import OPTION_NAMES, ClozeOptions, passage_rng
from qa_pipeline.generation.questions.cloze.spans import Span
from qa_pipeline.generation.questions.cloze.unanswerable import near_miss
from qa_pipeline.generation.questions.cloze.words import normalized
from qa_pipeline.generation.types import Draft, Rejected

GENERATOR = "cloze"
SAME_QUESTION = 92.0
"""rapidfuzz ratio, in percent, from which two questions about one passage are the same."""
SAME_SPAN = 0.6
"""Shared share of characters from which two answers are the same."""
TRIES = 4
"""Candidates tried per question of the budget."""
# How often people ask what, by style; balanced over what a passage has to offer.
WEIGHTS: dict[bool, dict[str, float]] = {
    False: {
        "what": 5.0, "who": 1.5, "when": 1.5, "where": 1.0, "how much": 1.5, "why": 0.7, "how": 0.4, "when if": 0.3,
    },
    True: {
        "yes or no": 1.5, "what": 2.5, "who": 1.2, "why": 2.0, "how": 2.0, "when if": 1.0, "what does": 3.0, "can": 1.2,
        "when": 0.2, "where": 0.2, "how much": 0.5,
    },
}  # fmt: skip
KIND_WEIGHTS = {
    "name": 1.5,
    "phrase": 1.0,
    "subject": 0.6,
    "modified": 1.3,
    "title": 1.5,
    "examples": 0.6,
    "ordinal": 0.4,
    "action": 0.4,
}
SINGLE_WORD = 0.3
"""Weight of a phrase of one word against longer ones."""
GENERAL_IN_SERVICE = 0.06
"""Weight of a general answer against one of a frame in a text that has frames."""

SELDOM_ASKED = ("phrase", "subject", "modified", "number", "ordinal")
"""Types that nobody asks for in a passage that has frames; asked for all the same where `answer_types` names them."""
MOST_WORDINGS, MOST_WORDINGS_OF_SENTENCE = 2, 5
"""Questions about one answer of a frame, and about one that is a whole sentence: people ask for the same thing in many
ways, and most of what they ask is answered by a statement as a whole."""


class ClozeGenerator:
    """Turns passages into drafts.

    Args:
        seed: of all random choices.
        options: settings; or give their fields by name.

    Raises:
        ConfigError: an option is unknown or out of range.
    """

    def __init__(self, seed: int = 0, options: ClozeOptions | None = None, **fields: Any):
        unknown = sorted(set(fields) - set(OPTION_NAMES))
        if unknown:
            known = ", ".join(OPTION_NAMES)
            raise ConfigError("cloze options", [f"no option is named {name!r}; there are {known}" for name in unknown])
        if options is not None and fields:
            raise ConfigError("cloze options", "give either options or their fields, not both")
        self.seed = seed
        self.options = options if options is not None else ClozeOptions(**fields)
        self.kinds = resolve_types(self.options.answer_types)
        self.seldom_asked = () if self.options.answer_types else SELDOM_ASKED

    def drafts(self, passages: Sequence[Passage]) -> Iterator[Draft | Rejected]:
        """Questions about every passage, in the order of the passages' ids; passages with the same id are one."""
        return self.drafts_of(Collection(passages, self.options))

    def drafts_of(self, collection: Collection, of: Sequence[str] | None = None) -> Iterator[Draft | Rejected]:
        """The same of a collection that is ready; `of` names the passages (ids) to ask about, None for all."""
        asked: dict[int, list[Draft | Rejected]] = {}

        def answerable(number: int) -> list[Draft]:
            if number not in asked:
                asked[number] = self._answerable(collection, number)
            return [draft for draft in asked[number] if isinstance(draft, Draft)]

        numbers = range(len(collection.passages)) if of is None else sorted(collection.number[name] for name in of)
        for number in numbers:
            drafts = answerable(number)
            yield from asked[number]
            if not self.options.unanswerable_fraction:
                del asked[number]
            else:
                yield from self._unanswerable(collection, number, drafts, answerable)

    def rebuild(self, collection: Collection, passage_id: str, start: int, end: int) -> Draft | None:
        """A new question for an answer that a reader found.

        Args:
            collection: that the passage belongs to.
            passage_id: the passage.
            start, end: characters of the answer, end exclusive.

        Returns:
            The draft, or None where the span lies in no single sentence or no question can be made.
        """
        number = collection.number[passage_id]
        sentences = collection.sentences[number]
        index = next((i for i, s in enumerate(sentences) if s.start <= start and end <= s.end), None)
        if index is None or end <= start:
            return None
        text = collection.passages[number].text[start:end]
        candidates = candidates_of(collection, number, self.kinds, self.options)
        near = [c for c in candidates if c.sentence == index and _overlap(c.span, start, end) >= 0.5]
        best = max(near, key=lambda c: (_overlap(c.span, start, end), c.framed is not None), default=None)
        kind = best.span.kind if best is not None else "phrase"
        framed = best.framed if best is not None else None
        candidate = Candidate(Span(start, end, kind), text, index, framed)
        rng = passage_rng(self.seed, "rebuild", passage_id, str(start), str(end))
        for _ in range(3):
            made = ask(collection, number, candidate, rng, self.options)
            if not isinstance(made, str):
                return self._draft(collection, number, candidate, *made)
        return None

    def _answerable(self, collection: Collection, number: int) -> list[Draft | Rejected]:
        from rapidfuzz.fuzz import ratio

        passage = collection.passages[number]
        rng = passage_rng(self.seed, passage.id)
        candidates = candidates_of(collection, number, self.kinds, self.options)
        chooser = _Chooser(candidates, collection.service[number], self.seldom_asked, rng)
        result: list[Draft | Rejected] = []
        drafts: list[Draft] = []
        budget = self.options.questions_per_context
        for _ in range(TRIES * budget):
            candidate = chooser.next()
            if candidate is None or len(drafts) == budget:
                break
            made = ask(collection, number, candidate, rng, self.options)
            if isinstance(made, str):
                result.append(Rejected(made, passage.id))
                continue
            if any(ratio(made[0].lower(), other.question.lower()) >= SAME_QUESTION for other in drafts):
                result.append(Rejected("same_question", passage.id))
                continue
            chooser.used(candidate)
            drafts.append(self._draft(collection, number, candidate, *made))
        return [*drafts, *result]

    def _unanswerable(
        self, collection: Collection, number: int, drafts: Sequence[Draft], answerable: Any
    ) -> Iterator[Draft | Rejected]:
        passage = collection.passages[number]
        rng = passage_rng(self.seed, "unanswerable", passage.id)
        fraction = self.options.unanswerable_fraction
        wanted = len(drafts) * fraction / (1 - fraction)
        count = int(wanted) + int(rng.random() < wanted - int(wanted))
        seen = {normalized(draft.question) for draft in drafts}
        for _ in range(count):
            for _ in range(3):
                draft = near_miss(collection, number, drafts, answerable, rng)
                if draft is None or normalized(draft.question) not in seen:
                    break
            if draft is None or normalized(draft.question) in seen:
                yield Rejected("no_near_miss", passage.id)
                continue
            seen.add(normalized(draft.question))
            yield draft

    def _draft(
        self, collection: Collection, number: int, candidate: Candidate, question: str, details: dict[str, Any]
    ) -> Draft:
        passage, sentence = collection.passages[number], collection.sentences[number][candidate.sentence]
        evidence = passage.text[sentence.start : sentence.end]
        details = {**details, "style": "service" if collection.service[number] else "encyclopedic"}
        return Draft(passage, question, candidate.text, evidence, candidate.span.start, GENERATOR, details)


class _Chooser:
    """Draws candidates: kinds of questions by weight, less the more of a kind there are; each answer once."""

    def __init__(
        self, candidates: Sequence[Candidate], service: bool, seldom_asked: Sequence[str], rng: np.random.Generator
    ):
        self.left = list(candidates)
        self.weights = WEIGHTS[service]
        framed = any(candidate.framed is not None for candidate in candidates)
        self.general = 1.0
        if service and framed:
            self.general = GENERAL_IN_SERVICE
            self.left = [c for c in candidates if c.framed is not None or c.span.kind not in seldom_asked]
        self.rng = rng
        self.by_wh: Counter[str] = Counter()
        self.by_sentence: Counter[int] = Counter()
        self.by_span: Counter[Span] = Counter()

    def next(self) -> Candidate | None:
        """A candidate, which is then gone; None when none is left."""
        if not self.left:
            return None
        sizes = Counter(c.span.wh for c in self.left)
        weights = np.array([self._weight(c) / sizes[c.span.wh] for c in self.left])
        chosen = int(self.rng.choice(len(self.left), p=weights / weights.sum()))
        return self.left.pop(chosen)

    def used(self, candidate: Candidate) -> None:
        """Takes away what would be the same answer again, unless in other words, and makes its kind less likely."""
        self.by_wh[candidate.span.wh] += 1
        self.by_sentence[candidate.sentence] += 1
        self.by_span[candidate.span] += 1
        text, span = normalized(candidate.text), candidate.span
        self.left = [
            c for c in self.left if normalized(c.text) != text and _overlap(c.span, span.start, span.end) < SAME_SPAN
        ]
        most = MOST_WORDINGS_OF_SENTENCE if span.kind in ("choice", "sentence") else MOST_WORDINGS
        if candidate.framed is not None and self.by_span[span] < most:
            self.left.append(candidate)

    def _weight(self, candidate: Candidate) -> float:
        wh = candidate.span.wh
        base = self.weights.get(wh, 0.5) / (1 + self.by_wh[wh]) * KIND_WEIGHTS.get(candidate.span.kind, 1.0)
        if candidate.span.kind in ("phrase", "subject") and " " not in candidate.text:
            base *= SINGLE_WORD
        return (
            base / (1 + self.by_sentence[candidate.sentence]) * (1.0 if candidate.framed is not None else self.general)
        )


def _overlap(span: Span, start: int, end: int) -> float:
    """Shared characters over all characters of two spans, 0 to 1."""
    shared = min(span.end, end) - max(span.start, start)
    return max(0, shared) / (max(span.end, end) - min(span.start, start))
