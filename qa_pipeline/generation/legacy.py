"""Keys of earlier configurations of `generate` that no longer exist: what they mean now, or why they are gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qa_pipeline.arguments.legacy import Legacy, Replaced
from qa_pipeline.arguments.settings import make_setting

_WHERE = 'see "What was taken out of the questions by rules, and why" in docs/experiments.md'
_SELF_TRAINING = f"is gone: a round of self-training gained nothing that could be told from chance; {_WHERE}"
_INGREDIENTS = {
    "noise": "is gone: dropping, blanking and moving words of the questions gained nothing",
    "other_sentence": "is gone: asking with the words of another sentence gained nothing",
    "style": "is gone: whether a text is about a service is decided passage by passage",
}
"""Former ingredients of the cloze engine, and why they are gone."""
_ASKED_FOR_NOTHING = {"noise": False, "other_sentence": False, "style": "auto", "frames": True}


def _rounds(value: Any) -> dict[str, Any]:
    if value:
        raise Replaced(_SELF_TRAINING)
    return {}


def _ingredients(value: Any) -> dict[str, Any]:
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise Replaced("no longer exists; set cloze_plugins")
    problems = []
    for name, wanted in value.items():
        if name == "frames" and wanted is False:
            continue
        if wanted != _ASKED_FOR_NOTHING.get(name, ...):
            problems.append(f"{name} {_INGREDIENTS.get(name, 'is no ingredient that there ever was')}")
    if problems:
        raise Replaced(f"no longer exists; {'; '.join(problems)}; {_WHERE}")
    return {"cloze_plugins": ["none"]} if value.get("frames") is False else {}


def _legacy(key: str, annotation: Any, translate: Callable[[Any], dict[str, Any]], stands_for: str = "") -> Legacy:
    return Legacy(make_setting(key, annotation | None), frozenset(stands_for.split()), translate)


FORMER = {
    "cloze_ingredients": _legacy("cloze_ingredients", dict[str, Any] | str, _ingredients, "cloze_plugins"),
    "self_training_rounds": _legacy("self_training_rounds", int, _rounds),
    "self_training_model": _legacy("self_training_model", str, lambda value: {}),  # without rounds it did nothing
}
