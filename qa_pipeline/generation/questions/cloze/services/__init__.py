"""The plug-in `services`: asks passages on what a service does with people's data as people ask privacy policies.

Such texts say "we share your e-mail address with our partners", and are asked "do you sell my data?". `frames` finds
what a sentence states (something is shared, what, with whom, why), `categories` of what kind the things are that it
names, `wordings` has the questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from qa_pipeline.generation.questions.cloze.asking import Wording, around_answers, candidates_at, draw, of_tables
from qa_pipeline.generation.questions.cloze.passages import ReadPassage
from qa_pipeline.generation.questions.cloze.plugins import Plugin
from qa_pipeline.generation.questions.cloze.services.frames import StatedAnswer, stated_answers
from qa_pipeline.generation.questions.cloze.services.wordings import frame_question
from qa_pipeline.generation.questions.cloze.spans import TYPES
from qa_pipeline.generation.questions.cloze.voice import choose_voice
from qa_pipeline.generation.types import Draft, Rejected

ABOUT_DATA, PART_OF_POLICY = 1 / 2, 1 / 3
"""Share of sentences that speak of data from which a passage, or a document, is about them; and the share from which a
passage is that stands in such a document."""
WEIGHTS = {
    "yes or no": 1.5, "what": 2.5, "who": 1.2, "why": 2.0, "how": 2.0, "when if": 1.0, "what does": 3.0, "can": 1.2,
    "when": 0.2, "where": 0.2, "how much": 0.5,
}  # fmt: skip
"""How often people ask a service what."""
REST_WEIGHT = 0.06
"""Weight of an answer that no statement about data gives, beside those that one does."""
SELDOM_ASKED = ("phrase", "subject", "modified", "number", "ordinal")
"""Types that nobody asks for beside such statements; asked for all the same where not all types are wanted."""
_HANDLING = frozenset(("share", "collect", "use", "keep", "cookie"))
"""What is done with data. A help page speaks of passwords and messages too, but of nothing that is done with them."""
_OF_DATA = re.compile(
    r"\b(?:information|data|privacy|cookies?|beacons?|personal\w*|e-?mail address(?:es)?|ip address(?:es)?|accounts?|"
    r"passwords?|consent|polic(?:y|ies)|third[- ]part(?:y|ies)|newsletters?|(?:un)?subscri\w+|"
    r"opt(?:ing)?[- ](?:out|in)|encrypt\w*|unauthorized|disclos\w+|advertis\w+|(?:web ?)?sites?)\b",
    re.I,
)


class Services(Plugin):
    """Asks about passages on what a service does with people's data, accounts and messages.

    A passage is one where at least half of its sentences speak of data and one says that data are handled; of a
    document of which both can be said, a third of the passage's sentences is enough. So the fees of a clinic are asked
    for as fees are, although its leaflet has a paragraph on privacy.
    """

    def __init__(self, kinds: frozenset[str]):
        super().__init__(kinds)
        self._found: WeakKeyDictionary[ReadPassage, list[tuple[int, StatedAnswer]]] = WeakKeyDictionary()
        self._policies: WeakKeyDictionary[ReadPassage, bool] = WeakKeyDictionary()

    def applies(self, passage: ReadPassage) -> bool:
        """Whether the passage is about the handling of data, see the class."""
        if not passage.spoken:
            return False
        return self._is_about_data([passage]) or (
            _share_on_data([passage]) >= PART_OF_POLICY and self._stands_in_policy(passage)
        )

    def drafts(self, passage: ReadPassage, rng: np.random.Generator) -> Iterator[Draft | Rejected]:
        """Questions about what the passage states of data; others are rare beside them."""
        found = [pair for pair in _each_category_once(self._stated_answers(passage)) if pair[1].span.kind in self.kinds]
        stated = candidates_at(passage, ((one.span, i, _wording(passage, one), True) for i, one in found))
        candidates = [*around_answers(passage, self.kinds), *stated, *of_tables(passage, self.kinds)]
        if stated and self.kinds == frozenset(TYPES):
            candidates = [one for one in candidates if one.repeatable or one.span.kind not in SELDOM_ASKED]
        return draw(passage, candidates, rng, WEIGHTS, REST_WEIGHT if stated else 1.0, of_company=True)

    def topics(self, passage: ReadPassage) -> frozenset[str]:
        """The frames of what the passage states, also where it is about something else."""
        return frozenset(one.frame for _, one in self._stated_answers(passage)) if passage.spoken else frozenset()

    def _stands_in_policy(self, passage: ReadPassage) -> bool:
        first = passage.document[0]
        if first not in self._policies:
            self._policies[first] = self._is_about_data(passage.document)
        return self._policies[first]

    def _is_about_data(self, passages: Sequence[ReadPassage]) -> bool:
        return _share_on_data(passages) >= ABOUT_DATA and any(map(self._handles_data, passages))

    def _handles_data(self, passage: ReadPassage) -> bool:
        on_data = [_speaks_of_data(passage, number) for number in range(len(passage.sentences))]
        return any(one.frame in _HANDLING and on_data[number] for number, one in self._stated_answers(passage))

    def _stated_answers(self, passage: ReadPassage) -> list[tuple[int, StatedAnswer]]:
        """(number of the sentence, answer) of all that the passage states."""
        if passage not in self._found:
            self._found[passage] = [
                (number, one)
                for number, sentence in enumerate(passage.sentences)
                if sentence.askable
                for one in stated_answers(passage.text, sentence)
            ]
        return self._found[passage]


def _wording(passage: ReadPassage, stated: StatedAnswer) -> Wording:
    text = passage.source.text[stated.span.start : stated.span.end]
    return lambda rng: frame_question(stated, text, choose_voice(rng), rng)


def _speaks_of_data(passage: ReadPassage, number: int) -> bool:
    sentence = passage.sentences[number]
    return _OF_DATA.search(passage.text, sentence.start, sentence.end) is not None


def _share_on_data(passages: Sequence[ReadPassage]) -> float:
    """Share of the sentences, headings and rows of tables that speak of data."""
    found = [_speaks_of_data(passage, number) for passage in passages for number in range(len(passage.sentences))]
    return sum(found) / len(found) if found else 0.0


def _each_category_once(found: Sequence[tuple[int, StatedAnswer]]) -> list[tuple[int, StatedAnswer]]:
    """The pairs without those whose category was named before."""
    first: dict[tuple[str, int] | None, int] = {}
    for position, (_, one) in enumerate(found):
        first.setdefault(one.category, position)
    return [pair for i, pair in enumerate(found) if pair[1].category is None or first[pair[1].category] == i]
