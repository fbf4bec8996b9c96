"""What would fail in transformers or torch when training begins is refused with its setting's name, at the start."""

from __future__ import annotations

import json

import pytest
import torch

from qa_pipeline.arguments import parse_arguments, trainer_settings
from qa_pipeline.errors import ConfigError


@pytest.fixture
def parse(tmp_path):
    data = tmp_path / "data.json"
    data.write_text("{}")
    base = {"model_name_or_path": "some/model", "output_dir": str(tmp_path / "out"), "train_file": str(data)}

    def parse(**changes):
        (tmp_path / "config.json").write_text(json.dumps(base | {"do_train": True, "use_cpu": True} | changes))
        return parse_arguments([str(tmp_path / "config.json")])

    return parse


REFUSED = [
    ({"optim": "schedule_free_adamw"}, 'optim: "schedule_free_adamw" cannot be set up: .*schedulefree'),
    ({"optim": "grokadamw"}, 'optim: "grokadamw" cannot be set up: .*pip install grokadamw'),
    ({"optim": "galore_adamw"}, 'optim: "galore_adamw" cannot be set up: .*galore_torch'),
    ({"optim": "adamw_torch_8bit"}, 'optim: "adamw_torch_8bit" cannot be set up: .*torchao'),
    ({"optim": "stable_adamw"}, 'optim: "stable_adamw" cannot be set up: .*torch-optimi'),
    ({"optim": "sgd", "optim_args": "momentum"}, 'optim_args: expected name=value, .* found "momentum"'),
    ({"optim": "sgd", "optim_args": "momentum=much"}, 'optim: "sgd" cannot be set up: could not convert .*much'),
    ({"optim": "adamw_torch", "optim_args": "eps=1e-6"}, "optim_args: eps: not known to adamw_torch, which takes none"),
    (
        {"optim": "sgd", "optim_args": "momentm=0.9, nesterov=false"},
        "optim_args: momentm: not known to sgd, which takes dampening, momentum, nesterov, weight_decay; leave it out",
    ),
    ({"lr_scheduler_type": "cosine_with_min_lr"}, "lr_scheduler_type: .* cannot be set up: One of min_lr or min_lr_ra"),
    ({"lr_scheduler_type": "warmup_stable_decay"}, "lr_scheduler_type: .*num_decay_steps"),
    ({"lr_scheduler_kwargs": {"cycles": 2}}, '"linear" cannot be set up: .*cycles.*; give what it needs as lr_schedul'),
    ({"lr_scheduler_kwargs": '{"min_lr"'}, "lr_scheduler_kwargs: expected a JSON object, found"),
    (
        {"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"lr_end": 1}},
        r'"polynomial" cannot be set up: lr_end \(1\) must be smaller than initial lr \(5e-05\)',
    ),
    ({"torch_compile_backend": "inductr"}, 'torch_compile_backend: expected one of .*inductor.* found "inductr"'),
    ({"torch_compile_mode": "fast"}, 'torch_compile_mode: expected one of default, .* found "fast"'),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_what_could_not_be_set_up_is_one_message_before_data_is_read(parse, changes, message):
    if changes.get("optim", "").startswith(("schedule", "grok", "galore", "adamw_torch_8", "stable")):
        package = {"s": "schedulefree", "g": "grokadamw", "a": "torchao"}[changes["optim"][0]]
        if trainer_settings.is_installed(package):
            pytest.skip(f"{package} is installed")
    with pytest.raises(ConfigError, match=message) as caught:
        parse(**changes)
    assert len(caught.value.problems) == 1, caught.value.problems


TAKEN = [
    {"optim": "adamw_torch"},
    {"optim": "adafactor"},
    {"optim": "sgd", "optim_args": "momentum=0.9, nesterov=true"},
    {"optim": "rmsprop", "optim_args": "alpha=0.9"},
    {"lr_scheduler_type": "cosine"},
    {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 0.1},
    {"lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs": {"num_decay_steps": 10}},
    {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": '{"min_lr": 1e-6}'},
    {"torch_compile_backend": "eager"},
    {"do_train": False, "do_predict": True, "optim": "grokadamw"},
]


@pytest.mark.parametrize("changes", TAKEN, ids=str)
def test_what_can_be_set_up_passes_and_leaves_chance_as_it_was(parse, changes, tmp_path):
    before = torch.get_rng_state()
    parse(**changes, **({"test_file": str(tmp_path / "data.json")} if "do_predict" in changes else {}))
    assert torch.equal(torch.get_rng_state(), before)


def test_inductor_without_a_compiler_is_refused(parse, monkeypatch):
    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", lambda: 1 / 0)
    with pytest.raises(ConfigError, match="torch_compile: inductor needs a C\\+\\+ compiler: division by zero; leave"):
        parse(torch_compile=True)


@pytest.mark.parametrize("name", ["flash_attention_2", "kernels-community/flash-attn3"])
def test_kernels_whose_package_is_missing_are_refused_on_a_gpu(parse, monkeypatch, name):
    monkeypatch.setattr(trainer_settings, "accelerator_type", lambda: "cuda")
    monkeypatch.setattr(trainer_settings, "is_installed", lambda module: False)
    with pytest.raises(ConfigError) as caught:
        parse(attn_implementation=name, use_liger_kernel=True, use_cpu=False, bf16=True)
    said = str(caught.value)
    assert f"attn_implementation: {name} needs flash-attn or kernels; pip install kernels, or give sdpa" in said
    assert "use_liger_kernel: needs liger-kernel; pip install liger-kernel, or leave it out" in said
