"""Which answers of a set are given, and the confidence that is fitted for it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.metrics import multi_span_scores
from qa_pipeline.postprocess import (
    LEAST_CONFIDENCE,
    Prediction,
    Span,
    answer_set,
    distinct,
    fit_sets,
    given_answers,
    spans_at,
)


def prediction(name: str, *spans: Span, silent: bool = False) -> Prediction:
    best = spans[0]
    return Prediction(
        name, "" if silent else best.text, None if silent else best.start, None, 0.5, 1.0, -1.0, 1, [*spans]
    )


def question(name: str, *gold: str, context: str = "") -> dict[str, Any]:
    answers = {"text": list(gold), "answer_start": [0] * len(gold)}
    return {"id": name, "context": context or name, "answers": answers, "metadata": {"all_answers": True}}


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), max_size=12))
@settings(deadline=None)
def test_what_is_kept_overlaps_nothing_better_and_what_is_left_out_does(places: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in places]
    kept = distinct(spans, lambda span: span)

    def overlaps(one: tuple[int, int], other: tuple[int, int]) -> bool:
        return bool(set(range(*one)) & set(range(*other)))

    assert not any(overlaps(a, b) for i, a in enumerate(kept) for b in kept[:i])
    for place, span in enumerate(spans):
        assert span in kept or any(overlaps(span, better) for better in spans[:place] if better in kept)


def span(text: str, start: int, confidence: float) -> Span:
    return Span(text, start, start + len(text), 0.0, confidence)


TEXT = "25 euros, 30 or 35 a month"
places = st.tuples(st.integers(0, 25), st.integers(1, 12), st.integers(0, 100))


@given(st.lists(places, max_size=9), st.sampled_from([0.0, 0.1, 0.5]))
@settings(deadline=None, max_examples=200)
def test_the_set_is_the_surest_of_all_that_overlap_nowhere(
    found: list[tuple[int, int, int]], confidence: float
) -> None:
    unique = {(start, min(start + length, len(TEXT))): share / 100 for start, length, share in found}
    spans = [Span(TEXT[a:b], a, b, 0.0, share) for (a, b), share in unique.items()]
    sure = [one for one in spans if one.confidence >= confidence]

    def together(one: Span, other: Span) -> bool:
        left, right = sorted((one, other), key=lambda x: (x.start, x.end))
        if right.start < left.end:
            return False
        covered = any(x.start <= left.start and right.end <= x.end for x in spans)
        return bool(TEXT[left.end : right.start].strip()) or (not covered and left.end < right.start)

    best = max(
        sum(one.confidence for one in some)
        for size in range(len(sure) + 1)
        for some in itertools.combinations(sure, size)
        if all(together(a, b) for a, b in itertools.combinations(some, 2))
    )
    chosen = answer_set(spans, confidence)
    assert sum(one.confidence for one in chosen) == pytest.approx(best)
    assert all(one in sure for one in chosen)
    assert all(together(a, b) for a, b in itertools.combinations(chosen, 2))
    assert [one.confidence for one in chosen] == sorted((one.confidence for one in chosen), reverse=True)


def test_two_answers_win_over_the_stretch_from_one_to_the_other() -> None:
    spans = [span("Ulm and Lindau", 0, 0.375), span("Ulm", 0, 0.319), span("Lindau", 8, 0.306)]
    assert [one.text for one in answer_set(spans, 0.05)] == ["Ulm", "Lindau"]
    assert [one.text for one in answer_set(spans, 0.35)] == ["Ulm and Lindau"]


def test_pieces_of_an_answer_are_no_two_answers() -> None:
    spans = [span("25", 0, 0.3), span("25 euros", 0, 0.3), span("euros", 3, 0.2)]
    assert len(answer_set(spans, 0.05)) == 1
    chinese = [span("乌尔姆、林道", 0, 0.3), span("乌尔姆", 0, 0.25), span("林道", 4, 0.25)]
    assert [one.text for one in answer_set(chinese, 0.05)] == ["乌尔姆", "林道"]


def test_confidences_at_another_temperature_are_those_of_its_softmax() -> None:
    spans = [Span("Ulm", 0, 3, 2.0, 0.0), Span("Ulm via", 0, 7, 1.0, 0.0), Span("Lindau", 8, 14, 0.5, 0.0)]
    total = np.log(sum(np.exp(gap / 2) for gap in (2.0, 1.0, 0.5, 0.0)))
    found = spans_at(prediction("1", *spans), 2.0, total)
    assert [one.confidence for one in found] == pytest.approx(np.exp(np.array([1, 0.5, 0.25]) - total))
    assert [one.text for one in found] == ["Ulm", "Ulm via", "Lindau"]


def test_where_no_answer_won_none_is_given() -> None:
    one = Span("Ulm", 0, 3, -2.0, 0.2)
    assert given_answers(prediction("1", one), 0.1) == ["Ulm"]
    assert given_answers(prediction("1", one), 0.3) == []
    assert given_answers(prediction("1", one, silent=True), 0.1) == []


def made(count: int, noise_below: float) -> tuple[list[list[Span]], list[dict[str, Any]]]:
    """Questions with two right answers above `noise_below` and one wrong one below it."""
    rng = np.random.default_rng(1)
    spans = [
        [
            span("Ulm", 0, 0.35),
            span("Lindau", 10, float(rng.uniform(noise_below, 0.3))),
            span("line", 20, float(rng.uniform(0, noise_below))),
        ]
        for _ in range(count)
    ]
    return spans, [question(str(number), "Ulm", "Lindau") for number in range(count)]


def scores(spans: list[list[Span]], examples: list[dict[str, Any]], confidence: float) -> dict[str, float]:
    given = {
        e["id"]: [s.text for s in one if s.confidence >= confidence] for e, one in zip(examples, spans, strict=True)
    }
    return multi_span_scores(given, examples).summary()


def test_the_confidence_is_fitted_where_questions_are_enough() -> None:
    spans, examples = made(100, 0.15)
    fit = fit_sets(spans, examples, least=0.05, rng=np.random.default_rng(0))
    assert fit.confidence == pytest.approx(0.15, abs=0.02) and fit.reason is None
    assert fit.metrics["multi_exact_f1"] > 97 and fit.metrics["multi_total"] == 100


def test_scores_are_those_of_a_confidence_that_other_texts_chose() -> None:
    # Each text alone would have another best confidence, so that what is fitted on the others does worse.
    rows = [(text, level) for text, level in enumerate(np.linspace(0.1, 0.4, 5)) for _ in range(20)]
    spans = [[span("Ulm", 0, level + 0.02), span("line", 9, level - 0.02)] for _, level in rows]
    examples = [question(str(n), "Ulm", context=f"text {text}") for n, (text, _) in enumerate(rows)]
    fit = fit_sets(spans, examples, least=0.05, rng=np.random.default_rng(0))
    assert fit.metrics["multi_exact_f1"] < scores(spans, examples, fit.confidence)["multi_exact_f1"]


def test_too_few_questions_or_texts_fit_nothing_and_say_so() -> None:
    spans, examples = made(99, 0.15)
    fit = fit_sets(spans, examples, least=0.05, rng=np.random.default_rng(0))
    assert fit.confidence is None and fit.reason.startswith("99 questions with several required answers are too few")
    assert fit.metrics == scores(spans, examples, LEAST_CONFIDENCE)
    spans, examples = made(120, 0.15)
    one_text = [{**example, "context": "the same"} for example in examples]
    assert "one text" in fit_sets(spans, one_text, least=0.05, rng=np.random.default_rng(0)).reason
