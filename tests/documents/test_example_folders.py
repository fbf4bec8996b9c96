"""The folders of docs/examples: every gold answer is in its document as it is read."""

import csv
from pathlib import Path

import pytest

from qa_pipeline.documents.reading import read_document

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def gold(folder):
    with open(EXAMPLES / f"{folder}_questions.csv", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("folder", ["town_library", "workshop"])
def test_gold_answers_of_an_example_folder_are_in_the_documents_they_name(folder):
    for package in ("bs4", "docx", "pypdf"):
        pytest.importorskip(package)
    texts = {path.name: read_document(path).text for path in (EXAMPLES / folder).iterdir()}
    if folder == "workshop":  # its answers were taken from texts whose lines were joined
        texts = {name: " ".join(text.split()) for name, text in texts.items()}
    missing = [row for row in gold(folder) if row["answer"] and row["answer"] not in texts[row["document"]]]
    assert missing == []


def test_every_file_of_the_town_library_is_asked_about_and_some_questions_have_no_answer_there():
    rows = gold("town_library")
    assert {row["document"] for row in rows if row["answer"]} == {
        path.name for path in (EXAMPLES / "town_library").iterdir()
    }
    assert sum(bool(row["answer"]) for row in rows) == 60
    assert [row["document"] for row in rows if not row["answer"]] == [""] * 6
