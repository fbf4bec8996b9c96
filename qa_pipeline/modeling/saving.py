"""Saves models and adapters whole, reloads them, compares logits with memory, and merges adapters into plain models."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedTokenizerBase

from qa_pipeline import artifacts
from qa_pipeline.arguments import ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.checks import describe, logits_of, probe_inputs
from qa_pipeline.modeling.faults import as_model_error, quiet_loading
from qa_pipeline.modeling.head import strip_parallel, unwrap
from qa_pipeline.modeling.loading import load_tokenizer, load_trained
from qa_pipeline.modeling.paths import ADAPTER_CONFIG
from qa_pipeline.modeling.settings import StoredSettings, read_settings, write_settings

logger = logging.getLogger(__name__)

TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 2e-2, torch.float64: 1e-6}
"""Largest accepted difference of logits, relative to the largest logit (or 1): rounding, on the same device."""

WEIGHT_FILES = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin", "adapter_model.bin", ADAPTER_CONFIG)


def save_model(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    settings: StoredSettings,
    folder: str | Path,
    base_name: str | None = None,
    written: list[Path] | None = None,
) -> Path:
    """Saves weights (or adapter and head), tokenizer and decoding settings into one folder.

    Everything is written beside and moved in file by file, so no file is ever half-written; weights of an earlier,
    other kind (a whole model where an adapter is saved now) are removed. An adapter keeps the base model it was
    attached to.

    Args:
        model: with or without adapters and wrappers.
        tokenizer: saved without truncation and padding.
        settings: its `base_model_name_or_path` and `quantization` are filled in.
        folder: made when missing.
        base_name: what training began from, as the user named it.
        written: the files that were written are added to it.

    Raises:
        ModelError: the folder cannot be written.
    """
    folder = Path(folder)
    model = strip_parallel(model)
    adapter = getattr(model, "peft_config", {}).get("default")
    base_name = (adapter.base_model_name_or_path if adapter is not None else None) or base_name
    settings = dataclasses.replace(
        settings,
        base_model_name_or_path=base_name or settings.base_model_name_or_path,
        quantization=_quantization(unwrap(model)),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as temporary:
            beside = Path(temporary)
            if adapter is None:
                with quiet_loading():
                    model.save_pretrained(beside)  # type: ignore[operator]
            else:
                _save_adapter(model, beside, base_name)
            _save_tokenizer(tokenizer, beside)
            write_settings(settings, beside)
            names = [path.relative_to(beside) for path in sorted(beside.rglob("*")) if path.is_file()]
            _move_in(beside, folder)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"model cannot be saved to {folder}: {error}") from error
    if written is not None:
        written.extend(folder / name for name in names)
    return folder


def check_reload(
    model: nn.Module,
    folder: str | Path,
    inputs: dict[str, torch.Tensor] | None = None,
    *,
    model_args: ModelArguments | None = None,
) -> float:
    """Loads a saved folder and compares its logits with the model in memory.

    Args:
        model: the model in memory.
        folder: what `save_model` or `merge_adapter` wrote.
        inputs: model inputs, (batch, seq_len) each; None takes a small made-up one. Padding is not compared.
        model_args: Hub options, for a base model that needs a token or remote code.

    Returns:
        The largest difference of a logit. A merged model of a quantised run is compared only for the record, never
        refused: its base is not quantised, so its logits differ by the quantisation error.

    Raises:
        ModelError: the folder does not load, logits are not finite, or they differ beyond rounding.
    """
    inputs = inputs if inputs is not None else probe_inputs(model)
    plain = unwrap(model)
    with torch.no_grad():
        expected = logits_of(model, inputs)
        reloaded = load_trained(folder, device=_device(plain), dtype=_dtype(plain), model_args=model_args)
        found = logits_of(reloaded, inputs)
    other_precision = describe(model)["quantization"] != describe(reloaded)["quantization"]
    difference, scale = _compare(expected, found, inputs, str(folder))
    if other_precision:
        logger.info("%s is not quantised as the model in memory is: logits differ by up to %.3g", folder, difference)
        return difference
    _require_close(difference, scale, _dtype(plain), f"{folder}: reloaded logits differ from those in memory")
    return difference


def merge_adapter(
    folder: str | Path,
    out: str | Path,
    *,
    dtype: str | torch.dtype | None = None,
    base_model: str | None = None,
    model_args: ModelArguments | None = None,
    written: list[Path] | None = None,
) -> Path:
    """Writes a plain model with the adapter merged into its base, and checks that both give the same logits.

    The base is loaded unquantised, also where the adapter was trained on a 4-bit or 8-bit one: merging into rounded
    weights and rounding again would lose most of what was learnt. The merged model of such a run is compared with
    adapter + unquantised base; from the quantised model in training it differs by the quantisation error.

    Args:
        folder: what `save_model` wrote for an adapter.
        out: folder for the merged model, tokenizer and settings.
        dtype: type of the merged weights; None is float32.
        base_model: where the base model lies, if not where the adapter says.
        model_args: Hub options, for a base model that needs a token or remote code.
        written: the files that were written are added to it.

    Returns:
        The folder of the merged model.

    Raises:
        ModelError: the folder holds no adapter, or merged and unmerged logits differ beyond rounding.
    """
    folder, out = Path(folder), Path(out)
    if not (folder / ADAPTER_CONFIG).is_file():
        raise ModelError(f"{folder} holds no adapter ({ADAPTER_CONFIG} is missing): there is nothing to merge")
    model: Any = load_trained(folder, dtype=dtype, base_model=base_model, quantized=False, model_args=model_args)
    inputs = probe_inputs(model)
    base_name = model.peft_config["default"].base_model_name_or_path
    with torch.no_grad():
        expected = logits_of(model, inputs)
        with as_model_error(f"merging {folder}"):
            merged = model.merge_and_unload(safe_merge=True)
        _require_same(expected, merged, inputs, f"{folder}: merging changed the logits")
        tokenizer = load_tokenizer(dataclasses.replace(model_args or ModelArguments(), model_name_or_path=str(folder)))
        save_model(merged, tokenizer, read_settings(folder) or StoredSettings(), out, base_name, written)
        reloaded = load_trained(out, dtype=dtype, model_args=model_args)
        _require_same(expected, reloaded, inputs, f"{out}: the merged model differs from the adapter")
    return out


def _save_adapter(model: Any, folder: Path, base_name: str | None) -> None:
    # "auto" would ask the Hub for the base model's configuration; the embeddings are never changed here.
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / artifacts.MODEL_CARD).unlink(missing_ok=True)  # PEFT's card; the run writes its own
    path = folder / ADAPTER_CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_name
    # A set in PEFT: without an order of its own the same run would give other bytes each time.
    if isinstance(config.get("target_modules"), list):
        config["target_modules"] = sorted(config["target_modules"])
    artifacts.write_json(path, config)


def _save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()
    tokenizer.save_pretrained(folder)


def _move_in(beside: Path, folder: Path) -> None:
    # Configurations last: they are what tells a loader that a model is there.
    new = sorted((path.name for path in beside.iterdir()), key=lambda name: (name.endswith("config.json"), name))
    stale = {path for pattern in WEIGHT_FILES for path in folder.glob(pattern) if path.name not in new}
    if ADAPTER_CONFIG in new:
        stale.add(folder / "config.json")
    # Stale files first: an old adapter_config.json beside new weights would be taken for the model.
    for path in stale:
        path.unlink(missing_ok=True)
    mode = (beside / artifacts.QA_CONFIG).stat().st_mode  # safetensors writes files that only their owner may read
    for name in new:
        if (beside / name).is_file():
            (beside / name).chmod(mode)
        target = folder / name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        with open(beside / name, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(beside / name, target)


def _remove_leftovers(folder: Path) -> None:
    """What a killed save left behind."""
    for path in folder.glob(".saving-*"):
        shutil.rmtree(path, ignore_errors=True)


def _quantization(plain: Any) -> dict[str, Any] | None:
    config = getattr(plain, "quantization_method", None) and getattr(plain.config, "quantization_config", None)
    if not config:
        return None
    if config.load_in_8bit:
        return {"load_in_8bit": True}
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": config.bnb_4bit_quant_type,
        "bnb_4bit_compute_dtype": str(config.bnb_4bit_compute_dtype).removeprefix("torch."),
        "bnb_4bit_use_double_quant": config.bnb_4bit_use_double_quant,
    }


def _require_same(
    expected: tuple[torch.Tensor, torch.Tensor], model: nn.Module, inputs: dict[str, torch.Tensor], what: str
) -> None:
    difference, scale = _compare(expected, logits_of(model, inputs), inputs, what)
    _require_close(difference, scale, _dtype(unwrap(model)), what)


def _require_close(difference: float, scale: float, dtype: torch.dtype, what: str) -> None:
    tolerance = TOLERANCES.get(dtype, 1e-3) * scale
    if not difference <= tolerance:
        raise ModelError(
            f"{what} by up to {difference:.3g} (at most {tolerance:.3g} is rounding): the saved model is not the "
            "trained one. Keep the checkpoints and report this with the model's name"
        )


def _compare(
    expected: tuple[torch.Tensor, torch.Tensor],
    found: tuple[torch.Tensor, torch.Tensor],
    inputs: dict[str, torch.Tensor],
    what: str,
) -> tuple[float, float]:
    """Largest difference over real tokens, and the size of the logits there (at least 1)."""
    mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).bool().cpu()
    before = torch.stack([logits.detach().float().cpu()[mask] for logits in expected])
    after = torch.stack([logits.detach().float().cpu()[mask] for logits in found])
    if not (torch.isfinite(before).all() and torch.isfinite(after).all()):
        raise ModelError(
            f"{what}: logits are not finite (NaN or infinite); training diverged or the weights are damaged"
        )
    return float((before - after).abs().max()), max(1.0, float(before.abs().max()))


def _device(plain: nn.Module) -> torch.device:
    return next(plain.parameters()).device


def _dtype(plain: nn.Module) -> torch.dtype:
    """Type of the unquantised weights."""
    return next(p.dtype for p in plain.parameters() if p.is_floating_point())
