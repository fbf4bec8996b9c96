from __future__ import annotations

import numpy as np
import pytest
import torch

from qa_pipeline.arguments.limits import check_limits, checked_bounds, with_limits
from qa_pipeline.errors import ConfigError
from qa_pipeline.modeling import StoredSettings

STORED = StoredSettings(max_answer_length=22, null_score_diff_threshold=1.5, version_2_with_negative=True)


def test_what_the_caller_gives_wins_and_none_is_not_given():
    found = with_limits(STORED, {"max_answer_length": 5, "temperature": None}, num_special=3, longest=512)
    assert (found.max_answer_length, found.null_score_diff_threshold, found.temperature) == (5, 1.5, 1.0)
    assert STORED.max_answer_length == 22


def test_windows_are_no_longer_than_the_model_takes():
    found = with_limits(STORED, {}, num_special=3, longest=160)
    assert (found.max_seq_length, found.doc_stride, found.max_question_length) == (160, 80, 64)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_seq_length": 64}, (64, 32, 28)),
        ({"max_seq_length": 128, "doc_stride": 100}, (128, 100, 24)),
        ({"doc_stride": 340}, (384, 340, 40)),
        ({"max_question_length": 300}, (384, 80, 300)),
    ],
)
def test_lengths_that_were_not_given_make_room_for_those_that_were(given, expected):
    found = with_limits(StoredSettings(), given, num_special=3, longest=512)
    assert (found.max_seq_length, found.doc_stride, found.max_question_length) == expected
    assert found.max_seq_length - found.max_question_length - 3 > found.doc_stride


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError) as error:
        check_limits(
            {"max_answer_len": 3, "n_best_size": 0, "temperature": 0, "doc_stride": True, "version_2_with_negative": 1}
        )
    text = str(error.value)
    assert "5 problems" in text
    assert "max_answer_len is not known; did you mean max_answer_length?" in text
    assert "n_best_size must be a whole number, 1 or more, found 0" in text
    assert "temperature must be a number, from 0.001 to 1,000, found 0" in text
    assert "doc_stride must be a whole number" in text
    assert "version_2_with_negative must be True or False" in text


def test_scalars_of_numpy_and_torch_are_numbers():
    given = {"n_best_size": np.int64(7), "temperature": torch.tensor(2.0), "doc_stride": np.array(9)}
    found = with_limits(STORED, given | {"version_2_with_negative": np.bool_(False)}, num_special=3, longest=512)
    assert (found.n_best_size, found.temperature, found.doc_stride) == (7, 2.0, 9)
    assert found.version_2_with_negative is False
    assert {type(value) for value in (found.n_best_size, found.doc_stride)} == {int}
    assert checked_bounds(batch_tokens=torch.tensor(5), batch_size=None) == {"batch_tokens": 5, "batch_size": None}


@pytest.mark.parametrize(
    "given",
    [
        {"n_best_size": 10**9},
        {"n_best_size": np.int64(10**9)},
        {"n_best_size": 20.0},
        {"temperature": 1e-40},
        {"temperature": torch.tensor(float("nan"))},
        {"temperature": 1e30},
        {"null_score_diff_threshold": 10**5000},
        {"null_score_diff_threshold": [1.0]},
        {"max_seq_length": np.array([64, 65])},
        {"max_answer_length": torch.ones(3)},
        {"max_answer_length": "15"},
        {"version_2_with_negative": np.int64(1)},
        {"doc_stride": object()},
    ],
)
def test_values_that_cannot_be_are_refused_with_the_name_on_one_line(given):
    (name,) = given
    with pytest.raises(ConfigError, match=f"settings of the predictor.*{name} must be .*found") as error:
        check_limits(given)
    assert len(str(error.value)) < 250 and "\n" not in str(error.value)


@pytest.mark.parametrize("value", [0, True, 1.5, "8", 10**400 * -1, np.array([1, 2]), torch.tensor(0)])
def test_bounds_of_a_batch_are_whole_numbers(value):
    with pytest.raises(ConfigError, match="batch_size must be a whole number, 1 or more, found"):
        checked_bounds(batch_size=value)
