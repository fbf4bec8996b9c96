"""Excerpt for a question: scores of sentences, what a budget keeps, and that every piece points into its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError
from qa_pipeline.predictor import Highlight, QuestionError
from qa_pipeline.predictor.excerpts import GAP, Budget
from qa_pipeline.predictor.highlighting import sentence_scores, sentences_in
from tests.predictor.made import lookup

TEXT = (
    "The harbour office is open on weekdays. A berth costs 40 euros a night. Dogs are kept on a lead.\n\n"
    "Children pay nothing at all. The lighthouse was built by Ostermann. It rains a lot in the autumn here."
)
QUESTION = "Who designed the tower?"


@pytest.fixture(scope="module")
def finder():
    """Points at one word, of which the question has none."""
    return WithoutEmbeddings("Ostermann")


class WithoutEmbeddings:
    """A predictor that highlights by what it points at and by words.

    Args:
        word: that it points at.
    """

    def __init__(self, word: str):
        self.predictor = lookup({word: 9.0}, version_2_with_negative=True)

    def highlight(self, *args, **options) -> Highlight:
        return self.predictor.highlight(*args, **{"dense": False, **options})


def check(found: Highlight, texts: dict[str, str]) -> None:
    """What holds of every highlight."""
    for one in (*found.spans, *found.sentences, *found.pieces):
        assert texts[one.document][one.start : one.end] == one.text and 0 <= one.score <= 1
    assert 0 <= found.no_answer_confidence <= 1 and 0 <= found.saved <= 1
    for pieces in (found.sentences, found.pieces):
        for before, after in zip(pieces, pieces[1:], strict=False):
            assert before.document != after.document or before.end <= after.start
    if found.pieces:
        assert found.context.replace(GAP, " ").split() == " ".join(piece.text for piece in found.pieces).split()


def test_the_sentence_that_the_model_points_at_is_the_best(finder):
    found = finder.highlight(QUESTION, TEXT, max_words=6)
    check(found, {"": TEXT})
    assert [one.text for one in found.spans] == ["Ostermann"]
    assert found.best()[0].text == "The lighthouse was built by Ostermann."
    assert len(found.sentences) == 6
    assert [piece.text for piece in found.pieces] == ["The lighthouse was built by Ostermann."]
    assert found.context == f"{GAP} The lighthouse was built by Ostermann. {GAP}"


def test_words_decide_where_the_model_finds_nothing():
    silent = WithoutEmbeddings("zebra")
    found = silent.highlight("What does a berth cost?", TEXT)
    check(found, {"": TEXT})
    assert found.spans == [] and found.no_answer_confidence > 0.9
    assert found.best()[0].text == "A berth costs 40 euros a night."


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 30)), min_size=1, max_size=12),
    st.one_of(st.none(), st.integers(1, 60)),
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.floats(0, 1)),
)
@settings(deadline=None)
def test_what_is_chosen_is_within_the_budget_and_no_better_sentence_would_fit(rows, max_words, keep, least):
    scores, words = np.array([score for score, _ in rows]), np.array([count for _, count in rows])
    kept = Budget(max_words, keep, least).chosen(scores, words)
    best = int(np.argmax(scores))
    spent = int(words[kept].sum())
    room = min(max_words or 10**9, keep * words.sum() if keep is not None else 10**9)
    assert spent <= (max_words or spent)
    assert not kept.any() or kept[best]
    assert spent <= room or kept.sum() == 1
    assert all(scores[kept] >= (least or 0.0))
    if kept.any():
        better = (scores > (0.001 * scores[best] if least is None else least)) & ~kept
        for number in np.flatnonzero(better):
            before = int(words[kept & (scores >= scores[number])].sum())
            assert before + words[number] > room, "it would have fitted in its turn"


def test_a_budget_of_words_is_never_passed(finder):
    for most in range(1, 40):
        found = finder.highlight(QUESTION, TEXT, max_words=most)
        check(found, {"": TEXT})
        assert 1 <= found.kept_words <= most
        assert "Ostermann" in found.context, "what is cut is cut around the answer"


def test_sentences_below_a_score_are_left_out(finder):
    found = finder.highlight("Who built the lighthouse?", TEXT, least_score=0.9)
    assert [piece.text for piece in found.pieces] == ["The lighthouse was built by Ostermann."]
    assert finder.highlight("What is a xylophone?", "It rains. It snows.", least_score=0.6).pieces == []


def test_neighbours_are_one_piece_with_what_is_between_them(finder):
    whole = finder.highlight(QUESTION, TEXT, keep=1.0, least_score=0.0)
    assert [piece.text for piece in whole.pieces] == [TEXT] and whole.context == TEXT and whole.saved == 0
    silent = WithoutEmbeddings("zebra")
    joined = silent.highlight("The lighthouse was built by rain a lot in the autumn", TEXT, max_words=14)
    end = TEXT[TEXT.index("The lighthouse") :]
    assert [piece.text for piece in joined.pieces] == [end] and joined.context == f"{GAP} {end}"


def test_documents_have_a_line_each_and_the_nearest_is_first(finder):
    texts = {"a.md": "Rain falls here. Wind blows there. A tower stands at the pier.", "b.md": TEXT}
    documents = [Document(text, name) for name, text in texts.items()]
    found = finder.highlight(QUESTION, documents, max_words=13)
    check(found, texts)
    assert {piece.document for piece in found.pieces} == {"a.md", "b.md"}
    assert len(found.context.splitlines()) == 2
    few = finder.highlight(QUESTION, documents, num_passages=1)
    assert {one.document for one in few.sentences} == {"a.md"}, "one passage is read: the one with the question's word"


def test_a_folder_is_read_with_pages_and_headings(finder, tmp_path: Path):
    (tmp_path / "guide.md").write_text("# Guide\n\n## Lights\n\nThe lighthouse was built by Ostermann.\n")
    found = finder.highlight(QUESTION, tmp_path)
    assert found.best()[0].text.endswith("Ostermann.")
    assert found.best()[0].headings[-1:] == ("Lights",)


def test_a_passage_points_into_its_document(finder):
    passage = Passage("1", "walls.md", "It was built by Ostermann. Rain falls.", start=300, end=338, lead="Walls")
    found = finder.highlight(QUESTION, passage)
    (span,) = found.spans
    assert (span.start, span.end, span.document) == (316, 325, "walls.md")
    assert [one.text for one in found.sentences] == ["It was built by Ostermann.", "Rain falls."]
    assert found.context.startswith(GAP), "something stands before the passage"


def test_nothing_to_read_is_nothing_found(finder):
    with pytest.raises(QuestionError):
        finder.highlight("  ", TEXT)
    with pytest.raises(QuestionError, match="nothing to ask"):
        finder.highlight(QUESTION, [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_words": 0}, "max_words must be a whole number, 1 or more, found 0"),
        ({"max_words": 2.5}, "max_words must be a whole number"),
        ({"keep": 1.2}, "keep must be a number from 0 to 1"),
        ({"keep": True}, "keep must be a number from 0 to 1"),
        ({"least_score": "high"}, "least_score must be a number from 0 to 1"),
        ({"min_confidence": 2}, "min_confidence must be a number from 0 to 1"),
        ({"wat": 2}, "wat"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(finder, options, message):
    with pytest.raises(ConfigError, match=message):
        finder.highlight(QUESTION, TEXT, **options)


def test_meaning_takes_part_where_texts_are_english():
    silent = WithoutEmbeddings("zebra")
    text = "Our opening hours are from nine to five. Horses eat hay. A sailing boat costs 40 euros a day."
    question = "How much money must one pay to rent a yacht?"
    assert silent.highlight(question, text, dense=True).best()[0].text == "A sailing boat costs 40 euros a day."
    words = silent.highlight(question, text)
    assert len({round(one.score, 6) for one in words.sentences}) == 1, "no sentence has a word of the question"
    german = silent.highlight(question, text, dense=True, language="de")
    assert german == silent.highlight(question, text, language="de"), "the embeddings are for English"


# Scores and sentences


@given(st.lists(st.tuples(st.floats(0, 0.2), st.floats(0, 50)), max_size=5), st.booleans())
def test_scores_are_shares_and_follow_both_parts(rows, dense):
    evidence, words = np.array([a for a, _ in rows]), np.array([b for _, b in rows])
    scores = sentence_scores(evidence, words, words / 50 if dense else None)
    assert ((scores >= 0) & (scores <= 1)).all() and (not rows or scores.sum() == pytest.approx(1))
    for one in range(len(rows)):
        for other in range(len(rows)):
            if evidence[one] >= evidence[other] and words[one] >= words[other]:
                assert scores[one] >= scores[other] - 1e-12


def test_a_line_break_within_a_sentence_ends_none():
    text = (
        "Long hair is tied back before a machine is started, whatever the\nwork is. It is a rule\n\n"
        "# Fees of the harbour and of all its berths\nWe charge 25 euros for each of the nights\n- a list item"
    )
    assert [text[start:end] for start, end in sentences_in(text)] == [
        "Long hair is tied back before a machine is started, whatever the\nwork is.",
        "It is a rule",
        "# Fees of the harbour and of all its berths",
        "We charge 25 euros for each of the nights",
        "- a list item",
    ]


@given(st.text(alphabet="aB. \n|-?!。ä1", max_size=120))
@settings(deadline=None)
def test_sentences_are_in_order_and_leave_no_letter_out(text):
    spans = sentences_in(text)
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
    outside = set(range(len(text))) - {place for start, end in spans for place in range(start, end)}
    assert not any(text[place].isalnum() for place in outside)
