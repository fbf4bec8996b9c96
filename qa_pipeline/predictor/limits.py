"""How windows are cut and answers decoded, for one model and for one call: stored settings, and what the caller wants.

What the caller gives is kept to; what he leaves out makes room for it.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qa_pipeline.arguments.ranges import COLDEST, HOTTEST, MOST_SPANS
from qa_pipeline.errors import ConfigError
from qa_pipeline.wording import in_short

if TYPE_CHECKING:
    from qa_pipeline.modeling import QASettings

WINDOW_LIMITS = ("max_seq_length", "doc_stride", "max_question_length")
DECODING_LIMITS = (
    "max_answer_length",
    "n_best_size",
    "null_score_diff_threshold",
    "temperature",
    "version_2_with_negative",
)
_LEAST = {"max_seq_length": 1, "doc_stride": 0, "max_question_length": 1, "max_answer_length": 1, "n_best_size": 1}


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


def with_limits(settings: QASettings, given: Mapping[str, Any], num_special: int, longest: float) -> QASettings:
    """The settings with what the caller gave, and with room made for it.

    Args:
        settings: as stored with the model.
        given: any of WINDOW_LIMITS and DECODING_LIMITS; None counts as not given.
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


def longest_window(model: Any, tokenizer: Any) -> float:
    """Most tokens of a window that neither the tokenizer nor the model was made for less than."""
    from qa_pipeline.modeling.head import unwrap

    plain: Any = unwrap(model)
    positions = getattr(plain.config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        return tokenizer.model_max_length
    return min(tokenizer.model_max_length, positions)


def _problem(name: str, value: Any) -> str | None:
    if name not in (*WINDOW_LIMITS, *DECODING_LIMITS):
        close = difflib.get_close_matches(name, (*WINDOW_LIMITS, *DECODING_LIMITS), n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join((*WINDOW_LIMITS, *DECODING_LIMITS))}"
        return f"{name} is not known; {hint}"
    if name == "version_2_with_negative":
        return None if isinstance(value, bool) else f"{name} must be True or False, found {in_short(value)}"
    if name in _LEAST:
        most = MOST_SPANS if name == "n_best_size" else math.inf
        to = f"from {_LEAST[name]} to {most:,}" if is_whole(value) and value > most else f"{_LEAST[name]} or more"
        fine = is_whole(value) and _LEAST[name] <= value <= most
        return None if fine else f"{name} must be a whole number, {to}, found {in_short(value)}"
    if name == "temperature":
        fine = _is_number(value) and COLDEST <= value <= HOTTEST
        return None if fine else f"{name} must be a number above 0, {COLDEST:g} to {HOTTEST:g}, found {in_short(value)}"
    return None if _is_number(value) else f"{name} must be a number, found {in_short(value)}"


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (isinstance(value, float) and not math.isnan(value)) or (is_whole(value) and abs(value) < 10**300)
