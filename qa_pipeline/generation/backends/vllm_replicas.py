"""vLLM's engines, each in this process or in one of its own, with GPUs of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from typing import Any, Protocol

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.in_process import Written
from qa_pipeline.generation.backends.models import TEMPLATE_OPTIONS, on_one_day

INSTALL = "backend vllm needs vLLM and a GPU; run: pip install vllm (or use backend transformers)"
SECONDS_TO_END = 120
"""Time that a replica has to end its engine, which would keep its GPU otherwise."""

Job = tuple[list[dict[str, str]], str, dict[str, Any]]
"""Turns of a chat, the same as one text for a model without a chat template, and the arguments of SamplingParams."""
Jobs = list[Job]


class Replica(Protocol):
    """One engine: takes jobs, answers them in order, and is ended."""

    def begin(self, jobs: Jobs) -> None:
        """Takes jobs."""

    def finish(self) -> list[Written | str]:
        """Waits for them; a string says why a prompt cannot be completed."""

    def close(self) -> None:
        """Ends it."""


class Here:
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
            raise BackendError(f"vLLM cannot load {engine['model']}: {_told(error)}") from error
        self._template = on_one_day(getattr(tokenizer, "chat_template", None))
        # Mistral's own tokenizers write chats without a template.
        self._takes_turns = bool(self._template) or "Mistral" in type(tokenizer).__name__
        self._jobs: Jobs = []

    def begin(self, jobs: Jobs) -> None:
        """Takes jobs."""
        self._jobs = jobs

    def finish(self) -> list[Written | str]:
        """Waits for them; a string says why a prompt cannot be completed. Raises BackendError where vLLM fails."""
        refusals, failures = _vllm_errors()
        try:
            with contextlib.suppress(*refusals):  # one prompt that is too long stops the whole batch
                return list(self._chat(self._jobs))
            answers: list[Written | str] = []
            for job in self._jobs:
                try:
                    answers += self._chat([job])
                except refusals as error:
                    answers.append(_told(error))
            return answers
        except failures as error:
            raise BackendError(f"vLLM failed: {_told(error)}") from error

    def _chat(self, jobs: Jobs) -> list[Written]:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        if not jobs:
            return []
        parameters = []
        for _, _, arguments in jobs:
            structured = arguments.get("structured_outputs")
            if structured is not None:
                arguments = {**arguments, "structured_outputs": StructuredOutputsParams(**structured)}
            parameters.append(SamplingParams(**arguments))
        if self._takes_turns:
            outputs = self._llm.chat(
                [turns for turns, _, _ in jobs],
                sampling_params=parameters,
                use_tqdm=False,
                chat_template=self._template if isinstance(self._template, str) else None,
                chat_template_kwargs=TEMPLATE_OPTIONS,
            )
        else:
            outputs = self._llm.generate([text for _, text, _ in jobs], sampling_params=parameters, use_tqdm=False)
        return [
            Written(
                output.outputs[0].text,
                output.outputs[0].finish_reason or "stop",
                len(output.prompt_token_ids or ()),
                len(output.outputs[0].token_ids),
            )
            for output in outputs
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


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:400]


class Elsewhere:
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

    def begin(self, jobs: Jobs) -> None:
        """Takes jobs."""
        try:
            self._pipe.send(jobs)
        except OSError as error:
            raise self._ended() from error

    def finish(self) -> list[Written | str]:
        """Waits for them; a string says why a prompt cannot be completed. Raises BackendError where vLLM fails."""
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        if isinstance(answer, str):
            raise BackendError(answer)
        return answer

    def _ended(self) -> BackendError:
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
        here: Here | None = None
        while (jobs := _received(pipe)) is not None:
            try:
                if here is None:
                    here = Here(engine)
                    at_the_end.callback(here.close)
                here.begin(jobs)
                pipe.send(here.finish())
            except BackendError as error:
                pipe.send(str(error))
                return


def _received(pipe: Any) -> Jobs | None:
    try:
        return pipe.recv()
    except EOFError:
        return None
