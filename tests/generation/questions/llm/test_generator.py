from __future__ import annotations

import json
import re
import threading
from dataclasses import replace

import pytest

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.errors import BackendError, ConfigError
from qa_pipeline.generation.backends import Prices
from qa_pipeline.generation.backends.cache import digest_of
from qa_pipeline.generation.questions.llm.generator import LLMGenerator, LLMOptions
from qa_pipeline.generation.questions.llm.passages import invent_passages
from qa_pipeline.generation.questions.llm.prompts import SCHEMAS, examples_text, get_prompt
from qa_pipeline.generation.questions.llm.recipes import FACTOR_VALUES, Factors, Recipe, recipe_of, recipe_of_number
from qa_pipeline.generation.questions.llm.setup import PlanBackend
from qa_pipeline.generation.types import Draft, Rejected
from tests.generation.backends.made import backend
from tests.generation.server import Reply, ScriptedServer, Status, like_a_model

EXAMPLE = {
    "context": "The shop is open. It closes at six. Come in.",
    "question": "When does the shop close?",
    "answers": {"text": ["at six"], "answer_start": [28]},
}


def passages(number: int) -> list[Passage]:
    texts = [f"Clinic {i} opens at {i} and closes late because of the many people who ask." for i in range(number)]
    return [Passage(passage_id(f"d{i}", text), f"d{i}", text, f"Clinic {i}") for i, text in enumerate(texts)]


def run(server, number=3, **options):
    return list(LLMGenerator(backend(server.url), LLMOptions(**options)).drafts(passages(number)))


def as_set(drafts):
    return {json.dumps([d.passage.id, d.question, d.answer, d.evidence, d.details], sort_keys=True) for d in drafts}


def test_every_passage_gets_its_drafts_with_their_provenance():
    with ScriptedServer() as server:
        drafts = run(server, questions_per_passage=4)
    assert len(drafts) == 12 and {d.passage.id for d in drafts} == {p.id for p in passages(3)}
    for draft in drafts:
        assert draft.answer in draft.passage.text and draft.start is None and draft.generator == "llm"
        assert draft.details["prompt_number"] == 1 and draft.details["prompt_version"] == get_prompt(1).version
        assert draft.details["model"] == "m"


@pytest.mark.parametrize("options", [{}, {"prompt_number": 2, "rephrase": True, "unanswerable_fraction": 0.4}], ids=str)
def test_the_same_seed_gives_the_same_drafts_whatever_the_order(options):
    def slow_first(number, body):
        return Reply(like_a_model(body), seconds=0.2 if number % 3 == 0 else 0)

    with ScriptedServer() as one, ScriptedServer(slow_first) as two:
        options = {"questions_per_passage": 6, "questions_per_request": 4, **options}
        generator = LLMGenerator(backend(two.url), LLMOptions(**options))
        assert as_set(run(one, 5, **options)) == as_set(list(generator.drafts(passages(5)[::-1])))
        assert as_set(run(one, 5, seed=1, **options)) != as_set(run(one, 5, **options))


def test_a_slow_answer_holds_up_no_other_passage():
    follow_up, went_on = threading.Event(), []

    def first_waits_for_a_second_step(number, body):
        if number == 0:
            went_on.append(follow_up.wait(20))
        elif "These are there already" in body["messages"][-1]["content"]:
            follow_up.set()
        return Reply(like_a_model(body))

    with ScriptedServer(first_waits_for_a_second_step) as server:
        drafts = run(server, 4, questions_per_passage=4, questions_per_request=2)
    assert went_on == [True] and len(drafts) == 16


def test_later_requests_see_earlier_questions():
    with ScriptedServer() as server:
        drafts = run(server, 1, questions_per_passage=4, questions_per_request=2)
        second = server.log[1].body["messages"][-1]["content"]
    assert all(draft.question in second for draft in drafts[:2])


def test_answers_come_first_when_the_prompt_says_so():
    with ScriptedServer() as server:
        drafts = run(server, 1, prompt_number=2, questions_per_passage=3)
        asked = server.log[1].body["messages"][-1]["content"]
    assert len(drafts) == 3 and all(f'"{d.answer}"' in asked for d in drafts)
    assert drafts[0].details["answer_type"] == "thing" and drafts[0].details["prompt"] == "answer-first"


def test_questions_without_an_answer_have_their_share():
    with ScriptedServer() as server:
        drafts = run(server, 40, questions_per_passage=3, unanswerable_fraction=1 / 3)
    share = sum(d.answer is None for d in drafts) / len(drafts)
    assert len(drafts) == 120 and share == pytest.approx(1 / 3, abs=0.01)


def test_examples_without_an_answer_are_shown_where_such_questions_are_asked():
    none = {"context": "Ida runs it.", "question": "Who owns it?", "answers": {"text": [], "answer_start": []}}
    with ScriptedServer() as server:
        run(server, 1, examples=[EXAMPLE, none], questions_per_passage=2, unanswerable_fraction=0.5)
        prompts = [entry.body["messages"][-1]["content"] for entry in server.log]
    assert len(prompts) == 2 and ["Who owns it?" in prompt for prompt in prompts] == [False, True]
    assert ["at six" in prompt for prompt in prompts] == [True, False]


def test_rephrased_questions_keep_the_one_they_come_from():
    with ScriptedServer() as server:
        drafts = run(server, 1, rephrase=True, questions_per_passage=2)
    assert all(re.fullmatch(r"Which \d+\?", d.question) and d.details["rephrased"] for d in drafts)
    assert all(d.details["original_question"].startswith("What is item") for d in drafts)


def test_examples_types_and_task_reach_the_model():
    with ScriptedServer() as server:
        run(server, 1, examples=[EXAMPLE], answer_types=["a date"], task="clinic hours", language="de")
        prompt = server.log[0].body["messages"][-1]["content"]
    for words in ('"evidence": "It closes at six.", "answer": "at six"', "a date", "clinic hours", "German"):
        assert words in prompt
    assert server.log[0].body["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize(
    ("bad", "reason"), [("no json here", "not_json"), ('{"questions": [{"q": 1}]}', "wrong_schema")]
)
def test_an_unreadable_answer_is_repaired_once(bad, reason):
    def script(number, body):
        return (
            Reply(bad)
            if len(body["messages"]) < 3
            else Reply('{"questions": [{"question": "When?", "answer": "opens", "evidence": ""}]}')
        )

    with ScriptedServer(script) as server:
        [draft] = run(server, 1)
        assert draft.details["repaired"] and draft.answer == "opens"
        assert [m["role"] for m in server.log[1].body["messages"]][-2:] == ["assistant", "user"]
    with ScriptedServer(lambda n, body: Reply(bad)) as server:
        assert run(server, 1) == [Rejected(reason, passages(1)[0].id)]
        assert len(server.log) == 2


def test_a_completion_that_was_cut_off_is_rejected_not_repaired():
    script = lambda n, body: Reply(like_a_model(body)[:-20] + " " * 200, finish_reason="length")  # noqa: E731
    with ScriptedServer(script) as server:
        assert {r.reason for r in run(server, 2)} == {"length"}
        assert len(server.log) == 2


def test_failures_and_bad_records_are_counted():
    def script(number, body):
        if "Clinic 1 " in body["messages"][-1]["content"]:
            return Status(422, message="no")
        return Reply('{"questions": [{"question": "When?", "answer": "opens"}, {"question": ""}]}')

    with ScriptedServer(script) as server:
        found = run(server, 2)
    assert sorted(type(f).__name__ if isinstance(f, Draft) else f.reason for f in found) == [
        "Draft",
        "refused",
        "wrong_schema",
    ]


def test_drafts_before_a_dead_server_are_handed_on():
    with ScriptedServer(lambda n, body: Reply(like_a_model(body)) if n < 5 else Status(401)) as server:
        got = []
        with pytest.raises(BackendError, match="401"):
            got.extend(LLMGenerator(backend(server.url, concurrency=1)).drafts(passages(20)))
        running = LLMGenerator(backend(server.url, concurrency=1)).drafts(passages(20))
        with pytest.raises(BackendError):
            next(running)
    with ScriptedServer(lambda n, body: Reply(like_a_model(body)) if n < 5 else Status(401)) as server:
        got = []
        with pytest.raises(BackendError):
            for draft in LLMGenerator(backend(server.url, concurrency=1)).drafts(passages(20)):
                got.append(draft)
        assert len({d.passage.id for d in got}) == 5


def test_a_plan_asks_nothing_and_holds():
    with ScriptedServer() as server:
        generator = LLMGenerator(
            backend(server.url), LLMOptions(questions_per_passage=7, rephrase=True, unanswerable_fraction=0.3)
        )
        plan = generator.plan(passages(6), Prices(1.0, 1.0))
        assert not server.log
        drafts = list(generator.drafts(passages(6)))
        assert len(drafts) == 42 and plan.requests == len(server.log)
        assert server.tokens <= plan.most_prompt_tokens + plan.most_completion_tokens
        assert 0 < plan.likely_cost < plan.most_cost


def test_passages_come_from_a_prompt_alone():
    with ScriptedServer() as server:
        found = list(invent_passages(backend(server.url), "opening hours of clinics", 25))
    assert len(found) == 25 and len({p.document for p in found}) == 25
    assert found[0].id == passage_id(found[0].document, found[0].text)
    assert found[0].metadata["passage_model"] == "m"
    with ScriptedServer() as server:  # fewer are the first of more, so that going on pays for the others only
        fewer = list(invent_passages(backend(server.url), "opening hours of clinics", 7))
    assert fewer == found[:7]
    with ScriptedServer(lambda n, body: Reply('{"topics": ["one"]}')) as server:
        found = list(invent_passages(backend(server.url), "x", 9))
    assert [f.reason for f in found] == ["wrong_schema"]


def test_settings_that_cannot_be_meant_are_named_together():
    with pytest.raises(ConfigError, match="2 problems"):
        LLMGenerator(None, LLMOptions(questions_per_passage=0, unanswerable_fraction=2))
    with pytest.raises(ConfigError, match="expected one of 1 .question-first., 2 .answer-first., 9"):
        LLMGenerator(None, LLMOptions(prompt_number=4))


def asked_by(options: LLMOptions, number: int = 2):
    return list(LLMGenerator(PlanBackend("m"), options).plan_requests(passages(number)))


def test_the_baseline_recipe_asks_word_for_word_what_template_1_asks():
    options = LLMOptions(examples=[EXAMPLE], answer_types=["a date"], unanswerable_fraction=0.4)
    requests = asked_by(replace(options, recipe=recipe_of(Factors())))
    assert [digest_of("m", request) for request in requests] == [digest_of("m", one) for one in asked_by(options)]
    first, passage = requests[0], passages(1)[0]
    values = {"task": "", "title": f' from "{passage.title}"', "passage": passage.text, "language": "English"}
    values |= {"examples": examples_text([EXAMPLE]), "answer_types": "\n- Prefer answers of these kinds: a date."}
    assert first.messages == get_prompt(1).messages(**values, number="3", asked="")
    assert (first.key, first.schema) == (f"{passage.id}/question-first/0", SCHEMAS["pairs"])
    assert (first.temperature, first.max_tokens) == (0.7, 128 + 160 * 3)


@pytest.mark.parametrize(("number", "factors"), [(2, Factors("answer_first")), (9, Factors("short", few_shot=1))])
def test_other_templates_as_recipes_ask_what_their_numbers_ask(number, factors):
    options = LLMOptions(prompt_number=number, rephrase=True, temperature=0.3, examples_per_request=factors.few_shot)
    recipe = recipe_of(replace(factors, rephrase=True, temperature=0.3))
    assert asked_by(replace(options, examples=[EXAMPLE])) == asked_by(LLMOptions(recipe=recipe, examples=[EXAMPLE]))


def test_a_recipe_decides_how_many_examples_are_shown():
    examples = [EXAMPLE | {"question": f"When {i}?"} for i in range(5)]
    for few_shot in FACTOR_VALUES["few_shot"]:
        [request, *_] = asked_by(LLMOptions(examples=examples, recipe=recipe_of(Factors(few_shot=few_shot))))
        assert request.messages[-1].content.count("Example reply") == few_shot


def test_a_recipe_with_sentences_gives_each_passage_its_own_schema():
    requests = asked_by(LLMOptions(recipe=recipe_of(Factors("answer_first", evidence="sentence"))))
    firsts = [request for request in requests if "answer-first" in request.key]
    for request, passage in zip(firsts, passages(2), strict=True):
        fields = request.schema["properties"]["answers"]["items"]["properties"]
        assert fields["evidence"]["enum"] == [passage.text] and "enum" not in fields["answer"]
    assert len(requests) == 4 and all("enum" not in str(one.schema) for one in requests if one not in firsts)


def test_an_unreadable_answer_is_repaired_under_the_same_schema():
    with ScriptedServer(lambda number, body: Reply("no json")) as server:
        run(server, 1, recipe=recipe_of(Factors(evidence="sentence")))
        first, second = (entry.body["response_format"]["json_schema"]["schema"] for entry in server.log)
    assert first == second and "enum" in str(first)


def test_a_second_request_of_ones_own_is_asked():
    recipe = replace(recipe_of_number(2), name="own", following_user='Write $number of\n$answers\nas "number"')
    with ScriptedServer() as server:
        drafts = run(server, 1, recipe=recipe, questions_per_passage=2)
        second = server.log[1].body["messages"][-1]["content"]
    assert second.startswith("Write 2 of\n1. ") and len(drafts) == 2
    assert drafts[0].details["prompt_hash"] == recipe.hash != recipe_of_number(2).hash


def test_a_recipe_that_cannot_be_asked_is_refused_before_anything_is():
    with pytest.raises(ConfigError, match=r"recipe bad: user: the slot \$number is missing"):
        LLMGenerator(None, LLMOptions(recipe=Recipe("bad", "", "$passage", "questions")))
