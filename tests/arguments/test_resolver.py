"""One resolver for every command: a field declares a setting, and nothing else has to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import transformers

from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import Range, optional, setting, settings_of
from qa_pipeline.errors import ConfigError


@dataclass
class Oven:
    """What bakes."""

    heat: int = setting(180, "Degrees.", least=50, most=300)
    fan: bool = setting(False, "Moves the air.")
    fan_speed: float = setting(1.0, "Turns a second.", above=0, requires="fan")
    load: float | None = setting(None, "How full it is.", share=0.9)
    trays: list[str] = setting(["top"], "Which are in.")
    mode: str = setting("bake", "How.", choices=["bake", "grill"])


def problems(*words: str, leave: Any = lambda problem: False) -> list[str]:
    resolution = Resolution.read(words, [Oven], old={}, usual_names={"temp": "heat"})
    resolution.check_declared()
    with pytest.raises(ConfigError) as caught:
        resolution.raise_problems(leave)
    return caught.value.problems


def test_a_field_declares_type_default_range_requirement_and_choices():
    assert problems("--heat=20", "--fan_speed", "0", "--load", "1", "--mode", "boil", "--temp", "9") == [
        'command line: --mode: expected one of bake, grill, found "boil"',
        'command line: --temp: unknown key; nearest valid name: "heat"',
        "command line: --fan_speed: expected above 0, found 0",
        "command line: --load: expected a share from 0 to 0.9, found 1",
        "command line: --fan_speed: only has a meaning with fan; set that or leave it out",
    ]
    assert problems("--heat=20") == ["--heat: expected at least 50 and at most 300, found 20"]


def test_the_command_line_wins_over_the_file_and_defaults_fill_the_rest(tmp_path):
    path = tmp_path / "oven.yaml"
    path.write_text("heat: 200\nfan: true\n")
    resolution = Resolution.read([str(path), "--heat", "250"], [Oven], old={})
    resolution.check_declared()
    resolution.raise_problems()
    assert resolution.make(Oven) == Oven(heat=250, fan=True) and resolution.source == f"{path} and command line"


def test_a_switch_that_the_command_line_sets_off_is_a_wish_and_no_contradiction(tmp_path):
    path = tmp_path / "oven.yaml"
    path.write_text("fan: true\nfan_speed: 3\n")
    resolution = Resolution.read([str(path), "--no_fan"], [Oven], old={})
    resolution.check_declared()
    assert not resolution.problems


def test_a_problem_stands_where_the_setting_was_given_or_would_be():
    resolution = Resolution.of({"fan": True}, "bake()", [Oven], old={})
    resolution.report("heat fan", "is at fault")
    resolution.report_at("heat fan", "is missing")
    resolution.report("", "no power")
    assert [(one.place, one.text) for one in resolution.problems] == [
        ("bake()", "fan: is at fault"),
        ("bake()", "heat: is missing"),
        ("environment", "no power"),
    ]


def test_values_of_python_code_are_read_by_the_same_rules():
    assert Resolution.of({"heat": "200", "trays": "low"}, "bake()", [Oven], old={}).make(Oven).trays == ["low"]
    resolution = Resolution.of({"heat": "hot", "temper": 1}, "bake()", [Oven], old={})
    with pytest.raises(ConfigError, match=r'(?s)2 problems in bake\(\).*heat: expected a whole number, found "hot"'):
        resolution.raise_problems()


def test_a_default_list_is_not_shared_and_a_secret_is_not_shown():
    one, two = Oven(), Oven()
    one.trays.append("low")
    assert two.trays == ["top"]

    @dataclass
    class Door:
        key: str | None = setting(None, "Opens it.", hidden=True)

    assert "sesame" not in repr(Door(key="sesame"))


def test_every_setting_of_an_optional_group_may_be_left_out_and_keeps_its_range():
    settings = settings_of(optional(Oven))
    assert all(one.optional and one.default is None for one in settings.values())
    assert settings["heat"].range == Range(least=50, most=300) and settings["heat"].help == "Degrees."


def test_the_groups_are_dataclasses_for_hf_argument_parser():
    parsed = transformers.HfArgumentParser(Oven).parse_args_into_dataclasses(["--heat", "99", "--mode", "grill"])
    assert parsed == (Oven(heat=99, mode="grill"),)


def test_what_a_setting_cannot_declare_is_refused():
    with pytest.raises(TypeError, match="a setting declares no lest"):
        setting(1, "One.", lest=0)
