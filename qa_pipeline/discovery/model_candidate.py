"""One base model that may be used: what is known of it before anything is downloaded, and why it fits or not.

Made from the catalogue, from what the Hub says, or from a folder. Never ranks, never loads weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from qa_pipeline.discovery.catalogue import MULTILINGUAL, KnownModel
from qa_pipeline.discovery.hub import HubModel

ModelSource = Literal["package", "catalogue", "hub", "folder", "cache"]
_CARD = 600
"""Characters of a card that say what a model is for; tables of results follow."""
MANY = 4
"""A model of more languages than this counts as one of many."""


@dataclass(frozen=True)
class ModelCandidate:
    """A base model that was found. None means not known.

    Attributes:
        id: its name on the Hub, `package:...`, or the path of a folder.
        source: where it was found; what the catalogue knows has the source "catalogue", wherever it was found too.
        name_or_path: what training takes as model_name_or_path.
        family: its `model_type` in transformers.
        description: what it was trained on.
        domain: words of its subjects, beginning with "general" where it has none; "": not known.
        languages: codes, or "multilingual" alone; empty: not known.
        licence: as its card names it.
        parameters: number of its weights.
        size_mb: of its weights' file, in megabytes of a million bytes.
        context_length: tokens.
        fast_tokenizer, safetensors: whether it has them.
        answers_questions: it was trained on question answering already.
        squad: published scores, {"v1" or "v2": {"exact_match": per cent, "f1": per cent}}.
        gated: its terms must be accepted, and a token is needed.
        remote_code: it runs only with code from its own repository.
        at_hand: it can be loaded without a download.
        config: what is known of its config.json.
        notes: what could not be read of it.
        fits: no filter refuses it.
        why_not: what refuses it, in words.
        method: how it would be trained: "full", "lora", "8bit" or "4bit".
        memory_mb: what that takes on this machine, estimated, in megabytes.
        minutes: how long that takes on this machine, estimated.
        parts: what its score is made of, each with its weight.
        score: of the ranking.
        reason: why it stands where it stands, in a sentence.
    """

    id: str
    source: ModelSource
    name_or_path: str
    family: str | None = None
    description: str = ""
    domain: str = ""
    languages: tuple[str, ...] = ()
    licence: str | None = None
    parameters: int | None = None
    size_mb: float | None = None
    context_length: int | None = None
    fast_tokenizer: bool | None = None
    safetensors: bool | None = None
    answers_questions: bool = False
    squad: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gated: bool = False
    remote_code: bool = False
    at_hand: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fits: bool = True
    why_not: str = ""
    method: str | None = None
    memory_mb: float | None = None
    minutes: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    score: float = 0.0
    reason: str = ""

    @property
    def is_multilingual(self) -> bool:
        """It was made for many languages."""
        return MULTILINGUAL in self.languages or len(self.languages) > MANY

    @property
    def is_general(self) -> bool:
        """It has no subject of its own, as far as is known."""
        return not self.domain or self.domain.startswith("general")

    def speaks(self, languages: Sequence[str]) -> bool:
        """Whether it was made for all of these languages; where its languages are not known, it may."""
        return not self.languages or MULTILINGUAL in self.languages or set(languages) <= set(self.languages)

    def to_dict(self) -> dict[str, Any]:
        """All but config.json, as JSON has it."""
        content = asdict(self)
        del content["config"]
        return content


def from_known(known: KnownModel) -> ModelCandidate:
    """A candidate of the catalogue.

    Example:
        >>> from qa_pipeline.discovery.catalogue import known_models
        >>> one = next(from_known(known) for known in known_models() if known.id == "deepset/gelectra-base-germanquad")
        >>> one.speaks(["de"]), one.speaks(["de", "fr"])
        (True, False)
    """
    is_package = known.id.startswith("package:")
    return ModelCandidate(
        id=known.id,
        source="package" if is_package else "catalogue",
        name_or_path=known.id,
        family=known.family,
        description=known.description,
        domain=known.domain,
        languages=known.languages,
        licence=known.licence,
        parameters=None if known.parameters_millions is None else round(known.parameters_millions * 1e6),
        size_mb=known.size_mb,
        context_length=known.context_length,
        fast_tokenizer=known.fast_tokenizer,
        safetensors=known.safetensors,
        answers_questions=known.answers_questions,
        squad=known.squad if known.squad and known.answers_questions else {},
    )


def from_hub(entry: HubModel) -> ModelCandidate:
    """A candidate that the Hub knows."""
    return ModelCandidate(
        id=entry.id,
        source="hub",
        name_or_path=entry.id,
        family=entry.model_type,
        description=" ".join(entry.card[:_CARD].split()),
        languages=entry.languages,
        licence=entry.licence,
        parameters=entry.parameters,
        size_mb=None if entry.size_bytes is None else entry.size_bytes / 1e6,
        context_length=entry.context_length,
        fast_tokenizer=entry.has_fast_tokenizer,
        safetensors=entry.has_safetensors,
        answers_questions=entry.pipeline_tag == "question-answering" or has_trained_head(entry.architectures),
        squad=entry.squad,
        gated=entry.gated,
        remote_code=entry.remote_code,
        config=entry.config,
        notes=entry.faults,
    )


def merged(known: ModelCandidate, hub: ModelCandidate) -> ModelCandidate:
    """A model of the catalogue that the Hub was asked for too: pages change, so what the Hub says now wins."""
    names = ("family", "licence", "parameters", "size_mb", "context_length", "safetensors", "config", "squad")
    newer: dict[str, Any] = {name: value for name in names if (value := getattr(hub, name)) not in (None, {}, ())}
    return replace(known, **newer, gated=hub.gated, remote_code=hub.remote_code, notes=hub.notes)


def has_trained_head(architectures: Sequence[str]) -> bool:
    """Whether a model was saved with a question-answering head, by the names of its classes."""
    return any(name.endswith("ForQuestionAnswering") for name in architectures)
