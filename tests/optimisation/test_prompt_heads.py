from __future__ import annotations

import numpy as np
import pytest
import torch

from qa_pipeline.optimisation.prompt_heads import (
    HeadSettings,
    RankedDomain,
    new_heads,
    score_matrix,
    train_heads,
)
from qa_pipeline.optimisation.ranking_metrics import kendall_tau
from tests.optimisation.ranked import QUICK, unit

FEATURES = np.random.default_rng(0).normal(size=(6, 20)).astype(np.float32)


def ranked(scores, noise=0.0, name="rules", vector=0):
    return RankedDomain(name, unit(vector), FEATURES[: len(scores)], np.array(scores), np.full(len(scores), noise))


def trained(domains, settings=QUICK, old=(), heads=None, steps=150):
    heads = heads or new_heads(domains, settings)
    rng = np.random.default_rng(0)
    loss = train_heads(heads, domains, old, steps=steps, settings=settings, rng=rng)
    return heads, loss


def test_heads_learn_the_order_of_the_prompts_they_saw():
    one = ranked([1.0, 6.0, 2.0, 5.0, 3.0, 4.0])
    heads, loss = trained([one])
    scores = score_matrix(heads, one.vector, one.features).mean(axis=0)
    assert kendall_tau(scores, one.scores) > 0.8 and np.argmax(scores) == 1
    assert loss < 0.2


def test_an_untrained_head_knows_nothing_and_its_loss_is_that_of_chance():
    one = ranked([1.0, 6.0, 2.0, 5.0, 3.0, 4.0])
    _, loss = trained([one], HeadSettings(**{**vars(QUICK), "learning_rate": 0.0}), steps=5)
    assert loss > 1.5


def test_heads_learn_opposite_orders_of_two_domains():
    domains = [ranked([1.0, 2.0, 3.0, 4.0]), ranked([4.0, 3.0, 2.0, 1.0], name="soup", vector=1)]
    heads, _ = trained(domains)
    first, second = (score_matrix(heads, domain.vector, domain.features).mean(axis=0) for domain in domains)
    assert np.argsort(first).tolist() == [0, 1, 2, 3] and np.argsort(second).tolist() == [3, 2, 1, 0]


def test_a_difference_within_the_noise_teaches_nothing():
    noisy = ranked([50.0, 51.0, 50.5], noise=1.0)
    before = new_heads([noisy], QUICK)
    heads, loss = trained([noisy], HeadSettings(**{**vars(QUICK), "weight_decay": 0.0}), heads=before.copy())
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert np.allclose(score_matrix(heads, unit(0), FEATURES), score_matrix(before, unit(0), FEATURES), atol=1e-5)


def test_domains_with_fewer_prompts_are_not_confused_by_those_with_more():
    small, large = ranked([1.0, 2.0]), ranked([6.0, 5.0, 4.0, 3.0, 2.0, 1.0], name="soup", vector=1)
    heads, _ = trained([small, large])
    assert np.argsort(score_matrix(heads, small.vector, small.features).mean(axis=0)).tolist() == [0, 1]
    found = score_matrix(heads, large.vector, large.features).mean(axis=0)
    assert kendall_tau(found, large.scores) > 0.8 and np.argmax(found) == 0


def test_the_heads_of_an_ensemble_differ_most_where_nothing_was_measured():
    one = ranked([1.0, 6.0, 2.0, 5.0])
    heads, _ = trained([one])
    scores = score_matrix(heads, one.vector, FEATURES)
    spread = (scores - scores.mean(axis=1, keepdims=True)).std(axis=0)
    gaps = np.abs(scores.mean(axis=0)[:, None] - scores.mean(axis=0)).max()
    assert spread.min() > 0 and spread[4:].mean() / gaps > 0.02


def test_the_same_seed_gives_the_same_numbers_and_leaves_the_global_state_alone():
    one = ranked([1.0, 6.0, 2.0, 5.0])
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    (first, _), (second, _) = trained([one]), trained([one])
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)
    other, _ = trained([one], HeadSettings(**{**vars(QUICK), "seed": 1}))
    assert not torch.equal(first.tensors["prompt.first"], other.tensors["prompt.first"])


def test_distillation_holds_the_scores_of_old_domains_where_they_were():
    old, new = ranked([1.0, 2.0, 3.0, 4.0]), ranked([4.0, 3.0, 2.0, 1.0], name="soup", vector=1)
    start, _ = trained([old])
    before = score_matrix(start, old.vector, old.features)
    moved = {}
    for weight in (0.0, 10.0):
        settings = HeadSettings(**{**vars(QUICK), "distillation": weight})
        heads, _ = trained([new], settings, old=[old], heads=start.copy())
        change = score_matrix(heads, old.vector, old.features) - before
        moved[weight] = np.abs(change - change.mean(axis=1, keepdims=True)).mean()
    assert moved[10.0] < moved[0.0] / 2
