"""The words say what the intervals allow, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qa_pipeline.compare import comparison_table, verdict
from qa_pipeline.compare.results import Difference
from qa_pipeline.compare.verdict import Verdict, named, p_words, points
from tests.compare.fakes import compared

BETTER = Difference(4.0, 2.0, 6.0, 0.0001)
WORSE = Difference(-4.0, -6.0, -2.0, 0.0001)
LEVEL = Difference(0.4, -1.0, 1.8, 0.57)


def headline(exact, f1):
    found = compared(10)
    found = replace(found, pairs=[replace(found.pairs[0], exact_match=exact, f1=f1)])
    return verdict(found).headline


@pytest.mark.parametrize(
    ("exact", "f1", "expected"),
    [
        (BETTER, BETTER, "{m1} is better than {m0}, beyond chance."),
        (WORSE, WORSE, "{m1} is worse than {m0}, beyond chance."),
        (LEVEL, LEVEL, "These questions cannot tell {m1} and {m0} apart."),
        (
            BETTER,
            LEVEL,
            "{m1} gets more answers exactly right than {m0}; in overlap (F1) the two cannot be told apart.",
        ),
        (LEVEL, WORSE, "{m1} comes further from the reference answers than {m0} (F1); in exact answers"),
        (BETTER, WORSE, "{m1} gets more answers exactly right than {m0}, but its answers overlap less"),
        (WORSE, BETTER, "{m1} gets fewer answers exactly right than {m0}, but its answers overlap more"),
    ],
)
def test_the_headline_of_two_says_what_the_intervals_allow(exact, f1, expected):
    assert headline(exact, f1).startswith(expected)


def test_an_interval_across_zero_is_called_chance_and_one_beside_it_is_counted():
    found = compared(10)
    pair = replace(found.pairs[0], exact_match=BETTER, f1=LEVEL)
    details = verdict(replace(found, pairs=[pair])).details[0]
    assert "4 points more (95% interval +2.0 to +6.0, p < 0.001)" in details
    assert "a difference of +0.4 that is within chance (95% interval -1.0 to +1.8, p = 0.570)" in details


def test_direction_needs_both_the_interval_and_the_p_value():
    assert Difference(5.0, 0.01, 10.0, 0.053).direction == 0
    assert Difference(5.0, 0.01, 10.0, 0.049).direction == 1
    assert Difference(5.0, 0.0, 10.0, 0.049).direction == 0
    assert Difference(-5.0, -10.0, -0.01, 0.049).direction == -1


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        # Pairs are (1, 0), (2, 0), (2, 1); the third model has the highest F1.
        ((BETTER, BETTER, BETTER), "{m2} is the best of the three, beyond chance."),
        (
            (BETTER, BETTER, LEVEL),
            "{m2} scores highest: better than {m0}, beyond chance, but not to be told apart from {m1}.",
        ),
        ((LEVEL, LEVEL, LEVEL), "These questions cannot tell which of the three is best."),
    ],
)
def test_the_headline_of_three_names_the_best_and_whom_it_beats(differences, expected):
    found = compared(30, (0.1, 0.2, 0.9))
    pairs = [replace(pair, f1=difference) for pair, difference in zip(found.pairs, differences, strict=True)]
    assert verdict(replace(found, pairs=pairs)).headline == expected


def test_the_first_model_can_be_the_best():
    found = compared(40, (0.9, 0.1, 0.1))
    assert verdict(found).headline == "{m0} is the best of the three, beyond chance."


def test_few_questions_and_many_pairs_are_cautioned_about():
    words = verdict(compared(12, (0.2, 0.4, 0.6)))
    assert any("only 12 questions" in sentence for sentence in words.cautions)
    assert any("With 3 pairs compared" in sentence for sentence in words.cautions)
    assert verdict(compared(120)).cautions == []


def test_one_question_is_counted_as_one():
    assert any("only 1 question:" in sentence for sentence in verdict(compared(1, (0.2, 0.4))).cautions)


def test_notes_on_a_model_are_among_the_cautions_under_its_name():
    found = compared(120, unanswerable=0.2)
    assert Verdict.plain(verdict(found).cautions[0], found).startswith("m0: It always answers")


def test_a_label_that_looks_like_a_place_is_not_taken_for_one():
    found = compared(10, labels=["{m1}", "b"])
    words = verdict(found)
    assert "{m1}" in Verdict.plain(words.details[0], found)
    assert named("{m0} and {m1}", lambda place: ["{m1}", "b"][place]) == "{m1} and b"


def test_small_numbers_are_put_into_words_that_fit():
    assert p_words(0.0001) == "p < 0.001"
    assert p_words(0.0312) == "p = 0.031"
    assert points(-1.0) == "1 point"
    assert points(0.96) == "1 point"
    assert points(2.25) == "2.2 points"


def test_the_table_has_the_verdict_first_then_all_figures():
    found = compared(60, (0.1, 0.4, 0.6), unanswerable=0.2, labels=["base", "LoRA", "full"])
    table = comparison_table(found)
    lines = table.splitlines()
    assert lines[0] == Verdict.plain(verdict(found).headline, found)[: len(lines[0])]
    assert "60 questions of made.json" in table
    for model in found.models:
        score = model.exact_match
        assert f"{score.value:.1f} ({score.low:.1f} to {score.high:.1f})" in table
    for words in ("full - LoRA", "LoRA against base", "ECE", "AURC", "p95 ms", "without an answer", "22.7M"):
        assert words in table
    assert "F1 by characters of the context" in table
    assert max(map(len, lines)) <= 100


def test_a_long_label_keeps_its_end_in_the_table():
    table = comparison_table(compared(10, labels=["a" * 50 + "/first", "b" * 50 + "/second"]))
    assert "a/first" in table
    assert "a" * 40 not in table.split("\n\n", 2)[2]


def test_speeds_are_told_apart_only_where_timing_can():
    found = compared(120)

    def said(*rates):
        models = [replace(m, questions_per_second=rate) for m, rate in zip(found.models, rates, strict=True)]
        return verdict(replace(found, models=models)).details[-1]

    assert said(100.0, 115.0) == "They are about equally fast: up to 115 questions a second on cpu."
    assert said(100.0, 240.0) == "{m1} is the faster one: 240 questions a second on cpu against 100."
    assert said(4.44, 1.0) == "{m0} is the faster one: 4.4 questions a second on cpu against 1.0."


def test_a_model_that_is_hardly_ever_right_is_not_praised_for_being_unsure():
    found = compared(120)
    hopeless = replace(found.models[0], exact_match=replace(found.models[0].exact_match, value=0.5), ece=0.001)
    details = " ".join(verdict(replace(found, models=[hopeless, found.models[1]])).details)
    assert "for {m1}, on average" in details
    assert "for {m0}" not in details
