"""What starting costs: help and checks answer without torch, and asking imports nothing that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["torch", "transformers", "peft", "datasets", "pyarrow", "accelerate", "pandas", "evaluate", "bs4", "pypdf"]

_RUN = """
import json, runpy, sys
sys.argv, how, target = sys.argv[3:], sys.argv[1], sys.argv[2]
sys.argv.insert(0, target)
code = 0
try:
    runpy.run_module(target, run_name="__main__") if how == "-m" else runpy.run_path(target, run_name="__main__")
except SystemExit as end:
    code = end.code or 0
print("\\n" + json.dumps({"code": code, "modules": [m for m in sys.modules if "." not in m]}))
"""


def start(how: str, target: str, *words: str) -> tuple[int, set[str], str]:
    """Runs a script in a process of its own: its exit code, the packages that it imported, and what it printed."""
    command = [sys.executable, "-c", _RUN, how, target, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    printed, _, last = done.stdout.rstrip("\n").rpartition("\n")
    result = json.loads(last)
    return result["code"], set(result["modules"]), printed + done.stderr


@pytest.mark.parametrize(
    ("how", "target"),
    [("script", "qa_predict.py"), ("script", "run_qa.py"), ("script", "mock_dataset.py"), ("-m", "qa_pipeline")],
)
def test_help_imports_nothing_heavy(how, target):
    code, modules, printed = start(how, target, "--help")
    assert code == 0 and "usage:" in printed
    assert not modules.intersection(HEAVY)


def test_a_wrong_command_line_of_qa_predict_is_refused_without_torch():
    code, modules, printed = start("script", "qa_predict.py", "--modell", "m")
    assert code == 2 and 'nearest valid name: "model"' in printed
    assert not modules.intersection(HEAVY)


def test_asking_imports_nothing_of_training(tmp_path, tiny_bert):
    """Loading a model needs torch and transformers; the Trainer's companions would double the time to an answer."""
    words = ["--model", str(tiny_bert), "--question", "Who?", "--context", "Ada did.", "--max_seq_length", "64"]
    code, modules, printed = start("script", "qa_predict.py", *words)
    assert code == 2 and "no trained question-answering head" in printed
    assert "torch" in modules
    assert not modules.intersection({"peft", "datasets", "pyarrow", "pandas", "evaluate", "bitsandbytes"})


def test_settings_of_our_own_are_had_without_transformers():
    code = (
        "import sys; from qa_pipeline.arguments import DataArguments, LoRAArguments, ModelArguments; "
        "DataArguments(), LoRAArguments(), ModelArguments(); "
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
