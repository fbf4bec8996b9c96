from __future__ import annotations

import numpy as np
import pytest
import torch

from qa_pipeline.arguments import LoRAArguments, ModelArguments, QASettings, TrainingArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import find_qa_head, load_model, load_tokenizer
from qa_pipeline.postprocess import Candidates, Postprocess
from qa_pipeline.preprocess import IGNORE, Preprocess
from qa_pipeline.process import Evaluation, Process
from qa_pipeline.process.trainer import span_loss


def examples(count: int) -> list[dict]:
    rows = []
    for number in range(count):
        context = f"The desk number {number} opens at {number % 12} and is closed on day {number * 7 % 31}."
        text = f"{number % 12}"
        start = context.index("opens at ") + len("opens at ")
        rows.append(
            {
                "id": str(number),
                "context": context,
                "question": "When does it open?",
                "answers": {"text": [text], "answer_start": [start]},
                "is_impossible": False,
            }
        )
    return rows


@pytest.fixture(scope="module")
def parts(tiny_bert):
    arguments = ModelArguments(model_name_or_path=str(tiny_bert))
    tokenizer = load_tokenizer(arguments)
    windows = Preprocess(
        tokenizer, QASettings(max_seq_length=128, doc_stride=16, max_question_length=48)
    ).labelled_windows(examples(16))

    def make(folder, lora=None, windows=windows, evaluation=None, **changes):
        torch.manual_seed(0)
        model = load_model(arguments, lora or LoRAArguments(), seed=0)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        settings = {"max_steps": 2, "learning_rate": 1e-2, "save_strategy": "no", "report_to": "none", "bf16": False}
        settings |= {"disable_tqdm": True, "use_cpu": True, "max_grad_norm": 0.0, "optim": "sgd"} | changes
        args = TrainingArguments(output_dir=str(folder), **settings)
        return model, Process(model, tokenizer, args, windows, evaluation)

    return make, windows


def trained(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters() if p.requires_grad])


def test_the_loss_leaves_ignored_windows_out_and_equals_plain_cross_entropy_on_the_others():
    generator = torch.Generator().manual_seed(0)
    start, end = torch.randn(3, 7, generator=generator), torch.randn(3, 7, generator=generator)
    starts, ends = torch.tensor([2, IGNORE, 0]), torch.tensor([4, IGNORE, 0])
    total, count = span_loss(start, end, starts, ends)
    expected = 0.0
    for row in (0, 2):
        expected -= float(torch.log_softmax(start[row], 0)[starts[row]] + torch.log_softmax(end[row], 0)[ends[row]]) / 2
    assert int(count) == 2
    assert float(total) == pytest.approx(expected, rel=1e-6)


def test_ignored_windows_move_no_weight(parts, tmp_path):
    make, windows = parts
    ignored = windows.select(np.arange(len(windows)))
    ignored.start_positions = np.full(len(windows), IGNORE, dtype=np.int32)
    ignored.end_positions = np.full(len(windows), IGNORE, dtype=np.int32)
    model, process = make(tmp_path, windows=ignored)
    before = trained(model)
    process.train()
    assert torch.equal(before, trained(model))


def test_accumulated_small_batches_train_as_one_large_batch(parts, tmp_path):
    make, windows = parts
    part = windows.select(np.arange(12))
    part.start_positions[[1, 5]] = IGNORE  # batches of unequal weight: a mean of means would be wrong
    part.end_positions[[1, 5]] = IGNORE
    common = {"windows": part, "train_sampling_strategy": "sequential", "max_steps": 1}
    large, process = make(tmp_path / "a", per_device_train_batch_size=12, **common)
    process.train()
    small, process = make(tmp_path / "b", per_device_train_batch_size=4, gradient_accumulation_steps=3, **common)
    process.train()
    torch.testing.assert_close(trained(small), trained(large), atol=1e-6, rtol=1e-4)


def test_the_head_can_have_a_learning_rate_of_its_own(parts, tmp_path):
    make, _ = parts
    lora = LoRAArguments(use_lora=True, lora_r=2)
    model, process = make(tmp_path, lora=lora, head_learning_rate=0.5, optim="adamw_torch", weight_decay=0.1)
    groups = process.trainer.create_optimizer().param_groups
    head = find_qa_head(model)[0]
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert len(rates) == len(trainable)
    for name, parameter in trainable.items():
        assert rates[id(parameter)] == (0.5 if f".{head}." in name else 1e-2), name
        assert decays[id(parameter)] == (0.0 if name.endswith("bias") else 0.1), name


def test_evaluation_sees_every_window_once_whatever_the_batch(parts, tmp_path):
    make, windows = parts
    postprocess = Postprocess(QASettings(n_best_size=3))
    evaluation = Evaluation(windows, postprocess.reduce, Candidates.concatenate)
    model, process = make(tmp_path, evaluation=evaluation)
    metrics, many = process.evaluate(evaluation)
    process.args.eval_batch_tokens = 1
    alone_metrics, alone = process.evaluate(evaluation)
    assert sorted(many.window_index) == list(range(len(windows))) == sorted(alone.window_index)
    assert metrics["eval_loss"] == pytest.approx(alone_metrics["eval_loss"], rel=1e-4)
    one, two = (postprocess.predictions(examples(16), windows, c) for c in (many, alone))
    assert [p.text for p in one] == [p.text for p in two]
    assert model.training


def test_training_without_windows_says_so(parts, tmp_path):
    make, _ = parts
    with pytest.raises(ModelError, match="without training windows"):
        make(tmp_path, windows=None)[1].train()


def test_a_named_checkpoint_that_is_not_whole_is_refused(parts, tmp_path):
    make, _ = parts
    (tmp_path / "checkpoint-5").mkdir()
    with pytest.raises(ModelError, match=r"checkpoint-5: it has no checkpoint_manifest\.json"):
        make(tmp_path, resume_from_checkpoint=str(tmp_path / "checkpoint-5"))[1].train()
