"""Every word that the code refuses with has a meaning, which a user finds with the counts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import qa_pipeline.generation
from qa_pipeline.generation.api import generate_dataset
from qa_pipeline.generation.outputs import dataset_card
from qa_pipeline.generation.report import MEANINGS, meaning, table
from tests.generation.test_run import job

ROOM = Path(qa_pipeline.generation.__file__).parent
WORD = re.compile(r"[a-z]+(_[a-z]+)*")
TAKES = {"Rejected": 0, "Fault": 0, "ParseError": 0, "Failure": 1, "_count": 1}
"""Calls with a reason among their arguments, and which it is."""
RETURNS = {
    "filters.py": {"wrong_length", "leaked", "deictic", "make_filters"},
    "questions/cloze/asking.py": {"question_fault"},
}
"""Functions that return a reason, or hold one that does."""
COUNTERS = {"counts", "rejected", "left_out"}


def words(node: ast.AST | None) -> Iterator[str]:
    """The words in an expression, the branches of a condition included."""
    if isinstance(node, ast.IfExp):
        yield from words(node.body)
        yield from words(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and WORD.fullmatch(node.value):
        yield node.value


def reasons_of(path: Path) -> set[str]:
    """The words that a file refuses with."""
    name = path.relative_to(ROOM).as_posix()
    nodes = ast.walk(ast.parse(path.read_text()))
    return {word for node in nodes for expression in reasons_in(node, name) for word in words(expression)}


def reasons_in(node: ast.AST, name: str) -> Iterator[ast.AST | None]:
    """The expressions of a node that are reasons; `name` is that of its file."""
    if isinstance(node, ast.Call):
        place = TAKES.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
        if place is not None and len(node.args) > place:
            yield node.args[place]
    elif isinstance(node, ast.FunctionDef) and node.name in RETURNS.get(name, ()):
        yield from (inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return))
        yield from (inner.body for inner in ast.walk(node) if isinstance(inner, ast.Lambda))
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (node.value for target in targets if holds_reasons(target, name))
    elif isinstance(node, ast.Subscript) and getattr(node.value, "id", getattr(node.value, "attr", "")) in COUNTERS:
        yield node.slice


def holds_reasons(target: ast.AST, name: str) -> bool:
    """Whether what is assigned to here is a reason, or a table of them."""
    if isinstance(target, ast.Name):
        return target.id == "reason" or (name == "filters.py" and target.id.isupper())
    return isinstance(target, ast.Subscript) and "not_rephrased" in ast.unparse(target)


def test_every_reason_in_the_code_has_a_meaning_and_no_other_word_has_one():
    found = set().union(*(reasons_of(path) for path in ROOM.rglob("*.py")))
    for expected in ("bad_response", "no_near_miss", "wrong_schema", "not_needed", "repeats_another_split", "overlap"):
        assert expected in found
    assert found - MEANINGS.keys() == set()
    # Said by a variable: a status code's fault, a completion's end, a row from before reasons were noted.
    assert MEANINGS.keys() - found <= {"length", "refused", "unknown"}
    assert all(text and "|" not in text and text == text.strip().rstrip(".") for text in MEANINGS.values())


def test_reasons_stand_with_their_meanings_where_they_are_counted(tmp_path):
    report = generate_dataset(job(tmp_path)).report
    assert report["meanings"].keys() == {*report["rejected"], *report["left_out"]}
    card = dataset_card(report, "en")
    assert "## Refused" in card
    for reason, count in {**report["rejected"], **report["left_out"]}.items():
        assert f"| {reason} | {count:,} | {meaning(reason)} |" in card
    assert report["meanings"]["answer_not_verbatim"] == MEANINGS["answer_not_verbatim"]


def test_the_table_says_what_was_refused_at_once_and_what_was_left_out_of_the_accepted():
    facts = {"documents": 2, "passages_asked": 7}
    split = {"rows": 6, "documents": 2, "contexts": 3, "unanswerable": 0}
    counts = {"rejected": {"fragment": 2}, "left_out": {"near_duplicate": 1}, "splits": {"train": split}}
    shown = table({"facts": facts, "drafts": 9, "accepted": 7, **counts}).splitlines()
    assert [line.split() for line in shown[3:5]] == [["accepted", "7"], ["fragment", "2"]]
    assert shown[5].split() == ["left", "out,", "near_duplicate", "1"]
    assert shown[6].split()[:2] == ["train", "6"]
