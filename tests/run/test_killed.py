"""A run is killed at every file that it puts in its place, and started again: the result of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import assert_same_weights, parsed, settings

ROOT = Path(__file__).resolve().parents[2]

# No handler sees the signal and nothing is tidied up, as where the machine goes off.
CHILD = """
import os, signal, sys
end, count, when, *words = sys.argv[1:]
replace, calls = os.replace, iter(range(1, 10**9))

def killing(source, target, **options):
    now = str(target).endswith(end) and next(calls) == int(count)
    if not now or when == "after":
        replace(source, target, **options)
    if now:
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = killing
import run_qa
sys.exit(run_qa.main(words))
"""

EVENTS = [
    ("run.json", 1, "before"),
    ("run.json", 1, "after"),
    ("data_report.json", 1, "before"),
    ("base_results.json", 1, "after"),
    ("checkpoint-2/checkpoint_manifest.json", 1, "before"),
    ("checkpoint-2/checkpoint_manifest.json", 1, "after"),
    ("train_results.json", 1, "before"),
    ("train_results.json", 1, "after"),
    ("eval_nbest_predictions.json", 1, "before"),
    ("out/adapter_model.safetensors", 1, "after"),
    ("out/qa_config.json", 1, "before"),
    ("merged/model.safetensors", 1, "before"),
    ("merged/config.json", 1, "after"),
    ("predict_predictions.json", 1, "after"),
    ("README.md", 1, "before"),
    ("README.md", 1, "after"),
]
"""Name of the file, how many times it is written until then, and whether the kill comes before that or after."""
QUICK = (0, 5, 11)


def config(data: Path, model: Path, out: Path) -> dict:
    few = {"max_train_samples": 8, "max_eval_samples": 4, "num_train_epochs": 1, "save_steps": 2}
    stages = {"merge_adapter": True, "eval_on_start": True, "do_predict": True, "test_file": str(data / "test.json")}
    return settings(data, model, out, **few, **stages)


def measured(folder: Path) -> dict:
    """What is the same of every run that ends with the same weights."""
    results = read_json(folder / "all_results.json")
    return {k: v for k, v in results.items() if not k.startswith("train_") and "runtime" not in k and "_per_" not in k}


@pytest.fixture(scope="module")
def whole(data, tiny_bert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run_qa(parsed(folder, config(data, tiny_bert, folder / "out")))
    return folder / "out"


@pytest.mark.parametrize(
    ("name", "count", "when"),
    [pytest.param(*event, marks=() if i in QUICK else pytest.mark.slow) for i, event in enumerate(EVENTS)],
)
def test_a_run_that_is_killed_goes_on_to_the_same_result(name, count, when, whole, data, tiny_bert, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "config.json").write_text(json.dumps(config(data, tiny_bert, out)))
    command = [sys.executable, "-c", CHILD, name, str(count), when, str(tmp_path / "config.json")]
    killed = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    run_qa(parsed(tmp_path, config(data, tiny_bert, out)))
    assert_same_weights(out, whole)
    assert_same_weights(out / "merged", whole / "merged")
    assert measured(out) == measured(whole)
    for split in ("eval", "predict"):
        assert read_json(out / f"{split}_predictions.json") == read_json(whole / f"{split}_predictions.json")
    assert read_json(out / "qa_config.json") == read_json(whole / "qa_config.json")
    assert read_json(out / "run.json")["stages"].keys() == read_json(whole / "run.json")["stages"].keys()
    assert not list(out.rglob("*.tmp")) and not list(out.rglob(".saving-*"))
    lost = {"train_results.json"} if (name, when) == ("train_results.json", "before") else set()  # the loss was nowhere
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()} - lost
