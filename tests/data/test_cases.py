"""Awkward files as tools and datasets give them, and what must become of each of their rows.

`cases/` and `more_cases/` hold one small file for each kind of trouble and an `expected.json` that lists for every row
the outcomes that are right: `answers` with their `starts` (characters) or `occurrence` (0 for the first), `answers: []`
for unanswerable, `drop` for a row that must not be kept, `ambiguous` for any place if the report owns up to it. A file
with `or_refused` may also be refused. The values were written by hand against the texts, or computed from them by a
script that knows nothing of this project.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qa_pipeline.data import load_examples
from qa_pipeline.errors import DataError
from tests.data.made import check_invariant

FOLDERS = [Path(__file__).parent / name for name in ("cases", "more_cases")]
CASES = [
    (folder / case["file"], case)
    for folder in FOLDERS
    for case in json.loads((folder / "expected.json").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("path", "case"), CASES, ids=[path.name for path, _ in CASES])
def test_every_row_has_the_right_label_or_none(path, case):
    options = dict(zip(case["args"][::2], map(float, case["args"][1::2]), strict=True))
    try:
        examples, report = load_examples(path, max_bad_fraction=options.pop("--max_bad_fraction", 0.2))
    except DataError as error:
        assert case.get("or_refused"), error
        return
    assert not options
    check_invariant(examples)
    assert report.rows_read == report.rows_kept + report.rows_dropped + report.rows_merged
    ambiguous = report.noticed["located_ambiguous"]
    left = list(examples)
    for row in case["rows"]:
        outcomes = [row, *row.get("or", [])]
        found = next((example for example in left if is_row(example, row)), None)
        if found is None:
            assert any(outcome.get("drop") for outcome in outcomes), f"missing: {row['question']}"
            continue
        left.remove(found)
        fitting = [outcome for outcome in outcomes if fits(found, outcome)]
        assert fitting, (found["question"], found["answers"], found["is_impossible"])
        if all(outcome.get("ambiguous") for outcome in fitting):
            ambiguous -= 1
            assert ambiguous >= 0, f"the report does not say that this is ambiguous: {row['question']}"
    assert not left, [example["question"] for example in left]


def is_row(example: dict[str, Any], row: dict[str, Any]) -> bool:
    same = squeeze(example["question"]) == squeeze(row["question"])
    return same and squeeze(example["context"]).startswith(squeeze(row["context_starts"] or ""))


def fits(example: dict[str, Any], outcome: dict[str, Any]) -> bool:
    if outcome.get("drop"):
        return False
    texts, starts = example["answers"]["text"], example["answers"]["answer_start"]
    if not outcome["answers"]:
        return not texts and example["is_impossible"]
    if "starts" in outcome:
        return set(zip(texts, starts, strict=True)) == set(zip(outcome["answers"], outcome["starts"], strict=True))
    if "occurrence" in outcome:
        places = [
            sum(example["context"].startswith(text, place) for place in range(start))
            for text, start in zip(texts, starts, strict=True)
        ]
        return set(zip(texts, places, strict=True)) == set(zip(outcome["answers"], outcome["occurrence"], strict=True))
    return set(texts) == set(outcome["answers"])


def squeeze(text: str) -> str:
    """Without white space, which reading HTML may change."""
    return "".join(text.split())


def test_every_file_of_the_cases_is_listed():
    for folder in FOLDERS:
        listed = {path.name for path, _ in CASES if path.parent == folder}
        assert listed == {path.name for path in folder.iterdir()} - {"expected.json"}
