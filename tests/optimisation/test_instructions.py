from __future__ import annotations

import pytest

from qa_pipeline.generation.questions.llm.recipes import Factors, Recipe, recipe_of, recipe_of_number
from qa_pipeline.optimisation.instructions import (
    FAULTS,
    FIRST,
    SECOND,
    instructions_of,
    name_of,
    rewrite_fault,
    slots_to_keep,
    with_instructions,
)

ORDERS = [("question_first", FIRST), ("short", FIRST), ("answer_first", FIRST), ("answer_first", SECOND)]


def rewritten(recipe, part, text):
    return with_instructions(recipe, part, text, name="n", made_by="rewrite")


@pytest.mark.parametrize("order, part", ORDERS)
def test_the_frame_of_every_template_is_kept_whatever_is_rewritten(order, part):
    parent = recipe_of(Factors(order=order))
    found = instructions_of(parent, part)
    assert "JSON" not in found.text and '"""' not in found.text and "$passage" not in found.text
    assert found.text.startswith(("Write $number", "Choose $number", "For each answer"))
    child = rewritten(parent, part, found.text + "\n- Prefer hard ones.")
    assert child.problems() == [] and child.slots == parent.slots
    changed = instructions_of(child, part)
    assert changed.text == found.text + "\n- Prefer hard ones."
    assert (changed.before, changed.after) == (found.before, found.after)
    assert child.parent == parent.hash and child.made_by == "rewrite"


@pytest.mark.parametrize("order, part", ORDERS)
def test_the_other_request_stays_as_it_was(order, part):
    parent = recipe_of(Factors(order=order))
    child = rewritten(parent, part, instructions_of(parent, part).text + " More.")
    other = SECOND if part == FIRST else FIRST
    if parent.kind == "answers":
        assert instructions_of(child, other).text == instructions_of(parent, other).text


@pytest.mark.parametrize("number", [1, 9])
def test_slots_of_rules_that_may_be_blank_are_put_back_where_they_were(number):
    parent = recipe_of_number(number)
    same = rewritten(parent, FIRST, instructions_of(parent).text)
    assert same.hash == parent.hash
    assert instructions_of(parent).loose == "$answer_types$asked"


def test_a_loose_slot_that_the_rewrite_has_itself_is_not_there_twice():
    parent = recipe_of_number(1)
    child = rewritten(parent, FIRST, "Write $number questions in $language.$asked")
    assert child.user.count("$asked") == child.user.count("$answer_types") == 1


def test_a_request_without_a_middle_is_rewritten_as_a_whole():
    bare = Recipe("bare", "", "Ask $number questions about $passage and reply with JSON.", "questions")
    found = instructions_of(bare)
    assert found.text == bare.user and slots_to_keep(found) == ["$number", "$passage"]


PARENT = recipe_of_number(1)
GOOD = instructions_of(PARENT).text


@pytest.mark.parametrize(
    "text, fault",
    [
        (GOOD.replace("The answer must not appear in the question.", "Keep the answer out of it."), None),
        ("  \n", "blank"),
        (GOOD, "same"),
        (f"\n{GOOD}  ", "same"),
        (GOOD.replace("$language", "English"), "slot_lost"),
        (GOOD + " Look at $passage again.", "slot_added"),
        (GOOD + " Look at $everything again.", "slot_added"),
        (GOOD + " It costs $5.", "cannot_be_asked"),
        (GOOD + " Be careful." * 80, "too_long"),
    ],
)
def test_what_cannot_be_tried_is_named(text, fault):
    assert rewrite_fault(text, rewritten(PARENT, FIRST, text), PARENT, FIRST) == fault
    assert fault is None or fault in FAULTS


def test_a_rewrite_grows_by_half_at_most():
    just, over = (GOOD + "x" * (int(len(GOOD) * factor) - len(GOOD)) for factor in (1.5, 1.51))
    assert rewrite_fault(just, rewritten(PARENT, FIRST, just), PARENT, FIRST) is None
    assert rewrite_fault(over, rewritten(PARENT, FIRST, over), PARENT, FIRST) == "too_long"


def test_a_name_made_of_a_models_words_is_one_line_without_control_characters():
    name = name_of("rewrite: \x1b[31m" + "it is better\n" * 30)
    assert len(name) == 100 and "\n" not in name and "\x1b" not in name
    child = with_instructions(PARENT, FIRST, GOOD + " Yes.", name="\u202ewhy\n" * 99, made_by="rewrite")
    assert child.problems() == []
