"""What starting costs: help and checks answer without torch, and asking imports nothing that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline.errors import Interrupted, run_script

ROOT = Path(__file__).resolve().parents[1]
HEAVY = [
    *("torch", "transformers", "peft", "datasets", "pyarrow", "accelerate", "pandas", "evaluate", "bs4", "pypdf"),
    "gradio",
]

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


def test_run_qa_without_words_says_how_it_is_used_and_imports_nothing_heavy():
    code, modules, printed = start("script", "run_qa.py")
    assert code == 2 and printed.lstrip().startswith("usage: python run_qa.py") and "--help" in printed
    assert not modules.intersection(HEAVY)


_WITHOUT = """
import runpy, sys
missing, sys.argv = sys.argv[1], sys.argv[2:]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Finder())
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("package", ["numpy", "torch", "transformers", "yaml"])
def test_a_python_without_a_required_package_ends_in_one_line(package):
    words = ["run_qa.py", "--model_name_or_path", "m", "--train_file", "README.md", "--do_train", "--output_dir", "o"]
    command = [sys.executable, "-c", _WITHOUT, package, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    expected = f"{sys.executable} cannot import {package} (No module named '{package}'); run: {sys.executable} -m pip"
    assert done.stderr.startswith(expected) and done.stderr.count("\n") == 1


def test_an_import_that_fails_within_the_package_is_no_missing_package():
    def main(argv):
        raise ModuleNotFoundError("No module named 'qa_pipeline.nowhere'", name="qa_pipeline.nowhere")

    with pytest.raises(ModuleNotFoundError):
        run_script(main, [])


@pytest.mark.parametrize(
    ("raised", "shown"),
    [(Interrupted("At step 3."), "At step 3.\n"), (KeyboardInterrupt(), "Interrupted. The same command goes on from")],
)
def test_ctrl_c_ends_in_one_line_and_code_130(raised, shown, capsys):
    def main(argv):
        raise raised

    assert run_script(main, []) == 130
    assert capsys.readouterr().err.startswith(shown)
