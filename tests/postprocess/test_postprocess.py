"""Merging windows into answers, against a plain merge of all spans and in the cases that are got wrong elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.arguments import QASettings
from qa_pipeline.errors import DataError
from qa_pipeline.metrics import squad_metrics
from qa_pipeline.postprocess import (
    NO_SPAN_NULL_ODDS,
    Candidates,
    NonFiniteLogitsError,
    Postprocess,
    Prediction,
    tune_threshold,
)
from tests.oracles import best_spans, merge_windows
from tests.postprocess.test_decoding import decode, logits


@dataclass
class Table:
    """Windows as plain arrays."""

    example_index: np.ndarray
    offset_begin: np.ndarray
    offsets: np.ndarray


@dataclass
class Window:
    """One window to be: a null token, then the context tokens from `first` of the example's words."""

    example: int
    first: int
    starts: list[float]
    ends: list[float]
    null: float = 0.0  # the sum of the null token's two logits


def contexts(sizes: list[int]) -> list[dict[str, Any]]:
    """Examples whose words are all "w0", "w1", ... with one space between."""
    return [{"id": f"q{i}", "context": " ".join(f"w{j % 10}" for j in range(size))} for i, size in enumerate(sizes)]


def predict(postprocess: Postprocess, examples: list[dict[str, Any]], windows: list[Window]) -> list[Prediction]:
    """Runs the whole way from logits to predictions; every word is one token of two characters."""
    width = 1 + max((len(window.starts) for window in windows), default=0)
    start, end = torch.full((len(windows), width), 99.0), torch.full((len(windows), width), 99.0)
    offsets: list[tuple[int, int]] = []
    offset_begin: list[int] = []
    for row, window in enumerate(windows):
        start[row, : len(window.starts) + 1] = torch.tensor([window.null, *window.starts])
        end[row, : len(window.ends) + 1] = torch.tensor([0.0, *window.ends])
        offset_begin.append(len(offsets))
        offsets += [(3 * (window.first + i), 3 * (window.first + i) + 2) for i in range(len(window.starts))]
    table = Table(
        np.array([window.example for window in windows], dtype=np.int32),
        np.array(offset_begin, dtype=np.int64),
        np.array(offsets, dtype=np.int32).reshape(-1, 2),
    )
    batch = {
        "context_begin": torch.ones(len(windows), dtype=torch.long),
        "context_end": torch.tensor([1 + len(window.starts) for window in windows], dtype=torch.long),
        "null_index": torch.zeros(len(windows), dtype=torch.long),
        "window_index": torch.arange(len(windows)),
    }
    return postprocess.predictions(examples, table, postprocess.reduce(start, end, batch))


# Merging windows


@st.composite
def documents(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[Window]]:
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    windows = []
    for example, size in enumerate(sizes):
        for _ in range(draw(st.integers(0, 3))):
            first = draw(st.integers(0, size - 1))
            count = draw(st.integers(0, size - first))
            row = [draw(st.lists(logits, min_size=count, max_size=count)) for _ in range(2)]
            windows.append(Window(example, first, row[0], row[1], draw(logits)))
    return contexts(sizes), windows


@settings(deadline=None, max_examples=100)
@given(documents(), st.integers(1, 12), st.integers(1, 9), st.booleans())
def test_predictions_equal_a_plain_merge_of_all_spans(
    document: tuple[list[dict[str, Any]], list[Window]], n_best_size: int, max_answer_length: int, null: bool
) -> None:
    examples, windows = document
    postprocess = Postprocess(
        QASettings(n_best_size=n_best_size, max_answer_length=max_answer_length, version_2_with_negative=null)
    )
    predictions = predict(postprocess, examples, windows)
    assert [p.id for p in predictions] == [e["id"] for e in examples]
    for number, (prediction, example) in enumerate(zip(predictions, examples, strict=True)):
        own = [w for w in windows if w.example == number]
        expected, silence = merge_windows(
            [
                (
                    *best_spans(w.starts, w.ends, 0, len(w.starts), 10_000, max_answer_length),
                    w.null,
                    [(3 * (w.first + i), 3 * (w.first + i) + 2) for i in range(len(w.starts))],
                )
                for w in own
            ],
            n_best_size,
            null,
        )
        assert [(s.score, s.start, s.end) for s in prediction.nbest] == [place[:3] for place in expected]
        assert [s.confidence for s in prediction.nbest] == pytest.approx([place[3] for place in expected], abs=1e-5)
        assert all(s.text == example["context"][s.start : s.end] for s in prediction.nbest)
        assert all(0 <= s.confidence <= 1 for s in prediction.nbest)
        assert sum(s.confidence for s in prediction.nbest) + silence <= 1 + 1e-5
        assert prediction.num_windows == len(own)
        silent = not expected or (null and -expected[0][0] > 0)
        assert prediction.text == ("" if silent else prediction.nbest[0].text)
        assert prediction.confidence == pytest.approx(silence if silent else prediction.nbest[0].confidence, abs=1e-5)
        assert prediction.null_odds == (-expected[0][0] if expected else NO_SPAN_NULL_ODDS)
        assert prediction.null_confidence == pytest.approx(silence, abs=1e-5)


@settings(deadline=None, max_examples=80)
@given(documents(), st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.booleans())
def test_a_temperature_divides_all_logits_and_changes_no_answer(
    document: tuple[list[dict[str, Any]], list[Window]], temperature: float, null: bool
) -> None:
    examples, windows = document
    tempered = predict(
        Postprocess(
            QASettings(n_best_size=6, max_answer_length=5, version_2_with_negative=null, temperature=temperature)
        ),
        examples,
        windows,
    )

    def divided(values: list[float]) -> list[float]:
        return [value / temperature for value in values]

    cooled = [Window(w.example, w.first, divided(w.starts), divided(w.ends), w.null / temperature) for w in windows]
    plain = Postprocess(QASettings(n_best_size=6, max_answer_length=5, version_2_with_negative=null))
    for one, same, other in zip(
        tempered, predict(plain, examples, windows), predict(plain, examples, cooled), strict=True
    ):
        assert (one.text, one.start, one.score, one.null_odds) == (same.text, same.start, same.score, same.null_odds)
        assert [(s.start, s.end, s.score) for s in one.nbest] == [(s.start, s.end, s.score) for s in same.nbest]
        assert [s.confidence for s in one.nbest] == pytest.approx([s.confidence for s in other.nbest], abs=1e-4)
        assert one.null_confidence == pytest.approx(other.null_confidence, abs=1e-4)
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


@settings(deadline=None, max_examples=60)
@given(documents(), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_windows_and_repeated_candidates_do_not_matter(
    document: tuple[list[dict[str, Any]], list[Window]], random: Any, null: bool
) -> None:
    examples, windows = document
    postprocess = Postprocess(QASettings(n_best_size=5, max_answer_length=4, version_2_with_negative=null))
    shuffled = windows[:]
    random.shuffle(shuffled)
    for one, other in zip(
        predict(postprocess, examples, windows), predict(postprocess, examples, shuffled), strict=True
    ):
        assert one.text == other.text
        assert [(s.start, s.end, s.score) for s in one.nbest] == [(s.start, s.end, s.score) for s in other.nbest]
        assert [s.confidence for s in one.nbest] == pytest.approx([s.confidence for s in other.nbest], abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(documents(), st.integers(0, 4), st.booleans())
def test_an_irrelevant_window_changes_nothing(
    document: tuple[list[dict[str, Any]], list[Window]], first: int, null: bool
) -> None:
    examples, windows = document
    examples[0]["context"] += " x" * 9
    postprocess = Postprocess(QASettings(n_best_size=5, max_answer_length=4, version_2_with_negative=null))
    # High logits, yet far below what its own null token says.
    more = [*windows, Window(0, first, [3.0, 5.0], [5.0, 3.0], null=60.0)]
    for before, after in zip(
        predict(postprocess, examples, windows), predict(postprocess, examples, more), strict=True
    ):
        kept = len(before.nbest)
        if not kept and not null:
            continue  # without another window it is the only thing that can be said
        assert after.text == before.text
        assert after.confidence == pytest.approx(before.confidence, abs=1e-6)
        ours = {(s.start, s.end) for s in before.nbest}
        old = [(s.start, s.end) for s in after.nbest if (s.start, s.end) in ours]
        assert old == [(s.start, s.end) for s in before.nbest]
        assert [(s.start, s.end) for s in after.nbest[:kept]] == old


def test_more_windows_do_not_make_an_answer_more_likely_than_no_answer() -> None:
    # The first window holds a weak span, all say "no answer"; the lowest null score of any window (as in the
    # transformers example) would let the span of another window win.
    windows = [Window(0, 0, [4.0], [4.0], null=10.0), Window(0, 1, [0.0], [0.0], null=3.0)]
    (prediction,) = predict(Postprocess(QASettings(version_2_with_negative=True)), contexts([2]), windows)
    assert (prediction.text, prediction.start, prediction.end, prediction.score) == ("", None, None, 0.0)
    assert prediction.null_odds == 2.0
    assert prediction.confidence == pytest.approx(1 / (1 + math.exp(-2) + math.exp(-3)))


def test_a_span_in_two_overlapping_windows_is_listed_once_and_its_probabilities_are_not_added() -> None:
    windows = [Window(0, 0, [-9.0, 5.0], [-9.0, 5.0]), Window(0, 1, [5.5, -9.0], [5.5, -9.0])]
    (prediction,) = predict(Postprocess(), contexts([3]), windows)
    assert [(s.start, s.end) for s in prediction.nbest].count((3, 5)) == 1
    assert (prediction.start, prediction.end, prediction.score) == (3, 5, 11.0)
    assert prediction.confidence == pytest.approx(math.exp(11) / (math.exp(11) + math.exp(10)), rel=1e-4)


def test_equal_words_in_two_places_are_two_answers() -> None:
    starts = [-9.0] * 12
    starts[1], starts[11] = 3.0, 4.0
    (prediction,) = predict(
        Postprocess(QASettings(max_answer_length=1)), contexts([12]), [Window(0, 0, starts, starts)]
    )
    assert [(s.text, s.start, s.end) for s in prediction.nbest[:2]] == [("w1", 33, 35), ("w1", 3, 5)]
    assert prediction.start == 33


def test_confidence_does_not_depend_on_how_many_are_kept() -> None:
    starts = [float(i % 7) for i in range(30)]
    few, many = (
        predict(Postprocess(QASettings(n_best_size=size)), contexts([30]), [Window(0, 0, starts, starts)])[0]
        for size in (1, 200)
    )
    assert few.confidence == many.confidence < 0.5
    assert len(few.nbest) == 1
    assert sum(s.confidence for s in many.nbest) <= 1 + 1e-6


@pytest.mark.parametrize("null", [False, True])
def test_without_any_valid_span_there_is_no_answer(null: bool) -> None:
    windows = [Window(0, 0, [], []), Window(1, 0, [9.0], [9.0])]
    nothing, word, unseen = predict(Postprocess(QASettings(version_2_with_negative=null)), contexts([1, 1, 1]), windows)
    assert word.text == "w0"
    for prediction, count in ((nothing, 1), (unseen, 0)):
        assert (prediction.text, prediction.start, prediction.nbest) == ("", None, [])
        assert (prediction.null_odds, prediction.num_windows) == (NO_SPAN_NULL_ODDS, count)
        assert prediction.confidence == (1.0 if null else 0.0)


def test_a_question_that_must_be_answered_is_answered_however_weakly() -> None:
    windows = [Window(0, 0, [-5.0, -4.0], [-5.0, -4.0], null=20.0)]
    (prediction,) = predict(Postprocess(QASettings(null_score_diff_threshold=-99)), contexts([2]), windows)
    assert (prediction.text, prediction.null_odds) == ("w1", 28.0)


@pytest.mark.parametrize(("threshold", "text"), [(1.9, ""), (2.0, "w0"), (2.1, "w0")])
def test_the_answer_is_withheld_only_above_the_threshold(threshold: float, text: str) -> None:
    postprocess = Postprocess(QASettings(version_2_with_negative=True, null_score_diff_threshold=threshold))
    (prediction,) = predict(postprocess, contexts([1]), [Window(0, 0, [4.0], [4.0], null=10.0)])
    assert prediction.text == text
    assert prediction.nbest[0].text == "w0"


def test_a_token_without_characters_is_no_answer() -> None:
    candidates = decode(torch.tensor([[0.0, 9.0, 1.0]]), torch.tensor([[0.0, 9.0, 1.0]]), [1], [3], [0])
    table = Table(np.array([0]), np.array([0]), np.array([[0, 0], [0, 4]], dtype=np.int32))
    (prediction,) = Postprocess().predictions([{"id": "q", "context": "word"}], table, candidates)
    assert [s.text for s in prediction.nbest] == ["word"]
    assert prediction.score == 10.0


def test_every_window_must_have_candidates_and_repeated_ones_count_once() -> None:
    start = torch.tensor([[0.0, 2.0], [0.0, 1.0]])
    found = decode(start, start, [1, 1], [2, 2], [0, 0])
    table = Table(np.array([0, 0]), np.array([0, 1]), np.array([[0, 2], [3, 5]], dtype=np.int32))
    examples = contexts([2])
    once = Postprocess().predictions(examples, table, found)
    assert Postprocess().predictions(examples, table, Candidates.concatenate([found, found])) == once
    with pytest.raises(ValueError, match="each of the windows 0 to 1, found 0 different"):
        Postprocess().predictions(examples, table, Candidates.concatenate([]))


# The threshold


@settings(deadline=None, max_examples=60)
@given(documents(), st.lists(st.sampled_from([[], ["w0"], ["w1 w2"]]), min_size=3, max_size=3))
def test_a_tuned_threshold_gives_the_score_that_was_promised(
    document: tuple[list[dict[str, Any]], list[Window]], golds: list[list[str]]
) -> None:
    examples, windows = document
    for example, gold in zip(examples, golds, strict=False):
        example["answers"] = {"text": gold, "answer_start": [0] * len(gold)}
    tuned = tune_threshold(
        predict(Postprocess(QASettings(version_2_with_negative=True)), examples, windows),
        examples,
        normalization="squad",
    )
    for name, key in (("f1", "best_f1"), ("exact_match", "best_exact")):
        postprocess = Postprocess(
            QASettings(version_2_with_negative=True, null_score_diff_threshold=tuned[f"{key}_thresh"])
        )
        texts = {p.id: p.text for p in predict(postprocess, examples, windows)}
        assert squad_metrics(texts, examples)[name] == pytest.approx(tuned[key])
        assert math.isfinite(tuned[f"{key}_thresh"])


def test_tuning_needs_a_prediction_for_every_question() -> None:
    example = {"id": "q", "answers": {"text": [], "answer_start": []}}
    with pytest.raises(DataError, match='1 of 1 questions have no prediction: "q"'):
        tune_threshold([], [example])


# Bad logits


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("position", [0, 3])  # the null token, a context token
def test_logits_that_are_no_numbers_name_the_question(value: float, position: int) -> None:
    start, end = torch.zeros(3, 6), torch.zeros(3, 6)
    end[1, position] = value
    batch = {
        "context_begin": torch.tensor([2, 2, 2]),
        "context_end": torch.tensor([5, 5, 5]),
        "null_index": torch.tensor([0, 0, 0]),
        "window_index": torch.tensor([4, 5, 6]),
    }
    with pytest.raises(NonFiniteLogitsError, match=r"in window 5: expected finite numbers.*fp16") as caught:
        Postprocess().reduce(start, end, batch)
    assert caught.value.window_indices == [5]
    table = Table(np.arange(7) // 2, np.zeros(7, dtype=np.int64), np.zeros((4, 2), dtype=np.int32))
    with pytest.raises(NonFiniteLogitsError, match=r'in window 5 of question "q2": expected'):
        Postprocess().reduce(start, end, batch, windows=table, examples=contexts([3] * 4))
