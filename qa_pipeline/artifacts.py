"""Names every file of a run folder and writes files atomically.

A file is either absent, old or complete: content goes to a temporary file in the same folder, is fsynced, and is
renamed over the target. Where a file has a counterpart in the transformers examples it has that name.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RUN = "run.json"
DATA_REPORT = "data_report.json"
TRAIN_RESULTS = "train_results.json"
EVAL_RESULTS = "eval_results.json"
PREDICT_RESULTS = "predict_results.json"
BASE_RESULTS = "base_results.json"
ALL_RESULTS = "all_results.json"
MODEL_CARD = "README.md"
QA_CONFIG = "qa_config.json"
"""Decoding settings beside the weights (window size, answer length, no-answer threshold): what a predictor needs."""
MERGED_FOLDER = "merged"
CHECKPOINT_MANIFEST = "checkpoint_manifest.json"


def predictions_name(split: str) -> str:
    """`eval_predictions.json` or `predict_predictions.json`: question id -> answer text."""
    return f"{split}_predictions.json"


def nbest_name(split: str) -> str:
    """Question id -> list of spans with text, start and end (characters, end exclusive), score and confidence."""
    return f"{split}_nbest_predictions.json"


def null_odds_name(split: str) -> str:
    """Question id -> no-answer score minus the best span's score, both logits; larger means "no answer"."""
    return f"{split}_null_odds.json"


def write_bytes(path: str | Path, content: bytes | Iterable[bytes]) -> Path:
    """Writes `content`, whole or in pieces, to `path` atomically (temporary file, fsync, rename), with its folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "wb") as handle:
            for piece in (content,) if isinstance(content, bytes) else content:
                handle.write(piece)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_text(path: str | Path, text: str) -> Path:
    """Writes UTF-8 text to `path` atomically."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: Any, indent: int | None = 2) -> Path:
    """Writes `value` as UTF-8 JSON to `path` atomically, with a newline at the end."""
    return write_text(path, json.dumps(value, ensure_ascii=False, indent=indent) + "\n")
