"""Asking many documents: what is searched for and read, how search and model decide together, what copies count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.postprocess import Span
from qa_pipeline.predictor.answer import Answer, together
from qa_pipeline.predictor.documents import DocumentAnswer, Reply
from qa_pipeline.predictor.fusion import RETRIEVAL_WEIGHT, evidence, fit_retrieval_weight
from qa_pipeline.retrieval.hits import Hit
from qa_pipeline.retrieval.index import Index
from tests.predictor.fakes import WordFinder
from tests.predictor.made import lookup

TOWNS = ["Bern", "Oslo", "Rome", "Lima", "Cairo", "Delhi", "Quito", "Tunis", "Paris", "Hanoi"]
GUIDES = [Document(f"The tower of {town} is old. It closes early.", f"{town}.md") for town in TOWNS]


@pytest.fixture(scope="module")
def index() -> Index:
    """The guides and a manual with headings."""
    manual = Document("# Boats\n\n## Repairs\n\nThe engine of a boat is repaired in Oslo by Ada.\n", "manual.md")
    return Index.build([*GUIDES, manual], dense=False)


def test_only_the_passages_nearest_to_a_question_are_read(index):
    predictor = WordFinder()
    reply = predictor.ask("Which tower is in Rome", index, num_passages=3)
    assert [reply.text, reply.documents[0]] == ["Rome", "Rome.md"]
    assert len(reply.hits) == 3 and reply.hits[0].passage.document == "Rome.md"
    (answer,) = reply.answers
    assert answer.document == index.document("Rome.md") and answer.passage == reply.hits[0].passage
    assert answer.context[answer.start : answer.end] == "Rome"


def test_documents_of_more_passages_than_are_read_are_searched_and_few_are_read_whole():
    predictor = WordFinder()
    searched = predictor.ask("Which tower is in Rome", GUIDES, num_passages=4)
    assert len(searched.hits) == 4 and searched.answers[0].document is GUIDES[2]
    whole = predictor.ask("Which tower is in Rome", GUIDES, num_passages=len(GUIDES))
    everything = predictor.ask("Which tower is in Rome", GUIDES, num_passages=None)
    assert whole.hits == everything.hits == [] and whole.answers[0].document is GUIDES[2]
    assert whole.answers[0].confidence == everything.answers[0].confidence


def test_one_text_is_read_whole_however_long():
    reply = WordFinder().ask("And London?", "Nothing of interest stands here. " * 2000 + "London.", num_passages=1)
    assert reply.text == "London" and reply.hits == []


def test_everything_of_an_index_can_be_read(index):
    reply = WordFinder().ask("Where is Oslo", index, num_passages=None, top_k=9)
    assert reply.hits == [] and {one.document.source for one in reply.answers} == {"Oslo.md", "manual.md"}


def test_texts_and_documents_of_one_name_stay_apart():
    texts = [f"The tower of {town} is old." for town in TOWNS]
    same = [replace(one, source="guide.md") for one in GUIDES]
    assert WordFinder().ask("Which tower is in Rome", texts, num_passages=2).answers[0].document is None
    assert WordFinder().ask("Which tower is in Rome", same, num_passages=2).answers[0].document is same[2]


def test_an_answer_knows_its_headings_whether_its_passage_was_searched_for_or_not(index):
    reply = WordFinder().ask("Who repairs an engine? Ada", index)
    assert reply.answers[0].headings == ("Boats", "Repairs")
    assert reply.answers[0].sentence == "The engine of a boat is repaired in Oslo by Ada."
    read = WordFinder().ask("Who repairs an engine? Ada", [index.document("manual.md"), GUIDES[0]], num_passages=9)
    assert read.hits == [] and read.answers[0].headings == ("Boats", "Repairs")


def test_copies_are_read_once_and_named():
    copies = [Document("The harbour of Lund is small.", f"copy {number}") for number in range(6)]
    others = [Document(f"The harbour of {town} is large.", town) for town in TOWNS]
    index = Index.build([*copies, *others], dense=False)
    reply = WordFinder().ask("Which harbour is in Lund", index, num_passages=3, top_k=9)
    assert len(reply.hits) == 3 and len({hit.passage.text for hit in reply.hits}) == 3
    (answer,) = reply.answers
    assert {answer.document.source, *answer.copies} == {f"copy {number}" for number in range(6)}
    assert reply.documents[:6] == [answer.document.source, *answer.copies]
    whole = WordFinder().ask("Which harbour is in Lund", copies, num_passages=None, top_k=9)
    assert [one.document.source for one in whole.answers] == ["copy 0"] and len(whole.answers[0].copies) == 5


def test_the_search_has_a_say_in_which_answer_wins():
    right = Document("please bring the contract to the clinic in the morning", "right")
    wrong = Document("the signed paper", "wrong")
    index = Index.build([right, wrong, *GUIDES], dense=False)
    predictor = lookup({"contract": 4.0, "signed": 6.0})
    asked = "please bring what to the clinic paper"
    assert predictor.ask(asked, index, retrieval_weight=0).answers[0].document.source == "wrong"
    assert predictor.ask(asked, index, retrieval_weight=50).answers[0].document.source == "right"
    predictor.settings.retrieval_weight = 0.0  # as fitted
    assert predictor.ask(asked, index).answers[0].document.source == "wrong"


def test_a_question_that_no_passage_has_a_word_of_is_not_found(index):
    reply = WordFinder().ask("xylophone", index)
    assert not reply.found and reply.text == "" and reply.none_likelier and reply.hits == []
    many = list(WordFinder().ask_many(["xylophone", "Where is Oslo", "zzz"], index))
    assert [one.text for one in many] == ["", "Oslo", ""] and [one.id for one in many] == ["0", "1", "2"]


def test_many_questions_to_an_index_have_the_answers_of_one_by_one(index):
    predictor = lookup({"tower": 6.0, "repaired": 8.0}, version_2_with_negative=True)
    rows = [{"id": f"q{number}", "question": f"what of {town}"} for number, town in enumerate([*TOWNS, "engine"] * 3)]
    found = list(predictor.ask_many(rows, index, top_k=2, num_passages=2))
    for row, reply in zip(rows, found, strict=True):
        alone = predictor.ask(row["question"], index, top_k=2, num_passages=2)
        assert (reply.id, reply.text, reply.start, reply.hits) == (row["id"], alone.text, alone.start, alone.hits)
        assert reply.confidence == pytest.approx(alone.confidence)
    for skip in (1, 16, 20, len(rows)):
        assert list(predictor.ask_many(rows, index, top_k=2, num_passages=2, skip=skip)) == found[skip:]


class OwnIndex:
    """An index of one's own: one passage with a lead, of a document that may be another one by now."""

    def __init__(self, document: Document, passage: Passage):
        self._document, self._passage = document, passage

    def search(self, question: str, top_k: int = 10) -> list[Hit]:
        return [Hit(self._passage, 1.0, 0.0)][:top_k]

    def document(self, name: str) -> Document:
        return self._document

    def names(self) -> list[str]:
        return [self._document.source]

    def __len__(self) -> int:
        return 1


TABLE = Document("Craft | Fee\nBoat | London\nShip | Paris", "fees")
ROW = Passage("1", "fees", "Ship | Paris", start=26, end=38, lead="Craft | Fee")


def test_what_is_shown_beside_a_passage_is_no_answer():
    own = OwnIndex(TABLE, ROW)
    assert WordFinder().ask("And Paris", own).start == 33
    lead = WordFinder().ask("What is a Fee", own)
    assert lead.answers[0].start is None and not lead.found


def test_an_index_that_does_not_fit_its_documents_is_no_wrong_answer():
    changed = OwnIndex(replace(TABLE, text="Another text altogether, which is as long"), ROW)
    with pytest.raises(DataError, match=r"fees: passage .* build the index again"):
        WordFinder().ask("And Paris", changed)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"num_passages": 0}, "num_passages must be a whole number, 1 or more, found 0"),
        ({"retrieval_weight": -1}, "retrieval_weight must be a number, 0 or more, found -1"),
        ({"retrieval_weight": float("inf")}, "retrieval_weight must be a number, 0 or more, found inf"),
    ],
)
def test_wishes_that_cannot_be_are_refused(index, wanted, message):
    with pytest.raises(ConfigError, match=message):
        WordFinder().ask("Where is Oslo", index, **wanted)


def test_a_model_that_always_answers_can_still_find_nothing():
    guess = DocumentAnswer("Oslo", 0, 4, 0.6, "Oslo")
    assert Reply("Where?", [guess]).found
    assert not Reply("Where?", [replace(guess, confidence=0.04)]).found
    assert not Reply("Where?", [guess], near=0.1).found and Reply("Where?", [guess], near=0.5).found
    assert Reply("Where?", [guess], no_answer_confidence=0.2, near=0.1).found  # it could have said so itself
    assert not Reply("Where?", [guess], no_answer_confidence=0.7).found and not Reply("Where?", []).found


# The weight


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(-1, 1)), min_size=1, max_size=9))
def test_evidence_is_of_the_best_passage_none_and_in_the_order_of_its_scores(scores):
    hits = [Hit(ROW, 1.0 / (1 + place), words, meaning) for place, (words, meaning) in enumerate(scores)]
    found = evidence(hits)
    assert found.shape == (len(hits),) and found.max() == 0 and np.isfinite(found).all()
    if len({words + 20 * meaning for words, meaning in scores}) > 1:
        order = sorted(range(len(hits)), key=lambda place: scores[place][0] + 20 * scores[place][1])
        assert (np.diff(found[order]) >= 0).all()


def test_where_a_search_gives_ranks_alone_they_count():
    hits = [Hit(ROW, score, 0.0) for score in (0.9, 0.5, 0.5, 0.1)]
    assert evidence(hits) == pytest.approx(-np.log([1, 2, 2, 4]))


@settings(deadline=None)
@given(
    st.lists(st.lists(st.floats(-20, 20), min_size=1, max_size=4), min_size=1, max_size=5),
    st.lists(st.floats(-50, 0), min_size=5, max_size=5),
    st.booleans(),
    st.floats(0.3, 5),
)
def test_confidences_of_all_spans_and_of_no_answer_add_up_to_one_whatever_the_search_says(
    contexts, shifts, with_null, temperature
):
    answers = []
    for gaps in contexts:
        weights = np.exp(np.array(sorted(gaps, reverse=True)) / temperature)
        total = weights.sum() + with_null
        spans = [Span("x", place, place + 1, gap, 0.0) for place, gap in enumerate(sorted(gaps, reverse=True))]
        spans = [replace(span, confidence=weight / total) for span, weight in zip(spans, weights, strict=True)]
        silence = 1 / total if with_null else 0.0
        answers.append(
            Answer("1", "?", "x", 0, 1, spans[0].confidence, silence, -spans[0].score, spans[0].score, 1, spans)
        )
    joint = together(answers, temperature, with_null, shifts[: len(answers)])
    fused = np.concatenate(
        [np.array(sorted(gaps, reverse=True)) + shift for gaps, shift in zip(contexts, shifts, strict=False)]
    )
    expected = np.exp(fused / temperature)
    expected = expected / (expected.sum() + with_null)
    given_confidences = [span.confidence for answer in joint for span in answer.nbest]
    assert given_confidences == pytest.approx(expected, abs=1e-6)
    assert [span.score for answer in joint for span in answer.nbest] == pytest.approx(fused)
    assert sum(given_confidences) + joint[0].no_answer_confidence == pytest.approx(1)


def examples_of(word: str, count: int) -> list[dict]:
    return [
        {"id": str(number), "question": f"the tower of {TOWNS[number % 10]}", "answers": {"text": [word]}}
        for number in range(count)
    ]


def test_a_weight_is_taken_only_where_it_is_clearly_better():
    documents = [Document(f"the tower of {town} is signed", town) for town in TOWNS]
    index = Index.build([*documents, Document("a contract for the tower", "loud")], dense=False)
    predictor = lookup({"signed": 4.0, "contract": 5.0})

    def fitted(gold: str, count: int) -> float:
        return fit_retrieval_weight(predictor, examples_of(gold, count), index, num_passages=11)

    # The search says "signed", and the model "contract".
    assert fitted("contract", 30) < RETRIEVAL_WEIGHT
    assert fitted("signed", 30) == fitted("neither", 30) == fitted("contract", 1) == fitted("contract", 0)
    assert fitted("contract", 0) == RETRIEVAL_WEIGHT
