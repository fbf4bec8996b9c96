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


@pytest.fixture(scope="module")
def workshop() -> list[tuple[str, str]]:
    with open(EXAMPLES / "workshop_questions.csv", encoding="utf-8", newline="") as file:
        return [(row["question"], row["document"]) for row in csv.DictReader(file)]


def test_questions_to_the_workshop_find_their_document_by_words(workshop):
    index = Index.build(EXAMPLES / "workshop", dense=False)
    assert len(index.names()) == 6 and len(workshop) == 32
    assert hits(index, workshop, 1) >= 0.6 and hits(index, workshop, 3) >= 0.8


def test_meaning_finds_more_documents_than_words_alone(workshop, embedder, monkeypatch):
    monkeypatch.setattr("qa_pipeline.retrieval.index._embedder", lambda model: embedder)
    words, both = (Index.build(EXAMPLES / "workshop", dense=dense) for dense in (False, True))
    assert hits(both, workshop, 1) >= 0.8 > hits(words, workshop, 1)


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
