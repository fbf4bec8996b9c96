"""Finds models that can be loaded without a download: in folders, and in the Hub's local cache. Opens no socket."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qa_pipeline.discovery.hub_entries import card_languages, card_licence, card_text, config_facts, published_scores
from qa_pipeline.discovery.model_candidate import ModelCandidate, ModelSource, has_trained_head
from qa_pipeline.errors import ModelError
from qa_pipeline.wording import first_line

logger = logging.getLogger(__name__)

_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "spm.model")
_CARD = 600


def folder_models(folders: Iterable[str]) -> list[ModelCandidate]:
    """The models of folders that a user names; one that holds none is a candidate that says so."""
    from qa_pipeline.modeling.paths import resolve_model_path

    found = []
    for name in folders:
        try:
            found.append(read_folder(Path(resolve_model_path(name)), name, "folder"))
        except ModelError as error:
            found.append(ModelCandidate(name, "folder", name, fits=False, why_not=first_line(error)))
    return found


def cached_models() -> list[ModelCandidate]:
    """The models of the Hub's local cache that are whole enough to be loaded."""
    found = []
    for id, snapshot in _snapshots():
        try:
            found.append(read_folder(snapshot, id, "cache"))
        except ModelError as error:
            logger.info("%s in the local cache is left out: %s", id, first_line(error))
    return found


def is_installed(name: str) -> bool:
    """Whether a model named package:MODULE/FOLDER is there and whole."""
    from qa_pipeline.modeling.paths import resolve_model_path

    try:
        resolve_model_path(name)
    except ModelError:
        return False
    return True


def read_folder(folder: Path, name: str, source: ModelSource) -> ModelCandidate:
    """A model that lies in a folder, by its config.json, its card and the header of its weights.

    Args:
        folder: where it is.
        name: what it is called: the name as given, or its id on the Hub.
        source: what kind of place it is.

    Raises:
        ModelError: it has no config.json that can be read, or no tokenizer.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        facts = config_facts(config)
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{name}: config.json cannot be read ({first_line(error, 80)})") from None
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        raise ModelError(f"{name} holds no tokenizer (tokenizer.json, vocab.txt, ...)")
    weights = sorted(folder.glob("*.safetensors"))
    card, text, squad = _card(folder / "README.md")
    return ModelCandidate(
        id=name,
        source=source,
        name_or_path=name,
        family=facts["model_type"],
        description=" ".join(text[:_CARD].split()),
        languages=card_languages(card),
        licence=card_licence(card),
        parameters=_parameters(weights),
        size_mb=sum(file.stat().st_size for file in weights) / 1e6 or None,
        context_length=facts["context_length"],
        fast_tokenizer=True if (folder / "tokenizer.json").is_file() else None,
        safetensors=bool(weights),
        answers_questions=has_trained_head(facts["architectures"]),
        squad=squad,
        remote_code=facts["remote_code"],
        at_hand=True,
        config=config,
    )


def _snapshots() -> Iterable[tuple[str, Path]]:
    """Id and folder of each model of the cache, of its newest version."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = sorted(scan_cache_dir().repos, key=lambda repo: repo.repo_id)
    except (CacheNotFound, OSError, ValueError):
        return
    for repo in repos:
        if repo.repo_type == "model" and repo.revisions:
            newest = max(repo.revisions, key=lambda one: ("main" in one.refs, one.last_modified))
            yield repo.repo_id, Path(newest.snapshot_path)


def _card(path: Path) -> tuple[Mapping[str, Any], str, dict[str, dict[str, float]]]:
    """Metadata, text and published scores of a card; empty where there is none that can be read."""
    from huggingface_hub import ModelCard

    try:
        content = path.read_text(encoding="utf-8")
        data = ModelCard(content, ignore_metadata_errors=True).data
        return data.to_dict(), card_text(content), published_scores(getattr(data, "eval_results", None) or ())
    except Exception as error:  # YAML and its meaning go wrong in many ways
        logger.debug("%s: %s", path, error)
        return {}, "", {}


def _parameters(files: Iterable[Path]) -> int | None:
    """The number of weights in safetensors files, by their headers."""
    import math

    from safetensors import SafetensorError, safe_open

    total = 0
    try:
        for file in files:
            with safe_open(file, framework="numpy") as opened:
                total += sum(math.prod(opened.get_slice(key).get_shape()) for key in opened.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    return total or None
