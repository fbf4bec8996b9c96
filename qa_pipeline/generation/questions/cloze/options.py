"""What can be set and switched off in the cloze engine, and the random numbers of a passage."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze.answers import resolve_types
from qa_pipeline.generation.types import MOST_UNANSWERABLE

STYLES = ("auto", "encyclopedic", "service")
MOST_QUESTIONS = 100


@dataclass(frozen=True)
class ClozeOptions:
    """Settings of the cloze engine.

    Attributes:
        questions_per_context: at most this many answerable questions a passage.
        unanswerable_fraction: share of all questions that their passage does not answer, 0 to MOST_UNANSWERABLE.
        answer_types: groups and types of `spans.GROUPS`; None for all.
        other_sentence: ask with the words of another passage's sentence where one has the same answer.
        noise: drop, blank and shuffle words in part of the questions.
        frames: ask about what a service does (share, collect, ...) in texts that say "we" and "you".
        style: "service" for such texts, "encyclopedic" for the others, "auto" to decide by document.
        language: of the passages; "en" is the only one.

    Raises:
        ConfigError: a value is of another type or out of range; all problems at once.
    """

    questions_per_context: int = 5
    unanswerable_fraction: float = 0.0
    answer_types: tuple[str, ...] | None = None
    other_sentence: bool = True
    noise: bool = True
    frames: bool = True
    style: str = "auto"
    language: str = "en"

    def __post_init__(self) -> None:
        problems = []
        if not isinstance(self.questions_per_context, int) or not 1 <= self.questions_per_context <= MOST_QUESTIONS:
            problems.append(
                f"questions_per_context must be 1 to {MOST_QUESTIONS}; found {self.questions_per_context!r}"
            )
        share = self.unanswerable_fraction
        if not 0 <= share <= MOST_UNANSWERABLE:
            problems.append(f"unanswerable_fraction must be between 0 and {MOST_UNANSWERABLE}; found {share!r}")
        for name in ("other_sentence", "noise", "frames"):
            if not isinstance(getattr(self, name), bool):
                problems.append(f"{name} must be true or false; found {getattr(self, name)!r}")
        if self.style not in STYLES:
            problems.append(f"style must be one of {', '.join(STYLES)}; found {self.style!r}")
        if self.language != "en":
            problems.append(
                f"language must be 'en': the cloze engine has word lists of English only; found {self.language!r}. "
                "Use a language-model backend for other languages"
            )
        try:
            resolve_types(self.answer_types)
        except ConfigError as error:
            problems += [f"{error.source}: {problem}" for problem in error.problems]
        if problems:
            raise ConfigError("cloze options", problems)


OPTION_NAMES = tuple(field.name for field in fields(ClozeOptions))


def passage_rng(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and the names alone, so that order and parallelism change nothing."""
    digest = hashlib.sha256("\0".join((str(seed), *names)).encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(np.frombuffer(digest[:16], dtype=np.uint32))
