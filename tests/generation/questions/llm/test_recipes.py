from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.questions.llm.prompts import SCHEMAS, get_prompt, prompt_of_kind
from qa_pipeline.generation.questions.llm.recipe_checks import MOST_CHARACTERS, SLOTS
from qa_pipeline.generation.questions.llm.recipes import (
    FACTOR_VALUES,
    Factors,
    Recipe,
    factor_grid,
    read_recipe,
    recipe_of,
    recipe_of_number,
    recipe_text,
    write_recipe,
)

OWN = Recipe("own", "Be brief.", "Ask $number questions about: $passage", "questions")


@pytest.mark.parametrize(("number", "order"), [(1, "question_first"), (2, "answer_first"), (9, "short")])
def test_a_numbered_template_is_a_point_of_the_grid(number, order):
    recipe = recipe_of_number(number)
    assert recipe.hash == recipe_of(Factors(order=order)).hash and recipe.problems() == []
    prompt, template = recipe.prompt(), get_prompt(number)
    for name in ("number", "version", "name", "kind", "system", "user", "schema", "next"):
        assert getattr(prompt, name) == getattr(template, name)
    assert prompt.step == template.name


def test_only_templates_that_begin_a_run_are_recipes():
    with pytest.raises(ConfigError, match="expected one of 1 .question-first., 2 .answer-first., 9"):
        recipe_of_number(4)


def test_the_grid_begins_with_the_baseline_and_no_two_of_it_ask_the_same():
    grid = list(factor_grid())
    assert grid[0] == Factors() and {name: values[0] for name, values in FACTOR_VALUES.items()} == vars(Factors())
    recipes = [recipe_of(factors) for factors in grid]
    assert len({recipe.hash for recipe in recipes}) == len({recipe.name for recipe in recipes}) == len(grid) == 1296
    assert all(recipe.problems() == [] for recipe in recipes)


@pytest.mark.parametrize("order", FACTOR_VALUES["order"])
def test_rules_of_spans_and_questions_change_their_lines_and_leave_the_slots(order):
    plain = recipe_of(Factors(order=order))
    for span, quota in itertools.product(FACTOR_VALUES["span_rule"], FACTOR_VALUES["wh_quota"]):
        recipe = recipe_of(Factors(order=order, span_rule=span, wh_quota=quota))
        assert recipe.slots == plain.slots
        assert ("whole clause" in recipe.user) == (span == "clause")
        assert ("complete phrase with" in recipe.user) == (span == "phrase" or (span == "clause" and order != "short"))
        assert ("At least two of" in recipe.user) == (quota == "reasons")
        assert bool(recipe.following_user) == (order == "answer_first" and quota != "none")


def test_a_factor_without_such_a_value_is_named_with_those_it_has():
    with pytest.raises(ConfigError) as error:
        recipe_of(Factors(few_shot=3, wh_quota="many"))
    assert error.value.problems == [
        'wh_quota: expected one of none, varied, reasons, found "many"',
        "few_shot: expected one of 2, 0, 1, 4, found 3",
    ]


def test_names_say_what_is_not_as_in_the_template():
    factors = Factors("answer_first", "phrase", "varied", 0, True, "sentence", 1.0)
    expected = "answer-first, span_rule phrase, wh_quota varied, few_shot 0, rephrase true, evidence sentence"
    assert recipe_of(factors).name == f"{expected}, temperature 1.0"
    assert recipe_of(Factors(order="short"), made_by="baseline").name == "question-first-short"
    assert recipe_of(Factors(), made_by="baseline").made_by == "baseline"


@pytest.mark.parametrize(
    "change",
    [{"system": "Be long."}, {"user": "Ask $number about $passage"}, {"rephrase": True}, {"few_shot": 1},
     {"evidence": "sentence"}, {"temperature": 0.3}, {"kind": "answers"}],
    ids=str,
)  # fmt: skip
def test_the_hash_hangs_on_all_that_is_asked(change):
    assert replace(OWN, **change).hash != OWN.hash


def test_the_hash_hangs_on_nothing_else():
    assert replace(OWN, name="other", parent="0123456789abcdef", made_by="rewrite").hash == OWN.hash
    assert replace(OWN, user=f"\n{OWN.user}\n\n", few_shot=2, temperature=0.70).hash == OWN.hash
    first = recipe_of_number(2)
    usual = prompt_of_kind("questions_for_answers")
    assert replace(first, following_system=usual.system, following_user=usual.user).hash == first.hash
    assert replace(first, following_user=f"{usual.user} Please.").hash != first.hash


def test_the_hash_of_a_prompt_is_the_same_in_every_version():
    """Tables of earlier searches name prompts by it; this one was taken when hashes came to be."""
    assert OWN.hash == "3042a3de496eb2af"


def test_the_second_request_is_as_template_3_has_it_unless_it_is_given():
    recipe = recipe_of_number(2)
    usual = prompt_of_kind("questions_for_answers")
    assert recipe.following is usual and OWN.following is None
    own = replace(recipe, following_user="Questions to $answers").following
    assert (own.system, own.user, own.name) == (usual.system, "Questions to $answers", usual.name)
    assert own.schema == SCHEMAS["numbered_questions"] and own.number == 0


def test_a_prompt_of_ones_own_has_no_number_and_asks_under_the_key_of_its_kind():
    prompt = OWN.prompt()
    assert (prompt.name, prompt.number, prompt.step, prompt.schema) == ("own", 0, "question-first", SCHEMAS["pairs"])
    prompt = replace(OWN, kind="answers").prompt()
    assert (prompt.step, prompt.schema) == ("answer-first", SCHEMAS["answers"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"user": "Ask about $passage"}, "user: the slot $number is missing; slots: $number, $passage (required), "),
        ({"user": "$number $passages $passage"}, 'user: $passages is no slot of this request (nearest: "passage")'),
        ({"user": "  "}, "user: is blank"),
        ({"user": "$number $passage\nfor $5"}, 'user, line 2: "$" begins no slot there; write $$ for a dollar sign'),
        ({"system": "x" * (MOST_CHARACTERS + 1)}, "system: expected at most 20,000 characters, found 20,001"),
        ({"kind": "answer"}, 'kind: expected questions or answers, found "answer" (nearest: "answers")'),
        ({"kind": "answers", "user": "$number $passage $examples"}, "user: $examples is no slot of this request"),
        ({"kind": "answers", "following_user": "Ask."}, "following_user: the slot $answers is missing"),
        ({"following_user": "x"}, "following_user: a prompt of kind questions has no second request"),
        ({"name": "two\nlines"}, "name: expected one line of 1 to 120 characters"),
        ({"few_shot": -1}, "few_shot: expected 0 to 16, found -1"),
        ({"evidence": "all"}, 'evidence: expected free or sentence, found "all"'),
        ({"temperature": float("nan")}, "temperature: expected 0 or more, found nan"),
        ({"parent": "12"}, 'parent: expected 16 hexadecimal digits, found "12"'),
    ],
)
def test_what_cannot_be_asked_is_said(change, said):
    [problem] = replace(OWN, **change).problems()
    assert said in problem


def test_dollar_signs_that_are_doubled_are_text():
    assert replace(OWN, user="$number of ${passage} for $$5, $$$$ and $$$title").problems() == []


def test_the_templates_have_no_slots_but_those_that_are_known():
    recipes = {
        "questions": get_prompt(1),
        "answers": get_prompt(2),
        "following": prompt_of_kind("questions_for_answers"),
    }
    for request, prompt in recipes.items():
        assert prompt.slots <= SLOTS[request]


def test_a_prompt_file_gives_its_recipe_back(tmp_path):
    parent = "123456789012e456"  # of which YAML would make a number
    for recipe in (
        OWN,
        replace(recipe_of_number(2), parent=parent, made_by="rewrite"),
        recipe_of(Factors(rephrase=True)),
    ):
        path = write_recipe(tmp_path / "deep" / "prompt.yaml", recipe)
        assert read_recipe(path) == recipe


def test_a_prompt_file_can_be_read_by_people():
    lines = recipe_text(recipe_of_number(1)).splitlines()
    assert 'name: "question-first"' in lines and "user: |-" in lines and "temperature: 0.7" in lines
    assert '  """' in lines and "  $passage" in lines and lines[0].startswith("# A prompt for questions.")
    assert not any(line.startswith(("parent", "following")) for line in lines)


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@given(name=texts, system=texts, user=texts, temperature=st.floats(0, 2), few_shot=st.integers(0, 16))
@settings(max_examples=60, deadline=None)
def test_whatever_a_model_writes_into_a_recipe_comes_back_from_its_file(
    tmp_path_factory, name, system, user, temperature, few_shot
):
    recipe = replace(OWN, name=name, system=system, user=user, temperature=temperature, few_shot=few_shot)
    if recipe.problems():
        recipe = replace(recipe, name="n", user="$number $passage " + user.replace("$", "$$"))
        recipe = replace(recipe, system=system.replace("$", "$$"))
    assert recipe.problems() == []
    assert read_recipe(write_recipe(tmp_path_factory.getbasetemp() / "made.yaml", recipe)) == recipe


def test_all_that_is_wrong_in_a_prompt_file_is_said_at_once(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "name: 3\nuser: Ask $passage\nkind: questions\nfewshot: 2\ntemperature: hot\nrephrase: 1\nsystem:\n"
    )
    with pytest.raises(ConfigError) as error:
        read_recipe(path)
    assert error.value.source == str(path) and len(error.value.problems) == 4
    assert error.value.problems[0].startswith('fewshot: unknown key (nearest: "few_shot"); known: name, kind, system')
    assert "name: expected a text, found 3" in error.value.problems
    assert 'temperature: expected a number, found "hot"' in error.value.problems
    assert "rephrase: expected true or false, found 1" in error.value.problems
    path.write_text("name: n\nuser: Ask $passage\nkind: questions\ntemperature: hot\n")
    with pytest.raises(ConfigError) as error:
        read_recipe(path)
    assert len(error.value.problems) == 2 and "the slot $number is missing" in str(error.value)
    path.write_text("system: s\n")
    with pytest.raises(ConfigError, match="name: is required(.|\n)*kind: is required(.|\n)*user: is required"):
        read_recipe(path)


def test_a_prompt_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="p.yaml: cannot be written"):
        write_recipe(tmp_path / "file" / "p.yaml", OWN)
