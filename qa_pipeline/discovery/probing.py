"""Trains the best few base models shortly on the same sample and orders them by their scores. Never reads test data.

Each trial is a run of `qa-pipeline train` in a folder of its own, with the same rows, settings and seed. What a trial
scored is kept in `probes.json` and its weights are dropped, so that a finished trial is not done again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.discovery.model_candidate import ModelCandidate
from qa_pipeline.errors import ModelError
from qa_pipeline.wording import counted, in_one_line

logger = logging.getLogger(__name__)

PROBES = "probes.json"
_METHOD_SETTINGS: Mapping[str, dict[str, Any]] = {
    "full": {"use_lora": False},
    "lora": {"use_lora": True},
    "8bit": {"use_lora": True, "load_in_8bit": True},
    "4bit": {"use_lora": True, "load_in_4bit": True},
}
_SMALL_PARAMETERS = 60e6
_LEARNING_RATES = {"full": (1e-4, 3e-5), "adapters": (1e-3, 3e-4)}
"""Of small models (as measured for MiniLM, docs/measured.md) and of larger ones (as the papers of BERT and LoRA)."""
_SETTINGS: Mapping[str, Any] = {
    "train_batch_tokens": 2048,
    "warmup_steps": 0.1,
    "version_2_with_negative": True,
    "save_strategy": "no",
    "logging_steps": 1000,
}
"""Of a trial, where the caller has no others. Questions without an answer may be among the rows."""


def probe_models(
    candidates: Sequence[ModelCandidate],
    count: int,
    train_file: str | Path,
    validation_file: str | Path,
    folder: str | Path,
    *,
    seed: int = 0,
    rows: int = 400,
    epochs: float = 1.0,
    values: Mapping[str, Any] | None = None,
) -> list[ModelCandidate]:
    """Trains candidates one after the other until so many could be trained.

    Args:
        candidates: in the order in which they are tried; those that do not fit are passed over.
        count: how many are to be compared.
        train_file: labelled rows; the first `rows` of them are trained on.
        validation_file: labelled rows; the first `rows` of them are scored.
        folder: where trials and `probes.json` go.
        seed: of every trial.
        rows: most rows of training and of validation.
        epochs: passes over the training rows.
        values: other settings of training, by name.

    Returns:
        Those that were trained, the best F1 first, with what they scored at the beginning of their reasons. One that
        cannot be loaded or trained is left out; `probes.json` says why.

    Raises:
        ConfigError, DataError: the settings or the data are wrong, so that no candidate could be trained.
    """
    root = Path(folder)
    done = _read(root / PROBES)
    common = {
        **_SETTINGS,
        **(values or {}),
        **{"train_file": str(train_file), "validation_file": str(validation_file), "seed": seed},
        **{"max_train_samples": rows, "max_eval_samples": rows, "num_train_epochs": epochs},
        **{"do_train": True, "do_eval": True, "do_predict": False, "overwrite_output_dir": True},
        "warm_start": "off",  # making one for each candidate would take longer than all of the trials
    }
    data = [_fingerprint(Path(file)) for file in (train_file, validation_file)]
    scored: list[tuple[float, ModelCandidate]] = []
    for candidate in candidates:
        if len(scored) == count:
            break
        if not candidate.fits:
            continue
        settings = {**common, **_of_method(candidate, values or {}), "model_name_or_path": candidate.name_or_path}
        key = hashlib.sha256(json.dumps([settings, data], sort_keys=True).encode()).hexdigest()[:16]
        if key not in done:
            done[key] = {"model": candidate.name_or_path, **_trial(settings, root / _folder_name(candidate, key))}
            artifacts.write_json(root / PROBES, done)
        outcome = done[key]
        if "f1" in outcome:
            scored.append((outcome["f1"], _with_score(candidate, outcome, rows)))
        else:
            logger.warning("%s is left out: %s", candidate.name_or_path, outcome["why_not"])
    return [candidate for _, candidate in sorted(scored, key=lambda pair: -pair[0])]


def _trial(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What a trial scored, or why it could not be done. Its folder is gone afterwards."""
    import torch

    from qa_pipeline.arguments import parse_arguments
    from qa_pipeline.run.run import run_qa

    logger.info("Trial of %s.", settings["model_name_or_path"])
    config = folder.with_suffix(".json")
    artifacts.write_json(config, {**settings, "output_dir": str(folder)})
    arguments = parse_arguments([str(config)])
    try:
        results = run_qa(arguments)
    except (ModelError, torch.OutOfMemoryError) as error:
        return {"why_not": in_one_line(error)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    names = {"f1": "eval_f1", "exact_match": "eval_exact_match", "seconds": "train_runtime"}
    return {name: results[key] for name, key in names.items() if key in results}


def _of_method(candidate: ModelCandidate, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of how a candidate is trained, unless the caller has settled that."""
    method = candidate.method or "full"
    small, large = _LEARNING_RATES["full" if method == "full" else "adapters"]
    rate = small if (candidate.parameters or 0) <= _SMALL_PARAMETERS else large
    own = {**_METHOD_SETTINGS[method], "learning_rate": rate}
    return {name: value for name, value in own.items() if name not in values}


def _with_score(candidate: ModelCandidate, outcome: Mapping[str, Any], rows: int) -> ModelCandidate:
    said = f"Validation F1 {outcome['f1']:.1f} after a short training on at most {counted(rows, 'question')}"
    return replace(candidate, reason=f"{said}. {candidate.reason}".strip())


def _folder_name(candidate: ModelCandidate, key: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', candidate.name_or_path).strip('-')[-60:]}-{key[:8]}"


def _fingerprint(path: Path) -> str:
    """sha256 of a file; "" where there is none, which is said when it is read as data."""
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


def _read(path: Path) -> dict[str, Any]:
    """What earlier trials scored; nothing where the file is not there or damaged: they are then done again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
