"""The record of an exported model: which file a runtime opens, what goes in and out, and what it was made from.

An exported folder answers without torch. `export.json` in it is what tells it from other model folders; `export` writes
it, `runtimes` opens what it names. Never opens a model.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ModelError
from qa_pipeline.wording import in_short

EXPORT_FILE = "export.json"
FORMAT_VERSION = 1
FORMATS = ("openvino", "onnx")
PRECISIONS = ("float32", "float16", "int8")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""What a reader may be given, each (batch, seq_len) int64."""
OUTPUTS = ("start_logits", "end_logits")
"""What a reader gives, each (batch, seq_len) float32."""


@dataclass(frozen=True)
class ExportRecord:
    """What an exported folder says of itself.

    Attributes:
        format: the runtime that opens it, "openvino" or "onnx".
        precision: of its weights, "float32" or "int8", of an encoder "float16" too.
        model_file: the file that the runtime opens, relative to the folder.
        inputs: names of the inputs in their order, of INPUTS.
        outputs: names of the outputs in their order: OUTPUTS of a reader, else of the kind.
        files: SHA-256 of each file of weights, by its name relative to the folder.
        model_type: as transformers calls it ("bert").
        num_parameters: weights of the model that was exported.
        longest_window: most tokens of a window; None: no limit is known.
        head_untrained: the head was never trained, so that answers are noise.
        kind: "reader" answers questions; "encoder" turns texts into vectors.
        source: the model that was exported, as it was named.
        source_fingerprint: `QAPredictor.fingerprint` of that.
        versions: of the packages that wrote it.
        calibration: what int8 was calibrated on; None: nothing was.
        scores: before and after, where they were measured.
        format_version: of this record.
    """

    format: str
    precision: str
    model_file: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    files: dict[str, str]
    model_type: str
    num_parameters: int
    longest_window: int | None = None
    head_untrained: bool = False
    kind: str = "reader"
    source: str = ""
    source_fingerprint: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    calibration: dict[str, Any] | None = None
    scores: dict[str, Any] | None = None
    format_version: int = FORMAT_VERSION


def is_export(folder: str | Path) -> bool:
    """Whether a folder holds an exported model."""
    return (Path(folder) / EXPORT_FILE).is_file()


def write_export(record: ExportRecord, folder: str | Path) -> Path:
    """Writes the record into an exported folder (atomically) and returns the file."""
    return artifacts.write_json(Path(folder) / EXPORT_FILE, asdict(record))


def read_export(folder: str | Path, *, verify: bool = False) -> ExportRecord | None:
    """Reads the record of a folder; None where the folder holds no exported model.

    Args:
        folder: any folder.
        verify: read all files and compare their hashes; else only that they are there.

    Raises:
        ModelError: the record is damaged or of a newer format, or a file that it names is missing or another one.
    """
    path = Path(folder) / EXPORT_FILE
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    record = _checked(value, path)
    for name, expected in {record.model_file: "", **record.files}.items():
        file = path.parent / name
        if not file.is_file():
            raise ModelError(f"{path}: names {name}, which is not there; export the model again")
        if verify and expected and sha256(file) != expected:
            raise ModelError(f"{file}: is not the file that was exported (its SHA-256 differs); export the model again")
    return record


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _checked(value: Any, path: Path) -> ExportRecord:
    if not isinstance(value, dict):
        raise ModelError(f"{path}: expected an object, found {type(value).__name__}")
    version = value.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ModelError(
            f"{path}: expected format_version {FORMAT_VERSION} or lower, found {in_short(version)}; upgrade qa-pipeline"
        )
    known = {one.name for one in fields(ExportRecord)}
    try:
        record = ExportRecord(**{name: found for name, found in value.items() if name in known})
    except TypeError as error:
        raise ModelError(f"{path}: {error}; export the model again") from None
    problems = [
        f"{name}: expected {' or '.join(choices)}, found {in_short(getattr(record, name))}"
        for name, choices in (("format", FORMATS), ("precision", PRECISIONS), ("kind", ("reader", "encoder")))
        if getattr(record, name) not in choices
    ]
    lists = (("inputs", record.inputs), ("outputs", record.outputs))
    problems += [
        f"{name}: expected a list of names, found {in_short(found)}" for name, found in lists if not _names(found)
    ]
    if not isinstance(record.files, dict) or not isinstance(record.model_file, str):
        problems.append("files, model_file: expected names of files")
    elif any(Path(name).is_absolute() or ".." in Path(name).parts for name in [record.model_file, *record.files]):
        problems.append("files, model_file: expected names inside the folder")
    if problems:
        raise ModelError(f"{path}: " + "; ".join(problems))
    return replace(record, inputs=tuple(record.inputs), outputs=tuple(record.outputs))


def _names(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, str) for one in value)
