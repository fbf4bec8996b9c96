from __future__ import annotations

import numpy as np
import pytest

from qa_pipeline.errors import DataError, ModelError
from qa_pipeline.generation.questions.llm.recipes import Factors, factor_grid, recipe_of
from qa_pipeline.optimisation.prompt_model import PromptModel
from qa_pipeline.optimisation.ranking_metrics import kendall_tau
from tests.optimisation.ranked import DIM, STEP, WordCounts, domain, likes_answers, likes_short, quick_model, unit


def unseen(count=40):
    """Recipes that no domain of these tests measured."""
    grid = [one for number, one in enumerate(factor_grid()) if number % STEP]
    return grid[5 : 5 + 31 * count : 31]


def tau(model, vector, score):
    factors = unseen()
    predicted, _ = model.score(vector, [recipe_of(one) for one in factors])
    return kendall_tau(predicted, [score(one) for one in factors])


@pytest.fixture(scope="module")
def two():
    """A model that knows two domains which like different prompts."""
    model = quick_model()
    model.fit([domain("short", unit(0), likes_short), domain("answers", unit(1), likes_answers)])
    return model


def test_prompts_that_were_not_measured_are_ranked_by_what_the_domain_likes(two):
    assert tau(two, unit(0), likes_short) > 0.5 and tau(two, unit(1), likes_answers) > 0.5
    assert tau(two, unit(0), likes_answers) < tau(two, unit(1), likes_answers) - 0.3


def test_a_new_domain_is_ranked_as_the_one_it_is_like(two):
    near = unit(0) * 0.9 + unit(5) * np.sqrt(1 - 0.9**2)
    assert tau(two, near.astype(np.float32), likes_short) > 0.5


def test_the_facts_of_a_training_say_what_it_learned():
    model = quick_model(steps=5, extend_steps=5)
    first = domain("short", unit(0), likes_short, count=6, noise=1.0)
    facts = model.fit([first])
    assert (facts.domains, facts.replayed, facts.prompts) == (("short",), (), 6)
    assert facts.pairs == sum(pair.weight > 0 for pair in first.pairs()) > 0
    assert model.extend([domain("answers", unit(1), likes_answers)]).replayed == ("short",)
    assert model.extend([domain("soup", unit(2), likes_answers)], replay=False).replayed == ()
    assert model.domains == ["short", "answers", "soup"]


def test_fit_forgets_what_was_learned_before():
    model = quick_model(steps=5)
    model.fit([domain("short", unit(0), likes_short)])
    model.fit([domain("answers", unit(1), likes_answers)])
    fresh = quick_model(steps=5)
    fresh.fit([domain("answers", unit(1), likes_answers)])
    recipes = [recipe_of(one) for one in unseen()]
    assert model.domains == ["answers"]
    assert np.array_equal(model.score(unit(1), recipes)[0], fresh.score(unit(1), recipes)[0])


def test_replay_keeps_old_domains_that_are_forgotten_without_it():
    """Domains that lie close together and like opposite prompts, one after the other."""
    near = [(unit(0) + 0.6 * unit(number)) / np.sqrt(1.36) for number in range(1, 5)]
    likes = [likes_short, likes_answers, likes_answers, likes_answers]
    kept = {}
    for replay in (True, False):
        model = quick_model()
        model.fit([domain("0", near[0], likes[0])])
        for number in range(1, 4):
            model.extend([domain(str(number), near[number], likes[number])], replay=replay)
        assert tau(model, near[3], likes[3]) > 0.5
        kept[replay] = tau(model, near[0], likes[0])
    assert kept[True] > 0.5 and kept[True] > kept[False] + 0.3


def test_new_measurements_of_a_known_domain_replace_what_was_thought_of_it():
    model = quick_model()
    model.fit([domain("rules", unit(0), likes_short)])
    facts = model.extend([domain("rules", unit(0), likes_answers)])
    assert facts.replayed == () and model.domains == ["rules"]
    assert tau(model, unit(0), likes_answers) > 0.4


def test_scores_count_from_their_mean_and_come_with_what_the_heads_disagree_on(two):
    recipes = [recipe_of(one) for one in unseen()]
    mean, deviation = two.score(unit(0), recipes)
    assert mean.shape == deviation.shape == (40,)
    assert mean.mean() == pytest.approx(0, abs=1e-6) and (deviation > 0).all()
    assert [len(values) for values in two.score(unit(0), [])] == [0, 0]


def test_the_most_promising_prompts_are_proposed_first_each_once(two):
    recipes = [recipe_of(one) for one in unseen()]
    proposed = two.propose(unit(0), [*recipes, *recipes], 5, kappa=0.0)
    mean, _ = two.score(unit(0), recipes)
    assert [recipe.hash for recipe in proposed] == [recipes[place].hash for place in np.argsort(-mean)[:5]]
    assert len(two.propose(unit(0), recipes, 500)) == 40


def test_kappa_asks_for_prompts_of_which_little_is_known(two):
    recipes = [recipe_of(one) for one in unseen()]
    mean, deviation = two.score(unit(0), recipes)
    bold = two.propose(unit(0), recipes, 5, kappa=1000.0)
    assert {recipe.hash for recipe in bold} == {recipes[place].hash for place in np.argsort(-deviation)[:5]}
    mixed = two.propose(unit(0), recipes, 1, kappa=2.0)
    assert mixed[0].hash == recipes[int(np.argmax(mean + 2 * deviation))].hash


def test_the_order_in_which_prompts_are_given_changes_no_proposal(two):
    recipes = [recipe_of(one) for one in unseen()]
    names = [[one.hash for one in two.propose(unit(1), given, 10)] for given in (recipes, recipes[::-1])]
    assert names[0] == names[1]


def test_the_best_prompts_of_known_domains_are_at_hand(two):
    known = two.known_recipes(best=2)
    measured = domain("short", unit(0), likes_short)
    assert len(known) == 4
    best = measured.recipes[int(np.argmax(measured.scores))]
    assert known[0].hash == best.hash


def test_a_model_that_was_never_trained_says_so(tmp_path):
    model = quick_model()
    for call in (
        lambda: model.score(unit(0), [recipe_of(Factors())]),
        lambda: model.save(tmp_path),
        lambda: model.extend([domain("rules", unit(0), likes_short)]),
    ):
        with pytest.raises(ModelError, match="was never trained; call fit, or load a trained one"):
            call()


def test_noise_alone_is_nothing_to_learn_from():
    flat = domain("flat", unit(0), lambda factors: 50 + factors.temperature, noise=3.0)
    with pytest.raises(DataError, match="flat: no two prompts of a domain differ by more than the noise"):
        quick_model().fit([flat])


@pytest.mark.parametrize("count", [0, 2])
def test_domains_come_each_once_and_at_least_one(count):
    with pytest.raises(DataError, match="expected one or more, each once"):
        quick_model().fit([domain("rules", unit(0), likes_short)] * count)


def test_a_vector_of_another_encoder_is_refused(two):
    with pytest.raises(DataError, match=rf"expected {DIM} numbers, found an array of shape \(7,\)"):
        two.score(np.zeros(7), [recipe_of(Factors())])


def test_a_saved_model_gives_the_same_scores_and_learns_on_the_same_way(two, tmp_path):
    two.save(tmp_path / "model")
    loaded = PromptModel.load(tmp_path / "model", WordCounts())
    again = PromptModel.load(tmp_path / "model", WordCounts())
    recipes = [recipe_of(one) for one in unseen()]
    assert np.array_equal(loaded.score(unit(0), recipes), two.score(unit(0), recipes))
    assert loaded.domains == two.domains and loaded.settings == two.settings
    soup = domain("soup", unit(2), likes_answers)
    assert loaded.extend([soup]) == again.extend([soup])
    assert np.array_equal(loaded.score(unit(2), recipes), again.score(unit(2), recipes))
    loaded.save(tmp_path / "first")
    again.save(tmp_path / "second")
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second")]
    assert files[0] == files[1]


def test_real_embeddings_tell_a_policy_from_a_recipe_for_soup():
    model = PromptModel()
    policy = model.domain_vector(["We share your personal data with partners.", "You may opt out of cookies."])
    other = model.domain_vector(["Third parties receive personal information that we collect from you."])
    soup = model.domain_vector(["Boil the carrots and stir in the cream.", "Season the soup with salt and pepper."])
    assert policy @ other > 0.3 > policy @ soup
