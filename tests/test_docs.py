"""What people read is true: the commands and examples of README, docs and docstrings run; what they name is there."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock

import qa_pipeline
from qa_pipeline.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "AGENTS.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
MOST_WORDS_OF_THE_README = 1200

_COMMENT = re.compile(r"<!-- (.*?) -->")
_NOT_RUN = "not run: "


@dataclass
class Block:
    """One fenced block of a page: where it begins, its language, its text, and the comments right above it."""

    page: Path
    line: int
    language: str
    text: str
    comments: list[str] = field(default_factory=list)

    @property
    def reason_not_to_run(self) -> str | None:
        """Why it does not run here; the set-up lines of README run in .ci/run, in an environment of their own."""
        for comment in self.comments:
            if comment.startswith("ci:"):
                return "runs in .ci/run"
            if comment.startswith(_NOT_RUN):
                return comment.removeprefix(_NOT_RUN).strip()
        return None

    @property
    def file(self) -> str | None:
        """The name under which a reader is to save it."""
        named = (comment.removeprefix("file: ") for comment in self.comments if comment.startswith("file: "))
        return next(named, None)

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    blocks: list[Block] = []
    comments: list[str] = []
    inside = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
            if inside:
                blocks.append(Block(page, number, line.removeprefix("```").strip(), "", comments))
            comments = []
        elif inside:
            blocks[-1].text += line + "\n"
        elif found := _COMMENT.fullmatch(line.strip()):
            comments = [*comments, found[1]]
        elif line.strip():
            comments = []
    assert not inside, f"{page}: a fence is not closed"
    return blocks


def prose_of(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, worker_id_or_none) -> Path:
    """A folder in which the quick start has run, with few rows; made once for all workers of a test run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if worker_id_or_none else base) / "quick_start"
    with FileLock(f"{folder}.lock"):
        if not (folder / "runs" / "quickstart" / "all_results.json").is_file():
            folder.mkdir(exist_ok=True)
            furnish(folder)
            run_bash("qa-pipeline mock --output_dir mock_data --domain clinic --num_examples 150", folder)
            run_bash("qa-pipeline train configs/quickstart.yaml --num_train_epochs 1 --eval_on_start false", folder)
    return folder


@pytest.fixture(scope="session")
def worker_id_or_none() -> str | None:
    return os.environ.get("PYTEST_XDIST_WORKER")


def furnish(folder: Path) -> None:
    """Links what the repository holds into a folder, so that commands run there as they do in a clone."""
    for name in ("benchmarks", "configs", "docs", "run_qa.py", "qa_predict.py", "mock_dataset.py"):
        (folder / name).symlink_to(ROOT / name)
    programs = folder / "bin"
    programs.mkdir()
    for name, words in {"python": "", "qa-pipeline": "-m qa_pipeline "}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (programs / name).chmod(0o755)


def run_bash(commands: str, folder: Path) -> str:
    """What commands print; one that fails ends the block."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "120"}
    environment["QA_PIPELINE_CACHE"] = str(folder / "cache")  # nothing is left in the cache of who runs the tests
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\nended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_runs(page, request, tmp_path, monkeypatch):
    """Blocks of one page run in their order, in one folder; Python blocks share their names."""
    if not any(block.language in ("bash", "python") and block.reason_not_to_run is None for block in blocks_of(page)):
        return
    trained = request.getfixturevalue("trained")
    furnish(tmp_path)
    (tmp_path / "mock_data").symlink_to(trained / "mock_data")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(trained / "runs" / "quickstart")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for block in blocks_of(page):
        if "printed" in block.comments:
            for line in block.text.splitlines():
                assert line.strip() in printed, f"{block.place}: the block above did not print {line.strip()!r}"
        elif block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        elif block.reason_not_to_run is not None:
            continue
        elif block.language == "bash":
            printed = run_bash(block.text, tmp_path)
        elif block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(compile("\n" * block.line + block.text, str(page), "exec"), names)
            printed = stream.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_has_a_language_and_every_reason_is_given(page):
    known = {"bash", "python", "yaml", "json", "text", "mermaid"}
    for block in blocks_of(page):
        assert block.language in known, f"{block.place}: a language of {sorted(known)}, found {block.language!r}"
        assert block.reason_not_to_run != "", f"{block.place}: not run, but why?"


def anchors_of(page: Path) -> set[str]:
    """The names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{page.name}: {target} is not there"
        if anchor:
            assert anchor in anchors_of(place), f"{page.name}: {place.name} has no heading for #{anchor}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_file_of_the_repository_that_is_named_exists(page):
    text = page.read_text(encoding="utf-8")
    rooms = "benchmarks|configs|docs|qa_pipeline|tests|tools"
    for name in re.findall(rf"(?<![\w./-])(?:(?:{rooms})/[\w./-]*\w|(?:run_qa|qa_predict|mock_dataset)\.py)", text):
        assert (ROOT / name).exists(), f"{page.name}: {name} is not there"
    for name in re.findall(r"`([\w/]+/\w+\.py)`", text):
        inside = ROOT / "qa_pipeline" / name
        assert (ROOT / name).exists() or inside.exists(), f"{page.name}: {name} is not there"


FLAGS_OF_OTHER_PROGRAMS = {
    "--check",
    "--config_file",
    "--cpu",
    "--num_processes",
    "--path",
    "--pool",
    "--preload",
    "--skip-text",
    "--target",
    "--version",
}


def test_every_flag_that_the_pages_name_is_one_of_a_command():
    known = set(FLAGS_OF_OTHER_PROGRAMS)
    for source in [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tools").glob("*.py")]:
        known |= set(re.findall(r"--\w+", source.read_text(encoding="utf-8")))
    for command in COMMANDS:
        words = [sys.executable, "-m", "qa_pipeline", command, "--help"]
        printed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        known |= set(re.findall(r"--\w+", printed))
    named = {page.name: re.findall(r"(?<![\w-])--[a-z][\w-]*", page.read_text(encoding="utf-8")) for page in PAGES}
    unknown = {name: sorted(set(flags) - known) for name, flags in named.items() if set(flags) - known}
    assert not unknown, f"no command has these: {unknown}"


def test_the_readme_is_short_and_says_nothing_of_one_machine():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= MOST_WORDS_OF_THE_README
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        assert not re.search(r"/(?:home|work|root|Users|tmp)/", page.read_text(encoding="utf-8")), page.name


def test_every_command_is_shown():
    text = "\n".join(block.text for page in PAGES for block in blocks_of(page) if block.language == "bash")
    for command in COMMANDS:
        assert f"qa-pipeline {command}" in text, f"no page shows qa-pipeline {command}"


def test_the_architecture_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    inside = (ROOT / "qa_pipeline").iterdir()
    rooms = [path for path in inside if path.suffix == ".py" or (path / "__init__.py").exists()]
    for name in sorted(path.stem for path in rooms if not path.stem.startswith("_")):
        assert f"`{name}`" in text, f"docs/architecture.md: the room {name} has no line"


def test_the_changelog_has_dated_versions_and_known_sections():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    sections = set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert sections <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("name", qa_pipeline.__all__)
def test_the_examples_of_public_docstrings_run(name, trained, tmp_path, monkeypatch):
    public = getattr(qa_pipeline, name)
    tests = [test for test in doctest.DocTestFinder(exclude_empty=True).find(public, name) if test.examples]
    assert tests, f"{name}: its docstring has no example"
    furnish(tmp_path)
    (tmp_path / "mock_data").symlink_to(trained / "mock_data")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(trained / "runs" / "quickstart")
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        found = io.StringIO()
        runner.run(test, out=found.write, clear_globs=True)
        assert not found.getvalue(), f"{name}:\n{found.getvalue()}"
