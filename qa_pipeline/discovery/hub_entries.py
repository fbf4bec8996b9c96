"""What the Hub says of one data set or model, as plain facts: from the JSON of its API, through huggingface_hub.

Never sends a request. A fact that is missing or damaged is None (or empty), never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SQUAD_NAMES = {"squad": "v1", "rajpurkar/squad": "v1", "squad_v2": "v2", "rajpurkar/squad_v2": "v2"}
"""Data sets whose published scores are kept, and what the scores are called here."""
_METRICS = {"exact_match": "exact_match", "exact": "exact_match", "em": "exact_match", "f1": "f1"}
_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class HubDataset:
    """A data set on the Hub, before anything of it is downloaded.

    Attributes:
        id: owner and name.
        description: what its card says at its beginning.
        card: text of its card, without metadata; "" where it was not asked for or has none.
        languages: codes.
        licence: as the Hub names it; None: not said.
        downloads: in the last 30 days.
        gated: somebody has to accept terms first, and a token is needed.
        configs: names of its configurations; None: they are not known, or could not be read (see `faults`).
        rows: of all configurations; None: not known.
        size_bytes: what a download of all configurations takes; None: not known.
        has_script: it is made by a Python script, which `datasets` no longer runs.
        tags: as the Hub has them.
        files: names of its files; empty where they were not asked for.
        config_rows: configuration -> split -> rows, as far as known.
        faults: what could not be read of it, in words.
    """

    id: str
    description: str = ""
    card: str = ""
    languages: tuple[str, ...] = ()
    licence: str | None = None
    downloads: int = 0
    gated: bool = False
    configs: tuple[str, ...] | None = None
    rows: int | None = None
    size_bytes: int | None = None
    has_script: bool = False
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    config_rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub, before anything of it is downloaded.

    Attributes:
        id: owner and name.
        card: text of its card, without metadata; "" where it was not asked for or has none.
        languages: codes; "multilingual" for many.
        licence: as the Hub names it; None: not said.
        downloads: in the last 30 days.
        gated: somebody has to accept terms first, and a token is needed.
        model_type: the family, as in config.json; None: not known.
        pipeline_tag: its task.
        parameters: number of weights; None: not known.
        size_bytes: of the weights in safetensors; None: not known.
        has_safetensors: its weights are there in safetensors.
        has_fast_tokenizer: it has a tokenizer.json; None: its files are not known.
        context_length: tokens; None: not known.
        tags: as the Hub has them.
        architectures: classes that it was saved with.
        remote_code: it needs code from its own folder.
        config: what is known of config.json.
        squad: published scores: "v1" or "v2" -> "exact_match" and "f1", in percent.
        faults: what could not be read of it, in words.
    """

    id: str
    card: str = ""
    languages: tuple[str, ...] = ()
    licence: str | None = None
    downloads: int = 0
    gated: bool = False
    model_type: str | None = None
    pipeline_tag: str | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    has_safetensors: bool = False
    has_fast_tokenizer: bool | None = None
    context_length: int | None = None
    tags: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    remote_code: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    squad: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
