"""The played model is what other tests take it for: it follows prompts, errs by their features, and never by chance."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.backends import OpenAIBackend
from qa_pipeline.generation.filters import check, make_filters
from qa_pipeline.generation.questions.llm.generator import LLMGenerator, LLMOptions
from qa_pipeline.generation.questions.llm.recipes import Factors, factor_grid, recipe_of
from qa_pipeline.generation.types import Rejected, Row
from tests.optimisation.planted import BAD_LINES, GOOD_LINES, PlantedBackend, PlantedModel, PlantedServer
from tests.optimisation.planted_domains import DOMAINS
from tests.optimisation.planted_faults import features_of
from tests.optimisation.planted_world import World, answer_scores, expected_f1, stable_random


@pytest.fixture(scope="module")
def world():
    return World(DOMAINS[0], documents=40, seed=0)


def ask(world, factors, backend=None, passages=20):
    """Rows, reasons of rejected drafts, and the backend."""
    backend = backend or PlantedBackend([world])
    shown = world.questions_of_people(6, stable_random("shown"))
    options = LLMOptions(recipe=recipe_of(factors), examples=shown)
    filters = make_filters(FilterArguments())
    results = [
        found if isinstance(found, Rejected) else check(found, filters)
        for found in LLMGenerator(backend, options).drafts(world.passages[:passages])
    ]
    rows = [one for one in results if isinstance(one, Row)]
    return rows, [one.reason for one in results if isinstance(one, Rejected)], backend


def examples(rows):
    return [row.to_example() for row in rows]


def test_a_request_is_read_as_the_factors_that_it_was_made_from(world):
    """Each value of each factor with others: else the search would look for what the model cannot see."""
    shown = world.questions_of_people(6, stable_random("shown"))
    for factors in islice(factor_grid(), 0, None, 5):
        body = first_body(world, LLMOptions(recipe=recipe_of(factors), examples=shown))
        found = features_of(body)
        few_shot = 0 if factors.order == "answer_first" else factors.few_shot  # shown in its second request
        assert (found.order, found.span, found.quota) == (factors.order, factors.span_rule, factors.wh_quota)
        assert (found.few_shot, found.evidence, found.temperature) == (few_shot, factors.evidence, factors.temperature)


def first_body(world, options):
    backend = PlantedBackend([world])
    list(LLMGenerator(backend, options).drafts(world.passages[:1]))
    return backend.log[0]


def test_the_same_request_gets_the_same_reply_from_another_server(world):
    first, second = (PlantedModel([World(DOMAINS[0], documents=40, seed=0)]) for _ in range(2))
    body = first_body(world, LLMOptions(recipe=recipe_of(Factors())))
    assert first(0, body).text == second(7, body).text
    assert first(0, body).text != first(0, {**body, "seed": 1}).text


def test_what_it_writes_can_be_read_and_holds_every_kind_of_fault(world):
    rows, reasons, _ = ask(world, Factors(temperature=1.0, few_shot=0), passages=40)
    assert {"answer_not_verbatim", "evidence_not_verbatim", "answer_ambiguous"} <= set(reasons)
    lessons = [world.judge(row.to_example()) for row in rows]
    assert 0.05 < np.mean([lesson.likeness == 0 for lesson in lessons]) < 0.6  # wrong ones that no filter sees
    assert any(world.is_yes_no(row.question) for row in rows)
    assert len(rows) > 60


def test_no_two_domains_want_the_same_prompt():
    asked = [
        Factors(span_rule=span, wh_quota=quota) for span in ("shortest", "clause") for quota in ("none", "reasons")
    ]
    best = {}
    for domain in (DOMAINS[0], DOMAINS[1]):
        own = World(domain, documents=40, seed=0)
        best[domain.name] = max(
            asked, key=lambda factors: expected_f1(own, examples(ask(own, factors, passages=36)[0]))
        )
    assert best["towns"].span_rule == "shortest" and best["contracts"].span_rule == "clause"
    assert best["contracts"].wh_quota == "reasons"


def test_better_rows_train_the_better_reader(world):
    questions = world.questions_of_people(200, stable_random("check"))
    good, _, _ = ask(world, Factors(order="answer_first", rephrase=True, wh_quota="varied"), passages=30)
    bad, _, _ = ask(world, Factors(span_rule="clause", few_shot=0, temperature=1.0), passages=30)
    number = min(len(good), len(bad))
    scores = [
        [answer_scores(world, examples(rows[:number]), questions, seed).mean() for seed in range(3)]
        for rows in (good, bad)
    ]
    assert min(scores[0]) > max(scores[1]) + 0.1
    assert np.std(scores[0]) > 0  # trainings differ
    assert expected_f1(world, examples(good[:number])) / 100 == pytest.approx(np.mean(scores[0]), abs=0.08)


def test_the_frozen_reader_agrees_with_right_rows_and_not_with_wrong_ones(world):
    rows, _, _ = ask(world, Factors(), passages=40)
    read = world.read(rows)
    found = [
        answer.text != "" and abs((answer.start or 0) - row.start) < 40 for row, answer in zip(rows, read, strict=True)
    ]
    right = np.array([world.judge(row.to_example()).likeness > 0 for row in rows])
    assert np.mean(np.array(found)[right]) > 0.8 and np.mean(np.array(found)[~right]) < 0.5


def test_over_http_it_says_the_same_and_counts_the_same_tokens(world):
    with PlantedServer([world]) as server:
        backend = OpenAIBackend("planted", base_url=server.url)
        rows, reasons, _ = ask(world, Factors(rephrase=True), backend, passages=5)
        usage = backend.usage
        backend.close()
    inside = PlantedBackend([world])
    again, others, _ = ask(world, Factors(rephrase=True), inside, passages=5)
    assert sorted(row.key for row in rows) == sorted(row.key for row in again) and sorted(reasons) == sorted(others)
    assert server.tokens == usage.prompt_tokens + usage.completion_tokens
    assert server.tokens == inside.usage.prompt_tokens + inside.usage.completion_tokens


def test_a_rule_that_a_rewrite_adds_is_obeyed(world):
    plain = recipe_of(Factors())
    careful = replace(plain, user=plain.user.replace("\n\nReply", f"\n{GOOD_LINES['check']}\n\nReply"))
    assert careful.hash != plain.hash
    refused = {}
    for recipe in (plain, careful):
        options = LLMOptions(recipe=recipe, examples=world.questions_of_people(6, stable_random("shown")))
        drafts = LLMGenerator(PlantedBackend([world]), options).drafts(world.passages)
        found = [one if isinstance(one, Rejected) else check(one, make_filters(FilterArguments())) for one in drafts]
        refused[recipe.hash] = sum(isinstance(one, Rejected) and "verbatim" in one.reason for one in found)
    assert 0 < refused[careful.hash] < 0.7 * refused[plain.hash]


def test_rewrites_are_of_all_kinds():
    """Better, worse, without the slots, and too long; GEPA's form has one."""
    model = PlantedModel([])
    now = "Write $number questions."
    schema = {"json_schema": {"schema": {"properties": {"proposals": {}}}}}
    texts = []
    for seed in range(20):
        asked = {"messages": [{"role": "user", "content": f'Now:\n"""\n{now}\n"""\nWrite 3 other'}], "seed": seed}
        reply = json.loads(model(0, {**asked, "response_format": schema}).text)
        texts += [one["instructions"] for one in reply["proposals"]]
    assert len(texts) == 60
    assert any(text.endswith(line) for text in texts for line in GOOD_LINES.values())
    assert any(text.endswith(line) for text in texts for line in BAD_LINES.values())
    assert any("$number" not in text for text in texts) and any(len(text) > 2 * len(now) + 10 for text in texts)
    reflection = model(0, {"messages": [{"role": "user", "content": f"Now:\n```\n{now}\n```"}], "seed": 3}).text
    assert reflection.count("```") == 2
