from __future__ import annotations

import json
import re

import numpy as np
import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.protocol import Failure
from qa_pipeline.generation.questions.llm.prompts import SCHEMAS
from qa_pipeline.optimisation.evaluations import PromptEvaluation
from qa_pipeline.optimisation.inspection import Inspection, Refusal
from qa_pipeline.optimisation.instructions import FIRST, SECOND, instructions_of
from qa_pipeline.optimisation.proposers import PROPOSALS_A_REQUEST, Rewriter, findings
from tests.optimisation.made import BASELINE, InstantBackend, candidate, passages

PASSAGES = passages(["The mill was built in 1820."])
REJECTED = {"answer_not_verbatim": 9, "answer_in_question": 4, "not_json": 1}


def scored(one, score=40.0, rung=1, rejected=None, **parts):
    rejected = REJECTED if rejected is None else rejected
    return one, PromptEvaluation(one.hash, "d", rung, score, score - 2, score + 2, 1.0, 10, 30, 500, rejected, parts)


def proposals(*texts, why="Because."):
    return json.dumps({"proposals": [{"why": why, "instructions": text} for text in texts]})


def now(request):
    """The instructions that a request shows."""
    return re.search(r'"""\n(.*?)\n"""', request.messages[-1].content, re.S)[1]


def add_rules(request):
    """A model that adds a rule of its own to the instructions that it is shown, as often as it is asked to."""
    wanted = int(re.search(r"Write (\d+) other", request.messages[-1].content)[1])
    seed = request.seed % 1000
    return proposals(*(f"{now(request)}\n- Rule {seed} {i}." for i in range(wanted)))


def ask(write, parents, number, seed=0, **options):
    backend = InstantBackend(write)
    rewriter = Rewriter(backend, **options)
    return rewriter.propose(parents, number, np.random.default_rng(seed)), backend, rewriter


def test_proposals_become_prompts_with_their_lineage():
    made, backend, rewriter = ask(add_rules, [scored(BASELINE)], 3)
    assert len(made) == 3 and len(backend.asked) == 1 and not rewriter.refused
    for one in made:
        assert one.recipe.problems() == [] and one.factors is None
        assert (one.recipe.made_by, one.recipe.parent) == ("rewrite", BASELINE.hash)
        assert one.recipe.name == "rewrite: Because."
        assert re.search(r"- Rule \d+ \d\.\$answer_types\$asked\n\nReply with JSON", one.recipe.user)
    assert len({one.hash for one in made}) == 3


def test_parents_take_turns_the_best_first():
    others = [candidate(order="short"), candidate(span_rule="clause")]
    made, backend, _ = ask(add_rules, [scored(BASELINE), *map(scored, others)], 8)
    parents = [BASELINE, *others]
    assert [one.recipe.parent for one in made] == [parents[i // PROPOSALS_A_REQUEST].hash for i in range(8)]
    assert len(backend.asked) == 3


def test_a_parent_whose_turn_comes_again_is_asked_with_another_seed():
    made, backend, _ = ask(add_rules, [scored(BASELINE)], 6)
    assert len({request.seed for request in backend.asked}) == len({request.key for request in backend.asked}) == 2
    assert len(made) == 6


def test_the_same_generator_asks_the_same_whatever_the_order_of_replies():
    parents = [scored(BASELINE), scored(candidate(order="answer_first"))]
    runs = [ask(add_rules, parents, 7, seed=5) for _ in range(5)]
    assert len({tuple(one.hash for one in made) for made, _, _ in runs}) == 1
    asked = [sorted((r.key, r.seed, r.messages) for r in backend.asked) for _, backend, _ in runs]
    assert all(one == asked[0] for one in asked)
    assert sorted(r.seed for r in ask(add_rules, parents, 7, seed=6)[1].asked) != [seed for _, seed, _ in asked[0]]


def test_the_model_is_told_what_was_refused_and_what_a_reader_found():
    def inspect(one, asked):
        assert one.hash == BASELINE.hash and asked == PASSAGES
        return [Inspection(PASSAGES[0], refusals=(Refusal("answer_in_question", "Was it 1820?", "1820"),))]

    parents = [scored(BASELINE, round_trip_f1=61.4, overlap=0.554)]
    _, backend, _ = ask(add_rules, parents, 1, inspect=inspect, passages=PASSAGES, task="ask about mills")
    (request,) = backend.asked
    text = request.messages[-1].content
    for said in (
        "What the questions are for: ask about mills",
        "Of the drafts that were made with them, 14 were refused:\n- 9: the answer does not stand in the passage",
        '- question "Was it 1820?", answer "1820": the question gives its answer away',
        "A reader found 61% of the accepted answers again",
        "55% of the words of a question stand in the sentence",
        "exactly as they are, each once, since values are put in their place: $language, $number.",
        "Write 1 other versions",
    ):
        assert said in text, said
    assert now(request) == instructions_of(BASELINE.recipe).text
    assert request.schema == SCHEMAS["proposals"] and "$answer_types" not in text


def test_lines_of_others_are_shown_with_the_difference_of_their_scores_where_these_compare():
    better, worse, other_rung = (
        candidate(span_rule="clause"),
        candidate(wh_quota="reasons"),
        candidate(span_rule="phrase"),
    )
    parents = [scored(better, 44.5), scored(BASELINE, 40.0), scored(worse, 37.0), scored(other_rung, 9.0, rung=0)]
    lines = "\n".join(findings(*scored(BASELINE, 40.0), [], parents))
    assert "The instructions now scored 40.0 (round trip). Others scored:" in lines
    assert re.search(
        r"- 4\.5 more, with:\n    - The answer is copied from the evidence: one complete phrase.*whole clause", lines
    )
    assert re.search(r"- 3\.0 less, with:\n    .*At least two of every five", lines)
    assert lines.count("with:") == 2


@pytest.mark.parametrize(
    "rejected, part",
    [({"mentions_the_text": 5, "answer_not_verbatim": 2}, SECOND), ({"answer_not_verbatim": 2}, FIRST), ({}, FIRST)],
)
def test_of_an_answer_first_prompt_the_request_is_rewritten_that_most_refusals_are_about(rejected, part):
    parent = candidate(order="answer_first")
    made, backend, _ = ask(add_rules, [scored(parent, rejected=rejected)], 1)
    assert now(backend.asked[0]) == instructions_of(parent.recipe, part).text
    changed = made[0].recipe
    assert ("Rule" in (changed.following.user if part == SECOND else changed.user)) and changed.problems() == []


def test_what_cannot_be_tried_is_counted_with_the_reason():
    good = instructions_of(BASELINE.recipe).text

    def write(request):
        return proposals(good + " Be quick.", good.replace("$number", "5"), good)

    made, _, rewriter = ask(write, [scored(BASELINE)], 3)
    assert [one.recipe.user.count("Be quick.") for one in made] == [1]
    assert rewriter.refused == {"slot_lost": 1, "same": 1}


def test_prompts_that_are_known_are_dropped():
    good = instructions_of(BASELINE.recipe).text
    first, _, _ = ask(lambda request: proposals(good + " Be quick."), [scored(BASELINE)], 1)
    parents = [scored(BASELINE), scored(first[0])]
    made, _, rewriter = ask(lambda request: proposals(good + " Be quick.", good + " Be slow."), parents[:1], 6)
    assert len(made) == 2 and rewriter.refused == {"known": 2}
    made, _, rewriter = ask(lambda request: proposals(good + " Be quick."), parents, 3)
    assert made == [] and rewriter.refused == {"known": 1}


def test_a_reply_that_cannot_be_read_is_asked_for_once_more():
    made, backend, rewriter = ask(lambda request: "Sure! Here they are.", [scored(BASELINE)], 3)
    assert made == [] and rewriter.refused == {"unreadable": 1} and len(backend.asked) == 2

    def mends(request):
        repaired = request.key.endswith("/repair")
        return proposals("Write $number questions in $language, short ones.") if repaired else "Sure!"

    made, backend, rewriter = ask(mends, [scored(BASELINE)], 3)
    assert len(made) == 1 and not rewriter.refused


def test_a_request_without_an_answer_ends_it_since_the_next_start_would_be_another_search():
    def write(request):
        return Failure(request.key, "timeout", "too slow", transient=True)

    with pytest.raises(BackendError, match=r"got no answer.*timeout"):
        ask(write, [scored(BASELINE)], 3)


def test_nothing_is_asked_where_nothing_is_wanted():
    for parents, number in (([], 3), ([scored(BASELINE)], 0)):
        made, backend, _ = ask(add_rules, parents, number)
        assert made == [] and backend.asked == []


def test_a_reply_without_a_why_is_named_after_its_parent():
    good = instructions_of(BASELINE.recipe).text + " Be quick."
    made, _, _ = ask(lambda request: proposals(good, why=""), [scored(BASELINE)], 1)
    assert made[0].recipe.name == f"rewrite of {BASELINE.recipe.name}"
