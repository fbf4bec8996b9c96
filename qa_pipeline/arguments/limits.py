"""The limits: how windows are cut and answers decoded. Declared here once, stored with a model, handed on as a whole.

`with_limits` changes them for one model or one call: what the caller gives is kept to, what he leaves out makes room.

Whoever has limits of his own derives from these: `DataArguments` asks for them, `modeling.StoredSettings` adds what the
weights were made from.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

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


MOST_SPANS = int(LIMITS["n_best_size"].range.most)  # type: ignore[union-attr, arg-type]
"""Largest n_best_size: every window keeps so many."""

Settings = TypeVar("Settings", bound=QASettings)


def check_limits(given: Mapping[str, Any]) -> None:
    """Makes sure that each value can be what its name says; None counts as not given.

    Raises:
        ConfigError: a name is unknown or a value cannot be; all problems at once.
    """
    problems = [p for name, value in given.items() if value is not None and (p := _problem(name, as_python(value)))]
    if problems:
        raise ConfigError("settings of the predictor", problems)


def as_python(value: Any) -> Any:
    """A scalar of numpy or torch as the Python value that it holds; anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def checked_bounds(**bounds: Any) -> dict[str, int | None]:
    """Bounds of a batch as Python numbers; None is no bound.

    Raises:
        ConfigError: one is no whole number of 1 or more.
    """
    bounds = {name: as_python(value) for name, value in bounds.items()}
    problems = [
        f"{name} must be a whole number, 1 or more, found {in_short(value)}"
        for name, value in bounds.items()
        if value is not None and not (is_whole(value) and value >= 1)
    ]
    if problems:
        raise ConfigError("settings of the predictor", problems)
    return bounds


def with_limits(settings: Settings, given: Mapping[str, Any], num_special: int, longest: float) -> Settings:
    """The settings with what the caller gave, and with room made for it.

    Args:
        settings: as stored with the model.
        given: any of LIMITS; None counts as not given.
        num_special: special tokens of a window.
        longest: most tokens that the model takes.

    Raises:
        ConfigError: as `check_limits`.
    """
    check_limits(given)
    given = {name: as_python(value) for name, value in given.items() if value is not None}
    chosen = dataclasses.replace(settings, **given)
    if "max_seq_length" not in given:
        chosen.max_seq_length = int(min(chosen.max_seq_length, longest))
    # The overlap and the question share a window with at least one more token of context.
    if "doc_stride" not in given and chosen.doc_stride > chosen.max_seq_length // 2:
        chosen.doc_stride = chosen.max_seq_length // 2
    room = chosen.max_seq_length - num_special - chosen.doc_stride - 1
    if chosen.max_question_length > room:
        if "max_question_length" not in given:
            chosen.max_question_length = max(room, 1)
        elif "doc_stride" not in given:
            chosen.doc_stride = max(chosen.doc_stride - (chosen.max_question_length - room), 0)
    return chosen


def _problem(name: str, value: Any) -> str | None:
    if name in LIMITS:
        return limit_fault(name, value)
    close = difflib.get_close_matches(name, LIMITS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(LIMITS)}"
    return f"{name} is not known; {hint}"
