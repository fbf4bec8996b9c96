"""A chat model in this process through transformers: on a CPU or a GPU, batched, optionally in 4 bits.

Every row of a batch draws from a random generator of its own, seeded by its request, so that what a request gets does
not depend on which others it is batched with.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.budget import Limits
from qa_pipeline.generation.backends.cache import Cache
from qa_pipeline.generation.backends.in_process import InProcessBackend
from qa_pipeline.generation.backends.models import (
    TEMPLATE_OPTIONS,
    messages_for,
    on_one_day,
    plain_prompt,
    resolve_model,
)
from qa_pipeline.generation.backends.protocol import Completion, Failure, Request

logger = logging.getLogger(__name__)

_FROM_HUB: dict[str, Any] = {"revision": "main", "token": None, "cache_dir": None, "trust_remote_code": False}


class TransformersBackend(InProcessBackend):
    """Completes requests with a causal language model.

    Args:
        model: a short name of `models` (with -4bit behind it for 4 bits), a Hub id or a folder.
        batch_size: rows at a time at most; halved by itself when a GPU's memory does not hold them.
        device: "cpu", "cuda", "cuda:1" ...; None: the GPU of this process under `accelerate launch` or `torchrun`, else
            the first GPU, else the CPU.
        dtype: "auto" (what the weights were saved in), "float32", "bfloat16" or "float16".
        load_in_4bit: load through bitsandbytes in 4 bits.
        top_p: only the likeliest tokens that together have this share are drawn from.
        limits: max_requests and max_tokens.
        cache: a Cache or its file; None keeps completions in memory.
        from_hub: revision, token, cache_dir, trust_remote_code, as in transformers.

    Raises:
        BackendError: the name stands for no model, or a setting cannot be meant. Loading happens at the first request.
    """

    def __init__(
        self,
        model: str,
        *,
        batch_size: int = 8,
        device: str | None = None,
        dtype: str = "auto",
        load_in_4bit: bool = False,
        top_p: float = 0.95,
        limits: Limits | None = None,
        cache: Cache | str | Path | None = None,
        **from_hub: Any,
    ):
        if unknown := from_hub.keys() - _FROM_HUB.keys():
            raise TypeError(f"TransformersBackend takes no {', '.join(sorted(unknown))}")
        self._found = resolve_model(model)
        if not 0 < top_p <= 1:
            raise BackendError(f"top_p: expected more than 0 and at most 1, found {top_p}")
        if dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise BackendError(f"dtype: expected auto, float32, bfloat16 or float16, found {dtype!r}")
        self._load_in_4bit = load_in_4bit or self._found.load_in_4bit
        loaded = {"backend": "transformers", "4bit": self._load_in_4bit, "dtype": dtype, "top_p": top_p}
        super().__init__(model, {**loaded, "revision": from_hub.get("revision")}, batch_size, limits, cache)
        self._device_name = device
        self._dtype = dtype
        self._top_p = top_p
        self._from_hub = {name: from_hub.get(name) or default for name, default in _FROM_HUB.items()}
        self._tokenizer: Any = None
        self._model: Any = None
        self._system_role = True

    def _prompt_tokens(self, requests: Sequence[Request]) -> list[int | Failure]:
        self._load()
        longest = _longest_input(self._model.config)
        numbers: list[int | Failure] = []
        for request in requests:
            size = len(self._tokenizer(self._prompt(request), add_special_tokens=False)["input_ids"])
            if longest is not None and size + request.max_tokens > longest:
                detail = f"{size} tokens and {request.max_tokens} new ones, and the model takes {longest}"
                numbers.append(Failure(request.key, "too_long", detail))
            else:
                numbers.append(size)
        return numbers

    def _write(self, requests: Sequence[Request]) -> list[Completion]:
        """Writes in batches of similar length; halves them when the memory does not hold one."""
        import torch

        prompts = [self._prompt(request) for request in requests]
        order = sorted(range(len(requests)), key=lambda i: len(prompts[i]))
        written: dict[int, Completion] = {}
        start = 0
        while start < len(order):
            rows = order[start : start + self.batch_size]
            try:
                batch = self._write_batch([requests[i] for i in rows], [prompts[i] for i in rows])
            except torch.OutOfMemoryError as error:
                if len(rows) == 1:
                    raise BackendError(
                        f"model {self.model}: one request does not fit into the memory of {self._model.device}; use "
                        "shorter passages, a smaller model or load_in_4bit"
                    ) from error
                torch.cuda.empty_cache()
                self.batch_size = max(1, len(rows) // 2)
                logger.warning("out of memory; batch_size is %d from here on", self.batch_size)
                continue
            written.update(zip(rows, batch, strict=True))
            start += len(rows)
        return [written[i] for i in range(len(requests))]

    def _write_batch(self, requests: Sequence[Request], prompts: list[str]) -> list[Completion]:
        import torch
        from transformers import LogitsProcessorList

        inputs = self._tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        inputs = {name: inputs[name].to(self._model.device) for name in ("input_ids", "attention_mask")}
        wanted = [request.max_tokens for request in requests]
        with torch.inference_mode():
            # do_sample stays off: the drawing is done by _RowSampler, row by row.
            output = self._model.generate(
                **inputs,
                max_new_tokens=max(wanted),
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=self._tokenizer.pad_token_id,
                logits_processor=LogitsProcessorList([_RowSampler(requests, self._top_p, self._model.device)]),
            )
        width = inputs["input_ids"].shape[1]
        ends = _end_tokens(self._model, self._tokenizer)
        prompt_sizes = inputs["attention_mask"].sum(dim=1).tolist()
        rows = []
        for request, row, prompt_size in zip(requests, output[:, width:].tolist(), prompt_sizes, strict=True):
            most = request.max_tokens
            stop = next((i for i, token in enumerate(row[:most]) if token in ends), None)
            tokens = row[:most] if stop is None else row[:stop]
            text = self._tokenizer.decode(tokens, skip_special_tokens=True)
            used = len(tokens) + (stop is not None)
            ending = "length" if stop is None else "stop"
            rows.append(Completion(request.key, text, ending, prompt_size, used, cached=False))
        return rows

    def _prompt(self, request: Request) -> str:
        turns = messages_for(self._found.family, request.messages, self._system_role if self._has_template else None)
        if not self._has_template:
            return (self._tokenizer.bos_token or "") + plain_prompt(self._found.family, turns)
        return self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, **TEMPLATE_OPTIONS
        )

    @property
    def _has_template(self) -> bool:
        return bool(getattr(self._tokenizer, "chat_template", None))

    def _load(self) -> None:
        if self._model is not None:
            return
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        name = self._found.hub_id
        options = self._from_hub
        where = _device(self._device_name)
        dtype: Any = self._dtype if self._dtype == "auto" else getattr(torch, self._dtype)
        if where.type == "cpu" and self._dtype == "auto":
            dtype = torch.float32
        extra: dict[str, Any] = {}
        if self._load_in_4bit:
            extra = _four_bit(where)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left", **options)
            model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype, **extra, **options)
            model = (model if self._load_in_4bit else model.to(where)).eval()
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"model {self.model} ({name}) does not fit into the memory of {where}; use a smaller model, "
                "load_in_4bit, or backend vllm with a tensor_parallel_size"
            ) from error
        except Exception as error:  # the libraries' own too: a damaged file of weights, a package that is missing
            raise BackendError(
                f"model {self.model} ({name}) cannot be loaded as a chat model: {' '.join(str(error).split())[:400]}"
            ) from error
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token
        self._tokenizer.chat_template = on_one_day(self._tokenizer.chat_template)
        self._model = model
        self._system_role = self._takes_system_turn()

    def _takes_system_turn(self) -> bool:
        """Asks the chat template itself: some raise on a system turn, some leave it out."""
        if not self._has_template:
            return True
        mark = "c0ntent"
        try:
            turns = [{"role": "system", "content": mark}, {"role": "user", "content": "x"}]
            return mark in self._tokenizer.apply_chat_template(turns, tokenize=False, **TEMPLATE_OPTIONS)
        except Exception:  # templates raise whatever they like
            return False


class _RowSampler:
    """Draws each row's next token with that row's own generator; what is left for the library is to take the largest.

    Adding Gumbel noise to the logits and taking the largest is the same as drawing from their softmax.
    """

    def __init__(self, requests: Sequence[Request], top_p: float, device: Any):
        import torch

        self._temperatures = [request.temperature for request in requests]
        self._top_p = top_p
        self._generators = []
        for request in requests:
            # On the CPU whatever the device: the same draws everywhere.
            generator = torch.Generator()
            generator.manual_seed(0 if request.seed is None else request.seed)
            self._generators.append(generator)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Changes the logits of rows with a temperature above 0.

        Args:
            input_ids: (rows, seq_len).
            scores: logits, (rows, vocabulary).
        """
        import torch

        scores = scores.float()
        for row, (temperature, generator) in enumerate(zip(self._temperatures, self._generators, strict=True)):
            if temperature <= 0:
                continue
            logits = scores[row] / temperature
            if self._top_p < 1:
                ordered, order = logits.sort(descending=True)
                shares = ordered.softmax(-1)
                beyond = shares.cumsum(-1) - shares > self._top_p  # the first is always kept
                logits = logits.masked_fill(torch.zeros_like(beyond).scatter(0, order, beyond), -torch.inf)
            noise = torch.empty(logits.shape).exponential_(generator=generator).log().neg()
            scores[row] = logits + noise.to(logits.device)
        return scores


def _device(name: str | None) -> Any:
    import torch

    if name is None:
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BackendError(f'device {name!r}: expected "cpu", "cuda", "cuda:0" ...') from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BackendError(f"device {name}: this machine has {torch.cuda.device_count()} CUDA devices")
    return device


def _four_bit(device: Any) -> dict[str, Any]:
    import torch
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise BackendError("load_in_4bit needs bitsandbytes; run: pip install bitsandbytes")
    compute = torch.bfloat16 if device.type == "cuda" else torch.float32
    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute
    )
    place = (device.index or 0) if device.type == "cuda" else str(device)
    return {"quantization_config": config, "device_map": {"": place}}


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    found: set[int] = set()
    for value in (model.generation_config.eos_token_id, tokenizer.eos_token_id):
        found |= set(value) if isinstance(value, list | tuple) else {value} if value is not None else set()
    return found


def _longest_input(config: Any) -> int | None:
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return getattr(text, "max_position_embeddings", None)
