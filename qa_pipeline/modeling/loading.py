"""Loads tokenizers and question-answering models: plain, quantised, with new adapters or with trained ones.

Every fault of a name, a folder or a file becomes a ModelError that says what to do. Nothing here draws from the global
random number generators.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from qa_pipeline.arguments import LoRAArguments, ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import checks, lora, warm
from qa_pipeline.modeling.attention import attention_of_probes
from qa_pipeline.modeling.base import Device, Dtype, hub_options, load_base, quantization_of
from qa_pipeline.modeling.exported import is_export
from qa_pipeline.modeling.faults import as_model_error, quiet_loading
from qa_pipeline.modeling.head import UNTRAINED_HEAD, find_qa_head, freeze_unused
from qa_pipeline.modeling.lora import plain_lora
from qa_pipeline.modeling.paths import ADAPTER_CONFIG, at_hand, is_local, resolve_base, resolve_model_path
from qa_pipeline.modeling.settings import read_settings

if TYPE_CHECKING:
    from peft import PeftModel

logger = logging.getLogger(__name__)


def load_tokenizer(model_args: ModelArguments) -> PreTrainedTokenizerFast:
    """Loads the tokenizer of a model, or of an adapter's base model where the adapter folder has none.

    Truncation and padding that were saved inside tokenizer.json (sentence-transformers does that) are switched off, and
    a tokenizer without a padding token (GPT-2) pads with its end token.

    Raises:
        ModelError: no tokenizer, an empty one, or one that is not fast (offsets need a fast tokenizer).
    """
    name = model_args.tokenizer_name or model_args.model_name_or_path or ""
    path = _located(name, model_args)
    if is_local(path) and not _has_tokenizer(path) and (Path(path) / ADAPTER_CONFIG).is_file():
        config = _adapter_config(path, model_args)
        base = resolve_base(config.base_model_name_or_path, path)
        path = at_hand(base, revision=config.revision, cache_dir=model_args.cache_dir)
    if is_local(path) and not _has_tokenizer(path):
        raise ModelError(f"{name} holds no tokenizer (tokenizer.json, vocab.txt, ...); give one as tokenizer_name")
    with as_model_error(f"tokenizer {name}"):
        tokenizer = AutoTokenizer.from_pretrained(path, use_fast=True, **hub_options(model_args))
    tokenizer.name_or_path = name  # as the user gave it: reports show it
    return checks.prepare_tokenizer(tokenizer, name)


def load_model(
    model_args: ModelArguments,
    lora_args: LoRAArguments,
    *,
    seed: int = 0,
    dtype: Dtype | None = None,
    device: Device | None = None,
    warm_start: str | None = None,
) -> PreTrainedModel | PeftModel:
    """Loads a model ready for training: quantised and with adapters where asked for, unused parts frozen.

    A folder that holds an adapter goes on from it: with `use_lora` the same adapter trains further, without it the
    adapter is merged and all weights train. A warm start is no such adapter: new ones begin with it, in their own
    shape, or it is merged.

    Args:
        model_args: which model.
        lora_args: adapters and quantisation.
        seed: seeds the new head and adapters; the global random state stays as it is.
        dtype: type of the weights; None is float32, whatever the file holds (mixed precision comes from autocast).
        device: where a quantised model goes (it cannot be moved later); None: the current GPU, else the CPU. A model
            that is not quantised stays on the CPU.
        warm_start: folder of an adapter on this very model, which it begins with; None: it begins as it is.

    Raises:
        ModelError: the model cannot be loaded, cannot answer questions, or cannot be trained as asked.
    """
    quantize = quantization_of(lora_args)
    if quantize is not None and not lora_args.use_lora:
        raise ModelError("4-bit and 8-bit weights cannot be trained themselves: set use_lora, or leave load_in_* out")
    name = model_args.model_name_or_path or ""
    path = _located(name, model_args)
    model: Any
    with _own_randomness(seed):
        if _holds_adapter(path, model_args):
            model = _load_adapter(path, model_args, dtype, device, quantize, trainable=lora_args.use_lora)
            if not lora_args.use_lora:
                model = model.merge_and_unload()
                model.requires_grad_(True)
        else:
            model, new = load_base(name, path, model_args, dtype, device, quantize)
            if new:
                logger.info("head initialised: %s", ", ".join(new))
            elif warm_start is not None:
                raise ModelError(f"{name} has a trained head: it needs no warm start; set warm_start to off")
            if lora_args.use_lora:
                model = _with_adapters(model, model_args, lora_args, warm_start)
            elif warm_start is not None:
                model = warm.merge_warm(model, warm_start)
        if quantize is not None:
            checks.check_output(model, name)
        with attention_of_probes(model):
            freeze_unused(model, checks.probe_inputs(model))
    return cast("PreTrainedModel | PeftModel", model.train())


def _with_adapters(
    model: PreTrainedModel, model_args: ModelArguments, lora_args: LoRAArguments, warm_start: str | None
) -> PeftModel:
    """The model with new adapters, which begin at random or with those of a warm start."""
    name = model_args.model_name_or_path or ""
    revision = None if is_local(resolve_model_path(name)) else model_args.model_revision
    if warm_start is None:
        return lora.attach_lora(model, lora_args, base_name=name, revision=revision)
    return warm.attach_warm_lora(model, lora_args, warm_start, base_name=name, revision=revision)


def load_trained(
    folder: str | Path,
    device: Device | None = "cpu",
    dtype: Dtype | None = None,
    *,
    base_model: str | None = None,
    quantized: bool | None = None,
    merge: bool = False,
    allow_new_head: bool = False,
    model_args: ModelArguments | None = None,
) -> PreTrainedModel | PeftModel:
    """Loads a trained model for prediction, in evaluation mode: an adapter with its base model, or a plain model.

    Args:
        folder: folder, Hub id or package:MODULE/FOLDER.
        device: where the model goes.
        dtype: type of the weights; None is float32.
        base_model: base of an adapter, where it is no longer where the adapter's configuration says.
        quantized: load an adapter's base quantised; None does so where it was trained so and bitsandbytes is there.
        merge: merge the adapter in memory, which makes prediction faster (not for a quantised base).
        allow_new_head: accept a model without a trained head (it answers at random) instead of refusing it.
        model_args: Hub options (token, cache_dir, revision, trust_remote_code).

    Raises:
        ModelError: as `load_model`; or the model has no trained question-answering head.
    """
    name = str(folder)
    model_args = model_args or ModelArguments()
    path = _located(name, model_args)
    model: Any
    with _own_randomness(0):
        if _holds_adapter(path, model_args):
            quantize = _quantization_to_use(path, quantized)
            merge = merge and quantize is None
            model = _load_merged(path, model_args, dtype, device, base_model) if merge else None
            if model is None:
                model = _load_adapter(path, model_args, dtype, device, quantize, trainable=False, base_model=base_model)
                model = model.merge_and_unload() if merge else model
        else:
            model, new = load_base(name, path, model_args, dtype, device, None)
            if new and not allow_new_head:
                raise ModelError(f"{name} has no trained question-answering head ({', '.join(new)}): train it first")
            setattr(model, UNTRAINED_HEAD, bool(new))
    if device is not None and not getattr(model, "hf_device_map", None):
        model.to(torch.device(device))
    return cast("PreTrainedModel | PeftModel", model.eval())


def _load_merged(
    path: str, model_args: ModelArguments, dtype: Dtype | None, device: Device | None, base_model: str | None
) -> PreTrainedModel | None:
    """The base with a plain LoRA adapter merged into it, without PEFT; None where that takes PEFT."""
    adapter = plain_lora(path)
    if adapter is None:
        return None
    model = _load_base_of(path, adapter.base_name, adapter.revision, model_args, dtype, device, None, base_model)
    return model if adapter.merge_into(model) else None


def _load_base_of(
    path: str,
    base_name: str | None,
    revision: str | None,
    model_args: ModelArguments,
    dtype: Dtype | None,
    device: Device | None,
    quantize: dict[str, Any] | None,
    base_model: str | None,
) -> PreTrainedModel:
    """Loads the base that an adapter names, or `base_model` in its place."""
    base_path = resolve_model_path(base_model) if base_model else resolve_base(base_name, path)
    base_path = at_hand(base_path, revision=revision, cache_dir=model_args.cache_dir)
    base_args = dataclasses.replace(
        model_args, model_name_or_path=base_path, config_name=None, model_revision=revision or "main"
    )
    return load_base(str(base_model or base_name), base_path, base_args, dtype, device, quantize)[0]


def _load_adapter(
    path: str,
    model_args: ModelArguments,
    dtype: Dtype | None,
    device: Device | None,
    quantize: dict[str, Any] | None,
    *,
    trainable: bool,
    base_model: str | None = None,
) -> Any:
    """Loads an adapter on its base model, and makes sure that it brings the head."""
    from peft import PeftModel

    config = _adapter_config(path, model_args)
    if config.is_prompt_learning:
        raise ModelError(f"{path}: {config.peft_type.value} adapters are not supported; expected LoRA or similar")
    base_name = base_model or config.base_model_name_or_path
    model = _load_base_of(
        path, config.base_model_name_or_path, config.revision, model_args, dtype, device, quantize, base_model
    )
    # PEFT's class for question answering drops token_type_ids on their way to the model.
    config.task_type = None
    heads = find_qa_head(model)
    with as_model_error(f"adapter {path}"), quiet_loading():
        peft_model = PeftModel.from_pretrained(
            model,
            path,
            config=config,
            is_trainable=trainable,
            torch_device=str(model.device),
            **_download_options(model_args),
        )
        stored = _stored_modules(path, model_args)
    unsaved = [head for head in heads if head not in stored]
    if unsaved:
        raise ModelError(
            f"{path}: the adapter was saved without the question-answering head {', '.join(unsaved)} of "
            f"{type(model).__name__}, so its training is lost; train again (this program saves the head)"
        )
    peft_model.peft_config["default"].base_model_name_or_path = base_name
    return peft_model


def _quantization_to_use(path: str, quantized: bool | None) -> dict[str, Any] | None:
    settings = read_settings(path) if is_local(path) else None
    trained_with = settings.quantization if settings is not None else None
    if quantized is False or trained_with is None:
        if quantized:
            raise ModelError(f"{path} was not trained on a quantised base; leave quantized out")
        return None
    if importlib.util.find_spec("bitsandbytes") is None:
        if quantized:
            raise ModelError("quantised loading needs bitsandbytes; run: pip install bitsandbytes")
        logger.warning("%s was trained on a quantised base; bitsandbytes is missing, the base is not quantised", path)
        return None
    return trained_with


@contextlib.contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """Seeds torch inside, and puts the global random states back outside."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _located(name: str, model_args: ModelArguments) -> str:
    """The folder or Hub id; raises ModelError for an exported folder, which holds nothing that torch could load."""
    path = resolve_model_path(name)
    if is_export(path):
        raise ModelError(f"{name} is an exported model, which only answers; give the model that it was made from")
    return at_hand(path, revision=model_args.model_revision, cache_dir=model_args.cache_dir)


def _download_options(model_args: ModelArguments) -> dict[str, Any]:
    return {"cache_dir": model_args.cache_dir, "token": model_args.token, "revision": model_args.model_revision}


def _holds_adapter(path: str, model_args: ModelArguments) -> bool:
    if is_local(path):
        return (Path(path) / ADAPTER_CONFIG).is_file()
    from transformers.utils.peft_utils import find_adapter_config_file

    with as_model_error(f"model {path}"):
        return find_adapter_config_file(path, **_download_options(model_args)) is not None


def _adapter_config(path: str, model_args: ModelArguments) -> Any:
    from peft import PeftConfig

    with as_model_error(f"adapter {path}"):
        return PeftConfig.from_pretrained(path, **({} if is_local(path) else _download_options(model_args)))


def _stored_modules(path: str, model_args: ModelArguments) -> set[str]:
    """Top-level module names of the plain model that an adapter's file holds weights of."""
    from safetensors import safe_open

    file = Path(path) / "adapter_model.safetensors"
    if not is_local(path):
        from huggingface_hub import hf_hub_download

        file = Path(hf_hub_download(path, file.name, **_download_options(model_args)))
    if file.is_file():
        with safe_open(str(file), framework="pt") as weights:
            names = list(weights.keys())
    else:
        names = list(torch.load(file.with_suffix(".bin"), map_location="cpu", weights_only=True))
    return {name.removeprefix("base_model.model.").split(".", 1)[0] for name in names}


TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "tekken.json")


def _has_tokenizer(path: str) -> bool:
    folder = Path(path)
    return any((folder / name).is_file() for name in TOKENIZER_FILES) or any(
        file.suffix in (".model", ".tiktoken") for file in folder.iterdir()
    )
