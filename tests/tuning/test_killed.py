"""A tuning whose processes are killed goes on to the result of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest

from qa_pipeline.tuning.api import tune
from tests.run.made import assert_same_weights
from tests.tuning.made import SPACE, base, tried, wanted

ROOT = Path(__file__).resolve().parents[2]

# No handler sees the signal and nothing is tidied up, as where the machine goes off.
CHILD = """
import os, signal, sys
end, words = sys.argv[1], sys.argv[2:]
replace = os.replace

def killing(source, target, **options):
    replace(source, target, **options)
    if str(target).endswith(end):
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = killing
from qa_pipeline.cli.tune import main
sys.exit(main(words))
"""


@pytest.fixture(scope="module")
def whole(data, tiny_bert, tmp_path_factory):
    return tune(base(data, tiny_bert), wanted(), tmp_path_factory.mktemp("whole") / "out")


@pytest.mark.parametrize(
    ("storage", "end"),
    [
        (None, "trials/1/checkpoint-7/checkpoint_manifest.json"),
        pytest.param("journal", "trials/1/checkpoint-7/checkpoint_manifest.json", marks=pytest.mark.slow),
        pytest.param(None, "trials/0/run.json", marks=pytest.mark.slow),
        pytest.param(None, "trials/2/README.md", marks=pytest.mark.slow),
        pytest.param(None, "out/best.yaml", marks=pytest.mark.slow),
    ],
)
def test_a_killed_tuning_goes_on_to_the_same_trials(storage, end, whole, data, tiny_bert, tmp_path):
    out = tmp_path / "out"
    values = base(data, tiny_bert, output_dir=str(out), num_trials=3, search_space=SPACE, study_storage=storage)
    (tmp_path / "tune.json").write_text(json.dumps(values))
    command = [sys.executable, "-c", CHILD, end, str(tmp_path / "tune.json")]
    killed = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    result = tune(base(data, tiny_bert), wanted(study_storage=storage), out)
    assert tried(result) == tried(whole)
    assert [one.retries for one in result.trials] == [int(f"trials/{one.number}/" in end) for one in result.trials]
    assert_same_weights(result.model, whole.model)
    assert not list(out.rglob("checkpoint-*")) and not list((out / "workers").glob("*.lock"))


@pytest.mark.slow
def test_what_a_killed_worker_was_at_is_done_by_others(whole, data, tiny_bert, tmp_path):
    out = tmp_path / "out"
    killed: list[int] = []

    def kill_the_first_that_signs() -> None:
        for _ in range(1200):
            time.sleep(0.1)
            if not (out / "workers" / "0.log").exists():  # until then the study is being made
                continue
            study = optuna.load_study(study_name="out", storage=f"sqlite:///{out}/study.db")
            pids = [one.user_attrs.get("pid") for one in study.trials if one.number == 1]
            if pids and pids[0] is not None:
                os.kill(pids[0], signal.SIGKILL)
                killed.extend(pids)
                return

    killer = threading.Thread(target=kill_the_first_that_signs)
    killer.start()
    result = tune(base(data, tiny_bert), wanted(num_trials=4, tuning_workers=2), out)
    killer.join()
    assert killed and killed[0] != os.getpid()
    assert [one.state for one in result.trials] == ["complete"] * 4
    assert sum(one.retries for one in result.trials) == 1 and result.trials[1].retries == 1
    assert tried(result)[0] == tried(whole)[0]
