from __future__ import annotations

import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import BudgetError, Limits, TransformersBackend
from qa_pipeline.generation.backends.protocol import Completion, Message, Request
from tests.generation.backends.made import request, requests
from tests.generation.backends.tiny_chat import TEMPLATE, save_tiny_chat


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    return save_tiny_chat(tmp_path_factory.mktemp("tiny_chat"))


def texts(model, wanted, **options):
    return {r.key: r.text for r in TransformersBackend(model, device="cpu", **options).complete(wanted)}


def test_what_a_request_gets_does_not_depend_on_its_batch(tiny):
    wanted = [request(f"p{i}/s/0", "Say " + "more " * i, seed=i, temperature=1.0, max_tokens=8 + i) for i in range(6)]
    alone = texts(tiny, wanted, batch_size=1)
    assert alone == texts(tiny, wanted[::-1], batch_size=4)
    assert len(set(alone.values())) == 6
    other = [request(r.key, r.messages[0].content, seed=99, temperature=1.0, max_tokens=r.max_tokens) for r in wanted]
    assert texts(tiny, other) != alone


def test_greedy_decoding_is_that_of_the_model(tiny):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    wanted = Request("k", (Message("system", "Be brief."), Message("user", "Hi")), 12, 0.0, None, None)
    [result] = TransformersBackend(tiny, device="cpu").complete([wanted])
    tokenizer, model = AutoTokenizer.from_pretrained(tiny), AutoModelForCausalLM.from_pretrained(tiny)
    prompt = "<|system|>Be brief.<|end|><|user|>Hi<|end|><|assistant|>"
    inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        row = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert result.text == tokenizer.decode(row, skip_special_tokens=True)
    assert result.prompt_tokens == inputs["input_ids"].shape[1]
    assert result.finish_reason == ("stop" if 2 in row.tolist() else "length")


def test_what_another_way_of_loading_wrote_is_not_taken(tiny, tmp_path):
    cache, wanted = tmp_path / "c.sqlite", requests(2)
    texts(tiny, wanted, cache=cache)
    for options, cached in (({}, 2), ({"top_p": 0.5}, 0), ({"dtype": "bfloat16"}, 0)):
        backend = TransformersBackend(tiny, device="cpu", cache=cache, **options)
        list(backend.complete(wanted))
        assert backend.usage.cached == cached


def test_a_prompt_does_not_hang_on_the_day(tmp_path):
    template = TEMPLATE + "{{ strftime_now('%d %B %Y') }}"
    [result] = TransformersBackend(save_tiny_chat(tmp_path, template), device="cpu").complete([request()])
    assert result.prompt_tokens == len("Say something.") + 3 + len("01 January 2025")


def test_a_damaged_file_of_weights_is_named(tmp_path):
    model = save_tiny_chat(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{cut off")
    with pytest.raises(BackendError, match=f"{model}.* cannot be loaded"):
        list(TransformersBackend(model, device="cpu").complete([request()]))


def test_a_model_that_always_says_the_same_says_it(tmp_path):
    reply = '{"questions": []}'
    model = save_tiny_chat(tmp_path, reply=reply)
    for temperature in (0.0, 0.7):
        [result] = TransformersBackend(model, device="cpu").complete([request(temperature=temperature)])
        assert (result.text, result.finish_reason, result.completion_tokens) == (reply, "stop", 2)


def test_completions_are_kept_and_budgets_hold(tiny, tmp_path):
    first = texts(tiny, requests(4), cache=tmp_path / "c.sqlite")
    again = TransformersBackend(tiny, device="cpu", cache=tmp_path / "c.sqlite")
    assert {r.key: r.text for r in again.complete(requests(4))} == first
    assert again._model is None and again.usage.cached == 4
    limited = TransformersBackend(tiny, device="cpu", limits=Limits(max_requests=3), batch_size=2)
    got = []
    with pytest.raises(BudgetError, match="max_requests=3"):
        for result in limited.complete(requests(8)):
            got.append(result)
    assert len(got) == 3 == limited.usage.requests and limited.usage.cost is None


def test_a_prompt_that_is_too_long_is_a_failure_of_its_own(tiny):
    wanted = [request("long/s/0", "word " * 600), request("short/s/0")]
    results = {r.key: r for r in TransformersBackend(tiny, device="cpu").complete(wanted)}
    assert results["long/s/0"].reason == "too_long" and isinstance(results["short/s/0"], Completion)


def test_models_without_a_template_or_a_system_turn_are_asked_too(tmp_path):
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + (
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    wanted = Request("k", (Message("system", "Be brief."), Message("user", "Hi")), 5, 0.0, None, None)
    for name, template in (("none", None), ("refusing", refusing)):
        [result] = TransformersBackend(save_tiny_chat(tmp_path / name, template), device="cpu").complete([wanted])
        assert isinstance(result, Completion) and result.prompt_tokens >= len("Be brief.Hi")


def test_what_is_no_chat_model_is_refused_with_its_name(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BackendError, match="cannot be loaded as a chat model"):
        list(TransformersBackend(str(tmp_path), device="cpu").complete([request()]))
    with pytest.raises(BackendError, match="CUDA devices"):
        list(TransformersBackend(str(tmp_path), device="cuda:77").complete([request()]))
