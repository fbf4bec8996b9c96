"""Models compared on a folder: scores as ever, right documents, and what is shown and stored of each answer."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.compare import (
    comparison_from_json,
    comparison_table,
    comparison_to_json,
    report_html,
    verdict,
)
from qa_pipeline.compare.folder import compare_on_documents
from qa_pipeline.compare.places import around
from qa_pipeline.compare.report import page_data
from qa_pipeline.data.schema import validate
from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.predictor.files.question_lists import read_questions
from qa_pipeline.retrieval.index import Index
from tests.predictor.fakes import WordFinder

DOCUMENTS = [
    Document("The bridge of London is old. Tolls are two euros.", "london.pdf", pages=[Page(4, 0, 49)]),
    Document("Paris lies far from Zuse, which many a traveller has seen.", "paris.txt"),
    Document("Paris lies far from Zuse, which many a traveller has seen.", "copy of paris.txt"),
    Document("All roads lead to Rome. " * 40, "rome.txt"),
]
GOLD = [
    {"question": "Where is London?", "answer": "London", "document": "london", "topic": "cities"},
    {"question": "Where is Paris?", "answer": "Paris", "document": "copy of paris", "topic": "cities"},
    {"question": "Who is Zuse?", "answer": ["Konrad", "far from Zuse"], "document": "paris.txt", "topic": "people"},
    {"question": "Who is Nobody?", "answer": "", "document": "", "topic": "people"},
    {"question": "Which toll leads to Rome?", "answer": "2 euros", "document": "london", "topic": "fees"},
]


@pytest.fixture
def compared(tmp_path):
    """Compares a model that finds words with one that is always silent."""
    return comparer(tmp_path)


def comparer(tmp_path):
    """As the fixture."""

    def _compared(rows=GOLD, documents=DOCUMENTS, **options):
        path = tmp_path / "gold.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        models = [WordFinder("runs/silent", speaks=False), WordFinder("runs/finder")]
        given = {"bootstrap_samples": 200, "latency_questions": 2, "source": "gold.jsonl", "num_passages": None}
        return compare_on_documents(models, read_questions(str(path)), documents, **{**given, **options})

    return _compared


def test_scores_and_right_documents_are_those_of_the_answers(compared):
    found = compared()
    silent, finder = found.models
    assert [model.exact_match.value for model in found.models] == [20.0, 60.0]
    # Of the four questions with a document the last is answered from another one; a copy of the right one is right.
    assert {place: score.value for place, score in finder.right_document.items()} == {"1": 75.0, "3": 75.0}
    # Silence takes the first place, and what the model would have said comes behind it.
    assert {place: score.value for place, score in silent.right_document.items()} == {"1": 0.0, "3": 75.0}
    assert found.pairs[0].right_document["1"].difference == 75.0
    assert [row.answers[1].document_place for row in found.questions] == [1, 1, 1, None, None]
    assert found.folder.scored_on == 4 and found.folder.search == {} and found.folder.documents == 4
    assert [fault["id"] for fault in found.folder.faults] == ["row-5"]


def test_every_answer_stands_in_the_text_that_is_shown_of_it(compared):
    found = compared()
    for row in found.questions:
        for given in row.answers:
            if given.start is None:
                assert (given.text, given.context, given.document) == ("", None, None)
                continue
            text, place = found.contexts[given.context], found.places[given.context]
            assert text[given.start : given.end] == given.text and place.document == given.document
            (document,) = (one for one in DOCUMENTS if one.source == given.document)
            assert document.text[place.start : place.start + len(text)] == text
        for text, start in row.gold:
            assert start is None or found.contexts[row.context][start : start + len(text)] == text
    first, third = found.questions[0], found.questions[2]
    assert (first.answers[1].document, first.answers[1].page, first.documents) == ("london.pdf", 4, ["london.pdf"])
    assert third.gold == [("Konrad", None), ("far from Zuse", 11)]
    assert "document" not in first.columns and first.columns == {"topic": "cities"}


def test_a_comparison_on_a_folder_fits_its_schema_and_comes_back_as_it_was(compared):
    found = compared(by=["topic", "document"])
    assert found.breakdowns["column topic"]["cities"]["exact_match"] == [0.0, 100.0]
    assert "context_length" not in found.breakdowns and len(found.breakdowns["column document"]) == 4
    value = json.loads(json.dumps(comparison_to_json(found)))
    validate(value, "comparison", "comparison.json")
    assert comparison_from_json(value) == found


def test_words_table_and_page_say_what_was_asked_and_what_was_found(compared):
    found = compared()
    table, page = comparison_table(found), report_html(found)
    assert "5 questions of gold.jsonl, 1 without an answer, on 4 documents; all is read for each question" in table
    assert "right document" in table and "among three" in table
    said = " ".join(verdict(found).sentences)
    assert "Of the 4 questions that name the document of their answer, it comes first" in said
    assert "1 right answer is not in the document that the data names" in said and "row-5" in said
    assert "about only 2 documents" not in said and "about only 3 documents" in said
    for words in ("5 questions of gold.jsonl on 4 documents", "Right document first", "same documents"):
        assert words in page
    data = page_data(found)
    assert data["places"][data["questions"][0][2]][0] == "london.pdf" and data["questions"][0][7] == ["london.pdf"]


def test_through_an_index_the_search_alone_is_scored_too(compared):
    index = Index.build(DOCUMENTS, dense=False)
    found = compared(documents=index, num_passages=2)
    folder = found.folder
    assert (folder.num_passages, folder.dense, folder.passages) == (2, False, len(index))
    # "Which toll leads to Rome?" has its words in the document of Rome, and the right one is another.
    assert folder.search["1"].value == 75.0 and folder.unread == round(4 * (1 - folder.search["3"].value / 100))
    assert "the search alone" in comparison_table(found) and "The search alone: 75.0" in report_html(found)
    assert "the 2 nearest to a question, by words alone, are read" in comparison_table(found)


def test_what_cannot_be_compared_is_said(compared):
    with pytest.raises(DataError, match="no question says what is right, so no model can be scored"):
        compared([{"question": "Where is London?", "by": "Ann"}, {"question": "Where is Paris?", "by": "Bob"}])
    with pytest.raises(DataError, match='"romme" .line 1.: did you mean rome.txt'):
        compared([GOLD[0] | {"document": "romme"}])
    with pytest.raises(ConfigError, match="the data has no column 'year'; it has 'document', 'topic'"):
        compared(by=["year"])


def test_the_text_around_an_answer_begins_and_ends_between_words():
    text = "word " * 1000
    low, high = around(text, 2500, 2504)
    assert text[low - 1] == text[high] == " "
    assert text[low:high].strip() == text[low:high] and low < 2500 < 2504 < high and high - low < 1100
    assert around("x" * 3000, 1500, 1501) == (1000, 2001)
