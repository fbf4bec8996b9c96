from __future__ import annotations

import json

import pytest
import torch

from qa_pipeline.arguments import LoRAArguments
from qa_pipeline.modeling import check_reload, load_model, logits_of, probe_inputs
from qa_pipeline.modeling.attention import NAME, use_float32_attention
from qa_pipeline.modeling.head import compute_head_in_own_dtype, unwrap
from tests.modeling.made import FULL, LORA, loss_of, save, trained


def gradients(model) -> dict[str, torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(model)
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("lora", [FULL, LoRAArguments(use_lora=True, lora_dropout=0.0)], ids=["full", "lora"])
@pytest.mark.parametrize("family", ["bert", "modernbert", "distilbert"])
def test_gradients_are_those_of_bfloat16_attention_within_its_rounding(tiny, family, lora):
    arguments = tiny(family, attention_dropout=0.0, hidden_dropout=0.0, attn_implementation="sdpa")
    plain, changed = trained(arguments, lora), trained(arguments, lora)
    assert use_float32_attention(changed)
    assert unwrap(changed).config._attn_implementation == NAME
    expected, found = gradients(plain), gradients(changed)
    assert expected.keys() == found.keys()
    one, other = (torch.cat([g[name].flatten() for name in sorted(g)]) for g in (expected, found))
    assert torch.cosine_similarity(one, other, dim=0) > 0.99
    assert not torch.equal(one, other)


def test_without_gradients_nothing_changes(tiny):
    plain, changed = (trained(tiny("bert", attn_implementation="sdpa"), FULL).eval() for _ in range(2))
    use_float32_attention(changed)
    inputs = probe_inputs(plain)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(logits_of(plain, inputs)[0], logits_of(changed, inputs)[0])


def test_another_attention_stays_as_it_is(tiny):
    assert not use_float32_attention(load_model(tiny("bert", attn_implementation="eager"), FULL))
    assert not use_float32_attention(load_model(tiny("deberta_v2"), FULL))


def test_the_saved_configuration_does_not_name_it(tiny, tmp_path):
    arguments = tiny("bert", attn_implementation="sdpa")
    model = trained(arguments, FULL)
    use_float32_attention(model)
    folder = save(model, arguments, tmp_path / "saved")
    assert NAME not in json.dumps(json.loads((folder / "config.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("lora", [FULL, LORA], ids=["full", "lora"])
@pytest.mark.parametrize(
    "family", ["bert", "roberta", "distilbert", "deberta_v2", "electra", "modernbert", "xlnet", "gpt2"]
)
def test_dropout_is_switched_off_whatever_the_family_calls_it(tiny, family, lora):
    """In training mode two passes over the same window agree only without dropout."""
    lora = LoRAArguments(**{**vars(lora), "lora_dropout": 0.0})
    model = load_model(tiny(family, attention_dropout=0.0, hidden_dropout=0.0), lora)
    model.train()
    inputs = probe_inputs(model)
    assert torch.equal(model(**inputs).start_logits, model(**inputs).start_logits)
    noisy = load_model(tiny(family, attention_dropout=0.3, hidden_dropout=0.3), lora)
    noisy.train()
    assert not torch.equal(noisy(**inputs).start_logits, noisy(**inputs).start_logits)


@pytest.mark.parametrize("lora", [FULL, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("family", ["bert", "modernbert", "splinter"])
def test_the_head_computes_in_float32_under_autocast(tiny, family, lora):
    model = load_model(tiny(family), lora).eval()
    inputs = probe_inputs(model)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        before = model(**inputs).start_logits
        compute_head_in_own_dtype(model)
        after = model(**inputs).start_logits
    assert torch.equal(before.float(), before.bfloat16().float())
    assert after.dtype == torch.float32
    assert not torch.equal(after, after.bfloat16().float())
    torch.testing.assert_close(after, before.float(), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("lora", [FULL, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("family", ["bert", "modernbert", "distilbert"])
def test_no_probe_runs_a_kernel_that_needs_a_gpu(tiny, family, lora):
    """Flex attention stands for all of them: without a package it can be asked for, and fails in training on a CPU."""
    arguments = tiny(family, attn_implementation="flex_attention")
    model = load_model(arguments, lora)
    assert unwrap(model).config._attn_implementation == "flex_attention"
    inputs = probe_inputs(model)
    start, _ = logits_of(model, inputs)
    torch.testing.assert_close(start, logits_of(load_model(tiny(family, attn_implementation="eager"), lora), inputs)[0])
    assert unwrap(model).config._attn_implementation == "flex_attention"
    with pytest.raises(NotImplementedError, match="FlexAttention does not support backward on CPU"):
        model(**inputs)


def test_a_model_with_such_a_kernel_is_saved_and_compared(tiny, tmp_path):
    arguments = tiny("bert", attn_implementation="flex_attention")
    model = trained(arguments, LORA)
    save(model, arguments, tmp_path)
    assert check_reload(model, tmp_path, model_args=arguments) < 1e-4
