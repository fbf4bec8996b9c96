"""Real datasets read right with and without a mapping, and large files in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.data.reading import CONTEXT, good


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "csv", "json"])
def test_300_megabytes_are_read_in_bounded_memory(tmp_path, kind):
    """Reading alone stays far below the size of the file: rows are streamed."""
    path = tmp_path / f"big.{kind}"
    context = CONTEXT * 40
    with open(path, "w", encoding="utf-8") as out:
        out.write({"jsonl": "", "csv": "id,context,question,answer\n", "json": '{"data": ['}[kind])
        for i in range(120_000):
            if kind == "csv":
                out.write(f'{i},"{i} {context}","When does it open?",nine\n')
            else:
                row = {"id": i, "context": f"{i} {context}", "question": "When does it open?", "answers": ["nine"]}
                out.write(("," if kind == "json" and i else "") + json.dumps(row) + "\n")
        out.write("]}" if kind == "json" else "")
    assert path.stat().st_size > 280 * 2**20
    code = textwrap.dedent(f"""
        import resource
        from qa_pipeline.data.mapping import apply
        from qa_pipeline.data.mapping.inference import resolve_mapping
        from qa_pipeline.data.readers import read_rows
        stream = read_rows({str(path)!r})
        mapping = resolve_mapping(None, stream)
        count = sum(apply(mapping, row).answers[0].text == "nine" for row in stream.rows)
        print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    """)
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    count, megabytes = map(int, done.stdout.split())
    assert count == 120_000
    assert megabytes < 300


def real(name: str) -> Path:
    root = os.environ.get("QA_REAL_DATA")
    if not root or not (Path(root) / name).exists():
        pytest.skip("QA_REAL_DATA is not set or lacks the file")
    return Path(root) / name


@pytest.mark.parametrize("mapping", [None, "squad"])
@pytest.mark.parametrize(
    ("name", "rows", "answers"),
    [
        ("policyqa/train.json", 3237, 5153),
        ("xquad/xquad.en.json", 1190, 1190),
        ("xquad/xquad.de.json", 1190, 1190),
        ("xquad/xquad.zh.json", 1190, 1190),
    ],
)
def test_real_squad_files_read_with_every_answer_in_its_place(name, rows, answers, mapping):
    read = good(real(name), mapping)
    found = [(row.context, answer) for row in read for answer in row.answers]
    assert (len(read), len(found)) == (rows, answers)
    for context, answer in found:
        assert answer.text is not None and answer.start is not None
        assert context[answer.start :].startswith(answer.text)


@pytest.mark.parametrize("mapping", [None, "mrqa"])
def test_real_mrqa_sample(mapping):
    read = good(real("mrqa/newsqa_sample.jsonl"), mapping)
    assert len(read) == len({row.id for row in read}) == 17
    for row in read:
        assert row.answers and all(row.context[a.start : a.end] == a.text for a in row.answers)


SUBJQA = {
    "context": "review",
    "question": "question",
    "answers.text": "human_ans_spans",
    "answers.span": "human_ans_indices",
    "no_answer_value": "ANSWERNOTFOUND",
}


@pytest.mark.parametrize("mapping", [None, "subjqa", SUBJQA, json.dumps(SUBJQA)])
def test_real_subjqa(mapping):
    read = good(real("subjqa/grocery_dev.csv"), mapping)
    assert len(read) == 228
    assert sum(row.is_impossible is True for row in read) == 126
    assert sum(len(row.answers) for row in read) == 102
    assert not any("ANSWERNOTFOUND" in row.context for row in read)
    assert sum(row.context[a.start : a.end] == a.text for row in read for a in row.answers) == 79
