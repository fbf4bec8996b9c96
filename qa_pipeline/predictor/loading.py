"""Finds out what a model name stands for, and loads what computes, its tokenizer and its settings.

An exported folder is opened by its runtime, without torch; everything else is loaded by `modeling`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qa_pipeline.arguments import ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.exported import ExportRecord, read_export
from qa_pipeline.modeling.paths import is_local, resolve_model_path

if TYPE_CHECKING:
    from qa_pipeline.modeling import StoredSettings
    from qa_pipeline.modeling.runtimes import Runtime

Backend = Literal["auto", "torch", "openvino", "onnx"]
BACKENDS = ("auto", "torch", "openvino", "onnx")


def load_parts(
    args: ModelArguments,
    *,
    backend: str,
    device: Any,
    dtype: Any,
    tokenizer: Any,
    base_model: str | None,
    allow_new_head: bool,
    merge: bool,
) -> tuple[Any, Any, StoredSettings | None]:
    """The model or the open runtime, its tokenizer, and the settings stored with it.

    Args:
        args: names the model; and the tokenizer, where that is another.
        backend, device, dtype, base_model, allow_new_head, merge: as of `QAPredictor.from_pretrained`.
        tokenizer: one in memory; None loads it.

    Raises:
        ModelError: as of `QAPredictor.from_pretrained`.
    """
    if backend not in BACKENDS:
        raise ModelError(f"backend {backend!r}: expected one of {', '.join(BACKENDS)}")
    folder = resolve_model_path(str(args.model_name_or_path))
    record = read_export(folder) if is_local(folder) else None
    if record is not None:
        return _open_exported(folder, record, args, backend, device, dtype, tokenizer)
    if backend not in ("auto", "torch"):
        raise ModelError(
            f"{args.model_name_or_path} is no exported model, which backend {backend} needs; run: qa-pipeline export "
            f"{args.model_name_or_path} --format {backend} --output_dir DIR"
        )
    return _load_torch(args, device, dtype, tokenizer, base_model, allow_new_head, merge)


def _load_torch(
    args: ModelArguments,
    device: Any,
    dtype: Any,
    tokenizer: Any,
    base_model: str | None,
    allow_new_head: bool,
    merge: bool,
) -> tuple[Any, Any, StoredSettings | None]:
    from qa_pipeline import modeling
    from qa_pipeline.modeling.checks import prepare_tokenizer
    from qa_pipeline.predictor.device import pick_device, pick_dtype, set_precision

    name = str(args.model_name_or_path)
    place = pick_device(device)
    weights = pick_dtype(dtype, place)
    if tokenizer is None:
        tokenizer = modeling.load_tokenizer(args)
    else:
        tokenizer = prepare_tokenizer(tokenizer, getattr(tokenizer, "name_or_path", name))
    settings = modeling.stored_settings(args)
    model = modeling.load_trained(
        name, place, base_model=base_model, merge=merge, allow_new_head=allow_new_head, model_args=args
    )
    set_precision(model, weights)
    return model, tokenizer, settings


def _open_exported(
    folder: str,
    record: ExportRecord,
    args: ModelArguments,
    backend: str,
    device: Any,
    dtype: Any,
    tokenizer: Any,
) -> tuple[Runtime, Any, StoredSettings | None]:
    from qa_pipeline.modeling.plain_tokenizer import PlainTokenizer
    from qa_pipeline.modeling.runtimes import Runtime
    from qa_pipeline.modeling.settings import read_settings

    name = args.model_name_or_path
    if record.kind != "reader":
        raise ModelError(f"{name} is an exported {record.kind}, which does not answer questions; give a reader")
    if backend not in ("auto", record.format):
        what = "give the model that it was made from" if backend == "torch" else f"export it with --format {backend}"
        raise ModelError(f"{name} was exported for {record.format}, not for {backend}; {what}, or leave backend out")
    if str(device) not in ("None", "cpu", "-1"):
        raise ModelError(
            f"device {str(device)!r}: an exported model computes on the CPU; leave device out, or give the model that "
            "it was made from"
        )
    if tokenizer is not None or args.tokenizer_name is not None:
        raise ModelError(f"{name} is an exported model, which has its own tokenizer; leave tokenizer out")
    runtime = Runtime(folder, record, precision=str(dtype or "auto").removeprefix("torch."))
    return runtime, PlainTokenizer(Path(folder), record.inputs), read_settings(folder)
