"""What refuses a base model, in words: each filter says why a candidate cannot be used, or nothing. Never ranks."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qa_pipeline.discovery.memory import METHODS, DeviceFacts, TrainingPlan, estimate_minutes, fitting_method, shape_of
from qa_pipeline.discovery.model_arguments import ModelSearchArguments
from qa_pipeline.discovery.model_candidate import ModelCandidate
from qa_pipeline.text.languages import language_name


@dataclass(frozen=True)
class ModelWish:
    """What a model has to be fit for.

    Attributes:
        languages: codes, the most important first.
        settings: of the search.
        device: what it is trained on.
        plan: the training.
        has_token: a token for the Hub is there.
    """

    languages: tuple[str, ...]
    settings: ModelSearchArguments
    device: DeviceFacts
    plan: TrainingPlan
    has_token: bool


def judged(candidate: ModelCandidate, wish: ModelWish) -> ModelCandidate:
    """The candidate with what training it takes, and with the first thing that refuses it."""
    if not candidate.fits:
        return candidate
    candidate = _with_training(candidate, wish)
    for refusal in FILTERS:
        why_not = refusal(candidate, wish)
        if why_not is not None:
            return replace(candidate, fits=False, why_not=why_not)
    return candidate


def _with_training(candidate: ModelCandidate, wish: ModelWish) -> ModelCandidate:
    if candidate.parameters is None:
        return candidate
    shape = shape_of(candidate.parameters, candidate.family, candidate.is_multilingual, candidate.config)
    method, needed = fitting_method(shape, wish.plan, wish.device) or (None, None)
    return replace(
        candidate,
        method=method,
        memory_mb=None if needed is None else round(needed / 1e6),
        minutes=None if method is None else float(f"{estimate_minutes(shape, method, wish.plan, wish.device):.2g}"),
    )


# Filters, in the order in which they are asked


def _head(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    if candidate.family is None:
        return "its model type is not known, so that nobody can say whether it can answer questions"
    if candidate.family not in question_answering_families():
        return f"transformers has no question-answering head for models of the type {candidate.family}"
    if candidate.family in _one_way_families():
        return f"models of the type {candidate.family} write texts from left to right; an encoder reads both ways"
    return None


def _code(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    return "it needs Python code of its own repository, which is not run here" if candidate.remote_code else None


def _weights(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    if candidate.safetensors is not False:
        return None
    return "it has no weights in safetensors, and other files can run code when they are read: convert it first"


def _tokenizer(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    if candidate.fast_tokenizer is False and not _has_fast_class(candidate.family or ""):
        return "it has no fast tokenizer, and only these say where a word stands in the text"
    return None


def _language(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    if candidate.speaks(wish.languages):
        return None
    made_for = " and ".join(map(language_name, candidate.languages[:3]))
    return f"it was made for {made_for}, not for {' and '.join(map(language_name, wish.languages))}"


def _licence(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    allowed = wish.settings.model_licences
    if allowed is None or candidate.source == "folder":
        return None
    if (candidate.licence or "unknown").lower() in {name.lower() for name in allowed}:
        return None
    return f"its licence is {candidate.licence or 'unknown'}; model_licences allows {', '.join(allowed)}"


def _size(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    size = candidate.size_mb
    if size is None and candidate.parameters is not None:
        size = candidate.parameters * 4 / 1e6
    if size is None and not candidate.at_hand:
        return "its size is not known"
    if size is None or size <= wish.settings.max_model_mb:
        return None
    return f"it has {size:,.0f} MB; max_model_mb is {wish.settings.max_model_mb:g}"


def _gate(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    if not candidate.gated or candidate.at_hand:
        return None
    if not wish.settings.gated_models:
        return "its terms must be accepted on the Hub, and gated_models is off"
    if not wish.has_token:
        return "its terms must be accepted on the Hub: do that, and set HF_TOKEN"
    return None


def _memory(candidate: ModelCandidate, wish: ModelWish) -> str | None:
    if candidate.parameters is None or candidate.method is not None:
        return None
    how = METHODS[wish.plan.method] if wish.plan.method else "even LoRA"
    return f"training it ({how}) takes more memory than is free here ({wish.device})"


FILTERS: Sequence[Callable[[ModelCandidate, ModelWish], str | None]] = (
    *(_head, _code, _weights, _tokenizer, _language, _licence, _size, _gate, _memory),
)


# What transformers has


@functools.cache
def question_answering_families() -> frozenset[str]:
    """Model types that transformers has an extractive question-answering head for."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES

    return frozenset(MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES)


@functools.cache
def _one_way_families() -> frozenset[str]:
    """Model types that only write texts: with a head for that, and none for filling gaps."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    return frozenset(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - frozenset(MODEL_FOR_MASKED_LM_MAPPING_NAMES) - {"xlnet"}


@functools.cache
def _has_fast_class(family: str) -> bool:
    """Whether transformers makes a fast tokenizer for a model type from the files of a slow one."""
    from transformers import PreTrainedTokenizerFast
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

    name = TOKENIZER_MAPPING_NAMES.get(family)
    made = tokenizer_class_from_name(name) if isinstance(name, str) else None
    return made is not None and issubclass(made, PreTrainedTokenizerFast)


def pace(minutes: float | None) -> float:
    """How bearable a training time is, from 1 (ten minutes at most) to 0 (1,000 minutes or not known).

    >>> pace(5), round(pace(100), 2), pace(None)
    (1.0, 0.5, 0.0)
    """
    return 0.0 if minutes is None else min(1.0, max(0.0, 1 - math.log10(max(minutes, 10) / 10) / 2))


def is_package(candidate: ModelCandidate) -> bool:
    """It is a folder of an installed package."""
    return candidate.name_or_path.startswith("package:")
