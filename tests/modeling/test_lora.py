from __future__ import annotations

import pytest
import torch

from qa_pipeline.arguments import LoRAArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import describe, find_qa_head, load_model, logits_of, lora_targets, probe_inputs
from tests.modeling.made import WITH_LINEAR, loss_of, take_steps


def trainable(model) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("targets", ["auto", "all-linear"])
@pytest.mark.parametrize("family", WITH_LINEAR)
def test_adapters_and_the_whole_head_train_and_nothing_else(tiny, family, targets):
    model = load_model(tiny(family), LoRAArguments(use_lora=True, lora_target_modules=targets))
    heads = find_qa_head(model)
    assert heads
    plain = model.get_base_model()
    for name in trainable(model):
        assert ".lora_" in name or name.startswith(tuple(f"base_model.model.{h}.modules_to_save." for h in heads)), name
    for head in heads:
        copy = getattr(plain, head).modules_to_save["default"]
        assert all(p.requires_grad for p in copy.parameters())
        assert not any("lora_" in name for name, _ in copy.named_parameters())


@pytest.mark.parametrize("family", ["bert", "modernbert", "splinter", "gpt2"])
def test_training_moves_adapters_and_head_and_leaves_the_frozen_parts_alone(tiny, family):
    model = load_model(tiny(family), LoRAArguments(use_lora=True, lora_dropout=0.0))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    moving = trainable(model)
    take_steps(model)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved <= moving
    # Before the first step B is zero and A gets no gradient; after three both have moved.
    assert {name for name in moving if "modules_to_save" in name and name.endswith("weight")} <= moved
    assert any(".lora_A." in name for name in moved) and any(".lora_B." in name for name in moved)


def test_segments_reach_the_model_through_the_adapter(tiny):
    """PEFT's own class for question answering drops token_type_ids without a word."""
    model = load_model(tiny("bert"), LoRAArguments(use_lora=True))
    inputs = probe_inputs(model)
    other = {**inputs, "token_type_ids": torch.ones_like(inputs["input_ids"])}
    with torch.no_grad():
        assert not torch.allclose(logits_of(model, inputs)[0], logits_of(model, other)[0])


def test_fresh_adapters_change_no_logit(tiny):
    plain = load_model(tiny("modernbert"), LoRAArguments(), seed=4)
    adapted = load_model(tiny("modernbert"), LoRAArguments(use_lora=True), seed=4)
    inputs = probe_inputs(plain)
    with torch.no_grad():
        torch.testing.assert_close(logits_of(plain, inputs), logits_of(adapted, inputs))


def test_auto_takes_the_blocks_and_all_linear_what_lies_around_them_too(tiny):
    model = load_model(tiny("electra"), LoRAArguments())
    auto, every = (set(lora_targets(model, wanted)) for wanted in ("auto", "all-linear"))
    assert every - auto == {"electra.embeddings_project"}
    assert len(auto) == 12


def test_named_targets_are_taken_where_they_occur_outside_the_head(tiny):
    model = load_model(tiny("modernbert"), LoRAArguments(use_lora=True, lora_target_modules=["Wqkv", "mlp.Wo"]))
    assert sorted(model.targeted_module_names) == [
        f"model.layers.{layer}.{name}" for layer in (0, 1) for name in ("attn.Wqkv", "mlp.Wo")
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["query", "valeu"], r"has no layer 'valeu'; did you mean value\? .* dense, key, "),
        (["qa_outputs"], "no layer 'qa_outputs' outside the head, which is always trained whole"),
    ],
)
def test_a_target_that_is_not_there_is_named(tiny, names, message):
    with pytest.raises(ModelError, match=message):
        load_model(tiny("bert"), LoRAArguments(use_lora=True, lora_target_modules=names))


def test_a_model_without_linear_layers_lists_what_can_be_named(tiny):
    with pytest.raises(ModelError, match=r"'auto' finds no linear layer; name layers .* key, .* query"):
        load_model(tiny("squeezebert"), LoRAArguments(use_lora=True))


def test_rank_scale_and_variants_reach_peft(tiny):
    asked = LoRAArguments(use_lora=True, lora_r=4, lora_alpha=6.0, lora_dropout=0.2, use_rslora=True, use_dora=True)
    model = load_model(tiny("bert"), asked)
    layer = model.get_base_model().bert.encoder.layer[0].attention.self.query
    assert layer.r["default"] == 4
    assert layer.scaling["default"] == pytest.approx(6.0 / 2.0)  # alpha / sqrt(r)
    assert layer.lora_dropout["default"].p == 0.2
    assert "default" in layer.lora_magnitude_vector


def test_the_same_seed_gives_the_same_adapters(tiny):
    one, same = (load_model(tiny("bert"), LoRAArguments(use_lora=True), seed=7).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], same[name]) for name in one)


def test_a_description_counts_what_answers_and_not_peft_s_copy_of_the_head(tiny):
    full = describe(load_model(tiny("bert"), LoRAArguments()))
    adapted = describe(load_model(tiny("bert"), LoRAArguments(use_lora=True, lora_r=2, lora_target_modules=["query"])))
    adapters = 2 * (2 * 32 + 32 * 2)
    head = 32 * 2 + 2
    assert full["trainable_parameters"] == full["parameters"]
    assert adapted["parameters"] == full["parameters"] + adapters
    assert adapted["trainable_parameters"] == adapters + head
    assert adapted["head"] == ["qa_outputs"]
    assert (adapted["lora_targets"], adapted["lora_layers"]) == (["query"], 2)
    assert adapted["quantization"] is None


# Quantised bases

QUANTIZED = [{"load_in_4bit": True}, {"load_in_4bit": True, "bnb_4bit_quant_type": "fp4"}, {"load_in_8bit": True}]


@pytest.mark.parametrize("quantize", QUANTIZED, ids=["nf4", "fp4", "int8"])
@pytest.mark.parametrize("family", ["bert", "modernbert", "splinter", "gpt2"])
def test_a_quantised_base_trains_on_a_cpu_with_its_head_in_full_precision(tiny, family, quantize):
    pytest.importorskip("bitsandbytes")
    model = load_model(tiny(family), LoRAArguments(use_lora=True, lora_dropout=0.0, **quantize), device="cpu")
    described = describe(model)
    assert described["quantization"] == ("8bit" if "load_in_8bit" in quantize else "4bit")
    assert described["parameters"] == describe(load_model(tiny(family), LoRAArguments(use_lora=True)))["parameters"]
    plain = model.get_base_model()
    for head in find_qa_head(model):
        copy = getattr(plain, head).modules_to_save["default"]
        assert all(p.requires_grad and p.dtype == torch.float32 for p in copy.parameters())
    frozen = {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}
    before = loss_of(model.eval()).item()
    take_steps(model, count=4)
    assert loss_of(model.eval()).item() < before - 0.1
    assert all(torch.equal(p, frozen[name]) for name, p in model.named_parameters() if name in frozen)


@pytest.mark.parametrize("quantize", [{"load_in_4bit": True}, {"load_in_8bit": True}], ids=["4bit", "8bit"])
def test_evaluation_between_steps_does_not_change_a_quantised_model(tiny, quantize):
    """bitsandbytes repacks 4-bit weights, with rounded scales, at the first evaluation on some CPUs."""
    pytest.importorskip("bitsandbytes")

    def weights(evaluate: bool) -> dict[str, torch.Tensor]:
        model = load_model(tiny("bert"), LoRAArguments(use_lora=True, lora_dropout=0.0, **quantize), device="cpu")
        model.get_base_model().config.hidden_dropout_prob = 0.0
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        for _ in range(3):
            take_steps(model, count=1)
            if evaluate:
                with torch.no_grad():
                    logits_of(model, probe_inputs(model))
        return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}

    plain, evaluated = weights(False), weights(True)
    assert all(torch.equal(plain[name], evaluated[name]) for name in plain)


@pytest.mark.parametrize("quantize", [{"load_in_4bit": True}, {"load_in_8bit": True}], ids=["4bit", "8bit"])
def test_dora_trains_on_a_quantised_base(tiny, quantize):
    pytest.importorskip("bitsandbytes")
    model = load_model(tiny("bert"), LoRAArguments(use_lora=True, use_dora=True, **quantize), device="cpu")
    take_steps(model)
    assert torch.isfinite(logits_of(model, probe_inputs(model))[0]).all()


def test_a_quantised_base_without_adapters_is_refused(tiny):
    with pytest.raises(ModelError, match="cannot be trained themselves: set use_lora"):
        load_model(tiny("bert"), LoRAArguments(load_in_4bit=True))
    with pytest.raises(ModelError, match="exclude each other"):
        load_model(tiny("bert"), LoRAArguments(use_lora=True, load_in_4bit=True, load_in_8bit=True))


def test_a_missing_bitsandbytes_names_the_pip_command(tiny, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else find(name))
    with pytest.raises(ModelError, match="pip install bitsandbytes"):
        load_model(tiny("bert"), LoRAArguments(use_lora=True, load_in_4bit=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("quantize", QUANTIZED, ids=["nf4", "fp4", "int8"])
def test_a_quantised_base_trains_on_a_gpu(tiny, quantize):
    pytest.importorskip("bitsandbytes")
    model = load_model(tiny("bert"), LoRAArguments(use_lora=True, **quantize))
    assert next(model.parameters()).device.type == "cuda"
    take_steps(model)
    assert torch.isfinite(logits_of(model, probe_inputs(model))[0]).all()
