"""Sets up a language model: its backend with limits and cache, the generator that asks it, and plans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qa_pipeline.arguments.resolver import log_once
from qa_pipeline.data import Example
from qa_pipeline.generation.arguments import BackendArguments, Settings
from qa_pipeline.generation.backends.protocol import Backend, Completion, Failure, Request, UsageTotals
from qa_pipeline.generation.job import PROMPT_HASH, Engine
from qa_pipeline.generation.questions.llm.prompts import load_prompts
from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.generation.specification.specification import Specification

ANSWER_KINDS = (
    *("a name", "a date, time or period", "a number, amount or price", "a phrase of a few words"),
    *("a reason or purpose", "a condition", "a way of doing something"),
)
"""Asked for in turn where the user names no answer types, so that answers are of many kinds."""
DEFAULT_PASSAGES = 100
"""Passages written from a prompt alone where num_examples is not given."""
SURPLUS = 1.5
"""Questions asked for each row wanted, since filters and duplicates take some."""


def make_backend(arguments: BackendArguments, cache: Path | None) -> Backend:
    """The backend that the arguments name.

    Args:
        cache: file of completions; None keeps them in memory.

    Raises:
        BackendError: a package or key is missing, the name stands for no model, or a limit cannot be meant.
    """
    from qa_pipeline.generation.backends import OpenAIBackend, TransformersBackend, VLLMBackend

    limits = limits_of(arguments)
    model = str(arguments.model)
    if arguments.backend == "openai":
        return OpenAIBackend(
            model,
            base_url=arguments.base_url,
            api_key_env=arguments.api_key_env,
            limits=limits,
            prices=prices_of(arguments),
            cache=cache,
            extra_body=arguments.extra_body or None,  # type: ignore[arg-type]
        )
    if arguments.backend == "vllm":
        return VLLMBackend(
            model,
            tensor_parallel_size=arguments.tensor_parallel_size,
            data_parallel_size=arguments.data_parallel_size,
            limits=limits,
            cache=cache,
        )
    return TransformersBackend(
        model, batch_size=arguments.batch_size, load_in_4bit=arguments.load_in_4bit, limits=limits, cache=cache
    )


def limits_of(arguments: BackendArguments) -> Any:
    """The limits among the arguments."""
    from qa_pipeline.generation.backends import Limits

    return Limits(
        concurrency=arguments.concurrency,
        requests_per_minute=arguments.requests_per_minute,
        tokens_per_minute=arguments.tokens_per_minute,
        max_requests=arguments.max_requests,
        max_tokens=arguments.max_tokens,
        max_cost=arguments.max_cost,
        timeout=arguments.timeout_s,
        max_retries=arguments.max_retries,
    )


def prices_of(arguments: BackendArguments) -> Any:
    """The prices among the arguments."""
    from qa_pipeline.generation.backends import Prices

    return Prices(arguments.price_per_million_prompt_tokens, arguments.price_per_million_completion_tokens)


class PlanBackend:
    """A backend for plans: has the model's name and cannot be asked."""

    def __init__(self, model: str):
        self.model = model

    @property
    def usage(self) -> UsageTotals:
        """Nothing."""
        return UsageTotals()

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        """Raises RuntimeError: a plan asks nothing."""
        raise RuntimeError("a plan asks nothing")


def language_model_engine(
    settings: Settings,
    backend: Backend,
    specification: Specification | None,
    examples: Sequence[Example],
    language: str,
    unanswerable_fraction: float,
    recipe: Recipe | None = None,
) -> Engine:
    """The engine that asks a backend, by the recipe of a prompt file where there is one.

    Raises:
        ConfigError: the prompt number begins no run, or another setting cannot be meant.
    """
    from qa_pipeline.generation.questions.llm.generator import LLMGenerator, LLMOptions

    general, arguments = settings.generation, settings.backend
    options = LLMOptions(
        questions_per_passage=general.questions_per_context,
        unanswerable_fraction=unanswerable_fraction,
        answer_types=general.answer_types or ANSWER_KINDS,
        language=language,
        task=specification.wish if specification else "",
        examples=examples,
        prompt_number=1 if recipe else int(arguments.prompt_number),
        rephrase=arguments.rephrase,
        temperature=arguments.temperature,
        seed=general.seed,
        max_tokens=arguments.max_completion_tokens,
        recipe=recipe,
    )
    return Engine(LLMGenerator(backend, options), backend, block_size=_block_size(settings))


def prompt_identity(
    specification: Specification | None, examples: Sequence[Example], recipe: Recipe | None = None
) -> dict[str, str]:
    """What the model reads beyond the settings, as a journal notes it: a run goes on only where it is the same."""
    shown = json.dumps([[row["context"], row["question"], row["answers"]] for row in examples], sort_keys=True)
    return {
        "task": specification.wish if specification else "",
        "examples": f"{len(examples)}, {hashlib.sha256(shown.encode()).hexdigest()[:12]}",
        "prompt_versions": " ".join(f"{number}.{prompt.version}" for number, prompt in load_prompts().items()),
        **({PROMPT_HASH: recipe.hash} if recipe else {}),
    }


def unheeded(
    recipe: Recipe | None, settings: Settings, specification: Specification | None, examples: Sequence[Example]
) -> list[str]:
    """What is given and does not reach the model, since a prompt file has no slot for it; notes, which are logged."""
    if recipe is None:
        return []
    general = settings.generation
    given = {
        "answer_types": ("which types of answers are wanted", bool(general.answer_types)),
        "task": ("what the prompt asks for", bool(specification and specification.wish)),
        "language": ("which language the questions should be in", (general.language or "en") != "en"),
        "examples": ("any example", any(row["answers"]["text"] for row in examples)),
    }
    notes = [
        f"the prompt file has no slot ${slot}, so the model was not told {what}"
        for slot, (what, is_given) in given.items()
        if is_given and slot not in recipe.slots
    ]
    if examples and not recipe.few_shot:
        notes.append("the prompt file says few_shot: 0, so the model was shown none of the examples")
    for note in notes:
        log_once("%s", note)
    return notes


def passages_wanted(settings: Settings) -> int:
    """Passages that a model writes for a prompt alone."""
    wanted = settings.generation.num_examples
    if wanted is None:
        return DEFAULT_PASSAGES
    return max(3, -(-round(wanted * SURPLUS) // settings.generation.questions_per_context))


def passages_needed(settings: Settings) -> int | None:
    """Passages that give num_examples questions by what filters usually leave; None: it is not set."""
    wanted = settings.generation.num_examples
    if wanted is None:
        return None
    return max(1, -(-round(wanted * SURPLUS / settings.shard[1]) // settings.generation.questions_per_context))


def _block_size(settings: Settings) -> int:
    """Large enough that a block's last requests hold up little, and not much larger than what is wanted.

    The same for all settings of speed: whether there is enough is looked at between blocks, and data must not hang on
    speed.
    """
    largest = {"openai": 128, "vllm": 1024}.get(settings.backend.backend, 64)
    return min(largest, passages_needed(settings) or largest)
