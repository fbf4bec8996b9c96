"""What is wrong with the settings of `generate` that have the right types, all of it at once. Reads no document."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa_pipeline.arguments.config_files import nearest
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.generation.questions.cloze.plugins import plugin_faults
from qa_pipeline.generation.questions.cloze.spans import GROUPS, TYPES
from qa_pipeline.generation.questions.llm.prompt_files import take_prompt_file
from qa_pipeline.text.encoding import encoding_fault

FILTERS = ("length", "leaked", "deictic", "overlap", "near_duplicate", "round_trip")
"""In the order in which they are named in reports. Alignment with the source ("verbatim") cannot be switched off."""


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """`"2/8"` as (2, 8); None where it is no shard."""
    match = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", text or "")
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        return None
    return int(match[1]), int(match[2])


def check(resolution: Resolution, of_models: Mapping[str, Any], of_documents: Mapping[str, Any]) -> None:
    """Reports what is wrong with values that have the right types.

    Args:
        resolution: all settings.
        of_models: settings that only a language model heeds, and their defaults.
        of_documents: settings that are not heeded where a built-in domain serves, and their defaults.
    """
    resolution.check_declared()
    values = resolution.values

    def fault(text: str, *keys: str) -> None:
        resolution.report_at(" ".join(keys), text)

    _check_values(values, fault)
    if not values["list_prompts"]:
        _check_needs(values, fault)
        _check_backend(values, of_models, of_documents, fault)
        if values["backend"] != "cloze":
            take_prompt_file(resolution)


def _check_values(values: Mapping[str, Any], fault: Callable[..., None]) -> None:
    """What no other setting mends: fractions, bounds, and names of what is known."""
    if values["validation_fraction"] + values["test_fraction"] >= 1:
        fault("together with test_fraction it leaves nothing to train on", "validation_fraction", "test_fraction")
    for low, high in (("min_question_words", "max_question_words"), ("min_passage_words", "max_passage_words")):
        if values[low] > values[high]:
            fault(f"{values[low]} is more than {high}={values[high]}", low, high)
    if values["encoding"] is not None and (unknown := encoding_fault(values["encoding"])):
        fault(unknown, "encoding")
    for name in values["skip_filters"] or ():
        if name not in FILTERS:
            fault(_unknown("filter", name, FILTERS), "skip_filters")
    if values["shard"] is not None and parse_shard(values["shard"]) is None:
        fault(f'expected I/N with 1 <= I <= N such as 2/8, found "{values["shard"]}"', "shard")
    for text in plugin_faults(values["cloze_plugins"]):
        fault(text, "cloze_plugins")
    for text in _extra_body_faults(values["extra_body"]):
        fault(text, "extra_body")


def _extra_body_faults(value: Any) -> list[str]:
    if isinstance(value, str):
        return ['expected a mapping such as {"top_p": 0.9}']
    if not isinstance(value, dict):
        return []
    from qa_pipeline.generation.backends.chat_api import extra_body_faults

    return list(extra_body_faults(value))


def _check_needs(values: Mapping[str, Any], fault: Callable[..., None]) -> None:
    """What must be there together."""
    if not values["output_dir"] and not values["plan"]:
        fault("is required: the folder for the data", "output_dir")
    elif values["output_dir"] and os.path.isfile(values["output_dir"]):
        fault(f'"{values["output_dir"]}" is a file; give a folder', "output_dir")
    for source in values["documents"] or ():
        if values["output_dir"] and os.path.isdir(source) and _same_folder(source, values["output_dir"]):
            own = os.path.join(source, "generated")
            text = f'"{source}" is a folder of documents, and the next run would read what this one writes as documents'
            fault(f"{text}; give another folder, such as {own}, or leave it out of documents", "output_dir")
    if not any(values[key] for key in ("documents", "contexts_from", "prompt", "domain", "spec_file")):
        others = "--contexts_from DATA, --prompt TEXT, --domain NAME or --spec_file FILE"
        fault(f"is required: files or folders, such as --documents FOLDER; or give {others}", "documents")
    if values["prompt"] is not None and values["spec_file"]:
        fault("a spec_file already holds its prompt; give one of the two", "prompt", "spec_file")
    shown = values["few_shot_file"]
    if shown and Path(shown).suffix and not os.path.exists(shown):  # without an ending it may be a data set of the Hub
        fault(f'expected a file of labelled examples, found none named "{shown}"', "few_shot_file")
    if values["max_cost"] is not None and None in (
        values["price_per_million_prompt_tokens"],
        values["price_per_million_completion_tokens"],
    ):
        fault("needs price_per_million_prompt_tokens and price_per_million_completion_tokens to be counted", "max_cost")
    if "round_trip" in (values["skip_filters"] or ()) and values["round_trip_model"]:
        fault("is given, but skip_filters names round_trip", "round_trip_model", "skip_filters")


def _check_backend(
    values: Mapping[str, Any],
    of_models: Mapping[str, Any],
    of_documents: Mapping[str, Any],
    fault: Callable[..., None],
) -> None:
    """What a backend needs, and what it does not heed."""
    if values["backend"] != "cloze":
        if not values["model"]:
            fault(f"is required with backend: {values['backend']}", "model", "backend")
        if values["cloze_plugins"] != of_documents["cloze_plugins"]:
            fault("is for backend: cloze", "cloze_plugins", "backend")
        return
    for text in unknown_types(values["answer_types"]):
        fault(text, "answer_types")
    for name, default in of_models.items():
        if values[name] != default:
            fault("has no effect with backend: cloze; choose openai, vllm or transformers", name, "backend")
    if (
        values["documents"]
        or values["contexts_from"]
        or not any(values[key] for key in ("prompt", "domain", "spec_file"))
    ):
        return
    for name, default in of_documents.items():
        if values[name] != default:
            fault("has no effect with a prompt alone and no language model; give documents or contexts_from", name)


def unknown_types(names: Sequence[str] | None) -> list[str]:
    """One line for each name that is no type of answer for `cloze` and the built-in domains."""
    known = tuple(dict.fromkeys((*GROUPS, *TYPES)))
    return [_unknown("type", name, known) for name in names or () if name not in known]


def _same_folder(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _unknown(kind: str, name: str, known: Sequence[str]) -> str:
    near = nearest(name, known)
    hint = f'; nearest: "{near}"' if near else ""
    return f'unknown {kind} "{name}"{hint}; known: {", ".join(known)}'
