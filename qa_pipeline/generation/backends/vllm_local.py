"""A chat model in this process through vLLM: structured output, tensor and data parallel. Needs a GPU and `vllm`.

Data parallel starts one process for each replica, with GPUs of its own, and shares the requests out; for models that
fit one replica this is as fast as vLLM's own and works for every model.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.cache import Cache
from qa_pipeline.generation.backends.in_process import InProcessBackend, Written
from qa_pipeline.generation.backends.limits import Limits, most_prompt_tokens
from qa_pipeline.generation.backends.models import (
    ChatModel,
    messages_for,
    plain_prompt,
    resolve_model,
)
from qa_pipeline.generation.backends.vllm_replicas import INSTALL, Elsewhere, Here, Job, Replica
from qa_pipeline.generation.types import Failure, Request


def engine_arguments(
    model: ChatModel,
    *,
    tensor_parallel_size: int = 1,
    dtype: str = "auto",
    load_in_4bit: bool = False,
    gpu_memory_utilization: float = 0.9,
    max_model_len: int | None = None,
    seed: int = 0,
    revision: str | None = None,
    cache_dir: str | None = None,
    trust_remote_code: bool = False,
) -> dict[str, Any]:
    """Keyword arguments of vllm.LLM."""
    arguments: dict[str, Any] = {
        "model": model.hub_id,
        "tensor_parallel_size": tensor_parallel_size,
        "dtype": dtype,
        "gpu_memory_utilization": gpu_memory_utilization,
        "seed": seed,
        "trust_remote_code": trust_remote_code,
        "enable_prefix_caching": True,  # all prompts of a run begin alike
        "generation_config": "vllm",  # what the request says, not what the model's folder says
        # Whitespace between tokens of JSON is where constrained decoding runs on for ever. vLLM reads this switch
        # here only (of a request it is ignored), and takes it only beside the name of a library that has it.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if load_in_4bit or model.load_in_4bit:
        arguments["quantization"] = "bitsandbytes"
    optional = {"max_model_len": max_model_len, "revision": revision, "download_dir": cache_dir}
    return {**arguments, **{name: value for name, value in optional.items() if value is not None}}


def sampling_arguments(request: Request, top_p: float = 0.95) -> dict[str, Any]:
    """Keyword arguments of vllm.SamplingParams; those of StructuredOutputsParams under "structured_outputs"."""
    arguments: dict[str, Any] = {
        "n": 1,
        "max_tokens": request.max_tokens,
        "temperature": max(0.0, request.temperature),
        "top_p": top_p if request.temperature > 0 else 1.0,
    }
    if request.seed is not None:
        arguments["seed"] = request.seed
    if request.schema is not None:
        arguments["structured_outputs"] = {"json": request.schema}
    return arguments


def visible_devices(replica: int, tensor_parallel_size: int, visible: str | None) -> str:
    """The CUDA_VISIBLE_DEVICES of one replica.

    Args:
        replica: from 0.
        tensor_parallel_size: GPUs of a replica.
        visible: CUDA_VISIBLE_DEVICES of this process; None: all.

    Raises:
        BackendError: there are fewer GPUs.
    """
    first = replica * tensor_parallel_size
    if not visible:
        return ",".join(str(first + i) for i in range(tensor_parallel_size))
    names = [name.strip() for name in visible.split(",")]
    if len(names) < first + tensor_parallel_size:
        raise BackendError(
            f"data_parallel_size and tensor_parallel_size need {first + tensor_parallel_size} GPUs or more; "
            f"CUDA_VISIBLE_DEVICES={visible} names {len(names)}"
        )
    return ",".join(names[first : first + tensor_parallel_size])


class VLLMBackend(InProcessBackend):
    """Completes requests with vLLM's own scheduling.

    Args:
        model: a short name of `models`, a Hub id or a folder.
        batch_size: requests handed to vLLM at a time; it batches them itself, so large is fast.
        tensor_parallel_size: GPUs that hold one replica of the model.
        data_parallel_size: replicas.
        top_p: only the likeliest tokens that together have this share are drawn from.
        limits: max_requests and max_tokens.
        cache: a Cache or its file; None keeps completions in memory.
        engine: further arguments of `engine_arguments`.

    Raises:
        BackendError: vLLM is not installed, or a setting cannot be meant. Loading happens at the first request.
    """

    def __init__(
        self,
        model: str,
        *,
        batch_size: int = 256,
        tensor_parallel_size: int = 1,
        data_parallel_size: int = 1,
        top_p: float = 0.95,
        limits: Limits | None = None,
        cache: Cache | str | Path | None = None,
        **engine: Any,
    ):
        if importlib.util.find_spec("vllm") is None:
            raise BackendError(INSTALL)
        if tensor_parallel_size < 1 or data_parallel_size < 1:
            raise BackendError("tensor_parallel_size and data_parallel_size: expected 1 or more")
        processes = int(os.environ.get("WORLD_SIZE") or 1)
        if processes > 1:
            raise BackendError(
                f"backend vllm runs in one process and was started in {processes}; start it without accelerate launch "
                f"and torchrun, with data_parallel_size={processes}"
            )
        self._found = resolve_model(model)
        self._engine = engine_arguments(self._found, tensor_parallel_size=tensor_parallel_size, **engine)
        loaded = {name: self._engine.get(name) for name in ("quantization", "dtype", "revision")}
        super().__init__(model, {"backend": "vllm", "top_p": top_p, **loaded}, batch_size, limits, cache)
        self._top_p = top_p
        self._replicas: list[Replica] = []
        self._data_parallel_size = data_parallel_size

    def close(self) -> None:
        """Ends the replicas and closes the cache."""
        for replica in self._replicas:
            replica.close()
        self._replicas = []
        super().close()

    def _prompt_tokens(self, requests: Sequence[Request]) -> list[int | Failure]:
        """At their most: vLLM has the tokenizer, maybe in another process."""
        return [most_prompt_tokens(request) for request in requests]

    def _write(self, requests: Sequence[Request]) -> list[Written | Failure]:
        self._start()
        jobs = [self._job(request) for request in requests]
        shares = [jobs[i :: len(self._replicas)] for i in range(len(self._replicas))]
        for replica, share in zip(self._replicas, shares, strict=True):
            replica.begin(share)
        answers = [replica.finish() for replica in self._replicas]
        written: list[Written | Failure] = []
        for i, request in enumerate(requests):
            one = answers[i % len(answers)][i // len(answers)]
            written.append(Failure(request.key, "refused", one) if isinstance(one, str) else one)
        return written

    def _job(self, request: Request) -> Job:
        turns = messages_for(self._found.family, request.messages)
        return turns, plain_prompt(self._found.family, turns), sampling_arguments(request, self._top_p)

    def _start(self) -> None:
        if self._replicas:
            return
        if self._data_parallel_size == 1:
            self._replicas = [Here(self._engine)]
            return
        size = self._engine["tensor_parallel_size"]
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        devices = [visible_devices(i, size, visible) for i in range(self._data_parallel_size)]
        self._replicas = [Elsewhere(self._engine, names) for names in devices]
