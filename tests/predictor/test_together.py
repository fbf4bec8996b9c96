"""Several contexts of one question are one competition."""

from __future__ import annotations

import numpy as np
import pytest

from qa_pipeline.predictor.answer import together
from tests.predictor.made import answer_to, lookup


def ask_together(predictor, question, contexts, **settings):
    """One question to several contexts, as one competition."""
    rows = [{"question": question, "context": context} for context in contexts]
    return predictor.together(list(predictor.predict(rows, **settings)), **settings)


CARD = "please bring your card and arrive early. "
HANDBOOK = CARD * 6 + "the contract was lost. " + CARD * 6


@pytest.mark.parametrize("with_null", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_confidences_are_those_of_a_softmax_over_the_spans_of_all_contexts(with_null, temperature, tiny_predictor):
    settings = {"version_2_with_negative": with_null, "temperature": temperature, "n_best_size": 900}
    predictor = tiny_predictor("bert", max_answer_length=4)
    contexts = ["the clinic opens at eight", "contract", CARD * 2, "\u0301\u200b"]
    answers = ask_together(predictor, "when does it open?", contexts, **settings)
    gaps = np.array([span.score for answer in answers for span in answer.nbest])
    weights = np.exp(gaps / temperature)
    expected = weights / (weights.sum() + with_null)
    assert [span.confidence for answer in answers for span in answer.nbest] == pytest.approx(expected, rel=1e-3)
    assert len({answer.no_answer_confidence for answer in answers}) == 1
    assert answers[0].no_answer_confidence == pytest.approx(with_null / (weights.sum() + 1), rel=1e-3)
    for answer, context in zip(answers, contexts, strict=True):
        alone = answer_to(predictor, "when does it open?", context, **settings)
        assert (answer.text, answer.start, len(answer.nbest)) == (alone.text, alone.start, len(alone.nbest))
        assert (answer.score, answer.null_odds) == pytest.approx((alone.score, alone.null_odds), abs=1e-4)


@pytest.mark.parametrize("with_null", [True, False])
def test_a_text_of_one_word_is_not_surer_than_the_text_that_answers(with_null):
    predictor = lookup({"contract": 9.0, "early": -6.0}, version_2_with_negative=with_null)
    assert answer_to(predictor, "what?", "early", null_score_diff_threshold=99.0).confidence > (
        0.99 if not with_null else 0
    )
    answers = ask_together(predictor, "what was lost?", ["early", HANDBOOK, "early"], null_score_diff_threshold=99.0)
    assert max(answers, key=lambda answer: answer.confidence) is answers[1]
    assert answers[1].text == "contract"
    assert answers[0].confidence < 1e-6


def test_one_context_together_is_as_alone():
    predictor = lookup({"contract": 1.0}, version_2_with_negative=True, temperature=3.0)
    for context in (HANDBOOK, CARD):
        alone = answer_to(predictor, "what?", context)
        (joint,) = ask_together(predictor, "what?", [context])
        assert joint.confidence == pytest.approx(alone.confidence)
        assert joint.no_answer_confidence == pytest.approx(alone.no_answer_confidence)
    assert together([], 1.0, True) == []
