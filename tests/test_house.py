"""The seams of the house: who may import whom, what importing costs, and what the repository must not hold."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qa_pipeline"

# Data flows down this list; a room imports from rooms above it only. Rooms of one line are neighbours and do not know
# each other.
ORDER = [
    {"wording"},
    {"errors"},
    {"artifacts", "yaml_reader"},
    {"text"},
    {"arguments", "console"},
    {"metrics", "data"},
    {"documents", "mock"},
    {"preprocess"},
    {"modeling"},
    {"process", "postprocess", "retrieval"},
    {"predictor"},
    {"run"},
    {"compare", "generation", "quotes", "export"},
    {"discovery", "tuning"},
    {"journey", "serve"},
    {"optimisation"},
    {"cli"},
    {"__init__", "__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
# Beyond the order: what flows past each other although one stands higher.
STRANGERS = {("modeling", "preprocess"), ("modeling", "data"), ("process", "data")}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
            if node.module == "qa_pipeline":
                names = [f"qa_pipeline.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = path.relative_to(PACKAGE).parent.parts
            above = base[: len(base) - (node.level - 1)]
            module = ".".join(("qa_pipeline", *above, *(node.module or "").split("."))).rstrip(".")
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "qa_pipeline" else [module]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if name.startswith("qa_pipeline.")}
    return rooms


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_upwards(path):
    room = room_of(path)
    assert room in LEVEL, f"{room} has no place in the order of rooms"
    for other in imported_rooms(path) - {room}:
        assert LEVEL[other] < LEVEL[room], f"{path.relative_to(ROOT)} ({room}) imports {other}"
        assert (room, other) not in STRANGERS, f"{path.relative_to(ROOT)} ({room}) imports {other}"


def imported_modules(path: Path) -> set[str]:
    """The modules of the package that a file imports when it is imported itself."""
    modules = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys() or {node.module}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return modules & MODULES.keys()


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def test_no_modules_import_each_other_in_a_circle():
    imports = {name: imported_modules(path) - {name} for name, path in MODULES.items()}
    assert len(list(TopologicalSorter(imports).static_order())) == len(MODULES)  # a CycleError names the circle


LIGHT = [
    "errors",
    "wording",
    "artifacts",
    "yaml_reader",
    "text",
    "data",
    "documents",
    "metrics",
    "mock",
    "preprocess",
    "postprocess",
    "predictor",
    "compare",
    "generation",
    "optimisation",
    "serve",
    "retrieval",
    "quotes",
    "export",
    "cli.main",
    "cli.ask",
    "cli.compare",
    "cli.demo",
    "cli.export",
    "cli.verify",
]


@pytest.mark.parametrize("module", LIGHT)
def test_light_rooms_import_without_torch_and_transformers(module):
    code = f"import sys, qa_pipeline.{module}; print(int('torch' in sys.modules), int('transformers' in sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.split() == ["0", "0"]


DATA_FILES = ("train_file", "validation_file", "test_file")
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
RUN_CONFIGS = [p for p in CONFIGS if f"run_qa.py configs/{p.name}" in p.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", [p for p in CONFIGS if p.name.startswith("generate_")], ids=lambda p: p.name)
def test_every_generation_config_says_how_it_is_run_and_parses(path):
    from qa_pipeline.generation.arguments import parse_generation_arguments

    assert f"qa-pipeline generate configs/{path.name}" in path.read_text(encoding="utf-8")
    assert parse_generation_arguments([str(path)]).generation.output_dir


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_every_config_says_how_it_is_run(path):
    first_lines = "".join(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    assert f"configs/{path.name}" in first_lines and ("python " in first_lines or "qa-pipeline " in first_lines)


@pytest.mark.parametrize("path", RUN_CONFIGS, ids=lambda p: p.name)
def test_every_config_of_a_run_parses(path, tmp_path, monkeypatch):
    from qa_pipeline.arguments import parse_arguments

    text = path.read_text(encoding="utf-8")
    for name in ("train", "validation", "test"):
        (tmp_path / f"{name}.json").write_text("[]")
    for name in yaml.safe_load(text).get("extra_train_files", []):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("[]")
    monkeypatch.chdir(tmp_path)
    named = yaml.safe_load(text)
    files = [f"--{name}={tmp_path / name.removesuffix('_file')}.json" for name in named if name in DATA_FILES]
    arguments = parse_arguments([str(path), *files, "--output_dir", str(tmp_path / "out")])
    assert arguments.training.do_train


def test_public_names_are_where_the_package_says():
    import qa_pipeline

    for name in qa_pipeline.__all__:
        assert getattr(qa_pipeline, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'pipelin'"):
        qa_pipeline.pipelin  # noqa: B018


def test_a_name_of_a_class_means_one_thing_in_the_whole_house():
    homes: dict[str, list[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}
