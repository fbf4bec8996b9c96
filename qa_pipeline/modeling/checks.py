"""Checks that a model, its tokenizer and the window length fit together, and describes a model."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
from typing import Any, cast

import torch
from torch import nn
from transformers import MODEL_FOR_QUESTION_ANSWERING_MAPPING, PretrainedConfig, PreTrainedTokenizerFast

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.attention import attention_of_probes
from qa_pipeline.modeling.head import find_qa_head, strip_parallel, unwrap, used_parameters
from qa_pipeline.wording import error_in_short

logger = logging.getLogger(__name__)

SUGGESTED_TYPES = ("bert", "roberta", "distilbert", "deberta-v2", "electra", "xlm-roberta", "modernbert")


def check_architecture(config: PretrainedConfig, name: str, *, trust_remote_code: bool = False) -> None:
    """Makes sure that transformers has a question-answering model for this configuration.

    Raises:
        ModelError: it has none; the message names model types that work.
    """
    if type(config) in MODEL_FOR_QUESTION_ANSWERING_MAPPING:
        return
    if trust_remote_code and "AutoModelForQuestionAnswering" in (getattr(config, "auto_map", None) or {}):
        return
    raise ModelError(
        f"{name}: model type {config.model_type!r} has no extractive question-answering head in transformers; "
        f"types that work: {', '.join(SUGGESTED_TYPES)}, ..."
    )


def prepare_tokenizer(tokenizer: Any, name: str) -> PreTrainedTokenizerFast:
    """Makes sure that a tokenizer gives offsets and can pad, and clears truncation and padding saved inside it.

    Raises:
        ModelError: the tokenizer is not fast, has no vocabulary, or has no token to pad with.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"tokenizer {name}: {type(tokenizer).__name__} is not a fast tokenizer, and only fast ones give character "
            "offsets; take a model with a tokenizer.json, or give another tokenizer_name"
        )
    if not set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids):
        raise ModelError(f"tokenizer {name}: its vocabulary is empty; the tokenizer files are missing or damaged")
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    if tokenizer.pad_token is None:
        stand_in = tokenizer.eos_token or tokenizer.unk_token
        if stand_in is None:
            raise ModelError(f"tokenizer {name} has no padding, end or unknown token to pad batches with")
        tokenizer.pad_token = stand_in
    return cast("PreTrainedTokenizerFast", tokenizer)


def check_fits(model: nn.Module, tokenizer: PreTrainedTokenizerFast, max_seq_length: int) -> None:
    """Makes sure that every id the tokenizer gives, at every position of a window, has an embedding.

    Args:
        model: a question-answering model, with or without adapters.
        tokenizer: the tokenizer that will feed it.
        max_seq_length: tokens.

    Raises:
        ModelError: the tokenizer has more ids or segments than the model, or windows are longer than its positions.
    """
    plain = unwrap(model)
    rows = _vocabulary_rows(plain)
    largest = max(tokenizer.get_vocab().values())
    if rows is not None and largest >= rows:
        raise ModelError(
            f"the tokenizer gives ids up to {largest}, the model has embeddings for 0 to {rows - 1}: "
            "they do not belong together; give the model's own tokenizer_name"
        )
    segments = getattr(plain.config, "type_vocab_size", None)
    if segments and "token_type_ids" in tokenizer.model_input_names:
        given = max(tokenizer("a", "a").get("token_type_ids", [0]))
        if given >= segments:
            raise ModelError(
                f"the tokenizer gives token_type_ids up to {given}, the model knows {segments} segment(s): "
                "they do not belong together; give the model's own tokenizer_name"
            )
    table, trained = positions(plain)
    if table is not None and max_seq_length > table:
        raise ModelError(
            f"max_seq_length {max_seq_length} is more than the {table} positions of {type(plain).__name__}; "
            f"set max_seq_length to {table} or less"
        )
    if table is None and trained is not None and max_seq_length > trained:
        logger.warning("max_seq_length %d is more than the %d tokens the model was made for", max_seq_length, trained)


def check_output(model: nn.Module, name: str) -> set[str]:
    """Runs the model once and makes sure that it gives a start and an end logit a token.

    Returns:
        Names of the parameters that the logits depend on.

    Raises:
        ModelError: the model cannot run on text alone, or its head gives something else.
    """
    inputs = probe_inputs(model)
    try:
        with torch.no_grad():
            start, end = logits_of(model, inputs)
    except Exception as error:
        raise ModelError(
            f"{name}: {type(unwrap(model)).__name__} does not turn text into start and end logits "
            f"({error_in_short(error)})"
        ) from error
    expected = tuple(inputs["input_ids"].shape)
    if tuple(start.shape) != expected or tuple(end.shape) != expected:
        raise ModelError(
            f"{name}: expected start and end logits of shape {expected} (batch, tokens), "
            f"found {tuple(start.shape)} and {tuple(end.shape)}"
        )
    with attention_of_probes(model):
        return used_parameters(model, inputs)


def probe_inputs(model: nn.Module) -> dict[str, torch.Tensor]:
    """A small input that any text model takes, each (1, 16) and on the model's device.

    It has input_ids, attention_mask and, where the model knows them, token_type_ids: XLNet has weights for segments
    that it leaves out without them.
    """
    plain: Any = unwrap(model)
    config = plain.config
    vocabulary = _vocabulary_rows(plain) or 100
    special = {
        token: value
        for token in ("cls_token_id", "bos_token_id", "sep_token_id", "eos_token_id")
        if isinstance(value := getattr(config, token, None), int) and 0 <= value < vocabulary
    }
    first = special.get("cls_token_id", special.get("bos_token_id", 0))
    separator = special.get("sep_token_id", special.get("eos_token_id", first))
    taken = {*special.values(), getattr(config, "pad_token_id", None)}
    words = [i for i in range(vocabulary) if i not in taken][-12:] or [0]
    words = (words * 12)[:12]
    # Longformer wants exactly three separators, to tell the question from the context.
    ids = [first, *words[:4], separator, separator, *words[4:], separator]
    device = next(plain.parameters()).device
    input_ids = torch.tensor([ids], device=device)
    inputs = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
    if "token_type_ids" in inspect.signature(plain.forward).parameters:
        inputs["token_type_ids"] = torch.zeros_like(input_ids)
    return inputs


def logits_of(model: nn.Module, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Start and end logits in evaluation mode, without mixed precision; the model's mode and the inputs stay.

    Args:
        model: with or without adapters and wrappers; accelerate's autocast around forward is left out.
        inputs: input_ids (batch, seq_len) and what else the model takes; other keys than its arguments are not allowed.

    Returns:
        start_logits and end_logits, each (batch, seq_len).
    """
    model = strip_parallel(model)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    # accelerate replaces forward on the instance by one that always autocasts.
    forward = getattr(model, "_original_forward", model)
    try:
        with torch.autocast(device.type, enabled=False), attention_of_probes(model):
            outputs = forward(**{key: value.to(device) for key, value in inputs.items()})
    finally:
        model.train(was_training)
    return outputs.start_logits, outputs.end_logits


def describe(model: nn.Module) -> dict[str, Any]:
    """What a run report says about a model.

    Returns:
        class, model_type, parameters and trainable_parameters (counts), head, lora_targets (last name parts),
        lora_layers (count), dtype of the unquantised weights, quantization ("4bit", "8bit" or None).
    """
    plain: Any = unwrap(model)
    # PEFT keeps the head as it was beside the trained copy; it is not part of the model that answers.
    counted = [(name, p) for name, p in model.named_parameters() if ".original_module." not in f".{name}"]
    targets = list(getattr(strip_parallel(model), "targeted_module_names", []))
    floating = [p for _, p in counted if p.is_floating_point()]
    return {
        "class": type(plain).__name__,
        "model_type": plain.config.model_type,
        "parameters": sum(_count(p) for _, p in counted),
        "trainable_parameters": sum(p.numel() for _, p in counted if p.requires_grad),
        "head": find_qa_head(model),
        "lora_targets": sorted({name.rsplit(".", 1)[-1] for name in targets}),
        "lora_layers": len(targets),
        "dtype": str(floating[0].dtype).removeprefix("torch.") if floating else None,
        "quantization": _quantization(plain),
    }


def weights_fingerprint(model: nn.Module, tokenizer: PreTrainedTokenizerFast) -> str:
    """SHA-256 (first 16 hex digits) of the class, every weight and buffer in its type, and the tokenizer."""
    digest = hashlib.sha256(type(unwrap(model)).__name__.encode())
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    parts = json.loads(tokenizer.backend_tokenizer.to_str())
    of_last_call = {"truncation": None, "padding": None}
    digest.update(json.dumps(parts | of_last_call).encode("ascii"))
    return digest.hexdigest()[:16]


def _quantization(plain: Any) -> str | None:
    if getattr(plain, "is_loaded_in_4bit", False):
        return "4bit"
    return "8bit" if getattr(plain, "is_loaded_in_8bit", False) else None


def _count(parameter: nn.Parameter) -> int:
    """Weights in a parameter; a 4-bit one stores two of them in each byte."""
    state = getattr(parameter, "quant_state", None)
    return state.shape.numel() if state is not None else parameter.numel()


def _vocabulary_rows(plain: Any) -> int | None:
    try:
        embeddings = plain.get_input_embeddings()
    except NotImplementedError:
        embeddings = None
    rows = getattr(embeddings, "num_embeddings", None)
    return rows if isinstance(rows, int) else getattr(plain.config, "vocab_size", None)


def positions(plain: nn.Module) -> tuple[int | None, int | None]:
    """Usable rows of a table of absolute positions (None where the model has none), and the configured length."""
    configured = getattr(plain.config, "max_position_embeddings", None)
    configured = configured if isinstance(configured, int) and configured > 0 else None
    for name, module in plain.named_modules():
        leaf = name.rsplit(".", 1)[-1]
        if not isinstance(module, nn.Embedding):
            continue
        if leaf == "position_embeddings":
            # RoBERTa and its family count positions from padding_idx + 1.
            offset = module.padding_idx + 1 if module.padding_idx is not None else 0
            return module.num_embeddings - offset, configured
        if leaf in ("wpe", "embed_positions", "positions"):
            return configured if configured is not None else module.num_embeddings, configured
    return None, configured
