"""What was suggested, what a person decided, and what holds of several decisions on one question. Plain data.

A decision names the revision of its question that the person had before his eyes. Where another decision came in
between, it does not take its place: both are kept, the first holds, and the question is disputed until somebody who has
seen both decides again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from qa_pipeline.text.words import normalised

Verdict = Literal["accepted", "corrected", "own", "rejected", "open"]
"""What became of a question. "open": an undo took the first decision back."""
VERDICTS: tuple[str, ...] = get_args(Verdict)
LABELS = ("accepted", "corrected", "own")
"""Verdicts that make a row. One without an answer says that the passage does not answer the question."""
ID_DIGITS = 16


def item_id(passage: str, question: str) -> str:
    """The name of a question about a passage: the same for the same words, whoever suggests or writes them.

    Example:
        >>> item_id("p1", "How high is the fee?") == item_id("p1", "how high is the fee")
        True
    """
    words = normalised(question) or question
    return "label-" + hashlib.sha256(f"{passage}\0{words}".encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGITS]


@dataclass(frozen=True)
class Proposal:
    """An answer that is suggested.

    Attributes:
        start, end: characters of the passage's text, end exclusive; None: that it does not answer the question.
        by: the model's name, or "rules".
        confidence: 0 to 1; None where nothing says.
    """

    start: int | None
    end: int | None
    by: str
    confidence: float | None = None


@dataclass(frozen=True)
class Suggestion:
    """A question that is suggested, with answers, the one that is shown first.

    Attributes:
        item: see `item_id`.
        passage: the id of its passage.
        by: what made the question.
        proposals: at least one; no two of the same characters.
    """

    item: str
    passage: str
    question: str
    by: str
    proposals: tuple[Proposal, ...]

    @property
    def confidence(self) -> float | None:
        """Of the answer that is shown first."""
        return self.proposals[0].confidence

    @property
    def rank(self) -> tuple[bool, float]:
        """The smaller, the more a label is worth: what the model is least sure of.

        Questions that were made so that the passage does not answer them come last: of these no model is sure.
        """
        made_so = any(one.confidence is None and one.start is None for one in self.proposals)
        return made_so, 1.0 if self.confidence is None else self.confidence


@dataclass(frozen=True)
class Decision:
    """What a person decided about a question.

    Attributes:
        action: a name for this one press of a key, so that one that is sent twice counts once.
        item, passage: ids of the question and of its passage.
        seen: the revision of the question that the person had before his eyes; 0: nobody had decided.
        verdict: see VERDICTS.
        question: as decided; a suggested one may have been reworded.
        start, end: characters of the passage's text, end exclusive; None: the passage does not answer it.
        person: who pressed the key; "" where no name was given.
        author: whose label it is: the same, unless an undo brings back another's.
        time: when, ISO 8601 in UTC.
        suggested: what had been suggested: question, by, start, end, answered_by, confidence; empty for own questions.
        undoes: whether it takes the person's last decision on the question back, to what held before.
    """

    action: str
    item: str
    passage: str
    seen: int
    verdict: Verdict
    question: str
    start: int | None
    end: int | None
    person: str
    author: str
    time: str
    suggested: Mapping[str, Any] = field(default_factory=dict)
    undoes: bool = False

    @property
    def is_label(self) -> bool:
        """Whether it makes a row."""
        return self.verdict in LABELS

    @property
    def content(self) -> tuple[Any, ...]:
        """What two decisions that say the same have in common."""
        if not self.is_label:
            return (self.verdict,)
        return self.question, self.start, self.end

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Decision:
        """The decision again. Raises KeyError, TypeError or ValueError where something is missing or no verdict."""
        decision = cls(**{name: value[name] for name in cls.__dataclass_fields__})
        if decision.verdict not in VERDICTS or not isinstance(decision.seen, int):
            raise ValueError(f"no verdict: {decision.verdict!r}")
        return decision


@dataclass
class LabelState:
    """What holds of one question after all decisions on it, in the order of the journal.

    Attributes:
        revision: how many decisions there were, those that do not hold included.
        current: the one that holds; None before the first.
        rivals: decisions that were made beside it without having seen it, and say something else.

    Example:
        >>> def decide(person, seen, start):
        ...     return Decision(person, "i", "p", seen, "accepted", "How high?", start, start + 2, person, person, "")
        >>> state = LabelState()
        >>> for decision in (decide("Ada", 0, 10), decide("Ben", 0, 40)):
        ...     _ = state.add(decision)
        >>> state.current.person, [rival.person for rival in state.rivals]
        ('Ada', ['Ben'])
        >>> state.add(decide("Ben", 2, 40)), state.current.person, state.rivals
        (True, 'Ben', [])
    """

    revision: int = 0
    current: Decision | None = None
    rivals: list[Decision] = field(default_factory=list)

    @property
    def is_decided(self) -> bool:
        """Whether there is nothing to do here, unless people disagree."""
        return self.current is not None and self.current.verdict != "open"

    def add(self, decision: Decision) -> bool:
        """Takes the next decision in; gives whether it holds now, or says what holds."""
        self.revision += 1
        if self.current is None or decision.seen == self.revision - 1:
            self.current, self.rivals = decision, []
            return True
        if self.current is not None and decision.content == self.current.content:
            return True
        self.rivals.append(decision)
        return False
