"""The limits: how windows are cut and answers decoded. Declared here once, stored with a model, handed on as a whole.

Whoever has limits of his own derives from these: `DataArguments` asks for them, `modeling.StoredSettings` adds what the
weights were made from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from qa_pipeline.arguments.settings import setting, settings_of
from qa_pipeline.errors import ConfigError
from qa_pipeline.wording import in_short


@dataclass
class TrainingLimits:
    """The limits that a training chooses. Lengths are in tokens."""

    max_seq_length: int = setting(384, "Longest window in tokens, question included.", least=16)
    doc_stride: int = setting(128, "Overlap in tokens between neighbouring windows of one context.", least=0)
    max_question_length: int = setting(
        64, "Questions are cut to this many tokens, so that the context has room.", least=1
    )
    max_answer_length: int = setting(30, "Longest answer in tokens.", least=1)
    n_best_size: int = setting(20, "How many spans are kept for each question.", least=1, most=10_000)
    version_2_with_negative: bool = setting(False, "Some questions have no answer.")


@dataclass
class QASettings(TrainingLimits):
    """All limits: those of a training, and the two that are fitted to validation data afterwards.

    A value that cannot be is refused when it is made, so that nobody checks it again.

    >>> QASettings(n_best_size=0)
    Traceback (most recent call last):
    qa_pipeline.errors.ConfigError: settings: n_best_size must be a whole number, 1 or more, found 0

    Raises:
        ConfigError: a value has the wrong type or is out of its range; all problems at once.
    """

    null_score_diff_threshold: float = setting(
        0.0, "Answer nothing where the no-answer score beats the best span's by more than this (logits)."
    )
    temperature: float = setting(
        1.0, "Divides logits before confidences are made; 1 leaves them as they are.", least=0.001, most=1000
    )

    def __post_init__(self) -> None:
        if problems := [text for name in LIMITS if (text := limit_fault(name, getattr(self, name)))]:
            raise ConfigError("settings", problems)


LIMITS = settings_of(QASettings)
"""The eight, by name."""

WINDOW_LIMITS = ("max_seq_length", "doc_stride", "max_question_length")
"""Those that windows are cut by; the others are for decoding."""


def decoding_limits(settings: QASettings) -> dict[str, Any]:
    """The limits that answers to given windows hang on, by name."""
    return {name: getattr(settings, name) for name in LIMITS if name not in WINDOW_LIMITS}


def limit_fault(name: str, value: Any) -> str | None:
    """What is wrong with the value of one limit, in the words of a caller from Python; None where it is fine."""
    (kind,), bounds = LIMITS[name].kinds, LIMITS[name].range
    if kind is bool:
        return None if isinstance(value, bool) else f"{name} must be True or False, found {in_short(value)}"
    fits = is_whole(value) if kind is int else _is_number(value)
    if fits and (bounds is None or value in bounds):
        return None
    text = f"{name} must be a {'whole ' * (kind is int)}number"
    if bounds is not None:
        is_open = bounds.most is None or (kind is int and not (fits and value > bounds.most))
        text += f", {bounds.least} or more" if is_open else f", from {bounds.least} to {bounds.most:,}"
    return f"{text}, found {in_short(value)}"


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (isinstance(value, float) and not math.isnan(value)) or (is_whole(value) and abs(value) < 10**300)
