"""Decides whether a training has a warm start, and finds the weights for it.

A base model that never answered a question needs some thousand of them before it points at answers at all, and a
handful of documents gives a hundred. Its warm start is what a model learned from questions of the built-in domains:
shipped with this package for the embedded model, made once and kept for every other. Trains nothing itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_pipeline.arguments import Arguments
from qa_pipeline.data import Example
from qa_pipeline.errors import ConfigError, ModelError
from qa_pipeline.modeling.paths import WARM_STARTS, resolve_model_path
from qa_pipeline.modeling.untrained import is_untrained
from qa_pipeline.run import warm_weights
from qa_pipeline.text.languages import guess_language

logger = logging.getLogger(__name__)

ENOUGH_ROWS = 1_500
"""Training questions from which a base model learns what an answer is from them alone; see docs/experiments.md."""
SHIPPED = WARM_STARTS
"""Base models whose warm start comes with this package."""
_SAMPLE_TEXTS, _SAMPLE_CHARACTERS = 40, 600


@dataclass(frozen=True)
class WarmStart:
    """The warm start of a run.

    Attributes:
        recipe: what its weights are made from; see `warm_weights.recipe_of`.
        shipped: the name of the adapter that comes with this package; None: it is made here.
        why: for people.
    """

    recipe: dict[str, Any]
    shipped: str | None
    why: str

    @property
    def fingerprint(self) -> str:
        """Of all that its weights hang on."""
        return warm_weights.fingerprint(self.recipe)

    def facts(self) -> dict[str, Any]:
        """What run.json keeps of it."""
        return {"used": True, "why": self.why, "weights": self.shipped, "fingerprint": self.fingerprint, **self.recipe}


def choose(setting: str, *, untrained: bool, rows: int, english: bool, model: str) -> tuple[bool, str]:
    """Whether a training has a warm start, and why, for people.

    Args:
        setting: "auto", "on" or "off".
        untrained: the base model never answered a question.
        rows: training questions.
        english: their language; the built-in domains are English.
        model: its name, for messages.

    Raises:
        ConfigError: it was asked for, and the model answers questions already.

    >>> choose("auto", untrained=True, rows=120, english=True, model="m")[0]
    True
    >>> choose("auto", untrained=True, rows=4000, english=True, model="m")
    (False, '4,000 training questions are enough to learn from')
    """
    if setting == "off":
        return False, "warm_start is off"
    if not untrained:
        why = f"{model} was trained to answer questions before, and goes on from there"
        if setting == "on":
            raise ConfigError("warm_start", f"{why}; leave warm_start out, or give a base model without a trained head")
        return False, why
    if setting == "auto" and rows >= ENOUGH_ROWS:
        return False, f"{rows:,} training questions are enough to learn from"
    if setting == "auto" and not english:
        return False, "the training questions are not in English, as those of the built-in domains are"
    return True, f"{model} had never answered a question" + (
        f", and {rows:,} are few to learn it from" if rows < ENOUGH_ROWS else ", and warm_start is on"
    )


def plan_warm_start(arguments: Arguments, examples: Sequence[Example] | None) -> tuple[WarmStart | None, str]:
    """The warm start of a run, or None, and why.

    Args:
        arguments: of the run.
        examples: its training questions; None where it does not train.

    Raises:
        ConfigError: as `choose`.
        ModelError: there is no such model.
    """
    name, setting = str(arguments.model.model_name_or_path), arguments.model.warm_start
    if examples is None:
        return None, "nothing is trained"
    english = setting == "auto" and _is_english(examples, arguments.data.answer_language)
    untrained = setting != "off" and is_untrained(arguments.model)
    wanted, why = choose(setting, untrained=untrained, rows=len(examples), english=english, model=name)
    if not wanted:
        return None, why
    shipped = shipped_for(arguments)
    if shipped is not None:
        recipe = json.loads((Path(resolve_model_path(shipped)) / warm_weights.RECIPE).read_text(encoding="utf-8"))
        return WarmStart(recipe, shipped, why), why
    recipe = warm_weights.recipe_of(arguments.model, arguments.data, arguments.lora)
    return WarmStart(recipe, None, why), why


def shipped_for(arguments: Arguments) -> str | None:
    """The adapter of this package for the model of a run; None where it has none."""
    shipped = SHIPPED.get(str(arguments.model.model_name_or_path).rstrip("/"))
    return None if arguments.model.config_name is not None else shipped


def ready(warm: WarmStart, arguments: Arguments) -> str:
    """The folder of its weights; they are made where they are not there, by one process of each machine.

    Raises:
        ModelError: they cannot be made; says where the log of it is.
    """
    args = arguments.training
    if warm.shipped is not None:
        logger.info("Warm start: %s. The model begins with %s.", warm.why, warm.shipped)
        return resolve_model_path(warm.shipped)
    with args.main_process_first(local=True, desc="warm start"):
        if args.local_process_index == 0:
            logger.info("Warm start: %s.", warm.why)
            return str(warm_weights.made(warm.recipe, arguments))
    found = warm_weights.kept(warm.recipe)
    if found is None:
        raise ModelError("warm start: the main process did not make it; its message says why")
    return str(found)


def _is_english(examples: Sequence[Example], language: str | None) -> bool:
    """Whether the questions and texts are in English, by some of them from all over."""
    if language is not None:
        return language.lower().split("-")[0].split("_")[0] in ("en", "english")
    some = examples[:: max(1, len(examples) // _SAMPLE_TEXTS)]
    text = "\n".join(f"{one['question']}\n{one['context'][:_SAMPLE_CHARACTERS]}" for one in some)
    return guess_language(text) == "en"
