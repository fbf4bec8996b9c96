"""Models that answer from a table, with the interface of a predictor, and questions to ask them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Settings:
    temperature: float = 2.5
    null_score_diff_threshold: float = 1.5
    version_2_with_negative: bool = False
    answer_normalization: str = "squad"
    tuned_on: str | None = None


@dataclass
class Reply:
    id: str
    text: str
    start: int | None
    end: int | None
    confidence: float


@dataclass
class FakeModel:
    """Gives the spans of `replies` (question id -> start, end, confidence; None for no answer) and notes each call."""

    name: str
    replies: Mapping[str, tuple[int, int, float] | None]
    settings: Settings = field(default_factory=Settings)
    num_parameters: int = 22_700_000
    size_mb: float = 90.9
    device: str = "cpu"
    decoded_with: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    head_untrained: bool = False

    def predict(
        self, examples: Iterable[Mapping[str, Any]], *, progress: Any = None, **decoding: Any
    ) -> Iterator[Reply]:
        self.decoded_with.append(decoding)
        for example in examples:
            reply = self.replies[example["id"]]
            if reply is None:
                yield Reply(example["id"], "", None, None, 0.6)
            else:
                start, end, confidence = reply
                yield Reply(example["id"], example["context"][start:end], start, end, confidence)

    def ask(self, question: str, context: str) -> Reply:
        self.asked += 1
        return Reply("0", "", None, None, 0.5)


TEXT = "the carrier keeps your payment records for ninety days unless a court orders otherwise"
WORDS = TEXT.split()
STARTS = ("What", "How long", "Who", "When", "Why does")


def make_examples(
    count: int, rng: np.random.Generator, *, per_context: int = 3, unanswerable: float = 0.0
) -> list[Any]:
    """Questions on texts of random words; the reference is one to five words somewhere in the text."""
    examples = []
    for number in range(count):
        if number % per_context == 0:
            words = [str(word) for word in rng.choice(WORDS, size=int(rng.integers(30, 160)))]
            context = f"Clause {number}. " + " ".join(words) + "."
        spans = word_spans(context)
        first = int(rng.integers(0, len(spans) - 6))
        start, end = spans[first][0], spans[first + int(rng.integers(0, 5))][1]
        silent = rng.random() < unanswerable
        examples.append(
            {
                "id": f"q{number}",
                "context": context,
                "question": f"{STARTS[number % len(STARTS)]} is meant in clause {number}?",
                "answers": {"text": [] if silent else [context[start:end]], "answer_start": [] if silent else [start]},
                "is_impossible": silent,
            }
        )
    return examples


def word_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of the words of a text."""
    spans, place = [], 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        spans.append((start, place))
    return spans


def replies_of_skill(
    examples: list[Any], skill: float, rng: np.random.Generator, *, silent: bool = False
) -> dict[str, Any]:
    """Answers that are exact with probability `skill`, else somewhere near or anywhere; surer where exact."""
    replies: dict[str, Any] = {}
    for example in examples:
        gold = example["answers"]
        spans = word_spans(example["context"])
        exact = rng.random() < skill
        confidence = float(rng.beta(5, 2) if exact else rng.beta(2, 4))
        if not gold["text"]:
            first = int(rng.integers(0, len(spans)))
            replies[example["id"]] = None if silent and exact else (*spans[first], confidence)
            continue
        start = gold["answer_start"][0]
        end = start + len(gold["text"][0])
        if not exact:
            near = rng.random() < skill + 0.2
            first = (
                next(i for i, span in enumerate(spans) if span[1] > start) if near else int(rng.integers(0, len(spans)))
            )
            start, end = spans[first][0], spans[min(first + int(rng.integers(1, 6)), len(spans) - 1)][1]
        replies[example["id"]] = (start, end, confidence)
    return replies


def compared(count: int = 60, skills: tuple[float, ...] = (0.1, 0.6), *, seed: int = 0, **options: Any) -> Any:
    """A comparison of models of these skills on made questions; `options` go to `compare`."""
    from qa_pipeline.compare import compare

    rng = np.random.default_rng(seed)
    examples = make_examples(count, rng, unanswerable=options.pop("unanswerable", 0.0))
    models = [FakeModel(f"runs/m{place}", replies_of_skill(examples, skill, rng)) for place, skill in enumerate(skills)]
    quick = {"bootstrap_samples": 500, "latency_questions": 5, "source": "made.json"}
    return compare(models, examples, **{**quick, **options})
