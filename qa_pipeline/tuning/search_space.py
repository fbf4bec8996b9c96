"""Which values a tuning tries: for each setting a range or choices, read and checked. Knows no study and no model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from qa_pipeline.arguments.config_files import SECRET_KEYS, found, nearest, nearest_hint
from qa_pipeline.arguments.groups import DataSources
from qa_pipeline.arguments.settings import Setting, convert

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

PER_EPOCH = {
    "do_train": True,
    "do_eval": True,
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "load_best_model_at_end": True,
    "metric_for_best_model": "f1",
    "save_total_limit": 1,
}
"""What every trial has, whatever the configuration says: it is measured after each epoch, and the best one counts."""

IN_A_TRIAL = {
    **PER_EPOCH,
    "do_predict": False,
    "test_file": None,
    "max_predict_samples": None,
    "eval_on_start": False,
    "push_to_hub": False,
    "greater_is_better": None,
    "resume_from_checkpoint": None,
    "save_only_model": False,
    "overwrite_output_dir": False,
}
"""And what no trial needs; above all, none reads the test data."""

_MEASURE = ("version_2_with_negative", "null_score_diff_threshold", "answer_normalization", "answer_language")
_TRAINED_ON = ("max_train_samples",)
_SAME = frozenset(
    {one.name for one in fields(DataSources)} - {*_TRAINED_ON} | {*_MEASURE, *IN_A_TRIAL, *SECRET_KEYS}
    | {"output_dir", "seed", "data_seed", "eval_batch_tokens", "per_device_eval_batch_size"}
)  # fmt: skip
_KEYS = ("low", "high", "log", "step", "choices")
_SHAPE = '{"low": ..., "high": ...} with "log": true or a "step" where wanted, or {"choices": [...]}'


@dataclass(frozen=True)
class Dimension:
    """What one setting may be: a range of numbers, or choices.

    Attributes:
        name: of the setting.
        low, high: of a range, both included.
        log: small and large orders of magnitude of the range are equally likely.
        step: distance of the range's values; None: any (whole numbers: 1).
        whole: only whole numbers of the range.
        choices: in place of a range.
    """

    name: str
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None
    whole: bool = False
    choices: tuple[Any, ...] | None = None

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that are checked for all others: the ends of a range, every choice."""
        return (self.low, self.high) if self.choices is None else self.choices

    def __contains__(self, value: Any) -> bool:
        if self.choices is not None:
            return any(
                value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0
        return math.isclose(steps, round(steps), abs_tol=1e-8)

    def __str__(self) -> str:
        if self.choices is not None:
            return "one of " + ", ".join(found(choice) for choice in self.choices)
        how = ", logarithmic" if self.log else f" in steps of {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{how}"

    def to_dict(self) -> dict[str, Any]:
        """As it would be written in `search_space`."""
        if self.choices is not None:
            return {"choices": list(self.choices)}
        return {"low": self.low, "high": self.high} | ({"log": True} if self.log else {}) | (
            {"step": self.step} if self.step else {}
        )  # fmt: skip

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices is not None:
            return CategoricalDistribution(self.choices)
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)


def read_search_space(
    given: Mapping[str, Any], settings: Mapping[str, Setting]
) -> tuple[dict[str, Dimension], list[str]]:
    """The dimensions that a user wrote, and every fault of them.

    Args:
        given: setting -> range or choices; a list means choices.
        settings: those of a training, by name.

    >>> from qa_pipeline.arguments.groups import LoRAArguments
    >>> from qa_pipeline.arguments.settings import settings_of
    >>> space, faults = read_search_space({"lora_r": {"low": 8, "high": 64}}, settings_of(LoRAArguments))
    >>> print(space["lora_r"])
    8 to 64
    """
    space, faults = dict[str, Dimension](), list[str]()
    for name, wanted in given.items():
        if name not in settings:
            near = nearest(name, settings)
            faults.append(f"{name}: unknown setting; " + (f'nearest: "{near}"' if near else "train --help lists all"))
        elif name == "use_lora":
            faults.append("use_lora: adapters and all weights need search spaces of their own; tune each of the two")
        elif name in _SAME:
            faults.append(f"{name}: is the same in all trials, so that their scores can be compared; leave it out")
        else:
            wanted = {"choices": wanted} if isinstance(wanted, list) else wanted
            dimension = _read(settings[name], wanted)
            if isinstance(dimension, str):
                faults.append(f"{name}: {dimension}")
            else:
                space[name] = dimension
    return space, faults


def _read(setting: Setting, wanted: Any) -> Dimension | str:
    """The dimension of one setting, or what is wrong with it."""
    if not isinstance(wanted, dict) or not wanted:
        return f"expected {_SHAPE}, found {found(wanted)}"
    if unknown := [key for key in wanted if key not in _KEYS]:
        return f"expected {_SHAPE}, found {found(unknown[0])}{nearest_hint(unknown[0], _KEYS)}"
    if "choices" in wanted:
        return _read_choices(setting, wanted)
    return _read_range(setting, wanted)


def _read_choices(setting: Setting, wanted: Mapping[str, Any]) -> Dimension | str:
    choices = wanted["choices"]
    if len(wanted) > 1:
        return "choices take no low, high, log or step; give one of the two"
    if not isinstance(choices, list) or not choices:
        return f"choices: expected a list of values, found {found(choices)}"
    try:
        values = tuple(convert(setting, choice) for choice in choices)
    except ValueError as error:
        return f"choices: {error}"
    if bad := [value for value in values if not isinstance(value, str | int | float | None)]:
        return f"choices: expected numbers, texts, truth values or null, found {found(bad[0])}"
    if len(set(values)) < len(values):
        return "choices: one is given twice"
    return Dimension(setting.name, choices=values)


def _read_range(setting: Setting, wanted: Mapping[str, Any]) -> Dimension | str:
    kind = next((kind for kind in (float, int) if kind in setting.kinds), None)
    if kind is None:
        return "is no number; give its values as choices"
    numbers = {}
    for key in ("low", "high", "step"):
        if key not in wanted and key != "step":
            return f"{key} is missing; expected {_SHAPE}"
        try:
            numbers[key] = convert(Setting(key, (kind,), key == "step"), wanted.get(key))
        except ValueError as error:
            return f"{key}: {error}"
    log = wanted.get("log", False)
    low, high, step = numbers["low"], numbers["high"], numbers["step"]
    if not isinstance(log, bool):
        return f"log: expected true or false, found {found(log)}"
    if low >= high:
        return f"low {low:g} is not below high {high:g}"
    if log and (low <= 0 or step is not None):
        return "a logarithmic range is above 0 and has no step"
    if step is not None and (step <= 0 or not math.isclose((high - low) / step, round((high - low) / step))):
        return f"step {step:g} does not lead from {low:g} to {high:g}"
    return Dimension(setting.name, low, high, log, step, whole=kind is int)


def default_search_space(values: Mapping[str, Any]) -> dict[str, Dimension]:
    """What is tried where nobody says so, around the settings as they are.

    The learning rates are those that adapters and whole encoders are usually trained with.

    Args:
        values: of all settings of a training, defaults included.
    """
    lora, rate = values["use_lora"], values["learning_rate"]
    low, high = (1e-4, 2e-3) if lora else (1e-5, 4e-4)
    epochs = values["num_train_epochs"]
    size = "train_batch_tokens" if values["train_batch_tokens"] else "per_device_train_batch_size"
    room = values["max_seq_length"] - values["max_question_length"]
    sizes = [values[size] // 2, values[size] * 2]
    choices: dict[str, Sequence[Any]] = {
        "num_train_epochs": () if values["max_steps"] > 0 else [max(1, round(epochs / 2)), 2 * epochs],
        size: [n for n in sizes if n >= (values["max_seq_length"] if size == "train_batch_tokens" else 1)],
        "lora_r": [8, 16, 32, 64] if lora else (),
        "lora_alpha": [16, 32, 64] if lora else (),
        "hidden_dropout": [0.0, 0.1],
        "doc_stride": [n for n in (64, 128) if n <= room // 2],
        "negative_window_ratio": [None, 1, 3],
    }
    space = {"learning_rate": Dimension("learning_rate", min(low, rate), max(high, rate), log=True)}
    for name, others in choices.items():
        if others:
            mine = [values[name], *(other for other in others if other != values[name])]
            mine.sort(key=lambda value: (value is not None, value or 0))
            space[name] = Dimension(name, choices=tuple(mine))
    return space


def leaves_out(space: Mapping[str, Dimension], values: Mapping[str, Any]) -> list[str]:
    """The dimensions that do not hold the settings as they are, which trial 0 has; a fault each."""
    return [
        f"{name}: {dimension} leaves out {found(values[name])}, which the settings as they are, trial 0, have; "
        f"make room for it, or change {name}"
        for name, dimension in space.items()
        if values[name] not in dimension
    ]
