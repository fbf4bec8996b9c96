"""Whole searches on a played model, over HTTP: what they find is truly better, and they keep to their tokens."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.optimisation import stages
from qa_pipeline.optimisation.job import prepare
from tests.optimisation.planted import PlantedServer
from tests.optimisation.planted_domains import DOMAINS
from tests.optimisation.planted_runs import PASSAGES, rungs_of, settings_of, trainer, world_of, write_sources
from tests.optimisation.planted_world import World, expected_f1

pytestmark = pytest.mark.slow  # half a minute
TOKENS = 500_000


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The job, what it found, and the server with its log."""
    world = world_of(0)
    given = write_sources(tmp_path_factory.mktemp("planted"), world, 0)
    with PlantedServer([world]) as server:
        settings = settings_of(given, 0, server.url, TOKENS, num_candidates=8, rounds=2, baselines=[])
        job = prepare(settings, reader=world.read, train=trainer(world))
        found = stages.synthesize(job)
        usage = job.backend.usage
        job.backend.close()
    return job, found, server, usage


def test_the_winner_makes_truly_better_data_than_the_baseline_on_other_documents(searched):
    job, found, *_ = searched
    other = World(DOMAINS[0], documents=60, seed=77)
    rungs = rungs_of(other, 0, (1, 1, PASSAGES[-1]))
    worth = [
        expected_f1(other, rungs.training_examples(rungs.synthesis(candidate, 2).rows))
        for candidate in (job.baseline, found.winner)
    ]
    assert worth[1] > worth[0] + 2


def test_by_the_servers_own_count_no_token_is_spent_beyond_the_limit_and_none_twice(searched):
    _, found, server, usage = searched
    assert server.tokens == usage.prompt_tokens + usage.completion_tokens <= TOKENS
    assert found.budget.spent <= found.budget.total < TOKENS
    asked = [json.dumps(entry.body, sort_keys=True) for entry in server.log]
    assert len(asked) == len(set(asked))


def test_what_is_charged_is_at_least_what_the_server_counted(searched):
    """More where two prompts ask the same at first (one then rephrases): each is charged as if it had asked alone."""
    _, found, server, _ = searched
    assert server.tokens <= found.budget.spent <= 1.5 * server.tokens
