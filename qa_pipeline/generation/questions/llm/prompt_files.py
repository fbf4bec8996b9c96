"""Finds the prompt file that settings name: a file, the folder of a finished search for prompts, or its best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.llm.recipes import Recipe, read_recipe

BEST = "best"
"""The prompt number that stands for the winner of a search for prompts."""
BEST_PROMPT = "best_prompt.yaml"
"""The winner's prompt file in the folder of a search."""
SEARCH_FOLDER = "runs/optimize_prompt"
"""Where a search for prompts leaves its files unless it is told otherwise."""
_OWN = ("rephrase", "temperature")
"""Settings of a generation that a prompt file decides."""


def find_prompt_file(prompt_file: str | None, prompt_number: int | str = 1) -> Path | None:
    """The prompt file that is meant; None for a numbered template.

    Args:
        prompt_file: a file, or the folder of a finished search.
        prompt_number: "best": that folder's, which is then `SEARCH_FOLDER` where none is named.

    Raises:
        ConfigError: nothing is there, or the folder has no winner.
    """
    if prompt_file is None and prompt_number != BEST:
        return None
    path = Path(prompt_file or SEARCH_FOLDER)
    if path.is_dir():
        best = path / BEST_PROMPT
        if not best.is_file():
            raise ConfigError(
                str(path),
                f"expected the folder of a finished `qa-pipeline optimize-prompt`, found no {BEST_PROMPT} in it; "
                "name a prompt file (YAML), or let that command come to its end",
            )
        return best
    if prompt_file is None:
        raise ConfigError(
            str(path),
            f"no such folder: `qa-pipeline optimize-prompt` leaves its winner there ({BEST_PROMPT}); run it first, or "
            "name the folder of a run with prompt_file",
        )
    return path


def take_prompt_file(resolution: Resolution) -> None:
    """Settles the settings that a prompt file decides, and reports what is wrong with it or contradicts it.

    Afterwards `prompt_file` is the file itself, and `rephrase` and `temperature` are as it says.
    """
    values = resolution.values
    keys = "prompt_file" if values["prompt_file"] is not None else "prompt_number"
    try:
        path = find_prompt_file(values["prompt_file"], values["prompt_number"])
        recipe = read_recipe(path) if path is not None else None
    except ConfigError as error:
        for text in error.problems:
            resolution.report_at(keys, f"{error.source}: {text}")
        return
    if path is None or recipe is None:
        return
    values["prompt_file"] = str(path)
    if values["prompt_number"] not in (1, BEST):
        resolution.report("prompt_number prompt_file", "a prompt file stands in place of a number; give one of the two")
    for name in _OWN:
        _take(resolution, name, getattr(recipe, name), path)


def _take(resolution: Resolution, name: str, value: Any, path: Path) -> None:
    """Sets what the file says, unless another value was given."""
    one = resolution.given.get(name)
    if one is not None and one.value != value:
        said = str(value).lower() if isinstance(value, bool) else value
        resolution.report(name, f"the prompt file {path} says {said}; change it there, or leave the setting out")
    else:
        resolution.values[name] = value


def recipe_of_settings(prompt_file: str | None, prompt_number: int | str) -> Recipe | None:
    """The recipe of the prompt file that settings name; None for a numbered template.

    Raises:
        ConfigError: there is no such file, or with everything that is wrong in it.
    """
    path = find_prompt_file(prompt_file, prompt_number)
    return None if path is None else read_recipe(path)
