"""Finds the prompt whose questions train the best reader: from Python what `qa-pipeline optimize-prompt` does."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa_pipeline import artifacts
from qa_pipeline.documents.passages import read_passages
from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.generation.filters import Reader
from qa_pipeline.generation.outputs import leaving_no_empty_folder
from qa_pipeline.generation.questions.llm.prompt_files import BEST_PROMPT
from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.optimisation import stages
from qa_pipeline.optimisation.arguments import OptimizationSettings, optimization_settings
from qa_pipeline.optimisation.job import RECORD, WORK, grid_sample, inferred, prepare
from qa_pipeline.optimisation.report import make_report
from qa_pipeline.optimisation.trainings import TrainReader

logger = logging.getLogger(__name__)

REPORT = "report.json"
PAGE = "report.html"


@dataclass(frozen=True)
class OptimizationResult:
    """What an optimisation ends in.

    Attributes:
        folder: holds best_prompt.yaml, the tables, report.json and report.html.
        best: the prompt to use: the winner of the search where it gains something, else the baseline.
        report: what was tried, what it scored and took, and what was not measured, as `report.json`.

    Example:
        >>> from qa_pipeline.generation.questions.llm.recipes import recipe_of_number
        >>> result = OptimizationResult(Path("runs/optimize_prompt"), recipe_of_number(1), {"domain": "library"})
        >>> result.best_prompt.as_posix(), result.report["domain"]
        ('runs/optimize_prompt/best_prompt.yaml', 'library')
    """

    folder: Path
    best: Recipe
    report: dict[str, Any]

    @property
    def best_prompt(self) -> Path:
        """The prompt file, which `generate` takes as prompt_file."""
        return self.folder / BEST_PROMPT


def optimize_prompt(
    documents: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    *,
    model: str,
    max_tokens: int | None = None,
    backend: str = "openai",
    **settings: Any,
) -> OptimizationResult:
    """Finds the prompt whose questions about these documents train the best reader.

    A run that was killed goes on where it was when the same call comes again.

    Args:
        documents: files or folders.
        model: the language model that writes the questions.
        max_tokens: that all of this may use, prompts and completions together.
        backend: "openai" (any OpenAI-compatible server), "vllm" or "transformers".
        settings: all other settings of the command by their names (`qa-pipeline optimize-prompt --help`), such as
            output_dir, base_url, check_file, test_file, num_candidates, rounds, proposers, baselines, seed.

    Raises:
        ConfigError: with every fault of the settings; or output_dir belongs to other settings.
        DataError: a document or a file of questions cannot be read, or a file cannot be written.
        BackendError: the language model cannot be asked; what is done is kept.

    Example:
        >>> from qa_pipeline import ConfigError
        >>> try:
        ...     optimize_prompt("docs/examples/town_library", model="qwen3-4b", rounds=0)
        ... except ConfigError as error:
        ...     print(len(error.problems), [name for name in ("max_tokens", "rounds", "model") if name in str(error)])
        2 ['max_tokens', 'rounds']
    """
    given = {"documents": documents, "model": model, "max_tokens": max_tokens, "backend": backend}
    resolved = optimization_settings({**given, **settings}, "optimize_prompt()")
    asked = [name for name in ("plan", "stage") if getattr(resolved.general, name)]
    if asked:
        problems = [f"{name}: start the command: qa-pipeline optimize-prompt" for name in asked]
        raise ConfigError(resolved.source, problems)
    return optimize(resolved)


def optimize(
    settings: OptimizationSettings,
    *,
    backend: Backend | None = None,
    reader: Reader | None = None,
    train: TrainReader | None = None,
) -> OptimizationResult:
    """All stages, or the one that the settings name (`synthesize` or `evaluate`).

    Args:
        settings: resolved.
        backend, reader, train: stand-ins for the language model, the frozen reader and the training of small ones.

    Raises:
        as `optimize_prompt`.
    """
    stage = settings.general.stage
    if stage == "evaluate" and not (settings.folder / WORK / RECORD).is_file():
        raise ConfigError(
            "stage", f"{settings.folder} holds no search to evaluate; start with --stage synthesize, or without a stage"
        )
    with leaving_no_empty_folder(settings.folder):
        job = prepare(settings, backend=backend, reader=reader, train=train)
        model = None
        if settings.general.prompt_model:
            from qa_pipeline.optimisation.prompt_model import PromptModel

            model = PromptModel.load(settings.general.prompt_model)
        found = stages.synthesize(job, model)
    learned = _learn(settings) if stage is None else None
    standings = None if stage == "synthesize" else stages.evaluate(job, found)
    report = make_report(job, found, standings, learned)
    with artifacts.writing(settings.folder, resumes=True):
        artifacts.write_json(settings.folder / REPORT, report)
    write_page(settings.folder)
    return OptimizationResult(settings.folder, found.result.best.recipe, report)


def infer_prompts(
    prompt_model: str | os.PathLike[str],
    documents: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    number: int = 3,
    *,
    seed: int = 0,
) -> list[Recipe]:
    """Prompts for documents that nothing was measured on, by a prompt model that was trained on others. Asks nobody.

    Args:
        prompt_model: its folder (`prompt_model` in the output_dir of `optimize_prompt`).
        documents: files or folders.
        number: of prompts.
        seed: draws the prompts that it chooses from.

    Returns:
        The most promising first; `write_recipe` of `generation.questions.llm.recipes` writes one for `generate`.

    Raises:
        ModelError: the folder holds no prompt model.
        DataError: a document cannot be read.

    Example:
        >>> from qa_pipeline import ModelError
        >>> try:
        ...     infer_prompts("runs/missing", "docs/examples/town_library")
        ... except ModelError as error:
        ...     print("runs/missing: holds no prompt model" in str(error))
        True
    """
    from qa_pipeline.optimisation.prompt_model import PromptModel

    if number < 1:
        raise ConfigError("number", f"expected 1 or more, found {number}")
    model = PromptModel.load(Path(prompt_model))
    listed = [documents] if isinstance(documents, str | os.PathLike) else list(documents)
    sources: list[str] = [os.fspath(name) for name in listed]
    passages, _ = read_passages(sources)
    order = inferred(model, passages, grid_sample(np.random.default_rng([seed, stages.POPULATION_SEED]), ("few_shot",)))
    return [candidate.recipe for candidate in order[:number]]


def write_page(folder: Path) -> Path:
    """Writes report.html of the tables and the report in a folder.

    Raises:
        DataError: one of them is missing or damaged, or the page cannot be written.
    """
    from qa_pipeline.optimisation.page import page_of

    with artifacts.writing(folder, resumes=True):
        return artifacts.write_text(folder / PAGE, page_of(folder))


def _learn(settings: OptimizationSettings) -> Any:
    """What the prompt model was trained on, or why there is none: that ends no optimisation."""
    try:
        return stages.train(settings)
    except (ConfigError, DataError, ModelError) as error:
        logger.warning("no prompt model: %s", error)
        return str(error)
