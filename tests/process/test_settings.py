"""What settings of training and evaluation do that the trainer here makes otherwise than transformers' own."""

from __future__ import annotations

import os
import signal
import sys
import types

import pytest
import torch
from transformers import TrainerCallback

from qa_pipeline.errors import Interrupted, ModelError
from qa_pipeline.process import checkpoints
from tests.process.test_loading import evaluation_of
from tests.process.test_process import parts, trained  # noqa: F401  # a fixture


def test_full_bf16_evaluation_rounds_the_weights_and_gives_them_back(parts, tmp_path):  # noqa: F811
    make, windows = parts
    evaluation = evaluation_of(windows)
    model, process = make(tmp_path, bf16_full_eval=True)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    types_seen = set()
    reduce = evaluation.reduce
    evaluation.reduce = lambda start, *rest: types_seen.add(start.dtype) or reduce(start, *rest)
    rounded, _ = process.evaluate(evaluation)
    assert types_seen == {torch.bfloat16}
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    plain, _ = make(tmp_path)[1].evaluate(evaluation)
    assert rounded["eval_loss"] != plain["eval_loss"]
    assert rounded["eval_loss"] == pytest.approx(plain["eval_loss"], rel=0.05)


def test_evaluations_during_training_keep_their_weights_as_in_transformers(parts, tmp_path):  # noqa: F811
    make, windows = parts
    evaluation = evaluation_of(windows)
    types_seen = []
    reduce = evaluation.reduce
    evaluation.reduce = lambda start, *rest: types_seen.append(start.dtype) or reduce(start, *rest)
    _, process = make(tmp_path, evaluation=evaluation, bf16_full_eval=True, eval_strategy="steps", eval_steps=1)
    process.train()
    assert set(types_seen) == {torch.float32}


def test_a_model_that_trainer_would_place_later_is_placed_before_it_is_evaluated(parts, tmp_path, monkeypatch):  # noqa: F811
    """Trainer moves a model for full evaluation, or for DeepSpeed, only when it trains."""
    from qa_pipeline.process.trainer import QATrainer

    make, _ = parts
    moved = []
    monkeypatch.setattr(QATrainer, "_move_model_to_device", lambda self, model, device: moved.append(device.type))
    make(tmp_path, bf16_full_eval=True)
    make(tmp_path)
    assert moved == ["cpu", "cpu"]


@pytest.mark.parametrize(("averaged", "expected"), [(True, 2 / 8 * 2), (False, 2 / 3)])
def test_tokens_are_averaged_over_processes_only_where_that_is_on(parts, tmp_path, monkeypatch, averaged, expected):  # noqa: F811
    """Two processes, faked: 3 labelled windows here, 5 there; the loss here sums up to 2."""
    from qa_pipeline.process import trainer as module

    make, _ = parts
    trainer = make(tmp_path, average_tokens_across_devices=averaged)[1].trainer
    monkeypatch.setattr(type(trainer.args), "world_size", 2)
    monkeypatch.setattr(trainer.accelerator, "gather", lambda count: torch.stack([count, torch.tensor(5)]))
    monkeypatch.setattr(module, "span_loss", lambda *a, **k: (torch.tensor(2.0), torch.tensor(3)))
    batch = {"start_positions": torch.tensor([1, 2, 3]), "end_positions": torch.tensor([1, 2, 3])}
    items = trainer._get_num_items_in_batch([batch], torch.device("cpu"))
    model = lambda **inputs: types.SimpleNamespace(start_logits=None, end_logits=None)  # noqa: E731
    assert float(trainer.compute_loss(model, batch, num_items_in_batch=items)) == pytest.approx(expected)


def test_a_checkpoint_of_weights_alone_is_not_gone_on_from(parts, tmp_path):  # noqa: F811
    make, _ = parts
    settings = {"save_strategy": "steps", "save_steps": 1, "save_only_model": True}
    make(tmp_path, max_steps=2, **settings)[1].train()
    with pytest.raises(ModelError, match=r"checkpoint-2 holds weights alone \(save_only_model\).*overwrite_output_dir"):
        make(tmp_path, max_steps=4, **settings)[1].train()
    model, process = make(tmp_path, max_steps=2, **settings)
    assert process.train() == {}  # it had ended: the weights are all that is needed
    assert process.trainer.state.global_step == 2


class SendSignal(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 1:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN], ids=["handled", "ignored"])
def test_a_run_that_is_told_to_end_saves_and_goes_on_to_the_same_weights(parts, tmp_path, ctrl_c):  # noqa: F811
    """A shell script that starts a program with "&" has it ignore Ctrl-C."""
    make, _ = parts
    model, process = make(tmp_path / "whole", max_steps=4)
    process.train()
    expected = trained(model)
    settings = {"max_steps": 4, "enable_jit_checkpoint": True, "save_strategy": "steps", "save_steps": 100}
    _, process = make(tmp_path / "ended", **settings)
    process.trainer.add_callback(SendSignal())
    before = signal.getsignal(signal.SIGTERM)
    kept = signal.signal(signal.SIGINT, ctrl_c)
    try:
        with pytest.raises(Interrupted, match=r"Interrupted at step 2\. The same command goes on from .*checkpoint-2"):
            process.train()
        assert signal.getsignal(signal.SIGTERM) is before
        assert signal.getsignal(signal.SIGINT) is ctrl_c
    finally:
        signal.signal(signal.SIGINT, kept)
    assert checkpoints.fault(tmp_path / "ended" / "checkpoint-2") is None
    model, process = make(tmp_path / "ended", **settings)
    assert process.train()["train_steps"] == 2
    assert torch.equal(trained(model), expected)


def test_liger_is_refused_where_it_has_no_kernels(parts, tmp_path, monkeypatch):  # noqa: F811
    make, _ = parts
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers.monkey_patch", None)
    with pytest.raises(ModelError, match="pip install liger-kernel"):
        make(tmp_path, use_liger_kernel=True)
    fake = types.ModuleType("liger_kernel.transformers.monkey_patch")
    fake.MODEL_TYPE_TO_APPLY_LIGER_FN = {"llama": None}
    for name in ("liger_kernel", "liger_kernel.transformers"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    with pytest.raises(ModelError, match="Liger has no kernels for models of type bert"):
        make(tmp_path, use_liger_kernel=True)
