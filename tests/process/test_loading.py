"""How batches reach the model: settings of the loader, worker processes of every kind, padding that counts."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from qa_pipeline.arguments import QASettings
from qa_pipeline.postprocess import Candidates, Postprocess
from qa_pipeline.preprocess.windows import inference_batches, padded_lengths
from qa_pipeline.process import Evaluation
from qa_pipeline.process.batching import LengthGroupedBatches, MixedBatches
from tests.process.test_process import parts  # noqa: F401  # a fixture

ROOT = Path(__file__).resolve().parents[2]


def evaluation_of(windows) -> Evaluation:
    return Evaluation(windows, Postprocess(QASettings(n_best_size=3)).reduce, Candidates.concatenate)


def test_the_loader_does_what_its_settings_say(parts, tmp_path):  # noqa: F811
    make, _ = parts
    settings = {"dataloader_num_workers": 2, "dataloader_prefetch_factor": 5, "dataloader_persistent_workers": True}
    settings |= {"dataloader_multiprocessing_context": "spawn", "dataloader_in_order": False}
    loader = make(tmp_path, **settings)[1].trainer.get_train_dataloader()
    assert (loader.num_workers, loader.prefetch_factor, loader.persistent_workers) == (2, 5, True)
    assert loader.multiprocessing_context.get_start_method() == "spawn" and loader.in_order is False
    plain = make(tmp_path)[1].trainer.get_train_dataloader()
    assert (plain.num_workers, plain.persistent_workers, plain.in_order) == (0, False, True)


def test_persistent_workers_live_on_from_one_evaluation_to_the_next(parts, tmp_path):  # noqa: F811
    make, windows = parts
    evaluation = evaluation_of(windows)
    _, process = make(tmp_path, dataloader_num_workers=1, dataloader_persistent_workers=True)
    first, _ = process.evaluate(evaluation)
    workers = set(multiprocessing.active_children())
    second, _ = process.evaluate(evaluation)
    assert workers and set(multiprocessing.active_children()) == workers
    assert first["eval_loss"] == second["eval_loss"]
    _, without = make(tmp_path, dataloader_num_workers=1)
    without.evaluate(evaluation)
    assert set(multiprocessing.active_children()) == workers
    assert process.trainer.get_train_dataloader().persistent_workers


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_every_kind_train_as_none_do(parts, tmp_path, method):  # noqa: F811
    make, windows = parts
    model, process = make(tmp_path / "none")
    process.train()
    expected = torch.cat([p.detach().flatten() for p in model.parameters()])
    settings = {"dataloader_num_workers": 2, "dataloader_multiprocessing_context": method}
    model, process = make(tmp_path / method, **settings)
    process.train()
    assert torch.equal(expected, torch.cat([p.detach().flatten() for p in model.parameters()]))
    metrics, candidates = process.evaluate(evaluation_of(windows))
    assert np.isfinite(metrics["eval_loss"]) and sorted(candidates.window_index) == list(range(len(windows)))


SCRIPT = """
import multiprocessing, sys
from qa_pipeline.arguments import parse_arguments
from qa_pipeline.run.run import run_qa

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    print(run_qa(parse_arguments(sys.argv[2:]))["train_loss"])
"""


@pytest.mark.parametrize("method", ["spawn", pytest.param("forkserver", marks=pytest.mark.slow)])
def test_a_whole_run_with_workers_works_where_processes_are_not_forked(tiny_bert, tmp_path, method):
    """As on macOS and Windows, and with Python 3.14."""
    rows = [
        {"id": str(n), "context": f"Desk {n} opens at {n % 12}.", "question": "When?", "answers": [str(n % 12)]}
        for n in range(24)
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "script.py").write_text(SCRIPT)
    config = {"model_name_or_path": str(tiny_bert), "output_dir": str(tmp_path / "out"), "max_seq_length": 64}
    config |= {"train_file": str(tmp_path / "rows.json"), "doc_stride": 8, "max_question_length": 16, "do_train": True}
    config |= {
        "num_train_epochs": 1,
        "dataloader_num_workers": 1,
        "disable_tqdm": True,
        "use_cpu": True,
        "warm_start": "off",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [sys.executable, str(tmp_path / "script.py"), method, str(tmp_path / "config.json")]
    environment = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert float(ended.stdout.split()[-1]) > 0


def test_padding_to_one_length_counts_in_the_bound_of_tokens():
    lengths = np.random.default_rng(0).integers(10, 100, 300)
    assert set(padded_lengths(lengths, pad_to=[384]).tolist()) == {384}
    assert padded_lengths(np.array([10, 100, 120, 500]), pad_to=[384, 100]).tolist() == [100, 100, 384, 500]
    for order in ("group_by_length", "random", "sequential"):
        batches = list(LengthGroupedBatches(lengths, batch_tokens=4 * 384, order=order, pad_to=[384]))
        assert {len(batch) for batch in batches} == {4} and len(batches) == 75
    extra = np.arange(300) < 100
    mixed = MixedBatches(lengths, extra, epochs=2, extra_epochs=1, batch_tokens=4 * 384, pad_to=[384])
    assert max(len(batch) for batch in mixed) == 4
    assert {len(batch) for batch in inference_batches(lengths, 4 * 384, pad_to=[384])} == {4}


def test_no_padded_batch_of_training_or_evaluation_is_beyond_its_bound(parts, tmp_path):  # noqa: F811
    make, windows = parts
    settings = {"train_batch_tokens": 512, "eval_batch_tokens": 384, "gradient_accumulation_steps": 2}
    _, process = make(tmp_path, **settings)
    process.trainer.pad_to = [128]
    assert {tuple(batch["input_ids"].shape) for batch in process.trainer.get_train_dataloader()} == {(4, 128)}
    seen = []
    evaluation = evaluation_of(windows)
    reduce = evaluation.reduce
    evaluation.reduce = lambda start, end, batch: seen.append(tuple(start.shape)) or reduce(start, end, batch)
    process.evaluate(evaluation)
    assert max(rows * tokens for rows, tokens in seen) == 384 and {tokens for _, tokens in seen} == {128}
