"""A model that begins with what an adapter learned: merged, or as the first values of adapters of any shape."""

import dataclasses

import pytest
import torch

from qa_pipeline.arguments import LoRAArguments, ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import StoredSettings, load_model, load_tokenizer, load_trained, logits_of, probe_inputs
from qa_pipeline.modeling import save_model as save
from qa_pipeline.modeling.head import is_head_new
from qa_pipeline.modeling.untrained import is_untrained
from tests.tiny_models import save_tiny

FAMILIES = ["bert", "modernbert", "gpt2"]


def scrambled(model) -> None:
    """Other values in all that trains, as training would leave them."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """By family: the folder of a base model, of an adapter of rank 4 on it, and the adapter's logits."""
    made = {}
    for family in FAMILIES:
        folder = tmp_path_factory.mktemp(family)
        args = ModelArguments(model_name_or_path=save_tiny(family, folder / "base"))
        model = load_model(args, LoRAArguments(use_lora=True, lora_r=4, lora_alpha=8))
        scrambled(model)
        save(model, load_tokenizer(args), StoredSettings(), folder / "adapter")
        made[family] = args, str(folder / "adapter"), logits(model)
    return made


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return torch.stack(logits_of(model.eval(), probe_inputs(model)))


SHAPES = [
    {},
    {"use_lora": True, "lora_r": 4, "lora_alpha": 8},
    {"use_lora": True, "lora_r": 7, "lora_alpha": 3},
    {"use_lora": True, "lora_r": 4, "use_rslora": True},
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_model_begins_with_all_of_a_warm_start_whatever_the_shape_of_its_adapters(warm, family, shape):
    args, adapter, expected = warm[family]
    model = load_model(args, LoRAArguments(**shape), warm_start=adapter)
    torch.testing.assert_close(logits(model), expected, rtol=1e-4, atol=1e-4)
    assert not is_head_new(model)


def test_dora_and_few_targets_begin_with_all_of_it_too(warm):
    args, adapter, expected = warm["bert"]
    shape = LoRAArguments(use_lora=True, lora_r=4, use_dora=True, lora_target_modules="query,value")
    torch.testing.assert_close(logits(load_model(args, shape, warm_start=adapter)), expected, rtol=1e-4, atol=1e-4)


def test_a_lower_rank_keeps_the_nearest_matrix_and_says_how_much(warm, caplog):
    caplog.set_level("INFO")
    args, adapter, _ = warm["bert"]
    low = load_model(args, LoRAArguments(use_lora=True, lora_r=2, lora_alpha=2), warm_start=adapter)
    full = load_model(args, LoRAArguments(), warm_start=adapter)
    base = load_model(args, LoRAArguments())
    name = "bert.encoder.layer.0.attention.self.query"
    a, b = (getattr(low.get_base_model().get_submodule(name), f"lora_{one}")["default"].weight for one in "AB")
    delta = full.get_submodule(name).weight - base.get_submodule(name).weight
    u, sizes, v = torch.linalg.svd(delta)
    torch.testing.assert_close(b @ a, u[:, :2] @ torch.diag(sizes[:2]) @ v[:2], rtol=1e-3, atol=1e-4)
    assert "lora_r 2 keeps" in caplog.text


@pytest.mark.parametrize("use_lora", [True, False])
def test_what_is_saved_needs_the_base_model_alone(warm, tmp_path, use_lora):
    args, adapter, _ = warm["bert"]
    model = load_model(args, LoRAArguments(use_lora=use_lora), warm_start=adapter)
    scrambled(model)
    save(model, load_tokenizer(args), StoredSettings(), tmp_path, args.model_name_or_path)
    text = "".join(path.read_text() for path in tmp_path.glob("*config.json"))
    assert adapter not in text
    torch.testing.assert_close(logits(load_trained(tmp_path)), logits(model), rtol=1e-4, atol=1e-4)


def test_everything_trains_after_a_warm_start_of_all_weights(warm):
    args, adapter, _ = warm["gpt2"]
    with_it, without = (load_model(args, LoRAArguments(), warm_start=one) for one in (adapter, None))
    trained = [{name for name, p in model.named_parameters() if p.requires_grad} for model in (with_it, without)]
    assert trained[0] == trained[1]


def test_an_adapter_of_another_model_is_refused(warm, tmp_path):
    _, adapter, _ = warm["bert"]
    other = ModelArguments(model_name_or_path=save_tiny("modernbert", tmp_path / "other"))
    for shape in (LoRAArguments(), LoRAArguments(use_lora=True)):
        with pytest.raises(ModelError, match="warm start|another model|adapter"):
            load_model(other, shape, warm_start=adapter)


def test_a_model_with_a_trained_head_is_not_overwritten(warm, tmp_path):
    args, adapter, _ = warm["bert"]
    save(load_model(args, LoRAArguments()), load_tokenizer(args), StoredSettings(), tmp_path)
    with pytest.raises(ModelError, match="has a trained head: it needs no warm start"):
        load_model(dataclasses.replace(args, model_name_or_path=str(tmp_path)), LoRAArguments(), warm_start=adapter)


def test_which_models_never_answered_a_question(warm, tmp_path):
    args, adapter, _ = warm["bert"]
    assert is_untrained(args)
    assert not is_untrained(ModelArguments(model_name_or_path=adapter))
    save(load_model(args, LoRAArguments()), load_tokenizer(args), StoredSettings(), tmp_path)
    whole = ModelArguments(model_name_or_path=str(tmp_path))
    assert not is_untrained(whole)
    # Models of early days name no class: their weights tell.
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"BertForQuestionAnswering"', ""))
    assert not is_untrained(whole)
    (tmp_path / "model.safetensors").unlink()
    assert not is_untrained(whole)  # nobody can tell
