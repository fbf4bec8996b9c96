"""Sets of answers against sets of references, by the definition of MultiSpanQA's measure, computed plainly."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.errors import DataError
from qa_pipeline.metrics import multi_span_scores


def row(name: str, *gold: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "answers": {"text": list(gold), "answer_start": [0] * len(gold)}} | more


def oracle(rows: list[tuple[list[str], list[str]]]) -> dict[str, float]:
    """The definition: pairs of references and predictions, everything counted over all questions."""

    def normal(text: str) -> str:
        text = "".join(mark for mark in text.lower() if mark not in string.punctuation)
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    def common(one: str, other: str) -> int:
        runs = {one[i:j] for i in range(len(one)) for j in range(i + 1, len(one) + 1)}
        return max((len(run) for run in runs if run in other), default=0)

    predicted = references = exact = partial_p = partial_r = 0.0
    for gold_texts, found_texts in rows:
        golds, found = {normal(text) for text in gold_texts}, {normal(text) for text in found_texts}
        predicted += max(len(found), 1)
        references += max(len(golds), 1)
        silent = found <= {""}
        if not golds and silent:
            exact, partial_p, partial_r = exact + 1, partial_p + 1, partial_r + 1
            continue
        exact += len(golds & found)
        if golds and not silent:
            partial_p += sum(max(common(gold, text) / max(len(text), 1) for gold in golds) for text in found)
            partial_r += sum(max(common(gold, text) / max(len(gold), 1) for text in found) for gold in golds)

    def of(hits_p: float, hits_r: float) -> tuple[float, float, float]:
        precision, recall = 100 * hits_p / predicted, 100 * hits_r / references
        return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    names = ("precision", "recall", "f1")
    result = {f"multi_exact_{n}": v for n, v in zip(names, of(exact, exact), strict=True)}
    result |= {f"multi_partial_{n}": v for n, v in zip(names, of(partial_p, partial_r), strict=True)}
    return result | {"multi_total": len(rows)}


texts = st.lists(
    st.sampled_from(["Ulm", "ulm!", "the Ulm", "Lindau", "from Ulm", "", "the", "a b", "b a b"]), max_size=4
)


@settings(deadline=None, max_examples=200)
@given(rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_scores_are_those_of_the_definition(rows: list[tuple[list[str], list[str]]]) -> None:
    examples = [row(str(number), *gold) for number, (gold, _) in enumerate(rows)]
    found = multi_span_scores({str(number): texts for number, (_, texts) in enumerate(rows)}, examples).summary()
    assert found == pytest.approx(oracle(rows))


def test_numbers_of_a_case_worked_out_by_hand() -> None:
    # Of 3 predictions 1 is one of 4 references. Partial: "ulm" 3/3, "lindau" of "lindau line" 6/11, "1850" 1/4;
    # references "ulm" 3/3, "lindau" 6/6, "biberach" 1/8 (an i, of "lindau line"), "1911" 1/4.
    examples = [row("1", "Ulm", "Biberach", "Lindau"), row("2", "1911")]
    scores = multi_span_scores({"1": ["Ulm", "the Lindau line"], "2": ["1850"]}, examples).summary()
    assert scores["multi_exact_precision"] == pytest.approx(100 / 3) and scores["multi_exact_recall"] == 25.0
    assert scores["multi_exact_f1"] == pytest.approx(200 / 7)
    assert scores["multi_partial_precision"] == pytest.approx(100 * (1 + 6 / 11 + 1 / 4) / 3)
    assert scores["multi_partial_recall"] == pytest.approx(100 * (1 + 1 + 1 / 8 + 1 / 4) / 4)


@pytest.mark.parametrize(
    ("gold", "found", "exact", "partial"),
    [
        ([], [], 100, 100),
        ([], [""], 100, 100),
        ([], ["Ulm"], 0, 0),
        (["Ulm"], [], 0, 0),
        (["Ulm"], ["ULM.", "the ulm"], 100, 100),  # duplicates count once
        (["Ulm", "ulm"], ["Ulm"], 100, 100),
    ],
)
def test_edges(gold: list[str], found: list[str], exact: float, partial: float) -> None:
    scores = multi_span_scores({"1": found}, [row("1", *gold)]).summary()
    assert (scores["multi_exact_f1"], scores["multi_partial_f1"]) == (exact, partial)


def test_long_answers_of_frequent_characters_have_all_in_common_with_themselves() -> None:
    long = "ab ba " * 60
    scores = multi_span_scores({"1": [long + "abba"]}, [row("1", long)]).summary()
    assert scores["multi_partial_recall"] == 100.0 and scores["multi_partial_precision"] > 98


def test_texts_are_normalised_in_the_language_of_their_row() -> None:
    examples = [row("1", "der Bahnhof", metadata={"language": "de"})]
    assert multi_span_scores({"1": ["Bahnhof"]}, examples).summary()["multi_exact_f1"] == 0
    assert multi_span_scores({"1": ["Bahnhof"]}, examples, "multilingual").summary()["multi_exact_f1"] == 100


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(DataError, match='1 of 2 questions have no prediction, the first is "2"'):
        multi_span_scores({"1": []}, [row("1", "a"), row("2", "b")])
    with pytest.raises(DataError, match="expected a list of texts, found a text"):
        multi_span_scores({"1": "Ulm"}, [row("1", "Ulm")])
    with pytest.raises(DataError, match="no questions"):
        multi_span_scores({}, [])
