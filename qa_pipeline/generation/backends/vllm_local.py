"""A chat model in this process through vLLM: structured output, tensor and data parallel. Needs a GPU and `vllm`.

Data parallel starts one process for each replica, with GPUs of its own, and shares the requests out; for models that
fit one replica this is as fast as vLLM's own and works for every model.
"""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.budget import Limits, most_prompt_tokens
from qa_pipeline.generation.backends.cache import Cache
from qa_pipeline.generation.backends.in_process import InProcessBackend
from qa_pipeline.generation.backends.models import (
    TEMPLATE_OPTIONS,
    ChatModel,
    messages_for,
    on_one_day,
    plain_prompt,
    resolve_model,
)
from qa_pipeline.generation.backends.protocol import Completion, Failure, Request

INSTALL = "backend vllm needs vLLM and a GPU; run: pip install vllm (or use backend transformers)"
SECONDS_TO_END = 120
"""Time that a replica has to end its engine, which would keep its GPU otherwise."""


class Chat(NamedTuple):
    """One request as vLLM takes it."""

    key: str
    turns: list[dict[str, str]]
    text: str  # the turns as one text, for a model without a chat template
    sampling: dict[str, Any]  # arguments of SamplingParams


def engine_arguments(
    model: ChatModel,
    *,
    tensor_parallel_size: int = 1,
    load_in_4bit: bool = False,
    cache_dir: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Keyword arguments of vllm.LLM.

    Args:
        options: further ones by vLLM's own names (dtype, max_model_len, revision ...); None: not given.
    """
    arguments: dict[str, Any] = {
        "model": model.hub_id,
        "tensor_parallel_size": tensor_parallel_size,
        "dtype": "auto",
        "gpu_memory_utilization": 0.9,
        "seed": 0,
        "trust_remote_code": False,
        "enable_prefix_caching": True,  # all prompts of a run begin alike
        "generation_config": "vllm",  # what the request says, not what the model's folder says
        # Whitespace between tokens of JSON is where constrained decoding runs on for ever. vLLM reads this switch
        # here only (of a request it is ignored), and takes it only beside the name of a library that has it.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if load_in_4bit or model.load_in_4bit:
        arguments["quantization"] = "bitsandbytes"
    options["download_dir"] = cache_dir
    return {**arguments, **{name: value for name, value in options.items() if value is not None}}


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

    def _write(self, requests: Sequence[Request]) -> list[Completion | Failure]:
        self._start()
        chats = [self._chat(request) for request in requests]
        shares = [chats[i :: len(self._replicas)] for i in range(len(self._replicas))]
        for replica, share in zip(self._replicas, shares, strict=True):
            replica.begin(share)
        results = [replica.finish() for replica in self._replicas]
        return [results[i % len(results)][i // len(results)] for i in range(len(requests))]

    def _chat(self, request: Request) -> Chat:
        turns = messages_for(self._found.family, request.messages)
        text = plain_prompt(self._found.family, turns)
        return Chat(request.key, turns, text, sampling_arguments(request, self._top_p))

    def _start(self) -> None:
        if self._replicas:
            return
        if self._data_parallel_size == 1:
            self._replicas = [LocalReplica(self._engine)]
            return
        size = self._engine["tensor_parallel_size"]
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        devices = [visible_devices(i, size, visible) for i in range(self._data_parallel_size)]
        self._replicas = [ChildReplica(self._engine, names) for names in devices]


class Replica(Protocol):
    """One engine: takes chats, answers them in order, and is ended."""

    def begin(self, chats: list[Chat]) -> None:
        """Takes chats."""

    def finish(self) -> list[Completion | Failure]:
        """Waits for them."""

    def close(self) -> None:
        """Ends it."""


class LocalReplica:
    """One engine in this process. Raises BackendError where vLLM cannot load it.

    Args:
        engine: keyword arguments of vllm.LLM.
    """

    def __init__(self, engine: dict[str, Any]):
        try:
            from vllm import LLM

            self._llm = LLM(**engine)
            tokenizer = self._llm.get_tokenizer()
        except ImportError as error:
            raise BackendError(INSTALL) from error
        except Exception as error:  # vLLM's own, pydantic's, torch's and the operating system's
            raise BackendError(f"vLLM cannot load {engine['model']}: {_in_one_line(error)}") from error
        self._template = on_one_day(getattr(tokenizer, "chat_template", None))
        # Mistral's own tokenizers write chats without a template.
        self._takes_turns = bool(self._template) or "Mistral" in type(tokenizer).__name__
        self._chats: list[Chat] = []

    def begin(self, chats: list[Chat]) -> None:
        """Takes chats."""
        self._chats = chats

    def finish(self) -> list[Completion | Failure]:
        """Waits for them. Raises BackendError where vLLM fails."""
        refusals, failures = _vllm_errors()
        try:
            with contextlib.suppress(*refusals):  # one prompt that is too long stops the whole batch
                return list(self._complete(self._chats))
            results: list[Completion | Failure] = []
            for chat in self._chats:
                try:
                    results += self._complete([chat])
                except refusals as error:
                    results.append(Failure(chat.key, "refused", _in_one_line(error)))
            return results
        except failures as error:
            raise BackendError(f"vLLM failed: {_in_one_line(error)}") from error

    def _complete(self, chats: list[Chat]) -> list[Completion]:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        if not chats:
            return []
        parameters = []
        for chat in chats:
            arguments = dict(chat.sampling)
            if "structured_outputs" in arguments:
                arguments["structured_outputs"] = StructuredOutputsParams(**arguments["structured_outputs"])
            parameters.append(SamplingParams(**arguments))
        if self._takes_turns:
            outputs = self._llm.chat(
                [chat.turns for chat in chats],
                sampling_params=parameters,
                use_tqdm=False,
                chat_template=self._template if isinstance(self._template, str) else None,
                chat_template_kwargs=TEMPLATE_OPTIONS,
            )
        else:
            outputs = self._llm.generate([chat.text for chat in chats], sampling_params=parameters, use_tqdm=False)
        return [
            Completion(
                chat.key,
                output.outputs[0].text,
                output.outputs[0].finish_reason or "stop",
                len(output.prompt_token_ids or ()),
                len(output.outputs[0].token_ids),
                cached=False,
            )
            for chat, output in zip(chats, outputs, strict=True)
        ]

    def close(self) -> None:
        """Ends the engine, and with it its hold on a GPU."""
        self._llm.llm_engine.engine_core.shutdown()  # a process of its own, which would outlive this one
        del self._llm


def _vllm_errors() -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    """What vLLM raises for a request that it cannot complete, and when it fails: Python's once, its own today."""
    try:
        from vllm.exceptions import VLLMClientError, VLLMServerError
    except ImportError:
        return (ValueError,), (RuntimeError,)
    return (ValueError, VLLMClientError), (RuntimeError, VLLMServerError)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:400]


class ChildReplica:
    """One engine in a process of its own, which sees only its own GPUs.

    Args:
        engine: keyword arguments of vllm.LLM.
        devices: its CUDA_VISIBLE_DEVICES.
    """

    def __init__(self, engine: dict[str, Any], devices: str):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, engine, devices), daemon=False)
        self._process.start()
        theirs.close()

    def begin(self, chats: list[Chat]) -> None:
        """Takes chats."""
        try:
            self._pipe.send(chats)
        except OSError as error:
            raise self._end_error() from error

    def finish(self) -> list[Completion | Failure]:
        """Waits for them. Raises BackendError where vLLM fails."""
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._end_error() from error
        if isinstance(answer, str):
            raise BackendError(answer)
        return answer

    def _end_error(self) -> BackendError:
        self._process.join(timeout=5)
        code = self._process.exitcode
        return BackendError(f"a vLLM replica ended with exit code {code}; its own messages are above")

    def close(self) -> None:
        """Ends the engine, and with it its hold on a GPU."""
        with contextlib.suppress(OSError):  # it may have ended already
            self._pipe.send(None)
        self._process.join(timeout=SECONDS_TO_END)
        if self._process.is_alive():
            self._process.terminate()


def _serve(pipe: Any, engine: dict[str, Any], devices: str) -> None:
    """Runs in the replica: answers until told to stop, or until the other side is gone."""
    os.environ["CUDA_VISIBLE_DEVICES"] = devices
    with contextlib.ExitStack() as at_the_end:
        replica: LocalReplica | None = None
        while (chats := _next_chats(pipe)) is not None:
            try:
                if replica is None:
                    replica = LocalReplica(engine)
                    at_the_end.callback(replica.close)
                replica.begin(chats)
                pipe.send(replica.finish())
            except BackendError as error:
                pipe.send(str(error))
                return


def _next_chats(pipe: Any) -> list[Chat] | None:
    try:
        return pipe.recv()
    except EOFError:
        return None
