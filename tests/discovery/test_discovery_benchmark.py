"""The prompts of the benchmark are whole, and its figures are what they say."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

from qa_pipeline.discovery.catalogue import known_datasets, known_models

_FILE = Path(__file__).parents[2] / "benchmarks" / "discovery.py"
_SPEC = importlib.util.spec_from_file_location("benchmark_of_discovery", _FILE)
benchmark = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = benchmark  # dataclasses look their module up
_SPEC.loader.exec_module(benchmark)
Outcome, Prompt = benchmark.Outcome, benchmark.Prompt

PROMPTS = benchmark.read_prompts()


def prompt(text: str, *datasets: str) -> Prompt:
    return Prompt(text, "choose", "domain", frozenset(datasets), frozenset())


def test_prompts_are_many_and_different_and_alternate_in_their_use():
    assert len(PROMPTS) >= 60 and len({one.text for one in PROMPTS}) == len(PROMPTS)
    assert [one.use for one in PROMPTS] == ["choose", "report"] * (len(PROMPTS) // 2)
    assert set(Counter(one.fits for one in PROMPTS)) == set(benchmark.FITS)


@pytest.mark.parametrize("one", PROMPTS, ids=lambda one: one.text[:40])
def test_what_a_prompt_accepts_is_in_the_catalogue(one: Prompt):
    assert one.datasets <= {known.id for known in known_datasets()}
    assert one.models <= {known.id for known in known_models()}
    assert bool(one.datasets) == (one.fits != "none")


def test_the_rank_of_the_first_acceptable_one_is_measured():
    ranked = {"rivers": ["a", "b", "c"], "lakes": ["b", "a", "c"], "seas": ["b", "c", "b"]}
    outcome = benchmark.measure(ranked.__getitem__, [(prompt(text), frozenset({"a", "x"})) for text in ranked])
    assert outcome.ranks == [1, 2, None]
    assert outcome.misses == [("lakes", ["rank 2", "b", "a", "c"]), ("seas", ["rank None", "b", "c", "b"])]


def test_figures_are_shares_of_prompts_and_the_mean_of_reciprocal_ranks():
    figures = Outcome(ranks=[1, 5, 6, None], seconds=[0.5, 0.5, 1.0, 2.0]).figures(seed=0)
    assert figures["hit@1"][0] == 25.0 and figures["hit@5"][0] == 50.0
    assert figures["mrr"][0] == pytest.approx((1 + 1 / 5 + 1 / 6) / 4, abs=1e-3)
    assert figures["hit@1"][1] <= 25.0 <= figures["hit@1"][2]
    assert figures["seconds"] == 1.0 and figures["prompts"] == 4


def test_bm25_alone_orders_ids_by_words_of_the_prompt():
    known = known_datasets()[:3]
    texts = ["rules of a library", "recipes for soup", "times of trains"]
    assert benchmark.by_texts(known, texts, None, "When do the trains leave?")[0] == known[2].id
