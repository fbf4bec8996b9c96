"""Search spaces: what a user may write, what is wrong with it, and the one that is taken where nobody says."""

from __future__ import annotations

import re

import pytest

from qa_pipeline.arguments.groups import DataArguments, LoRAArguments, ModelArguments, TrainingSettings
from qa_pipeline.arguments.settings import settings_of
from qa_pipeline.tuning.search_space import Dimension, default_search_space, leaves_out, read_search_space

SETTINGS = settings_of(ModelArguments, DataArguments, LoRAArguments, TrainingSettings)


def test_ranges_and_choices_are_read_in_the_type_of_the_setting():
    wanted = {
        "head_learning_rate": {"low": "1e-4", "high": 1e-2, "log": True},
        "lora_r": {"low": 4, "high": 16, "step": 4},
        "lora_alpha": [16, "32"],
        "negative_window_ratio": {"choices": [None, 1.5]},
        "use_dora": [True, False],
    }
    space, faults = read_search_space(wanted, SETTINGS)
    assert faults == []
    assert space["head_learning_rate"] == Dimension("head_learning_rate", 1e-4, 1e-2, log=True)
    assert space["lora_r"] == Dimension("lora_r", 4, 16, step=4, whole=True)
    assert space["lora_alpha"].choices == (16, 32)
    assert space["negative_window_ratio"].choices == (None, 1.5)
    assert space["use_dora"].choices == (True, False)


@pytest.mark.parametrize(
    ("name", "wanted", "fault"),
    [
        ("lora_rank", [1], 'lora_rank: unknown setting; nearest: "lora_r"'),
        ("lora_r", 8, 'lora_r: expected {"low": ..., "high": ...} .*, found 8'),
        ("lora_r", {"low": 8}, "lora_r: high is missing"),
        ("lora_r", {"low": 8, "hihg": 9}, 'found "hihg" .nearest: "high".'),
        ("lora_r", {"low": 9, "high": 8}, "lora_r: low 9 is not below high 8"),
        ("lora_r", {"low": 1.5, "high": 8}, "lora_r: low: expected a whole number, found 1.5"),
        ("lora_r", {"low": 1, "high": 8, "step": 3}, "step 3 does not lead from 1 to 8"),
        ("lora_r", {"low": 1, "high": 8, "log": "yes"}, "log: expected true or false"),
        ("lora_dropout", {"low": 0, "high": 0.5, "log": True}, "a logarithmic range is above 0 and has no step"),
        ("lora_r", {"choices": [8], "low": 1}, "choices take no low"),
        ("lora_r", {"choices": []}, "choices: expected a list of values, found a list"),
        ("lora_r", [8, 8.0], "choices: one is given twice"),
        ("lora_r", ["eight"], 'choices: expected a whole number, found "eight"'),
        ("straddle", {"low": 0, "high": 1}, "straddle: is no number; give its values as choices"),
        ("straddle", ["ignore", "drop"], 'choices: expected one of ignore, null, found "drop"'),
        ("lora_target_modules", [["query"]], "choices: expected numbers, texts, truth values or null, found a list"),
        ("use_lora", [True, False], "adapters and all weights need search spaces of their own"),
        ("test_file", ["a", "b"], "test_file: is the same in all trials"),
        ("answer_normalization", ["squad", "multilingual"], "is the same in all trials"),
    ],
)
def test_what_is_wrong_is_said_with_the_name_and_what_was_expected(name, wanted, fault):
    space, faults = read_search_space({name: wanted}, SETTINGS)
    assert space == {} and len(faults) == 1
    assert re.search(fault, faults[0]), faults[0]


@pytest.mark.parametrize(
    ("dimension", "inside", "outside"),
    [
        (Dimension("x", 1, 9, step=2, whole=True), [1, 5, 9], [2, 11, None, True, "1"]),
        (Dimension("x", 0.1, 0.4, step=0.1), [0.1, 0.1 + 0.2, 0.4], [0.15, 0.5]),
        (Dimension("x", 1e-5, 1e-3, log=True), [1e-5, 3e-4], [1e-6]),
        (Dimension("x", choices=(None, 1, "a", False)), [None, 1, "a", False], [0, True, "b", 2]),
    ],
)
def test_a_dimension_knows_which_values_it_can_draw(dimension, inside, outside):
    assert [value for value in inside if value not in dimension] == []
    assert [value for value in outside if value in dimension] == []


def values(**changes):
    known = {name: setting.default for name, setting in SETTINGS.items()}
    return (
        known
        | {"learning_rate": 5e-5, "num_train_epochs": 3, "max_steps": -1, "per_device_train_batch_size": 8}
        | changes
    )


@pytest.mark.parametrize(
    "mine",
    [
        values(),
        values(use_lora=True, learning_rate=1e-3, lora_r=32, train_batch_tokens=1024),
        values(use_lora=True, learning_rate=5e-2, lora_alpha=7, hidden_dropout=None, negative_window_ratio=2.5),
        values(max_steps=100, max_seq_length=64, doc_stride=0, max_question_length=16, train_batch_tokens=64),
    ],
)
def test_the_default_space_holds_the_settings_as_they_are(mine):
    space = default_search_space(mine)
    assert leaves_out(space, mine) == []
    assert all(name in mine for name in space)
    assert ("lora_r" in space) == mine["use_lora"] and ("num_train_epochs" in space) == (mine["max_steps"] < 1)
    assert all(len(one.choices or (1, 2)) > 1 for one in space.values())


def test_a_space_without_the_settings_as_they_are_says_what_to_do():
    space, _ = read_search_space({"lora_r": [4, 8]}, SETTINGS)
    (fault,) = leaves_out(space, values(lora_r=16))
    assert fault.startswith("lora_r: one of 4, 8 leaves out 16") and "make room for it" in fault
