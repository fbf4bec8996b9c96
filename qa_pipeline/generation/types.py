"""The words that the parts of the generator share: passages in, drafts out, requests and completions between.

A generator turns passages into drafts; a backend turns requests into completions. Neither knows offsets, filters or
files: those belong to the command (`qa_pipeline.generation.run`), which checks every draft against its passage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from qa_pipeline.documents.passage import Passage

MOST_UNANSWERABLE = 0.9
"""The greatest share of unanswerable questions: above it a data set has hardly an answer to learn from."""


@dataclass(frozen=True)
class Draft:
    """A question and its answer before the answer is aligned with the passage and the filters have seen it."""

    passage: Passage
    question: str
    answer: str | None  # a verbatim quote of the passage; None: the passage does not answer the question
    evidence: str | None  # a longer verbatim quote that holds the answer
    start: int | None  # character of the answer in the passage where the generator knows it, else None
    generator: str  # "cloze", "llm"
    details: dict[str, Any] = field(
        default_factory=dict
    )  # goes into the row's metadata: answer_type, prompt, model ...


@dataclass(frozen=True)
class Rejected:
    """A draft that came to nothing inside the generator; counted by reason (`reasons.MEANINGS`).

    `passing` says in words what failed where asking again may help: then the passage is not done.
    """

    reason: str
    passage_id: str
    passing: str = ""


class Generator(Protocol):
    """Turns passages into drafts, in any order; for one seed the drafts of a passage are always the same."""

    def drafts(self, passages: Sequence[Passage]) -> Iterator[Draft | Rejected]:
        """Drafts of all passages, as they come."""
        ...


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: str  # "system", "user", "assistant"
    content: str


@dataclass(frozen=True)
class Request:
    """One completion that is wanted."""

    key: str  # stable: passage id, step, sample index
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float
    seed: int | None
    schema: dict[str, Any] | None  # JSON Schema the completion should follow


@dataclass(frozen=True)
class Completion:
    """What a model wrote for one request."""

    key: str
    text: str
    finish_reason: str  # "stop", "length", ...
    prompt_tokens: int
    completion_tokens: int
    cached: bool


@dataclass(frozen=True)
class Failure:
    """A request that has no completion; `passing`: the same request may get one at another time."""

    key: str
    reason: str  # "timeout", "server_error", "empty_choices", ...
    detail: str
    passing: bool = False


@dataclass
class UsageSoFar:
    """What a backend has spent: requests sent, tokens, money in the currency of the given prices, cache hits.

    What is reserved comes on top: the most that requests can have used whose outcome is not known. Costs are None
    where the prices are not known. `account` names the cache file that the sums are of; 0 where there is none.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    reserved_tokens: int = 0
    reserved_cost: float | None = None
    cached: int = 0
    account: int = 0


class Backend(Protocol):
    """Completes requests, in any order.

    Raises BackendError when going on is pointless (the server says 401 or 404), and its kind BudgetError when the
    user's budget is used up.
    """

    model: str

    @property
    def usage(self) -> UsageSoFar:
        """What was spent so far."""
        ...

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        """One result for each request."""
        ...
