"""Rows, files and documents for the tests of data, and the invariant of what is read."""

from __future__ import annotations

import json
from pathlib import Path

CONTEXT = "Ada Lovelace was born in London in 1815 and died in 1852."


def flat(number: int = 0, **changes) -> dict:
    row = {
        "id": f"q{number}",
        "context": CONTEXT,
        "question": f"Where was she born, {number}?",
        "answers": {"text": ["London"], "answer_start": [25]},
    }
    return row | changes


def write(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def check_invariant(examples) -> None:
    assert len({example["id"] for example in examples}) == len(examples)
    for example in examples:
        answers = example["answers"]
        assert not (example["is_impossible"] and answers["text"])
        assert example["context"].strip() and example["question"].strip()
        for text, start in zip(answers["text"], answers["answer_start"], strict=True):
            assert text and text == text.strip() and example["context"][start : start + len(text)] == text


def write_document(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path
