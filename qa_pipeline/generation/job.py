"""What one generation is: its engine, its inputs, its folder, and what makes two runs the same. Asks nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa_pipeline.documents.passage import Passage
from qa_pipeline.generation.arguments import Settings
from qa_pipeline.generation.backends.endpoint import known_keys, redact, without_credentials
from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.generation.dataset import Choice
from qa_pipeline.generation.filters import Reader
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.generation.types import Generator

REPORT = "dataset_report.json"
CARD = "README.md"
SPECIFICATION = "prompt_spec.yaml"
WORK = "work"
"""Folder in the output folder for the journal and the completions; may be deleted when the run is done."""
SHARDS = "shards"
PROMPT_HASH = "prompt_hash"
"""In identities and reports: the hash of the recipe in a prompt file, where there is one."""


@dataclass
class Engine:
    """What makes the drafts of a run.

    Attributes:
        generator: passages to drafts.
        backend: what it asks, for counting use; None for cloze.
        block_size: passages in a block. A generator that learns from other passages sees those of its block.
        by_document: passages of a document follow each other, else all are in random order.
    """

    generator: Generator
    backend: Backend | None = None
    block_size: int = 64
    by_document: bool = False


@dataclass
class Job:
    """One generation.

    Attributes:
        settings: resolved.
        passages: all passages of the sources, before subset and shard.
        engine: see there.
        language: code.
        unanswerable_fraction: resolved.
        facts: what is known of the sources, numbers only.
        notes: for the report.
        reader: a trained reader for the round trip, or None.
        prompt_identity: what a language model reads beyond the settings (task, few-shot examples, template
            versions, hash of a prompt file).
        specification: of the prompt, where there is one.
    """

    settings: Settings
    passages: list[Passage]
    engine: Engine
    language: str = "en"
    unanswerable_fraction: float = 0.0
    facts: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    reader: Reader | None = None
    prompt_identity: dict[str, str] = field(default_factory=dict)
    specification: Specification | None = None

    @property
    def folder(self) -> Path:
        """Where the data goes."""
        return Path(str(self.settings.generation.output_dir))

    @property
    def choice(self) -> Choice:
        """What the data set should be."""
        return choice_of(self.settings.to_dict(), self.unanswerable_fraction)


def choice_of(settings: Mapping[str, Any], unanswerable_fraction: float) -> Choice:
    """What the settings (as `Settings.to_dict` gives them) say about the data set."""
    return Choice(
        num_examples=settings["num_examples"],
        unanswerable_fraction=unanswerable_fraction,
        questions_per_context=settings["questions_per_context"],
        validation_fraction=settings["validation_fraction"],
        test_fraction=settings["test_fraction"],
        threshold=None
        if "near_duplicate" in (settings["skip_filters"] or ())
        else settings["near_duplicate_threshold"],
        scope=settings["near_duplicate_scope"],
        seed=settings["seed"],
    )


_CONTENT = (
    *("seed", "subset", "answer_types", "questions_per_context", "backend", "model", "prompt_number", "rephrase"),
    *("temperature", "max_completion_tokens", "load_in_4bit", "cloze_plugins"),
    *("skip_filters", "min_question_words", "max_question_words", "max_answer_words"),
    *("max_overlap", "round_trip_model", "round_trip_f1", "extra_body"),
)
"""Settings that decide which rows are made; all others only choose among them, or decide how they are made."""
_CHOICE = ("num_examples", "validation_fraction", "test_fraction", "near_duplicate_threshold", "near_duplicate_scope")


def identity_of(job: Job) -> dict[str, Any]:
    """What a journal must have been made with to be gone on from."""
    values = _without_secrets(job.settings)
    digest = hashlib.sha256("".join(passage.id for passage in job.passages).encode()).hexdigest()[:16]
    # What a prompt file says counts, not where it lies or which number it stands in place of.
    content = [name for name in _CONTENT if name != "prompt_number" or PROMPT_HASH not in job.prompt_identity]
    return {
        **{name: values[name] for name in content},
        "language": job.language,
        "unanswerable_fraction": job.unanswerable_fraction,
        "prompt": values["prompt"],
        **job.prompt_identity,
        "passages": f"{len(job.passages)} passages, {digest}",
    }


def shard_identity(job: Job) -> dict[str, Any]:
    """What shards must have been made with to belong together, as JSON gives it back."""
    values = _without_secrets(job.settings)
    return _as_json({**identity_of(job), **{name: values[name] for name in _CHOICE}})


def public_settings(job: Job) -> dict[str, Any]:
    """The settings for reports and shards, resolved."""
    values = _without_secrets(job.settings)
    values |= {"language": job.language, "unanswerable_fraction": job.unanswerable_fraction}
    if job.settings.backend.base_url:
        values["base_url"] = without_credentials(job.settings.backend.base_url)
    if PROMPT_HASH in job.prompt_identity:
        values |= {PROMPT_HASH: job.prompt_identity[PROMPT_HASH], "prompt_number": None}
    return _as_json({name: value for name, value in values.items() if name not in _NOT_SHOWN})


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    """What JSON gives back of values: lists for tuples, texts for keys."""
    given_back: dict[str, Any] = json.loads(json.dumps(values))
    return given_back


def _without_secrets(settings: Settings) -> dict[str, Any]:
    """All settings; a run with another key is the same run, so identities have none either."""
    asked = settings.backend
    keys = known_keys(asked.base_url or "", asked.api_key_env, asked.extra_body)
    shown: dict[str, Any] = redact(settings.to_dict(), keys)
    return shown


_NOT_SHOWN = ("plan", "list_prompts", "overwrite_output_dir", "api_key_env")
