from __future__ import annotations

import re
from importlib.util import find_spec

import numpy as np
import pytest

from qa_pipeline.errors import BackendError, ConfigError
from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.backends.protocol import Failure
from qa_pipeline.generation.questions.llm.generator import LLMOptions
from qa_pipeline.optimisation import gepa_proposer
from qa_pipeline.optimisation.budget import TokenMeter
from qa_pipeline.optimisation.evaluations import PromptEvaluation
from qa_pipeline.optimisation.gepa_proposer import GepaProposer, NoTokensError, Purse
from qa_pipeline.optimisation.inspection import Inspector
from qa_pipeline.optimisation.instructions import instructions_of
from qa_pipeline.optimisation.judging import PassageJudge
from tests.optimisation.made import BASELINE, InstantBackend, candidate, pairs, passages
from tests.optimisation.searches import Found

PASSAGES = passages([f"The mill number {i} was built in 18{i}0 by Anna Holm." for i in range(6)])
GOOD = instructions_of(BASELINE.recipe).text
IMPROVED = GOOD + "\n- Compare each quote with the passage."
needs_gepa = pytest.mark.skipif(find_spec("gepa") is None, reason="the package gepa is not installed")


def scored(one):
    return one, PromptEvaluation(one.hash, "d", 0, 10.0, 8.0, 12.0, 1.0, 6, 6, 500, {}, {})


def writes(reflected):
    """A model that quotes badly unless it is told to compare, and that reflects with a given text."""

    def write(request):
        if request.key.startswith("gepa/"):
            return reflected(request) if callable(reflected) else reflected
        text = request.messages[-1].content
        number = re.findall(r"number (\d)", text)[-1]
        quote = f"18{number}0" if "Compare each quote" in text else "about then"
        return pairs(("Who built it near Holm town?", "Anna Holm"), ("When did work on it end?", quote))

    return write


def proposer(write, tokens=10**6, reader=None, **options):
    backend = InstantBackend(write)
    meter = TokenMeter(backend)
    inspect = Inspector(meter, FilterArguments(skip_filters=["deictic"]), "en", LLMOptions(questions_per_passage=2))
    judge = PassageJudge(inspect, 2, reader)
    return GepaProposer(meter, judge, PASSAGES, lambda: tokens, **{"steps": 6, **options}), backend


def propose(write, number=3, parents=None, seed=0, **options):
    made, backend = proposer(write, **options)
    return made.propose(parents or [scored(BASELINE)], number, np.random.default_rng(seed)), backend, made


def test_the_judge_scores_the_share_of_questions_that_are_worth_something():
    def reader(rows):
        return [Found(row.answer, row.start) if "Who" in row.question else Found("", None) for row in rows]

    inspect = Inspector(
        InstantBackend(writes("")), FilterArguments(skip_filters=["deictic"]), "en", LLMOptions(questions_per_passage=2)
    )
    judged = PassageJudge(inspect, 2)(BASELINE, PASSAGES[:2])
    assert [one.score for one in judged] == [0.5, 0.5]
    assert "1 of 2 questions asked for were accepted.\nRefused: question" in judged[0].words
    assert "the answer does not stand in the passage" in judged[0].words
    by_reader = PassageJudge(inspect, 2, reader, overlap_penalty=0.0)(BASELINE, PASSAGES[:1])
    assert by_reader[0].score == 0.5
    lost = PassageJudge(inspect, 2, lambda rows: [Found("", None) for _ in rows])(BASELINE, PASSAGES[:1])
    assert lost[0].score == 0.0 and "Accepted, but of little worth" in lost[0].words


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(gepa_proposer, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"gepa: the package is not installed; run: pip install gepa"):
        proposer(writes(""))


def test_a_purse_lets_nothing_be_done_that_its_like_says_is_too_dear():
    meter = TokenMeter(InstantBackend())
    purse = Purse(meter, 100)

    def spend(tokens):
        meter.tokens += tokens

    purse.pay("passage", 2, lambda: spend(60))
    with pytest.raises(NoTokensError, match=r"60 of 100 tokens are used, and the next step needs about 60"):
        purse.pay("passage", 2, lambda: spend(60))
    assert purse.is_empty and purse.used == 60
    with pytest.raises(NoTokensError):
        purse.pay("reflection", 1, lambda: spend(1))


@needs_gepa
def test_it_finds_the_instructions_that_are_better_on_the_passages():
    made, _, _ = propose(writes(f"Here it is:\n```\n{IMPROVED}\n```"))
    assert [instructions_of(one.recipe).text for one in made] == [IMPROVED]
    (one,) = made
    assert (one.recipe.made_by, one.recipe.parent) == ("gepa", BASELINE.hash) and one.recipe.problems() == []


@needs_gepa
def test_what_is_no_better_is_not_proposed():
    made, _, _ = propose(writes(f"```\n{GOOD}\n- Be kind.\n```"))
    assert made == []


@needs_gepa
def test_instructions_that_cannot_be_used_score_nothing_and_are_counted():
    made, _, gepa = propose(writes("```\nWrite questions, and compare each quote. Compare each quote.\n```"))
    assert made == [] and set(gepa.refused) == {"slot_lost"}


@needs_gepa
def test_it_is_told_what_was_refused_and_which_words_to_keep():
    _, backend, _ = propose(writes(f"```\n{IMPROVED}\n```"))
    asked = next(request for request in backend.asked if request.key.startswith("gepa/"))
    text = "".join(message.content for message in asked.messages)
    assert "the answer does not stand in the passage" in text and "Keep the words $language, $number" in text
    assert GOOD in text and asked.max_tokens < 2_000


@needs_gepa
def test_the_same_generator_goes_the_same_way():
    def reflected(request):
        return f"```\n{GOOD}\n- Rule {request.seed % 100}. Compare each quote.\n```"

    runs = [propose(writes(reflected), seed=3) for _ in range(3)]
    assert len({tuple(one.hash for one in made) for made, _, _ in runs}) == 1 and runs[0][0]
    asked = [sorted((request.key, request.seed) for request in backend.asked) for _, backend, _ in runs]
    assert asked[0] == asked[1] == asked[2]


@needs_gepa
def test_it_stays_within_its_tokens_and_gives_what_it_has_found_until_then():
    def reflected(request):
        return f"```\n{GOOD}\n- Rule {request.seed % 100}. Compare each quote.\n```"

    whole, unlimited, _ = propose(writes(reflected), steps=4)
    limit = unlimited.tokens * 2 // 3
    some, backend, _ = propose(writes(reflected), steps=4, tokens=limit)
    assert 0 < backend.tokens <= limit < unlimited.tokens
    assert {one.hash for one in some} <= {one.hash for one in whole}
    none, backend, _ = propose(writes(reflected), tokens=0)
    assert none == [] and backend.asked == []


@needs_gepa
def test_both_requests_of_an_answer_first_prompt_are_its_matter():
    parent = candidate(order="answer_first")
    seen = []

    def write(request):
        text = request.messages[-1].content
        if request.key.startswith("gepa/"):
            seen.append(text)
            return "```\nNothing of use.\n```"
        if '"number"' in text:
            return '{"questions": [{"number": 1, "question": "Who built it in Holm?"}]}'
        return '{"answers": [{"evidence": "", "answer": "nobody at all", "type": "person"}]}'

    made, _, gepa = propose(write, parents=[scored(parent)], steps=3)
    assert made == [] and gepa.refused["slot_lost"] > 0
    assert any("Choose $number" in text for text in seen) and any("For each answer" in text for text in seen)


@needs_gepa
def test_a_request_without_an_answer_ends_it():
    def reflected(request):
        return Failure(request.key, "timeout", "too slow", transient=True)

    with pytest.raises(BackendError, match=r"got no answer.*timeout"):
        propose(writes(reflected))
