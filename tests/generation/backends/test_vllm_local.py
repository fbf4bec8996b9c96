from __future__ import annotations

import importlib.util

import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import VLLMBackend, resolve_model
from qa_pipeline.generation.backends.vllm_local import engine_arguments, sampling_arguments, visible_devices
from tests.generation.backends.made import SCHEMA, request

INSTALLED = importlib.util.find_spec("vllm") is not None


@pytest.mark.skipif(INSTALLED, reason="vLLM is installed")
def test_without_vllm_the_error_says_what_to_install():
    with pytest.raises(BackendError, match=r"pip install 'qa-pipeline\[vllm\]'"):
        VLLMBackend("mistral7b")


def test_engine_arguments():
    arguments = engine_arguments(resolve_model("mistral7b-4bit"), tensor_parallel_size=2, max_model_len=4096)
    assert arguments["model"] == "mistralai/Mistral-7B-Instruct-v0.3"
    assert arguments["tensor_parallel_size"] == 2 and arguments["quantization"] == "bitsandbytes"
    assert arguments["max_model_len"] == 4096 and "revision" not in arguments
    assert "quantization" not in engine_arguments(resolve_model("mistral7b"))


def test_sampling_arguments():
    arguments = sampling_arguments(request(schema=SCHEMA, seed=7))
    assert arguments["structured_outputs"] == {"json": SCHEMA, "disable_any_whitespace": True}
    assert (arguments["max_tokens"], arguments["seed"], arguments["temperature"]) == (20, 7, 0.5)
    greedy = sampling_arguments(request(temperature=0.0, seed=None))
    assert greedy["top_p"] == 1.0 and "seed" not in greedy and "structured_outputs" not in greedy


def test_replicas_share_the_gpus_out():
    assert [visible_devices(i, 2, None) for i in range(2)] == ["0,1", "2,3"]
    assert visible_devices(1, 1, "4, 7") == "7"
    with pytest.raises(BackendError, match="need 4 GPUs or more"):
        visible_devices(1, 2, "0,1,2")


@pytest.mark.gpu
@pytest.mark.skipif(not INSTALLED, reason="vLLM is not installed")
def test_vllm_follows_a_schema():
    backend = VLLMBackend("qwen3-0.6b", max_model_len=2048)
    [result] = backend.complete([request(text="Reply with JSON.", schema=SCHEMA, max_tokens=60)])
    assert result.text.startswith('{"a"')
