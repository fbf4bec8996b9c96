"""Turns finished searches into a prompt model, and a prompt model into prompts for other documents. Asks no backend.

What a search measured is read from its tables; a sample of its domain are the texts that its questions are about.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.optimisation.tables import read_table

if TYPE_CHECKING:
    from qa_pipeline.optimisation.domain_scores import DomainScores
    from qa_pipeline.optimisation.prompt_model import PromptModel, TrainingFacts

logger = logging.getLogger(__name__)

ENOUGH_PROMPTS = 4
"""Prompts on a rung from which the prompt model learns by that rung; with fewer the rung below is taken."""


@dataclass(frozen=True)
class MeasuredDomain:
    """What a search measured on one domain.

    Attributes:
        domain: its name.
        texts: a sample of it.
        recipes: the prompts of one rung.
        scores, noise: of each.
        rung: see `evaluations.RUNG_NAMES`.
    """

    domain: str
    texts: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    scores: tuple[float, ...]
    noise: tuple[float, ...]
    rung: int


def read_measured(folder: str | Path) -> MeasuredDomain:
    """What the tables of a finished search say.

    Args:
        folder: output_dir of the search.

    Raises:
        DataError: a table is missing or damaged, or holds nothing to learn from.
    """
    folder = Path(folder)
    prompts = {row["hash"]: recipe_of_row(row) for row in read_table(folder / "prompts.parquet", "prompts")}
    evaluations = read_table(folder / "evaluations.parquet", "evaluations")
    data = read_table(folder / "synthetic_data.parquet", "synthetic_data")
    if not evaluations or not data:
        raise DataError(f"{folder}: the search has measured nothing, or made no row; nothing can be learned from it")
    by_rung: dict[int, list[dict[str, Any]]] = {}
    for row in evaluations:
        by_rung.setdefault(row["rung"], []).append(row)
    rung = next((one for one in sorted(by_rung, reverse=True) if len(by_rung[one]) >= ENOUGH_PROMPTS), min(by_rung))
    rows = by_rung[rung]
    return MeasuredDomain(
        domain=rows[0]["domain"],
        texts=tuple(sorted({row["context"] for row in data})),
        recipes=tuple(prompts[row["prompt_hash"]] for row in rows),
        scores=tuple(row["score"] for row in rows),
        noise=tuple(row["noise"] for row in rows),
        rung=rung,
    )


def recipe_of_row(row: dict[str, Any]) -> Recipe:
    """The prompt of a row of the table `prompts`."""
    names = ("name", "system", "user", "kind", "following_system", "following_user", "rephrase", "few_shot")
    return Recipe(**{name: row[name] for name in (*names, "evidence", "temperature", "parent", "made_by")})


def learn(
    folders: Sequence[str | Path], known: str | Path | None, output_dir: str | Path
) -> tuple[TrainingFacts, list[MeasuredDomain]]:
    """Trains a prompt model on finished searches, or teaches them to one that is there, and saves it.

    Args:
        folders: output_dir of each search.
        known: folder of a trained prompt model, which is extended; what it knows of other domains is shown to it again.
        output_dir: folder for the model.

    Raises:
        ConfigError: two searches have the same name of a domain.
        DataError: a table cannot be read, or no two prompts differ by more than noise.
        ModelError: `known` is no prompt model.
    """
    from qa_pipeline.optimisation.prompt_model import PromptModel

    measured = [read_measured(folder) for folder in folders]
    names = [one.domain for one in measured]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            "more_runs", f"{', '.join(twice)}: the name of two domains; give each search its own name (domain)"
        )
    model = PromptModel() if known is None else PromptModel.load(known)
    domains = [_scores_of(one, model) for one in measured]
    facts = model.fit(domains) if known is None else model.extend(domains)
    model.save(output_dir)
    logger.info("prompt model: %d domains, %d prompts, %d pairs beyond noise", len(domains), facts.prompts, facts.pairs)
    return facts, measured


def _scores_of(measured: MeasuredDomain, model: PromptModel) -> DomainScores:
    from qa_pipeline.optimisation.domain_scores import DomainScores

    return DomainScores(
        measured.domain,
        model.domain_vector(measured.texts),
        list(measured.recipes),
        np.array(measured.scores),
        np.array(measured.noise),
    )
