"""Every setting of transformers' TrainingArguments does what it says or is refused; none is passed over in silence."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import types

import pytest
import torch
import transformers

from qa_pipeline.arguments import TrainingArguments, parse_arguments, precision, training
from qa_pipeline.arguments.trainer_settings import NOT_HONOURED
from qa_pipeline.errors import ConfigError

# What becomes of each setting. A version of transformers that has another one fails here until somebody looks.
IN_TRAINER = """
    max_steps num_train_epochs learning_rate lr_scheduler_type lr_scheduler_kwargs warmup_steps optim optim_args
    optim_target_modules weight_decay adam_beta1 adam_beta2 adam_epsilon gradient_accumulation_steps max_grad_norm fp16
    tf32 activation_checkpointing activation_checkpointing_kwargs gradient_checkpointing gradient_checkpointing_kwargs
    neftune_noise_alpha torch_empty_cache_steps logging_strategy logging_first_step log_on_each_node
    logging_nan_inf_filter include_num_input_tokens_seen log_level log_level_replica disable_tqdm run_name project
    trackio_space_id trackio_bucket_id trackio_static_space_id eval_strategy eval_delay save_strategy save_steps
    save_only_model load_best_model_at_end metric_for_best_model greater_is_better ignore_data_skip full_determinism
    ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout debug
    skip_memory_metrics use_cpu local_rank
"""
HERE = """
    output_dir per_device_train_batch_size per_device_eval_batch_size average_tokens_across_devices
    label_smoothing_factor bf16 bf16_full_eval fp16_full_eval logging_steps report_to eval_steps eval_on_start
    save_total_limit enable_jit_checkpoint push_to_hub hub_token hub_private_repo hub_model_id hub_revision
    restore_callback_states_from_checkpoint seed data_seed dataloader_num_workers dataloader_pin_memory
    dataloader_persistent_workers dataloader_prefetch_factor dataloader_multiprocessing_context dataloader_in_order
    train_sampling_strategy do_train do_eval do_predict resume_from_checkpoint
"""
IN_PART = """
    torch_compile torch_compile_backend torch_compile_mode use_liger_kernel liger_kernel_config hub_strategy
    accelerator_config fsdp fsdp_config deepspeed parallelism_config
"""
# Candidates leave the device at every batch, objects of all processes are gathered, metrics see every question.
ALWAYS_SO = "eval_accumulation_steps eval_use_gather_object include_for_metrics remove_unused_columns"


@pytest.fixture(autouse=True)
def no_deepspeed_afterwards():
    """transformers keeps the last configuration of DeepSpeed for the whole process, and loads models as it says."""
    yield
    from transformers.integrations import deepspeed

    deepspeed.unset_hf_deepspeed_config()


@pytest.fixture
def base(tmp_path):
    data = tmp_path / "data.json"
    data.write_text("{}")
    files = {name: str(data) for name in ("train_file", "validation_file", "test_file")}
    return files | {"model_name_or_path": "some/model", "output_dir": str(tmp_path / "out"), "do_train": True}


@pytest.fixture
def parse(tmp_path, base):
    def parse(**changes):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(base | changes))
        return parse_arguments([str(path)])

    return parse


def only_problem(parse, **changes) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(**changes)
    assert len(caught.value.problems) == 1, caught.value.problems
    return str(caught.value)


def test_every_setting_of_transformers_has_a_known_fate():
    fates = [name for group in (IN_TRAINER, HERE, IN_PART, ALWAYS_SO) for name in group.split()] + [*NOT_HONOURED]
    assert len(fates) == len(set(fates))
    assert set(fates) == {field.name for field in dataclasses.fields(transformers.TrainingArguments)}


OTHER_VALUES = {"label_names": ["start"], "length_column_name": "tokens", "eval_do_concat_batches": False}


@pytest.mark.parametrize("name", NOT_HONOURED)
def test_a_setting_that_would_do_nothing_is_refused_with_its_reason(parse, name):
    said = only_problem(parse, **{name: OTHER_VALUES.get(name, True)})
    assert f"config.json: {name}: {NOT_HONOURED[name]}; leave it out" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataloader_persistent_workers": True}, "_persistent_workers: needs dataloader_num_workers above 0"),
        ({"dataloader_multiprocessing_context": "spawn"}, "_context: needs dataloader_num_workers above 0"),
        ({"dataloader_in_order": False}, "dataloader_in_order: needs dataloader_num_workers above 0"),
        (
            {"dataloader_multiprocessing_context": "thread", "dataloader_num_workers": 1},
            'dataloader_multiprocessing_context: expected one of .*spawn.*, found "thread"',
        ),
        ({"accelerator_config": {"split_batches": True}}, "accelerator_config: split_batches: each process draws"),
        ({"accelerator_config": {"dispatch_batches": True}}, "accelerator_config: dispatch_batches: each process"),
        ({"accelerator_config": {"even_batches": False}}, "accelerator_config: even_batches: each process draws"),
        ({"hub_strategy": "all_checkpoints"}, "hub_strategy: checkpoints are never uploaded"),
        ({"push_to_hub": True, "do_train": False, "do_predict": True}, "push_to_hub: uploads what a training wrote"),
        ({"fp16_full_eval": True}, "fp16_full_eval: needs a GPU; on a CPU take bf16_full_eval"),
        ({"use_liger_kernel": True}, "use_liger_kernel: needs a CUDA GPU"),
        ({"liger_kernel_config": {"rope": True}}, "liger_kernel_config: only has a meaning with use_liger_kernel"),
        ({"torch_compile": True, "do_train": False, "do_eval": True}, "torch_compile: only training is compiled"),
        ({"fsdp": "full_shard"}, r"fsdp: cuts the weights up .* accelerate launch gives each process a whole copy"),
        ({"fsdp_config": {"version": 2}}, "fsdp_config: belongs to fsdp, which is not supported"),
        ({"deepspeed": {"zero_optimization": {"stage": 3}}}, "deepspeed: ZeRO stage 3 cuts the weights up"),
        ({"optim": "galore_adamw", "head_learning_rate": 1e-3}, "head_learning_rate: galore_adamw groups the weights"),
        ({"dataset_revision": "v2"}, "dataset_revision: belongs to dataset_name, which is not given"),
        ({"attn_implementation": "flash_attention_2"}, "flash_attention_2 needs a CUDA GPU, .* computes on the CPU"),
        ({"attn_implementation": "flex_attention"}, "attn_implementation: flex_attention needs a CUDA GPU"),
        ({"attn_implementation": "kernels-community/flash-attn3"}, "flash-attn3 needs a CUDA GPU"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_before_anything_is_read(parse, changes, message):
    assert re.search(message, only_problem(parse, use_cpu=True, **changes))


def test_a_deepspeed_or_accelerator_file_is_looked_into(parse, tmp_path):
    (tmp_path / "zero3.json").write_text('{"zero_optimization": {"stage": 3}}')
    assert "deepspeed: ZeRO stage 3" in only_problem(parse, deepspeed=str(tmp_path / "zero3.json"))
    (tmp_path / "accelerator.json").write_text('{"split_batches": true}')
    assert "split_batches" in only_problem(parse, accelerator_config=str(tmp_path / "accelerator.json"))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ACCELERATE_USE_FSDP": "true"}, "environment: ACCELERATE_USE_FSDP is set: FSDP cuts the weights up"),
        ({"ACCELERATE_USE_MEGATRON_LM": "true"}, "environment: ACCELERATE_USE_MEGATRON_LM is set"),
        ({"ACCELERATE_USE_PARALLELISM_CONFIG": "true"}, "environment: ACCELERATE_USE_PARALLELISM_CONFIG is set"),
        (
            {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"},
            "environment: accelerate was told to use DeepSpeed: ZeRO stage 3 cuts the weights up",
        ),
        (
            {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_CONFIG_FILE": "zero3.json"},
            "environment: accelerate was told to use DeepSpeed: ZeRO stage 3 cuts the weights up",
        ),
    ],
)
def test_what_accelerate_launch_was_configured_with_is_refused_too(parse, tmp_path, monkeypatch, environment, message):
    (tmp_path / "zero3.json").write_text('{"zero_optimization": {"stage": 3}}')
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert message in only_problem(parse)


def test_saving_on_sigterm_is_refused_for_several_processes(parse, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "enable_jit_checkpoint: several processes do not" in only_problem(parse, enable_jit_checkpoint=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataloader_num_workers": 2, "dataloader_persistent_workers": True, "dataloader_prefetch_factor": 4},
        {"dataloader_num_workers": 1, "dataloader_multiprocessing_context": "spawn", "dataloader_in_order": False},
        {"accelerator_config": {"split_batches": False, "gradient_accumulation_kwargs": {"sync_each_batch": True}}},
        {"bf16_full_eval": True, "enable_jit_checkpoint": True, "average_tokens_across_devices": False},
        {"eval_accumulation_steps": 8, "hub_strategy": "every_save", "auto_find_batch_size": False},
        {"attn_implementation": "sdpa", "save_only_model": True, "label_names": ["start_positions", "end_positions"]},
    ],
)
def test_what_can_be_honoured_is_accepted(parse, changes):
    assert parse(**changes).training.do_train


def test_an_optimizer_that_groups_the_weights_itself_is_accepted_where_its_package_is(parse, monkeypatch):
    names = ("GaLoreAdafactor", "GaLoreAdamW", "GaLoreAdamW8bit")
    monkeypatch.setitem(sys.modules, "galore_torch", types.SimpleNamespace(**dict.fromkeys(names, torch.optim.AdamW)))
    monkeypatch.setattr("transformers.trainer_optimizer.is_galore_torch_available", lambda: True)
    assert parse(optim="galore_adamw", optim_target_modules=["attention"]).training.do_train
    assert "You need to define `optim_target_modules`" in only_problem(parse, optim="galore_adamw")


def test_zero_stage_2_is_left_to_deepspeed(parse):
    """DeepSpeed is not installed here, which is all that is said: weights stay whole in stage 2."""
    with pytest.raises(ConfigError) as caught:
        parse(deepspeed={"zero_optimization": {"stage": 2}})
    assert "ZeRO" not in str(caught.value) and "deepspeed: No package metadata" in str(caught.value)


def test_one_of_several_gpus_is_used_and_the_way_to_use_all_is_said(monkeypatch, caplog):
    """Faked: transformers counts the devices and would copy the model to all of them in each step."""
    monkeypatch.setattr(training, "accelerator_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    plain = transformers.TrainingArguments(output_dir="out", per_device_train_batch_size=8)
    assert (plain.n_gpu, plain.train_batch_size) == (4, 32)
    ours = TrainingArguments(output_dir="out", per_device_train_batch_size=8, bf16=False)
    assert (ours.n_gpu, ours.train_batch_size, ours.world_size) == (1, 8, 1)
    assert "4 GPUs are here and one process was started: one GPU is used" in caplog.text
    assert "accelerate launch --config_file configs/accelerate/one_machine.yaml --num_processes 4" in caplog.text


def test_a_kernel_for_gpus_is_accepted_where_there_is_one(parse, monkeypatch):
    from qa_pipeline.arguments import trainer_settings

    monkeypatch.setattr(trainer_settings, "accelerator_type", lambda: "cuda")
    monkeypatch.setattr(trainer_settings, "is_installed", lambda module: module == "flash_attn")
    parsed = parse(attn_implementation="flash_attention_2", bf16=True)
    assert parsed.model.attn_implementation == "flash_attention_2"
    assert "computes in bf16 or fp16 only" in only_problem(parse, attn_implementation="flash_attention_2", bf16=False)
    monkeypatch.setattr(trainer_settings, "accelerator_type", lambda: "mps")
    assert "computes on an Apple GPU" in only_problem(parse, attn_implementation="flash_attention_2")


def test_the_kind_of_accelerator_is_none_on_a_cpu(monkeypatch):
    monkeypatch.setattr(precision, "accelerator_available", lambda: False)
    assert precision.accelerator_type() is None
    monkeypatch.setattr(precision, "accelerator_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("xpu"))
    assert precision.accelerator_type() == "xpu"
