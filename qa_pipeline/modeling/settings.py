"""Settings stored beside the weights: what a predictor needs to answer as the run's evaluation did."""

from __future__ import annotations

import json
import math
import types
import typing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.arguments import ModelArguments, QASettings
from qa_pipeline.arguments.limits import LIMITS
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.paths import at_hand, resolve_model_path

FORMAT_VERSION = 1


@dataclass
class StoredSettings(QASettings):
    """What a training leaves beside its weights: the limits that it goes by, and what it was made from.

    Attributes:
        best_f1_threshold, best_exact_threshold: the thresholds tuned on validation; None where none was tuned.
        all_answers_confidence: from which answers of a set are given; fitted on validation; None where it was not.
        tuned_on: `data.fingerprint` of the examples that temperature and threshold were fitted on; None: on none.
        retrieval_weight: how much the rank of a passage counts when documents are asked, 0 or more; None: none was
            fitted on validation.
        answer_normalization, answer_language: how answers were normalised before they were scored.
        base_model_name_or_path: Hub id, folder or package:MODULE/FOLDER that training began from.
        quantization: keyword arguments of BitsAndBytesConfig under which an adapter was trained; None: not quantised.
    """

    best_f1_threshold: float | None = None
    best_exact_threshold: float | None = None
    all_answers_confidence: float | None = None
    tuned_on: str | None = None
    retrieval_weight: float | None = None
    answer_normalization: str = "squad"
    answer_language: str | None = None
    base_model_name_or_path: str | None = None
    quantization: dict[str, Any] | None = None
    format_version: int = FORMAT_VERSION


def write_settings(settings: StoredSettings, folder: str | Path) -> Path:
    """Writes the settings into a model folder (atomically) and returns the file."""
    return artifacts.write_json(Path(folder) / artifacts.QA_CONFIG, asdict(settings))


def read_settings(folder: str | Path) -> StoredSettings | None:
    """Reads the settings of a model folder; None where the folder has none (a model trained elsewhere).

    Raises:
        ModelError: the file is not JSON, is of a newer format, or a value has the wrong type or range.
    """
    path = Path(folder) / artifacts.QA_CONFIG
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: expected an object, found {type(value).__name__}")
    version = value.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ModelError(
            f"{path}: format_version {version} is newer than this program knows ({FORMAT_VERSION}); upgrade qa-pipeline"
        )
    kinds = typing.get_type_hints(StoredSettings)
    known = {name: value[name] for name in kinds if name in value}
    problems = []
    for name, found in known.items():
        if fault := _fault(name, found, kinds[name]):
            problems.append(f"{name}: {fault}")
    if problems:
        raise ModelError(f"{path}: " + "; ".join(problems))
    return StoredSettings(**known)


def stored_settings(args: ModelArguments) -> StoredSettings | None:
    """What training stored beside the weights of a folder, a package or a Hub id; None for a model trained elsewhere.

    Raises:
        ModelError: there is no such model, or the file is damaged.
    """
    name = str(args.model_name_or_path)
    found = at_hand(resolve_model_path(name), revision=args.model_revision, cache_dir=args.cache_dir)
    if Path(found).is_dir():
        return read_settings(found)
    from transformers.utils import cached_file

    file = cached_file(
        name,
        artifacts.QA_CONFIG,
        token=args.token,
        cache_dir=args.cache_dir,
        revision=args.model_revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    return None if file is None else read_settings(Path(file).parent)


def _fault(name: str, found: Any, kind: Any) -> str | None:
    """What is wrong with a value of the file; None where it is fine."""
    if not _fits(found, kind):
        return f"expected {_words(kind)}, found {found!r}"
    if name in LIMITS and (fault := LIMITS[name].out_of_range(found)):
        return fault
    if isinstance(found, float) and math.isnan(found):
        return f"expected a number, found {found!r}"
    if name == "all_answers_confidence" and found is not None and not 0 <= found <= 1:
        return f"expected 0 to 1, found {found!r}"
    if name == "retrieval_weight" and found is not None and not 0 <= found < math.inf:
        return f"expected 0 or more, found {found!r}"
    return None


def _options(kind: Any) -> list[Any]:
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return [typing.get_origin(option) or option for option in options]


def _fits(value: Any, kind: Any) -> bool:
    options = _options(kind)
    if isinstance(value, bool):  # a bool is an int to Python, not to a reader of the file
        return bool in options
    return any(isinstance(value, (int, float) if option is float else option) for option in options)


def _words(kind: Any) -> str:
    return " or ".join("null" if option is type(None) else option.__name__ for option in _options(kind))
