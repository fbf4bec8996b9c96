"""The limits: one place for defaults and ranges, and nobody else has them by hand."""

from __future__ import annotations

import ast
import dataclasses
import math
from pathlib import Path

import pytest

from qa_pipeline.arguments import DataArguments, QASettings
from qa_pipeline.arguments.limits import LIMITS, WINDOW_LIMITS, TrainingLimits
from qa_pipeline.cli.ask_arguments import PredictArguments
from qa_pipeline.errors import ConfigError
from qa_pipeline.modeling import StoredSettings


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan, 1e-4, 1001])
def test_a_temperature_must_be_in_its_range(temperature):
    with pytest.raises(ConfigError, match="temperature must be a number, from 0.001 to 1,000, found"):
        QASettings(temperature=temperature)


def test_every_limit_that_cannot_be_is_named_at_once():
    with pytest.raises(ConfigError) as error:
        QASettings(n_best_size=0, max_answer_length=0, max_question_length=0, doc_stride=-1, max_seq_length=True)
    assert error.value.problems == [
        "max_seq_length must be a whole number, 16 or more, found True",
        "doc_stride must be a whole number, 0 or more, found -1",
        "max_question_length must be a whole number, 1 or more, found 0",
        "max_answer_length must be a whole number, 1 or more, found 0",
        "n_best_size must be a whole number, 1 or more, found 0",
    ]
    with pytest.raises(ConfigError, match="n_best_size must be a whole number, from 1 to 10,000, found 10001"):
        QASettings(n_best_size=10_001)


def test_defaults_and_ranges_are_the_same_wherever_limits_are_given():
    assert set(WINDOW_LIMITS) < set(LIMITS) and len(LIMITS) == 8
    assert issubclass(DataArguments, TrainingLimits) and issubclass(StoredSettings, QASettings)
    data, stored = DataArguments(), StoredSettings()
    for one in dataclasses.fields(TrainingLimits):
        assert getattr(data, one.name) == getattr(stored, one.name) == LIMITS[one.name].default
    asked = {one.name: one for one in dataclasses.fields(PredictArguments)}
    assert all(name in asked and asked[name].default is None for name in LIMITS)


def test_no_other_class_has_a_default_for_a_limit():
    """Save what is left out by a run (its threshold is fitted) or a request, and the temperature of a sampling."""
    package = Path(__file__).resolve().parents[2] / "qa_pipeline"
    declared = {
        (path.relative_to(package).as_posix(), field.target.id)
        for path in package.rglob("*.py")
        for group in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(group, ast.ClassDef)
        for field in group.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.value is not None
    }
    elsewhere = {one for one in declared if one[1] in LIMITS and one[0] != "arguments/limits.py"}
    sampling = {one for one in elsewhere if one[0].startswith("generation/") and one[1] == "temperature"}
    left_out = {("arguments/groups.py", "null_score_diff_threshold"), ("serve/api/schema.py", "doc_stride")}
    assert elsewhere - sampling == left_out
