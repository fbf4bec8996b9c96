from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from qa_pipeline.arguments import LoRAArguments, ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import (
    StoredSettings,
    check_reload,
    describe,
    load_model,
    load_tokenizer,
    load_trained,
    logits_of,
    merge_adapter,
    probe_inputs,
    read_settings,
    save_model,
)
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from tests.modeling.made import FULL, LORA, WITH_LINEAR, save, take_steps, trained
from tests.tiny_models import MODELS


@pytest.mark.parametrize("family", MODELS)
def test_a_fully_tuned_model_comes_back_with_its_logits(tiny, tmp_path, family):
    model = trained(tiny(family), FULL)
    save(model, tiny(family), tmp_path)
    assert check_reload(model, tmp_path) < 1e-5


@pytest.mark.parametrize("family", WITH_LINEAR)
def test_adapter_and_head_come_back_and_merge_with_their_logits(tiny, tmp_path, family):
    model = trained(tiny(family), LoRAArguments(use_lora=True, lora_target_modules="all-linear"))
    save(model, tiny(family), tmp_path)
    assert check_reload(model, tmp_path) < 1e-5
    merged = merge_adapter(tmp_path, tmp_path / "merged")
    assert not (merged / "adapter_config.json").exists()
    assert check_reload(model, merged) < 1e-3
    assert describe(load_trained(merged))["lora_layers"] == 0


@pytest.mark.parametrize("options", [{"use_rslora": True}, {"use_dora": True}, {"use_rslora": True, "use_dora": True}])
def test_variants_of_lora_come_back_and_merge(tiny, tmp_path, options):
    model = trained(tiny("bert"), LoRAArguments(use_lora=True, lora_r=4, **options))
    save(model, tiny("bert"), tmp_path)
    assert check_reload(model, tmp_path) < 1e-5
    assert check_reload(model, merge_adapter(tmp_path, tmp_path / "merged")) < 1e-4


@pytest.mark.parametrize("quantize", [{"load_in_4bit": True}, {"load_in_8bit": True}], ids=["4bit", "8bit"])
@pytest.mark.parametrize("family", ["bert", "modernbert", "splinter", "gpt2"])
def test_a_quantised_run_comes_back_quantised_and_merges_into_the_plain_base(tiny, tmp_path, family, quantize):
    pytest.importorskip("bitsandbytes")
    model = trained(tiny(family), LoRAArguments(use_lora=True, **quantize))
    save(model, tiny(family), tmp_path)
    assert check_reload(model, tmp_path) < 1e-4
    assert describe(load_trained(tmp_path))["quantization"] == describe(model)["quantization"]
    merged = merge_adapter(tmp_path, tmp_path / "merged")
    assert describe(load_trained(merged))["quantization"] is None
    assert read_settings(merged).quantization is None
    unquantised = load_trained(tmp_path, quantized=False)
    inputs = probe_inputs(unquantised)
    with torch.no_grad():
        torch.testing.assert_close(
            logits_of(load_trained(merged), inputs), logits_of(unquantised, inputs), rtol=1e-3, atol=1e-3
        )
    check_reload(model, merged)  # recorded, not refused: the quantisation error lies between the two


@pytest.mark.parametrize("quantize", [{"load_in_4bit": True}, {"load_in_8bit": True}], ids=["4bit", "8bit"])
def test_training_in_bfloat16_leaves_nothing_in_a_quantised_base(tiny, tmp_path, quantize):
    """bitsandbytes rounds the biases of its layers in place, which no adapter file remembers."""
    pytest.importorskip("bitsandbytes")
    # Biases as a trained model has them; a fresh one's are zero.
    base = load_trained(tiny("bert").model_name_or_path, allow_new_head=True).bert
    generator = torch.Generator().manual_seed(3)
    for name, parameter in base.named_parameters():
        if name.endswith("bias"):
            parameter.data += torch.randn(parameter.shape, generator=generator)
    base.save_pretrained(tmp_path / "base")
    load_tokenizer(tiny("bert")).save_pretrained(tmp_path / "base")
    arguments = ModelArguments(model_name_or_path=str(tmp_path / "base"))
    model = load_model(arguments, LoRAArguments(use_lora=True, **quantize), device="cpu")
    take_steps(model, bf16=True)
    save(model, arguments, tmp_path / "out")
    assert check_reload(model, tmp_path / "out") < 1e-5


def test_half_precision_models_come_back(tiny, tmp_path):
    model = trained(tiny("bert"), FULL, dtype="bfloat16")
    save(model, tiny("bert"), tmp_path)
    assert check_reload(model, tmp_path) == 0.0


# What a check finds


def tamper(file: Path, part: str) -> None:
    weights = load_file(file)
    name = next(name for name in sorted(weights) if part in name)
    # Not a constant: layer norms make hidden states sum to zero, so that adding one changes nothing.
    save_file({**weights, name: -weights[name]}, file, metadata={"format": "pt"})


@pytest.mark.parametrize(("lora", "file"), [(FULL, "model.safetensors"), (LORA, "adapter_model.safetensors")])
@pytest.mark.parametrize("part", ["qa_outputs.weight", "encoder.layer.0.attention.self.query"])
def test_changed_weights_are_found_at_reload(tiny, tmp_path, lora, file, part):
    model = trained(tiny("bert"), lora)
    save(model, tiny("bert"), tmp_path)
    tamper(tmp_path / file, part)
    with pytest.raises(ModelError, match=r"logits differ from those in memory by up to .* not the trained one"):
        check_reload(model, tmp_path)


def test_training_after_saving_is_found_at_reload(tiny, tmp_path):
    model = trained(tiny("bert"), LORA)
    save(model, tiny("bert"), tmp_path)
    with torch.no_grad():
        model.get_base_model().qa_outputs.modules_to_save["default"].weight.neg_()
    with pytest.raises(ModelError, match="differ"):
        check_reload(model, tmp_path)


def test_a_diverged_model_is_named(tiny, tmp_path):
    model = trained(tiny("bert"), FULL)
    with torch.no_grad():
        model.qa_outputs.weight.fill_(float("nan"))
    save(model, tiny("bert"), tmp_path)
    with pytest.raises(ModelError, match="NaN or infinite.*; training diverged"):
        check_reload(model, tmp_path)


def test_padding_is_not_compared_and_real_batches_are(tiny, tmp_path):
    arguments = tiny("bert")
    model, tokenizer = trained(arguments, LORA), load_tokenizer(arguments)
    save(model, arguments, tmp_path)
    batch = tokenizer(["Who?", "Who signed the contract?"], ["Ada.", "Ada did."], padding=True, return_tensors="pt")
    assert check_reload(model, tmp_path, dict(batch)) < 1e-5


def test_a_model_inside_a_trainer_s_autocast_is_compared_without_it(tiny, tmp_path):
    """accelerate replaces forward by one in bfloat16, whose logits are far from the saved ones."""
    from accelerate.utils import convert_outputs_to_fp32

    model = trained(tiny("bert"), LORA)
    model._original_forward = model.forward
    model.forward = convert_outputs_to_fp32(torch.autocast("cpu", torch.bfloat16)(model.forward))
    save(model, tiny("bert"), tmp_path)
    assert check_reload(model, tmp_path) < 1e-5


# What is in a folder


def test_a_package_base_is_stored_by_name_and_found_again(tmp_path):
    arguments = ModelArguments(model_name_or_path=EMBEDDED_MODEL)
    model = trained(arguments, LoRAArguments(use_lora=True, lora_r=2, lora_target_modules=["query"]))
    save(model, arguments, tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == EMBEDDED_MODEL
    assert read_settings(tmp_path).base_model_name_or_path == EMBEDDED_MODEL
    site = str(Path(torch.__file__).parents[1])
    for file in tmp_path.iterdir():
        assert site.encode() not in file.read_bytes(), file.name
    assert check_reload(model, tmp_path) < 1e-5


@pytest.mark.parametrize("lora", [FULL, LORA])
def test_a_folder_holds_what_prediction_needs_and_no_trace_of_where_it_was_made(bert, tmp_path, lora):
    arguments = ModelArguments(model_name_or_path=str(bert))
    model = load_model(arguments, lora)
    out = tmp_path / "out"
    save_model(model, load_tokenizer(arguments), StoredSettings(max_answer_length=7), out, "some/base")
    names = {path.name for path in out.iterdir()}
    expected = {"config.json", "model.safetensors"} if lora is FULL else {"adapter_config.json"}
    assert expected | {"tokenizer.json", "tokenizer_config.json", "qa_config.json"} <= names
    assert not any(name.startswith(".") or name == "README.md" for name in names)
    assert read_settings(out).max_answer_length == 7
    if lora is FULL:
        assert not any(str(tmp_path).encode() in path.read_bytes() for path in out.iterdir())


def test_saving_the_same_model_twice_gives_the_same_bytes(tiny, tmp_path):
    model = trained(tiny("bert"), LORA)
    for name in ("a", "b"):
        save(model, tiny("bert"), tmp_path / name)
    # A set inside PEFT, whose order changes from process to process.
    targets = json.loads((tmp_path / "a" / "adapter_config.json").read_text())["target_modules"]
    assert targets == sorted(targets)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_an_adapter_saved_over_a_model_leaves_no_second_model_and_the_other_way_round(tiny, tmp_path):
    arguments = tiny("bert")
    adapted, full = trained(arguments, LORA), trained(arguments, FULL)
    (tmp_path / "README.md").write_text("mine")
    for model in (full, adapted, full):
        save(model, arguments, tmp_path)
        assert check_reload(model, tmp_path) < 1e-5
        assert (tmp_path / "adapter_config.json").exists() == (model is adapted)
        assert (tmp_path / "model.safetensors").exists() == (model is full)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_what_a_killed_save_left_is_removed(tiny, tmp_path):
    (tmp_path / ".saving-abc").mkdir()
    (tmp_path / ".saving-abc" / "model.safetensors").write_bytes(b"half")
    save(trained(tiny("bert"), FULL), tiny("bert"), tmp_path)
    assert not list(tmp_path.glob(".saving-*"))


def test_a_folder_that_cannot_be_written_is_named(tiny, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ModelError, match="cannot be saved to .*taken"):
        save(load_model(tiny("bert"), FULL), tiny("bert"), tmp_path / "taken")


def test_saved_tokenizers_do_not_cut_or_pad(tiny, tmp_path):
    arguments = tiny("bert")
    tokenizer = load_tokenizer(arguments)
    tokenizer("a", padding="max_length", truncation=True, max_length=8)
    save_model(load_model(arguments, FULL), tokenizer, StoredSettings(), tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert saved["truncation"] is None and saved["padding"] is None


@pytest.mark.parametrize("lora", [FULL, LORA], ids=["full", "lora"])
def test_every_file_may_be_read_by_whom_the_umask_lets(tiny, tmp_path, lora):
    arguments = tiny("bert")
    folder = save(trained(arguments, lora), arguments, tmp_path / "saved")
    (folder / "made_here").touch()
    assert {path.stat().st_mode for path in folder.iterdir()} == {(folder / "made_here").stat().st_mode}
