"""Settings of optimize-prompt: all faults at once, each with what to do."""

from __future__ import annotations

import pytest
import yaml

from qa_pipeline.errors import ConfigError
from qa_pipeline.optimisation.arguments import optimization_settings, parse_optimization_arguments

GOOD = {"documents": ["docs"], "backend": "openai", "model": "m", "max_tokens": 100_000}


def settings(**more):
    return optimization_settings({**GOOD, **more}, "test")


def problems(**more):
    with pytest.raises(ConfigError) as caught:
        settings(**more)
    return "\n".join(caught.value.problems)


def test_all_that_is_missing_is_said_at_once():
    with pytest.raises(ConfigError) as caught:
        optimization_settings({}, "test")
    text = "\n".join(caught.value.problems)
    for part in ("documents: is required", "backend: cloze has no prompt", "max_tokens: is required"):
        assert part in text


@pytest.mark.parametrize(
    "given, said",
    [
        ({"proposers": ["grit"]}, 'proposers: expected some of grid, rewrite, gepa, found "grit" (nearest: "grid")'),
        ({"baselines": ["chance"]}, "baselines: expected some of random, cloze, gepa"),
        ({"validity_passages": 50}, "validity_passages: 50 is more than round_trip_passages=48"),
        ({"test_file": "t.json"}, "only has a meaning with check_file"),
        ({"check_file": "a.json", "test_file": "a.json"}, "must be different questions"),
        ({"check_file": "a.json", "few_shot_file": "./a.json"}, "must be different questions"),
        ({"round_trip_model": "runs/a"}, "the round trip judges here and refuses nothing"),
        ({"max_cost": 3.0}, "max_cost: needs price_per_million_prompt_tokens"),
        ({"eta": 1}, "eta: expected at least 2, found 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, said):
    assert said in problems(**given)


def test_the_tokens_are_shared_by_searches_with_room_for_what_is_lost():
    assert settings().tokens_a_search == 90_000
    shared = settings(baselines=["random", "gepa", "cloze"])
    assert shared.searches == 3 and shared.tokens_a_search == 30_000
    assert settings(baselines="none").searches == 1


def test_without_check_questions_the_search_ends_at_the_round_trip():
    assert settings().search.top_rung == 1
    assert settings(check_file="c.json").search.top_rung == 2


def test_a_file_and_flags_are_read_as_everywhere(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump({**GOOD, "num_candidates": 5}))
    found = parse_optimization_arguments([str(config), "--num_candidates", "7", "--proposers", "grid", "gepa"])
    assert found.general.num_candidates == 7 and found.general.proposers == ["grid", "gepa"]
    with pytest.raises(ConfigError, match='num_prompts: unknown key; nearest valid name: "num_candidates"'):
        parse_optimization_arguments([str(config), "--num_prompts", "7"])


def test_a_stage_that_asks_nobody_needs_no_model():
    assert optimization_settings({"stage": "train"}, "test").general.stage == "train"
    assert optimization_settings({"stage": "infer", "documents": "docs"}, "test").general.documents == ["docs"]
