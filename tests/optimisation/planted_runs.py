"""Runs of `optimize-prompt` on a played model: documents, questions and settings, and what stands in for training.

The trainings of small readers and the frozen reader of the round trip take minutes; here both know the documents (see
`planted_world`). Everything else is the real code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.questions.llm.generator import LLMOptions
from qa_pipeline.generation.questions.llm.setup import ANSWER_KINDS
from qa_pipeline.optimisation.arguments import OptimizationSettings, optimization_settings
from qa_pipeline.optimisation.rungs import Rungs, RungSettings
from qa_pipeline.optimisation.synthesis import Synthesizer
from qa_pipeline.optimisation.trainings import SeedScores
from tests.optimisation.planted import PlantedBackend
from tests.optimisation.planted_domains import DOMAINS
from tests.optimisation.planted_world import World, answer_scores, stable_random

DOCUMENTS, CHECK, SHOWN = 60, 120, 6
"""Of a world: documents, questions of people that judge (and as many that test), and examples for the model."""
TRAIN_ROWS = 120
PASSAGES = (6, 18, 36)
"""Of the rungs."""
_OF_SHOWN = 1_000_000
"""Added to a seed for the world of the examples: what is shown to the model measures nothing."""
ARGUMENTS: dict[str, Any] = {
    **{"model": "planted", "backend": "openai", "max_retries": 2, "train_rows": TRAIN_ROWS},
    **dict(zip(("validity_passages", "round_trip_passages", "training_passages"), PASSAGES, strict=True)),
    **{"proposers": ["grid", "rewrite"], "baselines": ["random"]},
}
"""Settings of the command."""


def world_of(seed: int) -> World:
    """The documents of a seed; domains in turn."""
    return World(DOMAINS[seed % len(DOMAINS)], DOCUMENTS, seed)


def write_sources(folder: Path, world: World, seed: int) -> dict[str, Any]:
    """Writes documents and questions of people.

    Returns:
        The settings that name them and the output folder, `folder/out`.
    """
    documents = folder / "documents"
    documents.mkdir(parents=True)
    for passage in world.passages:
        (documents / passage.document).write_text(passage.text, encoding="utf-8")
    questions = world.questions_of_people(2 * CHECK, stable_random("people", seed))
    files = {"check_file": questions[:CHECK], "test_file": questions[CHECK:], "few_shot_file": shown_to(world, seed)}
    for name, rows in files.items():
        (folder / f"{name}.json").write_text(json.dumps({"data": rows}), encoding="utf-8")
    given: dict[str, Any] = {name: str(folder / f"{name}.json") for name in files}
    return given | {"documents": [str(documents)], "output_dir": str(folder / "out"), "domain": world.domain.name}


def settings_of(given: Mapping[str, Any], seed: int, url: str, tokens: int, **changes: Any) -> OptimizationSettings:
    """The settings of a run on sources that `write_sources` wrote."""
    values = {**ARGUMENTS, **given, "seed": seed, "base_url": url, "max_tokens": tokens, **changes}
    return optimization_settings(values, "a run on a played model")


def shown_to(world: World, seed: int) -> list[dict[str, Any]]:
    """Few-shot examples from other documents of the domain."""
    return World(world.domain, DOCUMENTS, seed + _OF_SHOWN).questions_of_people(SHOWN, stable_random("shown", seed))


def trainer(world: World) -> Callable[..., SeedScores]:
    """Stands in for the training of small readers; see `trainings.TrainReader`."""

    def train(rows: Sequence[Any], questions: Sequence[Any], seed: int) -> SeedScores:
        scores = tuple(answer_scores(world, rows, questions, seed).tolist())
        return SeedScores(scores, scores)

    return train


def rungs_of(world: World, seed: int, passages: tuple[int, int, int] = PASSAGES, **options: Any) -> Rungs:
    """Rungs on a played model of their own, without a server; asked as a run with this seed asks."""
    asked = LLMOptions(answer_types=ANSWER_KINDS, examples=shown_to(world, seed), seed=seed)
    synthesizer = Synthesizer(PlantedBackend([world]), FilterArguments(), "en", asked)
    settings = RungSettings(passages=passages, train_rows=TRAIN_ROWS, seed=seed)
    return Rungs(synthesizer, world.passages, settings, reader=world.read, domain=world.domain.name, **options)
