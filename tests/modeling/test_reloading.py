from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from qa_pipeline.arguments import ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import (
    check_reload,
    describe,
    load_model,
    load_tokenizer,
    load_trained,
    logits_of,
    merge_adapter,
    probe_inputs,
    read_settings,
)
from tests.modeling.made import FULL, LORA, save, trained
from tests.tiny_models import save_tiny


def test_training_goes_on_from_an_adapter_or_from_its_merged_weights(tiny, tmp_path):
    model = trained(tiny("bert"), LORA)
    save(model, tiny("bert"), tmp_path / "first")
    again = ModelArguments(model_name_or_path=str(tmp_path / "first"))
    inputs = probe_inputs(model)
    further, merged = load_model(again, LORA), load_model(again, FULL)
    with torch.no_grad():
        for other in (further, merged):
            torch.testing.assert_close(logits_of(other, inputs), logits_of(model, inputs), rtol=1e-4, atol=1e-4)
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name for name, p in further.named_parameters() if p.requires_grad} == names
    assert all(p.requires_grad for p in merged.parameters())
    # The second adapter still names the first's base, not the first adapter.
    save(further, again, tmp_path / "second")
    assert read_settings(tmp_path / "second").base_model_name_or_path == tiny("bert").model_name_or_path
    assert check_reload(further, tmp_path / "second") < 1e-5


def test_a_trained_adapter_is_frozen_and_can_be_merged_in_memory(tiny, tmp_path):
    model = trained(tiny("bert"), LORA)
    save(model, tiny("bert"), tmp_path)
    loaded, merged = load_trained(tmp_path), load_trained(tmp_path, merge=True)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert describe(merged)["lora_layers"] == 0
    with torch.no_grad():
        torch.testing.assert_close(
            logits_of(merged, probe_inputs(model)), logits_of(model, probe_inputs(model)), rtol=1e-4, atol=1e-4
        )


def test_an_adapter_whose_base_moved_takes_another_folder(tmp_path):
    arguments = ModelArguments(model_name_or_path=save_tiny("bert", tmp_path / "base"))
    model = trained(arguments, LORA)
    save(model, arguments, tmp_path / "out")
    shutil.move(tmp_path / "base", tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="base model of the adapter .* give base_model"):
        load_trained(tmp_path / "out")
    moved = load_trained(tmp_path / "out", base_model=str(tmp_path / "elsewhere"))
    with torch.no_grad():
        torch.testing.assert_close(logits_of(moved, probe_inputs(model)), logits_of(model, probe_inputs(model)))


def test_an_adapter_saved_without_its_head_is_refused(tiny, tmp_path):
    """What PEFT's defaults write for models whose head is not called qa_outputs."""
    save(trained(tiny("modernbert"), LORA), tiny("modernbert"), tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    kept = {name: weight for name, weight in load_file(file).items() if ".lora_" in name}
    save_file(kept, file, metadata={"format": "pt"})
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "modules_to_save": None}))
    with pytest.raises(ModelError, match="saved without the question-answering head head, classifier"):
        load_trained(tmp_path)


def test_peft_by_itself_loads_what_we_save(tiny, tmp_path):
    """With its question-answering class it would drop token_type_ids, so the adapter must not ask for that class."""
    from peft import PeftModel

    model = trained(tiny("modernbert"), LORA)
    save(model, tiny("modernbert"), tmp_path / "modernbert")
    bert = trained(tiny("bert"), LORA)
    save(bert, tiny("bert"), tmp_path / "bert")
    for ours, family in ((model, "modernbert"), (bert, "bert")):
        base = load_trained(tiny(family).model_name_or_path, allow_new_head=True)
        theirs = PeftModel.from_pretrained(base, tmp_path / family)
        inputs = probe_inputs(ours)
        if "token_type_ids" in inputs:
            inputs["token_type_ids"][0, 6:] = 1
        with torch.no_grad():
            torch.testing.assert_close(logits_of(theirs, inputs), logits_of(ours, inputs))


def test_an_adapter_of_peft_s_question_answering_class_loads_with_its_segments(tiny, tmp_path):
    from peft import LoraConfig, TaskType, get_peft_model

    base = load_model(tiny("bert"), FULL)
    made = get_peft_model(base, LoraConfig(task_type=TaskType.QUESTION_ANS, target_modules=["query"]))
    made.peft_config["default"].base_model_name_or_path = tiny("bert").model_name_or_path
    made.save_pretrained(tmp_path, save_embedding_layers=False)
    loaded = load_trained(tmp_path)
    inputs = probe_inputs(loaded)
    segments = {**inputs, "token_type_ids": torch.ones_like(inputs["input_ids"])}
    with torch.no_grad():
        assert not torch.allclose(logits_of(loaded, inputs)[0], logits_of(loaded, segments)[0])


@pytest.mark.parametrize("damage", ["cut", "gone", "config"])
def test_a_damaged_adapter_is_named(tiny, tmp_path, damage):
    save(trained(tiny("bert"), LORA), tiny("bert"), tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:200])
    elif damage == "gone":
        file.unlink()
    else:
        (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ModelError, match=f"adapter {tmp_path}"):
        load_trained(tmp_path)


def test_an_adapter_folder_without_a_tokenizer_takes_the_base_model_s(tiny, tmp_path):
    save(trained(tiny("bert"), LORA), tiny("bert"), tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    tokenizer = load_tokenizer(ModelArguments(model_name_or_path=str(tmp_path)))
    assert tokenizer.get_vocab() == load_tokenizer(tiny("bert")).get_vocab()


def test_only_an_adapter_can_be_merged(tiny, tmp_path):
    save(trained(tiny("bert"), FULL), tiny("bert"), tmp_path)
    with pytest.raises(ModelError, match="holds no adapter .* nothing to merge"):
        merge_adapter(tmp_path, tmp_path / "merged")


def test_an_unquantised_run_cannot_be_asked_for_quantised(tiny, tmp_path):
    save(trained(tiny("bert"), LORA), tiny("bert"), tmp_path)
    with pytest.raises(ModelError, match="was not trained on a quantised base"):
        load_trained(tmp_path, quantized=True)
