"""The recipes of docs/recipes.md do what the page says, where the library that they are for is installed."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from tests.test_docs import ROOT, Block, blocks_of

PAGE = ROOT / "docs" / "recipes.md"
LIBRARIES = {"haystack": "## A reader for Haystack", "langchain_core": "## A retriever for LangChain"}


def section(heading: str) -> list[Block]:
    """The blocks under a heading of the page, up to the next one of its level."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    first = lines.index(heading)
    after = [number for number, line in enumerate(lines) if line.startswith("## ") and number > first]
    return [block for block in blocks_of(PAGE) if first < block.line <= (after[0] if after else len(lines))]


def run_recipe(library: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[dict[str, object], str]:
    """The names that the code of a section leaves, and what it prints."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(folder))
    names: dict[str, object] = {"__name__": "recipe"}
    printed = io.StringIO()
    for block in section(LIBRARIES[library]):
        if block.language == "python":
            with contextlib.redirect_stdout(printed):
                exec(compile("\n" * block.line + block.text, str(PAGE), "exec", dont_inherit=True), names)
    return names, printed.getvalue()


def test_the_reader_for_haystack_answers_from_documents(monkeypatch, tmp_path):
    haystack = pytest.importorskip("haystack")
    names, printed = run_recipe("haystack", monkeypatch, tmp_path)
    expected = next(block.text for block in section(LIBRARIES["haystack"]) if "printed" in block.comments)
    assert printed == expected

    best = names["best"]
    offset = best.document_offset
    assert best.document.content[offset.start : offset.end] == best.data
    reader = names["pipeline"].get_component("reader")
    assert reader.run(query="Who wrote the novel?", documents=[haystack.Document(content="  ")]) == {"answers": []}
    # Its settings are plain values, so that a pipeline with it can be saved.
    assert "warm_starts/all_minilm_l6_v2" in names["pipeline"].dumps()


def test_the_retriever_for_langchain_gives_passages_with_their_places(monkeypatch, tmp_path):
    pytest.importorskip("langchain_core")
    names, printed = run_recipe("langchain_core", monkeypatch, tmp_path)
    assert len(printed.splitlines()) == 3

    retriever = names["retriever"]
    found = retriever.invoke("What does a badge for a red machine cost?")
    assert [one.metadata["source"] for one in found][0] == "machines.md"
    for one in found:
        text = retriever.index.document(one.metadata["source"]).text
        assert one.page_content.endswith(text[one.metadata["start"] : one.metadata["end"]])
    assert [one.id for one in retriever.batch(["What does a badge for a red machine cost?"])[0]] == [
        o.id for o in found
    ]
