"""That the right document comes first: measured on questions of people, so that what makes searching worse fails here.

benchmarks/retrieval.py gives the figures in full.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from qa_pipeline.documents.reading import Document
from qa_pipeline.retrieval import Index

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def hits(index: Index, questions: list[tuple[str, str]], first: int) -> float:
    """The share of questions of which one of the first different documents is the right one."""
    right = 0
    for question, document in questions:
        names = list(dict.fromkeys(hit.passage.document for hit in index.search(question, 10)))
        right += document in names[:first]
    return right / len(questions)


Asked = list[tuple[str, list[tuple[str, str]]]]


@pytest.fixture(scope="module")
def people() -> Asked:
    """Folders with what people asked of them: questions, each with the name of the file that answers it."""
    asked = []
    for folder in ("workshop", "town_library"):
        with open(EXAMPLES / f"{folder}_questions.csv", encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["document"]]  # to some there is no answer
        asked.append((folder, [(row["question"], row["document"]) for row in rows]))
    return asked


def share(people: Asked, first: int, dense: bool) -> float:
    """Over the questions of all folders."""
    counted = [
        (len(questions), hits(Index.build(EXAMPLES / folder, dense=dense), questions, first))
        for folder, questions in people
    ]
    return sum(count * part for count, part in counted) / sum(count for count, _ in counted)


def test_what_people_ask_finds_its_document_by_words(people):
    assert sum(len(questions) for _, questions in people) == 92
    assert share(people, 1, dense=False) >= 0.58 and share(people, 3, dense=False) >= 0.8


def test_meaning_finds_more_documents_than_words_alone(people, embedder, monkeypatch):
    monkeypatch.setattr("qa_pipeline.retrieval.embeddings.shared_embedder", lambda model: embedder)
    assert share(people, 1, dense=True) >= 0.72 > share(people, 1, dense=False) + 0.05


@pytest.mark.parametrize(("language", "first", "three"), [("en", 0.92, 0.97), ("de", 0.88, 0.95), ("zh", 0.91, 0.96)])
def test_questions_to_240_paragraphs_find_theirs_by_words(real_data, language, first, three):
    articles = json.loads((real_data / "xquad" / f"xquad.{language}.json").read_bytes())["data"]
    documents, questions = [], []
    for article in articles:
        for paragraph in article["paragraphs"]:
            name = f"{len(documents):03}"
            documents.append(Document(paragraph["context"], name))
            questions += [(question["question"], name) for question in paragraph["qas"]]
    index = Index.build(documents, dense=False)
    assert index.report.language == language and len(documents) == 240
    assert hits(index, questions, 1) >= first and hits(index, questions, 3) >= three
