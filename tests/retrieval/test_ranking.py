from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.retrieval import rank_texts
from qa_pipeline.retrieval.ranking import K, fuse, meaning_scores, terms, word_scores

TEXTS = [
    "Opening hours of the town library and its branches",
    "Annual leave, sick leave and holidays of employees",
    "Privacy policies of websites and mobile apps",
    "Drug leaflets: doses and side effects of medicines",
]


def places(query, texts=TEXTS, **options):
    return [ranked.place for ranked in rank_texts(query, texts, **options)]


def test_words_are_compared_by_their_stems():
    assert places("an employee's holiday")[0] == 1


def test_texts_without_a_word_of_the_query_keep_their_order_and_score_nothing():
    ranked = rank_texts("library", TEXTS)
    assert [one.place for one in ranked] == [0, 1, 2, 3]
    assert ranked[0].score > 0 and {one.score for one in ranked[1:]} == {0.0}


def test_stop_words_decide_nothing():
    assert not word_scores("What is of the and its?", TEXTS).any()


def test_german_words_meet_in_their_stems():
    texts = ["Mietverträge und Kündigungen", "Beipackzettel der Medikamente"]
    assert places("Was steht im Mietvertrag?", texts, language="de")[0] == 0
    assert terms("die Kündigung", "de") == terms("Kündigungen", "de")


def test_scripts_without_spaces_are_compared_by_pairs_of_characters():
    assert places("保险合同", ["天气预报", "人寿保险的合同条款"], language="zh")[0] == 1
    assert terms("図", "ja") == ["図"]


def test_meaning_finds_what_no_word_says(embedder):
    query = "time off work when ill"
    assert places("medication package inserts", embedder=embedder)[0] == 3
    assert meaning_scores(query, TEXTS, embedder).argmax() == 1


@pytest.mark.parametrize("texts", [[], ["", " ", "..."]])
def test_texts_without_words_are_ranked_too(texts, embedder):
    assert places("library", texts, embedder=embedder) == list(range(len(texts)))


def test_fused_scores_are_sums_of_reciprocal_ranks():
    fused = fuse([np.array([5.0, 0.0, 2.0]), np.array([0.1, 0.3, 0.2])])
    assert fused == pytest.approx([1 / (K + 1) + 1 / (K + 3), 1 / (K + 1), 1 / (K + 2) + 1 / (K + 2)])


@given(st.lists(st.floats(0, 10, width=32), min_size=1, max_size=12))
def test_one_ranking_fused_alone_keeps_its_order(scores):
    values = np.array(scores)
    fused = fuse([values])
    for a in range(len(values)):
        for b in range(len(values)):
            if values[a] > values[b]:
                assert fused[a] > fused[b]
            elif values[a] == values[b]:
                assert math.isclose(fused[a], fused[b])
