"""A generator that needs no model, and documents for it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.generation.types import Draft, Rejected

TOWNS = [
    "Arlen",
    "Brask",
    "Corvo",
    "Delmar",
    "Esten",
    "Farrow",
    "Gilden",
    "Hasper",
    "Ilmen",
    "Jorvik",
    "Kelda",
    "Lorne",
]
THINGS = ["bridge", "library", "harbour", "school", "market", "tower", "theatre", "garden", "station", "museum"]


def document(number: int, sentences: int = 4) -> str:
    """A text with facts that are its own."""
    rng = random.Random(number)
    lines = []
    for thing in rng.sample(THINGS, sentences):
        year, cost = rng.randint(1700, 1999), rng.randint(2, 900)
        lines.append(
            f"The {thing} of {rng.choice(TOWNS)} number {number} was opened in {year} and cost {cost} crowns to build."
        )
    return " ".join(lines)


def passages(count: int, per_document: int = 2) -> list[Passage]:
    """Passages of made-up documents."""
    result = []
    for number in range(count):
        name, text = f"doc{number // per_document}.txt", document(number)
        result.append(Passage(passage_id(name, text), name, text, name, {"document_start": number}))
    return result


class FakeGenerator:
    """Asks when each thing was opened; quotes loosely, and gives its drafts in another order each time.

    Args:
        stop_after: passages after which it raises `error`, as a killed run would end.
    """

    def __init__(self, stop_after: int | None = None, error: BaseException | None = None):
        self.asked: list[str] = []
        self._stop_after, self._error = stop_after, error
        self._shuffle = random.Random()

    def drafts(self, passages: Sequence[Passage]) -> Iterator[Draft | Rejected]:
        order = list(passages)
        self._shuffle.shuffle(order)
        for passage in order:
            if self._error is not None and len(self.asked) == self._stop_after:
                raise self._error
            self.asked.append(passage.id)
            results = list(self._of(passage))
            self._shuffle.shuffle(results)
            yield from results

    def _of(self, passage: Passage) -> Iterator[Draft | Rejected]:
        for sentence in passage.text.split(". "):
            sentence = sentence.rstrip(".")
            words = sentence.split()
            thing, town = words[1], words[3]
            year = words[words.index("opened") + 2]
            verb = random.Random(hashlib.sha256(sentence.encode()).hexdigest()).choice(["open", "begin its work"])
            question = f"In which year did the {thing} in {town} {verb}?"
            yield Draft(
                passage, question, year, sentence.upper(), None, "llm", {"answer_type": "date", "model": "fake"}
            )
        yield Draft(passage, f"Who paid for the {thing} in {town}?", None, None, None, "llm", {"model": "fake"})
        yield Draft(passage, "What is it that costs most?", "a lot of money", None, None, "llm", {})
        yield Rejected("invalid_json", passage.id)
