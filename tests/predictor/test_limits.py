from __future__ import annotations

import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.modeling import QASettings
from qa_pipeline.predictor.limits import check_limits, with_limits

STORED = QASettings(max_answer_length=22, null_score_diff_threshold=1.5, version_2_with_negative=True)


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
    found = with_limits(QASettings(), given, num_special=3, longest=512)
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
    assert "temperature must be a number above 0" in text
    assert "doc_stride must be a whole number" in text
    assert "version_2_with_negative must be True or False" in text
