"""The rows of a candidate: whatever the order of replies, in a later process, and what they cost."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.errors import BackendError, ConfigError
from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.backends import BudgetError, Limits, OpenAIBackend
from qa_pipeline.generation.backends.protocol import Failure
from qa_pipeline.generation.questions.llm.generator import LLMOptions
from qa_pipeline.optimisation.evaluations import PromptCandidate
from qa_pipeline.optimisation.synthesis import CountingBackend, Synthesizer
from tests.generation.fakes import document
from tests.generation.server import Reply, ScriptedServer, like_a_model
from tests.optimisation.made import (
    BASELINE,
    InstantBackend,
    candidate,
    pairs,
    passages,
    recipe,
    rewrite,
    synthesizer,
)

TEXTS = passages([document(i) for i in range(8)])
OPEN = passages(
    ["The harbour office opens at nine and closes at six.", "Boats longer than ten metres pay forty crowns a night."]
)


def test_rows_do_not_hang_on_the_order_of_replies():
    made = [synthesizer(InstantBackend())(BASELINE, TEXTS) for _ in range(3)]
    assert made[0].rows and made[0] == made[1] == made[2]


def test_rows_come_in_the_order_of_the_passages():
    homes = [row.passage.id for row in synthesizer(InstantBackend())(BASELINE, TEXTS).rows]
    order = {passage.id: place for place, passage in enumerate(TEXTS)}
    assert homes == sorted(homes, key=order.__getitem__) and len(set(homes)) > 4


def test_further_passages_change_nothing_about_the_first():
    few, many = (synthesizer(InstantBackend())(BASELINE, TEXTS[:count]) for count in (3, 8))
    assert few.rows == many.rows[: len(few.rows)]
    assert few.passage_tokens.items() <= many.passage_tokens.items()
    assert few.rows[-1].passage.id != many.rows[-1].passage.id


def test_tokens_are_those_that_the_backend_counted():
    backend = InstantBackend()
    made = synthesizer(backend)(candidate(order="answer_first"), TEXTS)
    assert made.tokens == backend.tokens == sum(made.passage_tokens.values())
    assert made.requests == len(backend.asked) == 2 * len(TEXTS) == sum(made.passage_requests.values())


def test_a_request_that_is_repaired_counts_for_its_passage():
    def write(request):
        return pairs(("When does it open?", "nine")) if request.key.endswith("repair") else "no JSON at all"

    backend = InstantBackend(write)
    made = synthesizer(backend)(BASELINE, OPEN)
    assert made.passage_requests == {passage.id: 2 for passage in OPEN} and made.tokens == backend.tokens


def test_each_recipe_is_asked_in_its_own_words():
    backend = InstantBackend()
    make = synthesizer(backend)
    make(BASELINE, OPEN)
    make(rewrite("Ask as a skipper would."), OPEN)
    first, second = backend.asked[:2], backend.asked[2:]
    assert all("skipper" not in request.messages[-1].content for request in first)
    assert all("skipper" in request.messages[-1].content for request in second)


def test_a_recipe_that_cannot_be_asked_is_refused_before_anything_is():
    backend = InstantBackend()
    broken = PromptCandidate(recipe(user="Ask $number questions."), None, 1)
    with pytest.raises(ConfigError, match=r"the slot \$passage is missing"):
        synthesizer(backend)(broken, OPEN)
    assert not backend.asked


def test_rows_know_the_prompt_that_made_them():
    made = synthesizer(InstantBackend())(BASELINE, TEXTS)
    assert {row.details["prompt_hash"] for row in made.rows} == {BASELINE.hash} == {made.prompt_hash}


def test_what_comes_to_nothing_is_counted_by_reason():
    def write(request):
        return pairs(
            ("When does the office open?", "nine"),
            ("When does the office open?", "nine"),
            ("What does the passage say about boats?", "Boats"),
        )

    made = synthesizer(InstantBackend(write))(BASELINE, OPEN[:1])
    assert [row.question for row in made.rows] == ["When does the office open?"]
    assert made.rejected == {"exact_duplicate": 1, "answer_not_verbatim": 1}
    assert made.rows[0].passed[-1] == "near_duplicate"


def test_near_duplicates_stay_where_their_filter_is_left_out():
    def write(request):
        opens = "When does the harbour office open %s doors each morning?"
        return pairs((opens % "its", "nine"), (opens % "the", "nine"))

    questions = [
        [row.question for row in synthesizer(InstantBackend(write), **filters)(BASELINE, OPEN[:1]).rows]
        for filters in ({}, {"skip_filters": ["near_duplicate"]})
    ]
    assert questions[0] == questions[1][:1] and len(questions[1]) == 2


def test_exact_duplicates_go_even_where_the_filter_is_left_out():
    make = synthesizer(
        InstantBackend(lambda _: pairs(*[("When does the office open?", "nine")] * 3)), skip_filters=["near_duplicate"]
    )
    made = make(BASELINE, OPEN[:1])
    assert len(made.rows) == 1 and made.rejected == {"exact_duplicate": 2}


def test_a_passage_without_an_answer_from_the_server_ends_it_and_says_how_to_go_on():
    def write(request):
        outage = Failure("", "timeout", "no answer within 120 s", transient=True)
        return outage if request.key.startswith(OPEN[1].id) else like_a_model({"messages": [{"content": ""}]})

    with pytest.raises(BackendError, match=r"1 passage got no answer.*timeout \(no answer within 120 s\).*go on"):
        synthesizer(InstantBackend(write))(BASELINE, OPEN)


def test_a_request_that_is_refused_for_good_is_a_reason_like_others():
    made = synthesizer(InstantBackend(lambda _: Failure("", "too_long", "HTTP 400")))(BASELINE, OPEN)
    assert made.rejected == {"too_long": 2} and made.tokens == 0


def test_nothing_is_asked_twice_and_counts_are_those_of_the_first_time(tmp_path):
    with ScriptedServer() as server:

        def make(texts):
            backend = OpenAIBackend("m", base_url=server.url, cache=tmp_path / "completions.sqlite")
            return Synthesizer(backend, FilterArguments(), "en", LLMOptions(questions_per_passage=3))(BASELINE, texts)

        make(TEXTS[:3])
        first = make(TEXTS)
        asked = len(server.log)
        again = make(TEXTS)
        assert len(server.log) == asked == len(TEXTS) and server.tokens == first.tokens
    assert again == first


def test_a_run_that_a_limit_ended_goes_on_to_the_same_rows(tmp_path):
    with ScriptedServer() as server:

        def make(name, limit):
            limits = Limits(max_requests=limit, concurrency=2)
            backend = OpenAIBackend("m", base_url=server.url, cache=tmp_path / name, limits=limits)
            return Synthesizer(backend, FilterArguments(), "en", LLMOptions(questions_per_passage=3))(BASELINE, TEXTS)

        with pytest.raises(BudgetError, match="max_requests=3"):
            make("killed.sqlite", 3)
        asked = len(server.log)
        went_on = make("killed.sqlite", None)
        assert asked == 3 and len(server.log) == len(TEXTS)
        assert went_on == make("whole.sqlite", None)


def test_a_plan_asks_nothing_and_grows_with_the_passages():
    backend = InstantBackend()
    plans = [synthesizer(backend).plan(BASELINE, TEXTS[:count]) for count in (0, 2, 4)]
    assert plans[0] == 0 < plans[1] < plans[2] and not backend.asked


def test_a_plan_is_near_what_a_plain_server_counts(tmp_path):
    """The bound of the plan knows bytes only; it is meant to be of the right size, not right."""
    written = json.loads(like_a_model({"messages": [{"content": "Write 3 questions"}]}))
    with ScriptedServer(lambda number, body: Reply(json.dumps(written))) as server:
        backend = OpenAIBackend("m", base_url=server.url, cache=tmp_path / "c.sqlite")
        make = Synthesizer(backend, FilterArguments(), "en", LLMOptions(questions_per_passage=3))
        assert 0.5 < make.plan(BASELINE, TEXTS) / make(BASELINE, TEXTS).tokens < 4


def test_a_key_belongs_to_the_longest_passage_id_that_begins_it():
    counting = CountingBackend(InstantBackend(), ["a", "a/b"])
    assert counting._passage_of("a/b/question-first/0/repair") == "a/b"
    assert counting._passage_of("a/question-first/0") == "a"
    with pytest.raises(ValueError, match="about none of the passages"):
        counting._passage_of("c/question-first/0")
