"""What the Dockerfile names is there, is sent to the builder, and is what the command takes. Needs no Docker."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
LINES = [line.strip() for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]
HEALTHCHECK = next(line for line in LINES if line.startswith("HEALTHCHECK"))


def copied() -> list[str]:
    """What is copied from the repository."""
    lines = [line.split()[1:-1] for line in LINES if line.startswith("COPY") and "--from=" not in line]
    return sorted({name for names in lines for name in names})


def array(instruction: str) -> list[str]:
    return json.loads(next(line for line in LINES if line.startswith(f"{instruction} [")).split(maxsplit=1)[1])


def is_sent(name: str) -> bool:
    """Whether .dockerignore lets a file of the repository through; the last rule that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.strip().removeprefix("!")
        if not rule or rule.startswith("#"):
            continue
        parts = [name, *map(str, Path(name).parents)]
        if any(fnmatch(part, rule) or fnmatch(part, rule.removeprefix("**/")) for part in parts):
            sent = line.startswith("!")
    return sent


def test_what_is_copied_is_there_and_is_sent_to_the_builder():
    assert "qa_pipeline" in "".join(copied()) and len(copied()) > 5
    for name in copied():
        path = ROOT / name.removeprefix("./")
        assert path.exists(), name
        files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        for one in files:
            inside = one.relative_to(ROOT).as_posix()
            assert is_sent(inside) is ("__pycache__" not in inside), inside


@pytest.mark.parametrize(
    "name", [".git/config", "tests/test_docker.py", "runs/a/model.safetensors", ".venv/bin/python"]
)
def test_nothing_else_is_sent(name):
    assert not is_sent(name)


def test_requirements_that_are_installed_are_copied():
    named = set(re.findall(r"-r /requirements/(\S+)", TEXT))
    assert named == {"requirements.txt", "requirements-server.txt"}
    inner = {name for one in named for name in re.findall(r"^-r (\S+)", (ROOT / one).read_text(), flags=re.MULTILINE)}
    assert named | inner == {name for name in copied() if name.startswith("requirements")}


def test_versions_are_those_that_the_tests_ran_with():
    """What the image installs is pinned to the same versions as what is tested."""
    pins: dict[str, str] = {}
    for name in ("requirements.txt", "requirements-dev.txt"):
        pins |= dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / name).read_text(), flags=re.MULTILINE))
    known = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    for name in ("requirements-serving.txt", "requirements-server.txt"):
        for package, version in re.findall(r"^([\w-]+)==(\S+)", (ROOT / name).read_text(), flags=re.MULTILINE):
            assert known.get(package.lower().replace("_", "-")) == version, f"{name}: {package}"


def test_the_command_is_one_that_the_package_has():
    command, *arguments = array("CMD")
    assert array("ENTRYPOINT") == ["qa-pipeline"]
    words = [sys.executable, "-m", "qa_pipeline", command, "--help"]
    printed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for flag in (one for one in arguments if one.startswith("--")):
        assert re.search(rf"{flag}\b", printed), flag


def test_ports_users_and_folders_agree():
    arguments = array("CMD")
    port = arguments[arguments.index("--port") + 1]
    assert f"EXPOSE {port}" in LINES and f"127.0.0.1:{port}/health" in HEALTHCHECK
    assert arguments[arguments.index("--host") + 1] == "0.0.0.0"
    folders = TEXT.split("mkdir")[1].split("&&")[0].split()
    assert {arguments[arguments.index(name) + 1] for name in ("--model", "--documents")} < set(folders)
    stages = re.split(r"^FROM ", TEXT, flags=re.MULTILINE)[1:]
    for stage in stages[2:]:  # those that are run: nothing after the change of the user needs root
        assert re.search(r"^USER \d+:\d+\s*\Z", stage.strip(), flags=re.MULTILINE), stage.splitlines()[0]


@pytest.mark.slow
def test_the_wheel_is_built_of_what_is_copied(tmp_path):
    """Needs the package index, for the build system."""
    source = tmp_path / "source"
    source.mkdir()
    stage = TEXT.split("FROM ")[1]
    for line in (line for line in stage.splitlines() if line.startswith("COPY")):
        *names, target = line.split()[1:]
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source / target)
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path / "wheels"), "."]
    subprocess.run(words, cwd=source, check=True, timeout=300)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    assert wheel.name.startswith("qa_pipeline-")
