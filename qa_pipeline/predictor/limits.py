"""How windows are cut and answers decoded, for one model and for one call: stored settings, and what the caller wants.

What the caller gives is kept to; what he leaves out makes room for it.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qa_pipeline.arguments.limits import LIMITS, is_whole, limit_fault
from qa_pipeline.errors import ConfigError
from qa_pipeline.wording import in_short

if TYPE_CHECKING:
    from qa_pipeline.modeling import StoredSettings

MOST_SPANS = int(LIMITS["n_best_size"].range.most)  # type: ignore[union-attr, arg-type]
"""Largest n_best_size: every window keeps so many."""


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


def with_limits(settings: StoredSettings, given: Mapping[str, Any], num_special: int, longest: float) -> StoredSettings:
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


def longest_window(model: Any, tokenizer: Any) -> float:
    """Most tokens of a window that neither the tokenizer nor the model was made for less than."""
    from qa_pipeline.modeling.head import unwrap

    plain: Any = unwrap(model)
    positions = getattr(plain.config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        return tokenizer.model_max_length
    return min(tokenizer.model_max_length, positions)


def _problem(name: str, value: Any) -> str | None:
    if name in LIMITS:
        return limit_fault(name, value)
    close = difflib.get_close_matches(name, LIMITS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(LIMITS)}"
    return f"{name} is not known; {hint}"
