"""A prompt model as files: tensors as safetensors, all else as JSON. Runs nothing that it reads.

The weights have the beginning of their SHA-256 in their name, and the JSON names them: it is written last, so that the
folder holds the old model or the new one whole, whenever it is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline import artifacts
from qa_pipeline.errors import ModelError
from qa_pipeline.generation.questions.llm.recipes import Recipe
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.optimisation.continual import KeptDomain
from qa_pipeline.optimisation.prompt_features import FEATURES_VERSION, NUMBERS
from qa_pipeline.optimisation.prompt_heads import RankedDomain
from qa_pipeline.wording import error_in_short, in_short

if TYPE_CHECKING:
    import torch

PROMPT_MODEL = "prompt_model.json"
FORMAT_VERSION = 1
_OF_HEADS = (
    *("centre", "spread"),
    *(f"{tower}.{name}" for tower in ("domain", "prompt") for name in ("first", "first_bias", "second", "second_bias")),
)
_AGAIN = "train the prompt model anew (--stage train)"


@dataclass(frozen=True)
class StoredPromptModel:
    """All that a prompt model is.

    Attributes:
        tensors: of the heads, by name.
        kept: the domains that it has learned, with some of their prompts.
        settings: of the heads.
        embedder: name of the encoder.
        capacity: of the memory.
        trainings: how often it was trained, which seeds the next training.
    """

    tensors: Mapping[str, torch.Tensor]
    kept: tuple[KeptDomain, ...]
    settings: dict[str, Any]
    embedder: str
    capacity: int
    trainings: int

    @property
    def known_embedder(self) -> str | None:
        """What an Embedder is made of: None for the weights of the package."""
        return None if self.embedder == EMBEDDED_MODEL else self.embedder


def write_prompt_model(folder: str | Path, stored: StoredPromptModel) -> Path:
    """Writes a prompt model and returns its folder; the same model gives the same bytes.

    Raises:
        DataError: the folder cannot be written.
    """
    import torch
    from safetensors.torch import save

    folder = Path(folder)
    tensors = {f"heads.{name}": tensor.detach().contiguous() for name, tensor in stored.tensors.items()}
    for number, kept in enumerate(stored.kept):
        for name in ("vector", "features"):
            values = np.ascontiguousarray(getattr(kept.ranked, name), dtype=np.float32)
            tensors[f"memory.{number}.{name}"] = torch.from_numpy(values)
    content = save(dict(sorted(tensors.items())))
    weights = f"prompt_model-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    record = {
        "format_version": FORMAT_VERSION,
        "features_version": FEATURES_VERSION,
        "embedder": stored.embedder,
        "weights": weights,
        "sha256": hashlib.sha256(content).hexdigest(),
        "settings": stored.settings,
        "capacity": stored.capacity,
        "trainings": stored.trainings,
        "domains": [_domain_to_json(kept) for kept in stored.kept],
    }
    with artifacts.writing(folder):
        artifacts.write_bytes(folder / weights, content)
        artifacts.write_json(folder / PROMPT_MODEL, record)
        artifacts.sweep(folder)
        for path in folder.glob("prompt_model-*.safetensors"):
            if path.name != weights:
                with contextlib.suppress(OSError):  # another process has it open
                    path.unlink()
    return folder


def read_prompt_model(folder: str | Path) -> StoredPromptModel:
    """Reads a prompt model.

    Raises:
        ModelError: there is none, it is damaged, or of a version that is not read here.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(folder) / PROMPT_MODEL
    if not path.is_file():
        raise ModelError(f"{folder}: holds no prompt model ({PROMPT_MODEL} is not there); expected its folder")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error_in_short(error)}; {_AGAIN}") from error
    _check_versions(record, path)
    try:
        weights = path.parent / Path(str(record["weights"])).name
        content = weights.read_bytes()
        if hashlib.sha256(content).hexdigest() != record["sha256"]:
            raise ModelError(f"{weights}: is damaged (its SHA-256 is not that of {path.name}); {_AGAIN}")
        tensors = load(content)
        heads = {name: tensors[f"heads.{name}"] for name in _OF_HEADS}
        kept = tuple(_domain_of_json(value, tensors, number) for number, value in enumerate(record["domains"]))
        return StoredPromptModel(
            heads,
            kept,
            _numbers(record["settings"]),
            _of_kind(record["embedder"], str, "embedder"),
            _of_kind(record["capacity"], int, "capacity"),
            _of_kind(record["trainings"], int, "trainings"),
        )
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ModelError(f"{path}: is damaged: {error_in_short(error)}; {_AGAIN}") from error


def _check_versions(record: Any, path: Path) -> None:
    if not isinstance(record, dict):
        raise ModelError(f"{path}: expected an object, found {type(record).__name__}; {_AGAIN}")
    for name, known, what in (
        ("format_version", FORMAT_VERSION, "of the files"),
        ("features_version", FEATURES_VERSION, f"of the features of prompts ({len(NUMBERS)} settings)"),
    ):
        if record.get(name) != known:
            raise ModelError(
                f"{path}: expected {name} {known} {what}, found {in_short(record.get(name))}; {_AGAIN}, or use the "
                "version of this package that made it"
            )


def _domain_to_json(kept: KeptDomain) -> dict[str, Any]:
    return {
        "name": kept.ranked.name,
        "seen": kept.seen,
        "scores": [float(score) for score in kept.ranked.scores],
        "noise": [float(error) for error in kept.ranked.noise],
        "recipes": [dataclasses.asdict(recipe) for recipe in kept.recipes],
    }


def _domain_of_json(value: dict[str, Any], tensors: Mapping[str, torch.Tensor], number: int) -> KeptDomain:
    ranked = RankedDomain(
        value["name"],
        tensors[f"memory.{number}.vector"].numpy(),
        tensors[f"memory.{number}.features"].numpy(),
        np.array(value["scores"], dtype=np.float64),
        np.array(value["noise"], dtype=np.float64),
    )
    recipes = tuple(Recipe(**fields) for fields in value["recipes"])
    if not len(recipes) == len(ranked.features) == len(ranked.scores) == len(ranked.noise):
        raise ValueError(f"domain {ranked.name!r} has {len(recipes)} prompts and {len(ranked.scores)} scores")
    return KeptDomain(recipes, ranked, value["seen"])


def _of_kind(value: Any, kind: type | tuple[type, ...], name: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{name}: {in_short(value)} is of the wrong kind")
    return value


def _numbers(settings: Any) -> dict[str, Any]:
    for name, value in _of_kind(settings, dict, "settings").items():
        _of_kind(value, (int, float), f"settings, {name}")
    return dict(settings)
