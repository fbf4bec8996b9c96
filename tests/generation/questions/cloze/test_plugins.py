from __future__ import annotations

import doctest
import importlib

import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze import ClozeGenerator, Plugin
from qa_pipeline.generation.questions.cloze.plugins import plugin_faults
from qa_pipeline.generation.types import Draft
from tests.generation.questions.cloze.conftest import passage

CAKE = "Ingredients: flour, eggs and milk. The cake is baked for 40 minutes in the oven."
MILL = "The old mill was built by Anna Berg in 1790. It was sold to the town of Norby in 1902."


class Recipes(Plugin):
    def applies(self, passage):
        return passage.text.startswith("Ingredients:")

    def drafts(self, passage, rng):
        for start, end in ((13, 18), (20, 24), (13, 33)):
            yield passage.draft(f"What goes into it, number {rng.random()}?", start, end, "examples", "recipes/all")

    def topics(self, passage):
        return frozenset({"recipes"}) if "oven" in passage.text else frozenset()


def drafts(*texts: str, **options) -> list[Draft]:
    passages = [passage(text, f"{number}") for number, text in enumerate(texts)]
    return [one for one in ClozeGenerator(plugins=(Recipes,), **options).drafts(passages) if isinstance(one, Draft)]


def test_a_plugin_asks_about_the_passages_that_it_applies_to_and_no_others():
    made = drafts(CAKE, MILL)
    by_text = {text: {d.details["template"] for d in made if d.passage.text == text} for text in (CAKE, MILL)}
    assert by_text[CAKE] == {"recipes/all"} and by_text[MILL]
    assert not any(template.startswith("recipes") for template in by_text[MILL])
    assert [d.answer for d in made if d.passage.text == CAKE] == ["flour", "eggs", "flour, eggs and milk"]
    assert all(d.evidence == "Ingredients: flour, eggs and milk." for d in made if d.passage.text == CAKE)


def test_the_budget_and_the_seed_hold_for_a_plugin_as_well():
    assert [d.answer for d in drafts(CAKE, questions_per_context=2)] == ["flour", "eggs"]
    assert drafts(CAKE, seed=1) == drafts(CAKE, seed=1) != drafts(CAKE, seed=2)


def test_questions_on_a_topic_that_a_passage_has_are_no_near_misses():
    near = MILL + " The cake of the miller was baked for 40 minutes"
    for other, borrowed in ((near + ".", True), (near + " in the oven.", False)):
        made = drafts(CAKE, other, unanswerable_fraction=0.8, questions_per_context=3)
        misses = [d for d in made if d.answer is None and d.passage.text == other]
        assert any("goes into it" in d.question for d in misses) is borrowed, misses


def test_a_plugin_of_a_module_is_named_by_module_and_class():
    generator = ClozeGenerator(plugins=("services", f"{__name__}:Recipes"))
    assert [type(plugin).__name__ for plugin in generator.plugins] == ["Services", "Recipes"]
    assert ClozeGenerator(plugins=("none",)).plugins == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("recipes", 'unknown plug-in "recipes"; known: services, none, or MODULE:CLASS for your own'),
        (":Recipes", 'unknown plug-in ":Recipes"'),
        ("no_such_module:Recipes", "expected a class of a module that Python finds .*No module named 'no_such_module'"),
        (f"{__name__}:Missing", "has no attribute 'Missing'"),
        (f"{__name__}:CAKE", "expected a class derived from .*plugins.Plugin"),
    ],
)
def test_a_name_that_names_no_plugin_is_refused(name, message):
    with pytest.raises(ConfigError, match=message):
        ClozeGenerator(plugins=(name,))


def test_none_stands_alone():
    assert plugin_faults(["none"]) == plugin_faults(["services"]) == []
    assert plugin_faults(["none", "services"]) == ['"none" stands beside other plug-ins; give one or the other']


@pytest.mark.parametrize("module", ["plugins", "engine"])
def test_the_examples_in_the_docstrings_run(module):
    found = doctest.testmod(importlib.import_module(f"qa_pipeline.generation.questions.cloze.{module}"))
    assert found.attempted >= 2 and not found.failed
