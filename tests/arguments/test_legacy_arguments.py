"""Configurations of transformers 4.x."""

from __future__ import annotations

import json
import logging

import pytest

from qa_pipeline.arguments import parse_arguments, public_dict
from qa_pipeline.arguments.legacy import LEGACY
from qa_pipeline.arguments.settings import settings_of
from qa_pipeline.arguments.training import GROUPS
from qa_pipeline.errors import ConfigError

# What TrainingArguments(output_dir="out").to_dict() of transformers 4.57.3 holds: every key with its default.
DEFAULTS_4_57 = json.loads("""{
"overwrite_output_dir": false, "do_train": false, "do_eval": false, "do_predict": false, "eval_strategy": "no",
"prediction_loss_only": false, "per_device_train_batch_size": 8, "per_device_eval_batch_size": 8,
"per_gpu_train_batch_size": null, "per_gpu_eval_batch_size": null, "gradient_accumulation_steps": 1,
"eval_accumulation_steps": null, "eval_delay": 0, "torch_empty_cache_steps": null, "learning_rate": 5e-05,
"weight_decay": 0.0, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-08, "max_grad_norm": 1.0,
"num_train_epochs": 3.0, "max_steps": -1, "lr_scheduler_type": "linear", "lr_scheduler_kwargs": {},
"warmup_ratio": 0.0, "warmup_steps": 0, "log_level": "passive", "log_level_replica": "warning",
"log_on_each_node": true, "logging_dir": null, "logging_strategy": "steps", "logging_first_step": false,
"logging_steps": 500, "logging_nan_inf_filter": true, "save_strategy": "steps", "save_steps": 500,
"save_total_limit": null, "save_safetensors": true, "save_on_each_node": false, "save_only_model": false,
"restore_callback_states_from_checkpoint": false, "no_cuda": false, "use_cpu": false, "use_mps_device": false,
"seed": 42, "data_seed": null, "jit_mode_eval": false, "bf16": false, "fp16": false, "fp16_opt_level": "O1",
"half_precision_backend": "auto", "bf16_full_eval": false, "fp16_full_eval": false, "tf32": null, "local_rank": -1,
"ddp_backend": null, "tpu_num_cores": null, "tpu_metrics_debug": false, "debug": [], "dataloader_drop_last": false,
"eval_steps": null, "dataloader_num_workers": 0, "dataloader_prefetch_factor": null, "past_index": -1,
"run_name": null, "disable_tqdm": false, "remove_unused_columns": true, "label_names": null,
"load_best_model_at_end": false, "metric_for_best_model": null, "greater_is_better": null,
"ignore_data_skip": false, "fsdp": [], "fsdp_min_num_params": 0, "fsdp_config": null,
"fsdp_transformer_layer_cls_to_wrap": null, "accelerator_config": null, "parallelism_config": null,
"deepspeed": null, "label_smoothing_factor": 0.0, "optim": "adamw_torch_fused", "optim_args": null,
"adafactor": false, "group_by_length": false, "length_column_name": "length", "report_to": [],
"project": "huggingface", "trackio_space_id": "trackio", "ddp_find_unused_parameters": null,
"ddp_bucket_cap_mb": null, "ddp_broadcast_buffers": null, "dataloader_pin_memory": true,
"dataloader_persistent_workers": false, "skip_memory_metrics": true, "use_legacy_prediction_loop": false,
"push_to_hub": false, "resume_from_checkpoint": null, "hub_model_id": null, "hub_strategy": "every_save",
"hub_token": "<HUB_TOKEN>", "hub_private_repo": null, "hub_always_push": false, "hub_revision": null,
"gradient_checkpointing": false, "gradient_checkpointing_kwargs": null, "include_inputs_for_metrics": false,
"include_for_metrics": [], "eval_do_concat_batches": true, "fp16_backend": "auto", "push_to_hub_model_id": null,
"push_to_hub_organization": null, "push_to_hub_token": "<PUSH_TO_HUB_TOKEN>", "mp_parameters": "",
"auto_find_batch_size": false, "full_determinism": false, "torchdynamo": null, "ray_scope": "last",
"ddp_timeout": 1800, "torch_compile": false, "torch_compile_backend": null, "torch_compile_mode": null,
"include_tokens_per_second": false, "include_num_input_tokens_seen": false, "neftune_noise_alpha": null,
"optim_target_modules": null, "batch_eval_metrics": false, "eval_on_start": false, "use_liger_kernel": false,
"liger_kernel_config": null, "eval_use_gather_object": false, "average_tokens_across_devices": true
}""")


@pytest.fixture
def base(tmp_path):
    train = tmp_path / "train.json"
    train.write_text("{}")
    return {
        "model_name_or_path": "some/model",
        "output_dir": str(tmp_path / "out"),
        "do_train": True,
        "train_file": str(train),
        "validation_file": str(train),
    }


def parse(tmp_path, content, *argv):
    path = tmp_path / "old.json"
    path.write_text(json.dumps(content))
    return parse_arguments([str(path), *argv])


def test_the_whole_record_of_a_4_57_run_is_accepted_with_its_meaning(tmp_path, base):
    training = parse(tmp_path, DEFAULTS_4_57 | base).training
    assert (training.logging_steps, training.save_total_limit, training.bf16) == (500, None, False)
    assert training.train_sampling_strategy == "random"  # what group_by_length false meant
    assert training.warmup_steps == 0
    assert training.hub_token is None
    assert training.remove_unused_columns is False


def test_every_flag_of_the_4_57_example_has_a_place():
    example = [
        "model_name_or_path",
        "config_name",
        "tokenizer_name",
        "cache_dir",
        "model_revision",
        "token",
        "trust_remote_code",
        "dataset_name",
        "dataset_config_name",
        "train_file",
        "validation_file",
        "test_file",
        "overwrite_cache",
        "preprocessing_num_workers",
        "max_seq_length",
        "pad_to_max_length",
        "max_train_samples",
        "max_eval_samples",
        "max_predict_samples",
        "version_2_with_negative",
        "null_score_diff_threshold",
        "doc_stride",
        "n_best_size",
        "max_answer_length",
    ]
    known = settings_of(*GROUPS).keys() | LEGACY.keys()
    assert set(example) | set(DEFAULTS_4_57) | {"output_dir"} <= known


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"warmup_ratio": 0.1}, {"warmup_steps": 0.1}),
        ({"warmup_ratio": 0.1, "warmup_steps": 20}, {"warmup_steps": 20}),
        ({"warmup_ratio": 0.0, "warmup_steps": 20}, {"warmup_steps": 20}),
        ({"group_by_length": True}, {"train_sampling_strategy": "group_by_length"}),
        ({"group_by_length": False}, {"train_sampling_strategy": "random"}),
        ({"evaluation_strategy": "epoch"}, {"eval_strategy": "epoch"}),
        ({"evaluation_strategy": "epoch", "eval_strategy": "epoch"}, {"eval_strategy": "epoch"}),
        ({"evaluate_during_training": True}, {"eval_strategy": "steps", "eval_steps": 500}),
        ({"per_gpu_train_batch_size": 4}, {"per_device_train_batch_size": 4}),
        ({"no_cuda": True}, {"use_cpu": True}),
        ({"adafactor": True}, {"optim": "adafactor"}),
        ({"include_inputs_for_metrics": True}, {"include_for_metrics": ["inputs"]}),
        ({"tpu_metrics_debug": True}, {"debug": ["tpu_metrics_debug"]}),
        ({"gradient_checkpointing": True}, {"activation_checkpointing": True}),
        ({"push_to_hub_model_id": "me/m"}, {"hub_model_id": "me/m"}),
        ({"max_val_samples": 5}, {"max_eval_samples": 5}),
        ({"resume_from_checkpoint": True}, {"resume_from_checkpoint": None}),
        ({"use_auth_token": True}, {"token": None}),
        ({"report_to": None}, {"report_to": []}),
        ({"save_safetensors": True, "fp16_opt_level": "O2", "logging_dir": None, "use_mps_device": True}, {}),
    ],
)
def test_old_keys_are_translated(tmp_path, base, old, new):
    arguments = parse(tmp_path, base | old)
    resolved = public_dict(arguments.model, arguments.data, arguments.lora, arguments.training)
    assert new.items() <= resolved.items()
    assert not [key for key in old if key in LEGACY and key not in settings_of(*GROUPS) and key in arguments.explicit]


@pytest.mark.parametrize(
    ("old", "message"),
    [
        (
            {"logging_dir": "runs"},
            "logging_dir: no longer exists; set the environment variable TENSORBOARD_LOGGING_DIR",
        ),
        ({"save_safetensors": False}, "save_safetensors: no longer exists; weights are always saved as safetensors"),
        ({"half_precision_backend": "apex"}, "half_precision_backend: no longer exists; set fp16 or bf16"),
        ({"jit_mode_eval": True}, "jit_mode_eval: no longer exists; use torch_compile"),
        ({"tpu_num_cores": 8}, "tpu_num_cores: no longer exists; give --num_processes to accelerate launch"),
        (
            {"push_to_hub_organization": "us"},
            'push_to_hub_organization: no longer exists; set hub_model_id to "us/NAME"',
        ),
        ({"fsdp_min_num_params": 5}, "fsdp_min_num_params: no longer exists; put .* into fsdp_config"),
        ({"resume_from_checkpoint": False}, "resume_from_checkpoint: a run always resumes from output_dir"),
        ({"warmup_ratio": 1}, "warmup_ratio: expected a value from 0 to below 1"),
        ({"warmup_ratio": "much"}, 'warmup_ratio: expected a number or null, found "much"'),
        ({"evaluation_strategy": "epok"}, r'evaluation_strategy: expected one of .* \(nearest: "epoch"\)'),
        (
            {"evaluation_strategy": "epoch", "eval_strategy": "no"},
            "evaluation_strategy: is now called eval_strategy, which is given too with another value",
        ),
    ],
)
def test_old_keys_without_an_exact_counterpart_say_what_replaced_them(tmp_path, base, old, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(tmp_path, base | old)
    assert len(caught.value.problems) == 1


def test_old_flags_work_on_the_command_line_and_later_wins(tmp_path, base):
    training = parse(tmp_path, base | {"warmup_steps": 7}, "--warmup-ratio", "0.2", "--no_cuda").training
    assert training.warmup_steps == 0.2
    assert training.use_cpu is True


def test_translations_are_logged_without_secrets(tmp_path, base, caplog):
    with caplog.at_level(logging.WARNING):
        parse(tmp_path, base | {"evaluation_strategy": "epoch", "push_to_hub_token": "hf_secret"})
    assert "evaluation_strategy: read as eval_strategy = epoch" in caplog.text
    assert "push_to_hub_token: read as hub_token" in caplog.text
    assert "hf_secret" not in caplog.text
