"""The settings of `optimize-prompt`: what is searched, with which tokens, by what it is judged. Reads no document."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from qa_pipeline.arguments.config_files import nearest_hint
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import setting, split_names
from qa_pipeline.documents.reading import KINDS
from qa_pipeline.generation.argument_checks import FILTERS
from qa_pipeline.generation.arguments import BackendArguments, FilterArguments
from qa_pipeline.generation.questions.llm.prompt_files import take_prompt_file
from qa_pipeline.optimisation.budget import KEPT_BACK
from qa_pipeline.optimisation.search import SearchSettings
from qa_pipeline.text.encoding import encoding_fault

STAGES = ("synthesize", "train", "infer", "evaluate")
PROPOSERS = ("grid", "rewrite", "gepa")
BASELINES = ("random", "cloze", "gepa")
SEARCHES = ("random", "gepa")
"""Baselines that ask the language model, each with as many tokens as the search."""
_USUAL_NAMES = {
    "input": "documents",
    "dataset": "contexts_from",
    "dev_file": "check_file",
    "validation_file": "check_file",
    "budget": "max_tokens",
    "max_metric_calls": "max_tokens",
    "task": "prompt",
    "model_name_or_path": "model",
    "api_base": "base_url",
    "num_prompts": "num_candidates",
    "n": "num_candidates",
}


@dataclass
class OptimizationArguments:
    """What is searched, on what, and what judges."""

    _argument_group_name: ClassVar[str] = "optimization"

    output_dir: str = setting(
        "runs/optimize_prompt", "Folder for the best prompt, the tables, the report and the page."
    )
    documents: list[str] | None = setting(None, f"Files or folders that questions are made of: {KINDS}, or .jsonl.")
    contexts_from: list[str] | None = setting(
        None, "Labelled data in any known format; its contexts are used, its questions are not."
    )
    encoding: str | None = setting(None, "Encoding of documents that are text, HTML or JSONL; None: found out.")
    language: str = setting("en", "Language code of documents and questions.")
    min_passage_words: int = setting(15, "Shorter passages are left out.", least=1)
    max_passage_words: int = setting(400, "Longer paragraphs are cut between sentences.", least=20)
    prompt: str | None = setting(None, "What the questions are for, in words, as `generate` takes it.")
    few_shot_file: str | None = setting(
        None, "Labelled examples to show to the model. Never the questions of check_file or test_file."
    )
    answer_types: list[str] | None = setting(None, "Kinds of answer to prefer, in your own words; None: all.")
    questions_per_context: int = setting(5, "Questions that a prompt is asked for about one passage.", least=1)
    domain: str | None = setting(
        None, "What the documents are about, for the tables and for prompt models; None: the name of their folder."
    )
    check_file: str | None = setting(
        None,
        "Questions that people wrote and answered, in any known format: they judge. None: the round trip judges, and "
        "the report says so.",
    )
    test_file: str | None = setting(
        None,
        "Such questions for the final comparison, read once, at the end. None: half of the documents of check_file "
        "are kept for it.",
        requires="check_file",
    )
    num_candidates: int = setting(12, "Prompts that one round tries.", least=2)
    rounds: int | None = setting(
        None,
        "Rounds; the first tries a grid, each later one what the proposers make. None: as long as tokens last.",
        least=1,
    )
    eta: int = setting(3, "One of so many prompts climbs from the round trip to the trained readers.", least=2)
    validity_passages: int = setting(16, "Passages of the first rung: how many rows the filters accept.", least=1)
    round_trip_passages: int = setting(48, "Passages of the second rung, those of the first among them.", least=1)
    training_passages: int = setting(96, "Passages of the third rung, those of the second among them.", least=1)
    reader: str | None = setting(
        None, "A trained reader for the round trip; None: the embedded model with its warm start."
    )
    train_model: str | None = setting(
        None, "What the small readers of the third rung begin with; None: the embedded model with its warm start."
    )
    train_epochs: float = setting(3.0, "Passes of a small reader over its questions.", above=0)
    train_learning_rate: float = setting(1e-4, "Peak learning rate of a small reader.", above=0)
    train_rows: int = setting(300, "Questions that a small reader is trained on, at most.", least=8)
    train_seeds: int = setting(3, "Small readers of a prompt, each with a seed of its own.", least=1)
    proposers: list[str] = setting(
        ["grid", "rewrite"],
        "What makes the prompts of later rounds: grid (other factors of the best ones; asks nobody), rewrite (the "
        "language model, which is told what was refused and why), gepa (needs the package of that name), or none.",
    )
    baselines: list[str] = setting(
        ["cloze"],
        "What the result is compared with beside the first prompt: random (search by chance), gepa, cloze (questions "
        "by rules), or none. random and gepa each take as many tokens as the search: max_tokens is shared out.",
    )
    prompt_model: str | None = setting(
        None, "Folder of a trained prompt model: says what to try first, and is extended by this domain."
    )
    more_runs: list[str] | None = setting(
        None, "Folders of finished runs on other domains, from which the prompt model learns too."
    )
    num_inferred: int = setting(3, "Prompts that --stage infer proposes.", least=1)
    stage: Literal["synthesize", "train", "infer", "evaluate"] | None = setting(
        None,
        "Only this: synthesize (search, and write the best prompt), train (the prompt model), infer (prompts for the "
        "documents by a trained prompt model; asks nobody), evaluate (best prompt against baseline on the test "
        "questions). None: all.",
    )
    seed: int = setting(0, "The same seed, settings and completions give the same files.", least=0)
    plan: bool = setting(False, "Say what would be asked, ask nothing, write nothing.")
    overwrite_output_dir: bool = setting(
        False, "Forget an earlier search in output_dir that had other settings. Its completions are kept."
    )


GROUPS = (OptimizationArguments, BackendArguments, FilterArguments)


@dataclass
class OptimizationSettings:
    """All settings of one optimisation; `source` names where they came from."""

    general: OptimizationArguments
    backend: BackendArguments
    filters: FilterArguments
    source: str

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path(self.general.output_dir)

    @property
    def searches(self) -> int:
        """Searches that share the tokens: the own one, and those of baselines."""
        return 1 + sum(name in SEARCHES for name in self.general.baselines)

    @property
    def tokens_a_search(self) -> int:
        """Tokens that each search may plan with."""
        return int((self.backend.max_tokens or 0) * (1 - KEPT_BACK)) // self.searches

    @property
    def search(self) -> SearchSettings:
        """How the search goes."""
        general = self.general
        return SearchSettings(
            num_candidates=general.num_candidates,
            eta=general.eta,
            rounds=general.rounds,
            top_rung=2 if general.check_file else 1,
        )


def parse_optimization_arguments(argv: list[str]) -> OptimizationSettings:
    """Resolves `[CONFIG.yaml] [--key value ...]`.

    Raises:
        ConfigError: with every fault that was found.
    """
    return _check(Resolution.read(argv, GROUPS, old={}, usual_names=_USUAL_NAMES))


def optimization_settings(values: Mapping[str, Any], place: str) -> OptimizationSettings:
    """Resolves settings that Python code gives; a path may stand for a text, and one text for a list of one.

    Args:
        values: by the names of the settings; None: not given.
        place: what gave them, for messages.

    Raises:
        ConfigError: with every fault that was found.
    """
    texts = {key: _plain(value) for key, value in values.items() if value is not None}
    return _check(Resolution.of(texts, place, GROUPS, old={}))


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _check(resolution: Resolution) -> OptimizationSettings:
    values = resolution.values
    for name in ("answer_types", "skip_filters", "proposers", "baselines"):
        if values[name]:
            values[name] = split_names(values[name])
    for name in ("proposers", "baselines"):
        values[name] = [one for one in values[name] or () if one != "none"]
    resolution.check_declared()

    def fault(text: str, *keys: str) -> None:
        resolution.report_at(" ".join(keys), text)

    _check_names(values, fault)
    _check_numbers(values, fault)
    _check_sources(values, fault)
    if values["stage"] not in ("train", "infer"):
        _check_backend(values, fault)
        take_prompt_file(resolution)
    resolution.raise_problems()
    return OptimizationSettings(
        resolution.make(OptimizationArguments),
        resolution.make(BackendArguments),
        resolution.make(FilterArguments),
        resolution.source,
    )


def _check_names(values: Mapping[str, Any], fault: Callable[..., None]) -> None:
    for key, known in (("proposers", PROPOSERS), ("baselines", BASELINES), ("skip_filters", FILTERS)):
        for name in values[key] or ():
            if name not in known:
                fault(f'expected some of {", ".join(known)}, found "{name}"{nearest_hint(name, known)}', key)
    if values["encoding"] is not None and (unknown := encoding_fault(values["encoding"])):
        fault(unknown, "encoding")


def _check_numbers(values: Mapping[str, Any], fault: Callable[..., None]) -> None:
    pairs = (
        *(("min_question_words", "max_question_words"), ("min_passage_words", "max_passage_words")),
        *(("validity_passages", "round_trip_passages"), ("round_trip_passages", "training_passages")),
    )
    for low, high in pairs:
        if values[low] > values[high]:
            fault(f"{values[low]} is more than {high}={values[high]}", low, high)
    prices = (values["price_per_million_prompt_tokens"], values["price_per_million_completion_tokens"])
    if values["max_cost"] is not None and None in prices:
        fault("needs price_per_million_prompt_tokens and price_per_million_completion_tokens", "max_cost")


def _check_sources(values: Mapping[str, Any], fault: Callable[..., None]) -> None:
    if os.path.isfile(values["output_dir"]):
        fault(f'"{values["output_dir"]}" is a file; give a folder', "output_dir")
    if values["stage"] != "train" and not values["documents"] and not values["contexts_from"]:
        fault("is required: what the questions are made of (or contexts_from)", "documents")
    for source in values["documents"] or ():
        if os.path.isdir(source) and os.path.realpath(source) == os.path.realpath(values["output_dir"]):
            fault(f'"{source}" is a folder of documents; give another folder', "output_dir")
    asked = [values[key] for key in ("check_file", "test_file", "few_shot_file") if values[key]]
    if len({os.path.realpath(name) for name in asked}) < len(asked):
        fault(
            "check_file, test_file and few_shot_file must be different questions: what is shown to the model, or has "
            "judged the search, measures nothing in the end",
            "check_file",
            "test_file",
            "few_shot_file",
        )


def _check_backend(values: Mapping[str, Any], fault: Callable[..., None]) -> None:
    if values["backend"] == "cloze":
        fault(
            "cloze has no prompt; choose openai, vllm or transformers. (Its questions are what the result is compared "
            "with: baselines)",
            "backend",
        )
    elif not values["model"]:
        fault(f"is required with backend: {values['backend']}", "model", "backend")
    if values["max_tokens"] is None:
        fault(
            "is required: tokens, prompts and completions together, that all of this may use. --plan says what the "
            "first round takes",
            "max_tokens",
        )
    if values["round_trip_model"]:
        fault("the round trip judges here and refuses nothing; give its reader as reader", "round_trip_model")
