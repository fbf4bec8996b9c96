from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.generation.questions.llm.recipes import Factors, Recipe, recipe_of
from qa_pipeline.optimisation.prompt_features import (
    DOMAIN_TEXTS,
    NUMBERS,
    PromptFeatures,
    instruction_lines,
    recipe_numbers,
)
from tests.optimisation.ranked import DIM, WordCounts

BASELINE = recipe_of(Factors())


def test_instruction_lines_have_no_slots_no_marks_and_no_form_of_the_reply():
    lines = instruction_lines(BASELINE)
    assert "Use other words than the passage where you can. The answer must not appear in the question." in lines
    assert not any("$" in line or "{" in line or line.startswith("-") for line in lines)


def test_the_second_request_counts_where_answers_come_first():
    answers = recipe_of(Factors(order="answer_first"))
    assert "You choose answers" in instruction_lines(answers)[0]
    assert any(line.startswith("For each answer write one question") for line in instruction_lines(answers))
    written_out = replace(
        answers, following_system=answers.following.system, following_user=answers.following.user.strip()
    )
    assert instruction_lines(written_out) == instruction_lines(answers)


@pytest.mark.parametrize(
    ("factors", "name", "value"),
    [
        (Factors(rephrase=True), "rephrase", 1.0),
        (Factors(few_shot=0), "any_example", 0.0),
        (Factors(few_shot=4), "few_shot", 1.0),
        (Factors(evidence="sentence"), "sentence_evidence", 1.0),
        (Factors(temperature=0.3), "temperature", 0.3),
        (Factors(order="answer_first"), "answer_first", 1.0),
    ],
)
def test_each_setting_is_a_number_of_its_own(factors, name, value):
    numbers = dict(zip(NUMBERS, recipe_numbers(recipe_of(factors)), strict=True))
    assert numbers[name] == value != dict(zip(NUMBERS, recipe_numbers(BASELINE), strict=True))[name]


def test_other_words_give_another_vector_and_another_name_does_not():
    features = PromptFeatures(WordCounts())
    same, other = replace(BASELINE, name="mine", made_by="me"), recipe_of(Factors(span_rule="clause"))
    rows = features.of_recipes([BASELINE, same, other])
    assert rows.shape == (3, DIM + len(NUMBERS)) and rows.dtype == np.float32
    assert np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[0][:DIM], rows[2][:DIM])


def test_a_prompt_has_the_same_vector_whatever_is_asked_for_beside_it():
    others = [recipe_of(Factors(span_rule=rule, few_shot=4)) for rule in ("phrase", "clause")]
    alone, together = PromptFeatures(WordCounts()), PromptFeatures(WordCounts())
    assert np.array_equal(alone.of_recipes([BASELINE])[0], together.of_recipes([*others, BASELINE])[2])
    assert all(len(texts) == 1 for texts in together.embedder.asked)


def test_a_prompt_without_any_word_has_a_vector():
    blank = Recipe("blank", "", "$passage $number", "questions")
    assert np.array_equal(PromptFeatures(WordCounts()).of_recipes([blank])[0][:DIM], np.zeros(DIM))


def test_no_prompt_gives_no_row():
    assert PromptFeatures(WordCounts()).of_recipes([]).shape == (0, DIM + len(NUMBERS))


def test_a_domain_is_the_direction_of_the_mean_of_its_texts():
    features = PromptFeatures(WordCounts())
    texts = ["books are lent for four weeks", "the library opens at nine"]
    mean = np.mean([WordCounts().embed([text])[0] for text in texts], axis=0)
    assert features.of_domain(texts) == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_which_texts_stand_for_a_large_domain_hangs_on_no_order_and_no_repetition():
    texts = [f"rule {number} of the town library" for number in range(3 * DOMAIN_TEXTS)]
    features = PromptFeatures(WordCounts())
    first = features.of_domain(texts)
    assert len(features.embedder.asked) == DOMAIN_TEXTS
    assert np.array_equal(first, features.of_domain([*texts[::-1], *texts[:9]]))


def test_a_domain_without_text_is_refused():
    with pytest.raises(DataError, match="expected a few dozen passages, found none with any text"):
        PromptFeatures(WordCounts()).of_domain(["", "  "])
