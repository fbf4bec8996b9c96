"""The metrics: right by a second way of computing them, valid under the schema, and honest about whose questions."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from qa_pipeline.compare import comparison_from_json
from qa_pipeline.data import write_squad
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.journey.page.report import report_html
from qa_pipeline.journey.results.evaluation import (
    MADE_BY,
    SILENT,
    evaluate,
    metrics_schema,
    write_comparison,
    write_metrics,
)
from qa_pipeline.metrics import squad_metrics
from tests.compare.fakes import FakeModel, Settings, replies_of_skill
from tests.journey.made_journey import ablation, evaluation, test_rows


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return evaluation(tmp_path_factory.mktemp("data"), made_by="mixed", kinds=("generated", "labelled"))


def test_scores_are_those_of_the_official_script(found):
    rows, rng = test_rows(kinds=("generated", "labelled"), unanswerable=0.2), np.random.default_rng(1)
    replies_of_skill(rows, 0.1, rng)  # the base's come first
    replies = replies_of_skill(rows, 0.7, rng, silent=True)
    texts = {row["id"]: row["context"][slice(*replies[row["id"]][:2])] if replies[row["id"]] else "" for row in rows}
    official = squad_metrics(texts, rows)
    metrics = found.metrics
    assert metrics["f1"]["value"] == pytest.approx(official["f1"])
    assert metrics["tuned"]["exact_match"]["value"] == pytest.approx(official["exact_match"])
    assert metrics["tuned"]["kinds"]["NoAns"]["total"] == official["NoAns_total"]
    assert metrics["f1"]["low"] < metrics["f1"]["value"] < metrics["f1"]["high"]
    gap = metrics["tuned"]["f1"]["value"] - metrics["base"]["f1"]["value"]
    assert metrics["difference"]["f1"]["difference"] == pytest.approx(gap)


def test_scores_are_broken_down_by_who_made_the_question_and_where_it_comes_from(found):
    breakdowns = found.metrics["breakdowns"]
    assert set(breakdowns["kind"]) == {"generated", "labelled"}
    assert set(breakdowns["source"]) == {"generated", "labels.csv"}
    assert {"answerable", "question_word", "answer_length"} <= set(breakdowns)
    for groups in breakdowns.values():
        weighted = sum(row["questions"] * row["tuned"]["f1"] for row in groups.values())
        counted = sum(row["questions"] for row in groups.values())
        if counted == 60:  # answer_length leaves questions without an answer out
            assert weighted / 60 == pytest.approx(found.metrics["f1"]["value"])


def test_the_questions_of_people_are_scored_alone_where_the_test_has_others_too(found):
    rows = {row["id"]: row for row in test_rows(kinds=("generated", "labelled"), unanswerable=0.2)}
    asked = [row for row in found.comparison.questions if rows[row.id]["metadata"]["kind"] == "labelled"]
    people = found.metrics["people"]
    assert people["questions"] == len(asked) == 30
    for place, label in enumerate(("base", "tuned")):
        score = people[label]["f1"]
        assert score["value"] == pytest.approx(100 * sum(row.answers[place].f1 for row in asked) / 30)
        assert score["low"] <= score["value"] <= score["high"]


@pytest.mark.parametrize("made_by", ["people", "generator", "mixed"])
def test_who_made_the_test_questions_stands_in_the_metrics(tmp_path, made_by):
    metrics = evaluation(tmp_path, made_by=made_by, bootstrap_samples=20, latency_questions=0).metrics
    assert metrics["test"]["made_by"] == made_by
    assert metrics["test"]["made_by_words"] == MADE_BY[made_by]
    assert (MADE_BY[made_by] in metrics["cautions"]) == (made_by != "people")


def test_a_model_that_never_answers_is_not_praised_for_its_silence(tmp_path):
    rows = test_rows(30, unanswerable=0.3)
    file, settings = write_squad(tmp_path / "test.json", rows), Settings(version_2_with_negative=True)
    base = FakeModel("a", replies_of_skill(rows, 0.1, np.random.default_rng(0)), settings=settings)
    silent = FakeModel("b", dict.fromkeys(row["id"] for row in rows), settings=settings)
    metrics = evaluate(base, silent, file, made_by="people", bootstrap_samples=20, latency_questions=0).metrics
    assert metrics["exact_match"]["value"] > 10 and metrics["cautions"][0] == SILENT
    assert "<h1>The trained model says “no answer” to every test question.</h1>" in report_html(
        {"evaluate": {"metrics": metrics}}
    )


def test_a_model_is_named_in_sentences_that_begin_as_sentences_do(found):
    assert found.metrics["verdict"][0].startswith("The tuned model is better than the base model (untrained head)")
    for sentence in (*found.metrics["verdict"], *found.metrics["cautions"]):
        assert sentence[0].isupper() and "{m" not in sentence


def test_without_test_questions_nothing_is_measured_and_the_reason_is_said(tmp_path):
    metrics = evaluate("no model", "is loaded", None, made_by="none", why_not="one document is too little").metrics
    assert (metrics["measured"], metrics["f1"], metrics["why_not"]) == (False, None, "one document is too little")
    assert metrics["verdict"] == ["Not measured: one document is too little"]
    write_metrics(tmp_path / "metrics.json", metrics)


def test_an_unknown_maker_of_the_questions_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="made_by: expected one of people, generator, mixed, none; found 'robots'"):
        evaluate("base", "tuned", tmp_path / "test.json", made_by="robots")


def test_the_schema_is_one_and_describes_every_number(found):
    schema = metrics_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    def check(part, place):
        if part.get("type") in ("number", "integer", ["number", "null"], ["integer", "null"]):
            assert part.get("description"), f"{place}: a number without a description"
        for key, value in part.items():
            for name, one in (
                value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
            ):
                if isinstance(one, dict):
                    check(one, f"{place}.{key}.{name}")

    check(schema["properties"] | {"$defs": schema["$defs"]}, "metrics")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("f1", "value"), 101.0, r"f1.value|f1:"),
        (("test", "made_by"), "robots", "test.made_by: expected one of"),
        (("tuned",), None, "tuned: expected object, found null"),
        (("test", "made_by"), "none", "test.made_by: expected one of"),
        (("new",), 1, "new"),
        (("breakdowns", "kind"), {"generated": {"questions": 1}}, "breakdowns.kind.generated"),
    ],
)
def test_metrics_that_do_not_fit_the_schema_are_not_written(found, tmp_path, path, value, said):
    metrics = copy.deepcopy(found.metrics)
    part = metrics
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    with pytest.raises(DataError, match=said):
        write_metrics(tmp_path / "metrics.json", metrics)
    assert not (tmp_path / "metrics.json").exists()


def test_metrics_with_an_ablation_are_valid_and_survive_json(tmp_path):
    metrics = evaluation(tmp_path, ablation=ablation(), bootstrap_samples=20).metrics
    path = write_metrics(tmp_path / "deep" / "metrics.json", metrics)
    assert json.loads(path.read_text(encoding="utf-8")) == metrics


def test_examples_are_right_and_wrong_ones_of_different_texts(found):
    for outcome in ("right", "wrong"):
        rows = [row for row in found.examples if row["outcome"] == outcome]
        assert len(rows) == 4
        assert len({row["context"] for row in rows}) == 4
        assert all((row["tuned"]["exact"] == 1) == (outcome == "right") for row in rows)
        for row in rows:
            for gold in row["gold"]:
                assert row["context"][gold["start"] :].startswith(gold["text"])
    assert json.loads(json.dumps(found.facts)) == found.facts


def test_every_question_is_written_side_by_side_under_the_name_of_who_made_it(found, tmp_path):
    files = write_comparison(tmp_path / "evaluate", found)
    value = json.loads(files["comparison"].read_text(encoding="utf-8"))
    assert comparison_from_json(value).questions == found.comparison.questions
    assert "test.json (not only people" in files["comparison_page"].read_text(encoding="utf-8")
    nothing = evaluate("no model", "is loaded", None, made_by="none")
    assert write_comparison(tmp_path / "none", nothing) == {} and not (tmp_path / "none").exists()


def test_the_same_seed_gives_the_same_intervals(tmp_path):
    one, two = (evaluation(tmp_path, seed=3, bootstrap_samples=50, latency_questions=0).metrics for _ in range(2))
    assert one["f1"] == two["f1"] and one["difference"] == two["difference"]


def test_a_file_without_a_reference_answer_is_refused(tmp_path):
    rows = test_rows(4, unanswerable=1.0)
    (tmp_path / "test.json").write_text(json.dumps([{**row, "is_impossible": True} for row in rows]))
    model = FakeModel("a", {row["id"]: None for row in rows})
    with pytest.raises(DataError, match="none of the 4 questions has a reference answer"):
        evaluate(model, model, tmp_path / "test.json", made_by="people")
