from __future__ import annotations

from dataclasses import replace

import numpy as np

from qa_pipeline.optimisation.continual import ReplayMemory
from tests.optimisation.ranked import domain, likes_short, unit


def added(memory, measured, seed=0):
    features = np.arange(len(measured.recipes), dtype=np.float32)[:, None] * np.ones((1, 4), dtype=np.float32)
    memory.add(measured, features, np.random.default_rng(seed))
    return features


def part(measured, rows):
    rows = list(rows)
    return replace(
        measured,
        recipes=[measured.recipes[row] for row in rows],
        scores=measured.scores[rows],
        noise=measured.noise[rows],
    )


RISING = replace(domain("rules", unit(0), likes_short), scores=np.arange(24.0))


def test_a_small_domain_is_kept_whole_with_its_vectors():
    memory = ReplayMemory(capacity=30)
    features = added(memory, RISING)
    (kept,) = memory
    assert kept.recipes == tuple(RISING.recipes) and kept.seen == 24
    assert np.array_equal(kept.ranked.features, features) and np.array_equal(kept.ranked.scores, RISING.scores)


def test_a_large_domain_pushes_no_other_out_and_keeps_its_best_prompt():
    for seed in range(20):
        memory = ReplayMemory(capacity=5)
        added(memory, replace(part(RISING, range(3)), domain="soup"), seed)
        added(memory, RISING, seed)
        soup, rules = memory
        assert len(soup.recipes) == 3 and len(rules.recipes) == 5
        assert rules.ranked.scores.max() == 23.0


def test_rows_stay_together_whatever_is_replaced():
    memory = ReplayMemory(capacity=5)
    features = added(memory, RISING)
    (kept,) = memory
    for recipe, row, score in zip(kept.recipes, kept.ranked.features, kept.ranked.scores, strict=True):
        place = RISING.recipes.index(recipe)
        assert np.array_equal(row, features[place]) and score == RISING.scores[place]


def test_every_prompt_but_the_best_is_kept_equally_often():
    counts = np.zeros(24)
    for seed in range(300):
        memory = ReplayMemory(capacity=6)
        added(memory, RISING, seed)
        (kept,) = memory
        counts[kept.ranked.scores.astype(int)] += 1
    assert counts[23] == 300
    expected = (6 - 1) * 300 / 23
    assert counts[:23].min() > 0.6 * expected and counts[:23].max() < 1.45 * expected


def test_a_prompt_that_is_measured_again_is_there_once_with_its_newer_score():
    memory = ReplayMemory(capacity=30)
    added(memory, part(RISING, range(4)))
    again = part(RISING, range(2, 6))
    added(memory, replace(again, scores=again.scores + 100))
    (kept,) = memory
    assert kept.ranked.scores.tolist() == [0.0, 1.0, 102.0, 103.0, 104.0, 105.0] and kept.seen == 6


def test_domains_can_be_left_out_by_name():
    memory = ReplayMemory()
    added(memory, RISING)
    added(memory, replace(RISING, domain="soup"))
    assert [one.name for one in memory.domains(without=["rules"])] == ["soup"]
    assert len(memory) == 2
