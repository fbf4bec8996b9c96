"""Scores against the official scripts' rules, normalisation, thresholds, intervals and the evaluate wrapper."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.metrics import (
    best_thresholds,
    bootstrap_interval,
    exact_match,
    f1,
    normalize_answer,
    score_rows,
    squad_metrics,
)
from tests.oracles import official_best_threshold, official_scores


def example(question_id: str, gold: list[str], question: str = "What?", **more: Any) -> dict[str, Any]:
    answers = {"text": gold, "answer_start": [0] * len(gold)}
    return {
        "id": question_id,
        "context": "",
        "question": question,
        "answers": answers,
        "is_impossible": not gold,
    } | more


def rows_to_inputs(rows: list[dict[str, Any]]) -> tuple[dict[str, str], list[dict[str, Any]], dict[str, float]]:
    return (
        {row["id"]: row["prediction"] for row in rows},
        [example(row["id"], row["gold"]) for row in rows],
        {row["id"]: row["no_answer_probability"] for row in rows},
    )


# Parity with the official scripts


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_scores_and_best_thresholds_equal_the_official_script_on_real_answers(language: str, real_data: Path) -> None:
    golden = json.loads((real_data / "golden" / "squad_metrics.json").read_text(encoding="utf-8"))
    (part,) = [part for part in golden["sets"] if part["language"] == language]
    predictions, examples, odds = rows_to_inputs(part["rows"])
    scores = score_rows(predictions, examples)
    np.testing.assert_allclose(scores.exact, [row["exact"] for row in part["rows"]], atol=1e-9, rtol=0)
    np.testing.assert_allclose(scores.f1, [row["f1"] for row in part["rows"]], atol=1e-9, rtol=0)
    metrics = squad_metrics(predictions, examples, null_odds=odds)
    metrics["exact"] = metrics.pop("exact_match")
    assert metrics == pytest.approx(part["overall"], abs=1e-9, rel=0)


# Made by following the rules of the official script by hand.
SINGLE_CASES = [
    (["Denver Broncos"], "The Denver Broncos!", 1.0, 1.0),
    (["Denver Broncos"], "Broncos of Denver", 0.0, 0.8),
    (["a.m."], "am", 1.0, 1.0),
    (["well-known"], "well known", 0.0, 0.0),
    (["cat cat dog"], "cat dog dog", 0.0, 2 / 3),
    (["gold", "silver medal"], "medal", 0.0, 2 / 3),
    ([], "", 1.0, 1.0),
    ([], "something", 0.0, 0.0),
    ([], "the", 1.0, 1.0),
    (["the"], "", 1.0, 1.0),
    (["the", "cat"], "a", 0.0, 0.0),
    (["«Paris»"], "Paris", 0.0, 0.0),
    (["北京"], "北京市", 0.0, 0.0),
]


@pytest.mark.parametrize(("gold", "prediction", "exact", "overlap"), SINGLE_CASES)
def test_single_scores(gold: list[str], prediction: str, exact: float, overlap: float) -> None:
    scores = score_rows({"q": prediction}, [example("q", gold)])
    assert (scores.exact[0], scores.f1[0]) == pytest.approx((exact, overlap), abs=1e-12)
    assert official_scores(gold, prediction) == pytest.approx((exact, overlap), abs=1e-12)


answer_texts = st.text(alphabet="ab the.,'Ünß-\u3000\t中", max_size=14) | st.sampled_from(
    ["the", "A", "an a", "", "x y"]
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.lists(answer_texts, max_size=3), answer_texts, st.sampled_from([0, 0.1, 0.2, 0.5, 1])),
        min_size=1,
        max_size=12,
    )
)
def test_scores_and_thresholds_equal_a_plain_port_of_the_rules(data: list[tuple[list[str], str, float]]) -> None:
    rows = [
        {"id": str(i), "gold": gold, "prediction": prediction, "no_answer_probability": odds}
        for i, (gold, prediction, odds) in enumerate(data)
    ]
    for row in rows:
        row["exact"], row["f1"] = official_scores(row["gold"], row["prediction"])
    predictions, examples, odds = rows_to_inputs(rows)
    metrics = squad_metrics(predictions, examples, null_odds=odds)
    assert metrics["exact_match"] == pytest.approx(100 * sum(row["exact"] for row in rows) / len(rows), abs=1e-9)
    assert metrics["f1"] == pytest.approx(100 * sum(row["f1"] for row in rows) / len(rows), abs=1e-9)
    for name in ("exact", "f1"):
        assert (metrics[f"best_{name}"], metrics[f"best_{name}_thresh"]) == pytest.approx(
            official_best_threshold(rows, name), abs=1e-9
        )


def test_groups_with_and_without_answer_are_scored_apart() -> None:
    examples = [example("a", ["x"]), example("b", ["x y"]), example("c", []), example("d", [])]
    metrics = squad_metrics({"a": "x", "b": "x", "c": "", "d": "x"}, examples)
    assert metrics == pytest.approx(
        {
            "exact_match": 50.0,
            "f1": 100 * (1 + 2 / 3 + 1) / 4,
            "total": 4,
            "HasAns_exact": 50.0,
            "HasAns_f1": 100 * (1 + 2 / 3) / 2,
            "HasAns_total": 2,
            "NoAns_exact": 50.0,
            "NoAns_f1": 50.0,
            "NoAns_total": 2,
        }
    )


def test_answers_without_words_follow_the_chosen_script() -> None:
    examples = [example("q", ["the", "cat"])]
    newer = score_rows({"q": "a"}, examples, script="v2.0")
    older = score_rows({"q": "a"}, examples, script="v1.1")
    assert (newer.exact[0], newer.f1[0]) == (0.0, 0.0)
    assert (older.exact[0], older.f1[0]) == (1.0, 0.0)


# Bad input


def test_a_missing_prediction_is_an_error_that_names_the_questions() -> None:
    examples = [example(f"q{i}", ["x"]) for i in range(9)]
    with pytest.raises(DataError, match=r'8 of 9 questions have no prediction: "q1", "q2", .*\.\.\.'):
        squad_metrics({"q0": "x"}, examples)
    with pytest.raises(DataError, match=r'1 of 1 questions have no no-answer score: "q0"'):
        squad_metrics({"q0": "x"}, examples[:1], null_odds={})


def test_other_bad_inputs_have_their_message() -> None:
    with pytest.raises(DataError, match="no questions to score"):
        squad_metrics({}, [])
    with pytest.raises(DataError, match='question "q": expected a text, found NoneType'):
        score_rows({"q": None}, [example("q", [])])  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match='"mlqa" is unknown; choose one of squad, multilingual'):
        normalize_answer("x", "mlqa")
    with pytest.raises(DataError, match="1 no-answer scores that are numbers"):
        best_thresholds(np.array([np.nan]), score_rows({"q": ""}, [example("q", [])]))
    with pytest.raises(DataError, match="no scores"):
        bootstrap_interval([], np.random.default_rng(0))


def test_predictions_of_other_questions_are_ignored() -> None:
    assert squad_metrics({"q": "x", "other": "y"}, [example("q", ["x"])])["total"] == 1


def test_metrics_do_not_import_torch() -> None:
    code = "import sys, qa_pipeline.metrics, qa_pipeline.metrics.breakdown; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Multilingual


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (None, "The Answer, indeed", "answer indeed"),
        ("de", "Die Straße „Unter den Linden“", "strasse unter linden"),
        ("fr", "L’eau de la mer", "eau de mer"),
        ("es", "Las montañas del sur", "montañas del sur"),
        ("it", "l'ultima delle città", "ultima delle città"),
        ("pt-BR", "Os Lusíadas", "lusíadas"),
        ("nl", "'t huis van het volk", "huis van volk"),
        ("zh", "北京（首都）、2008年", "北 京 首 都 2008 年"),
        ("ja", "カタカナ・ひらがな", "カ タ カ ナ ひ ら が な"),
        ("ko", "서울 특별시는", "서 울 특 별 시 는"),
        ("th", "กิน ข้าว", "กิ น ข้ า ว"),
        ("ru", "«Война и мир»", "война и мир"),
        ("ar", "الكتاب، القلم", "كتاب قلم"),
        ("en", "ＡＢＣ　１２", "abc 12"),
        ("en", "A", "a"),
        ("en", "。", ""),
    ],
)
def test_multilingual_normalisation(language: str | None, text: str, expected: str) -> None:
    assert normalize_answer(text, "multilingual", language) == expected
    assert normalize_answer(expected, "multilingual", "xx") == expected


def test_multilingual_gives_part_marks_where_squad_cannot() -> None:
    assert f1("北京市", "北京") == 0.0
    assert f1("北京市", "北京", "multilingual", "zh") == pytest.approx(0.8)
    assert exact_match("北京。", "北京", "multilingual", "zh") == 1.0
    assert exact_match("«Paris»", "Paris", "multilingual", "fr") == 1.0


def test_a_rows_own_language_wins_over_the_default() -> None:
    rows = [example("q", ["Haus"], metadata={"language": "de"})]
    assert score_rows({"q": "das Haus"}, rows, "multilingual", language="en").exact[0] == 1.0
    assert score_rows({"q": "das Haus"}, [example("q", ["Haus"])], "multilingual", language="en").exact[0] == 0.0


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=20), st.sampled_from([None, "de", "fr", "zh", "th", "ko"]))
def test_an_answer_always_equals_itself(text: str, language: str | None) -> None:
    for normalization in ("squad", "multilingual"):
        assert exact_match(text, text, normalization, language) == f1(text, text, normalization, language) == 1.0


# Thresholds


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["x", "x y", "z", ""]), st.sampled_from([-7.5, -1.0, 0.0, 0.5, 3e38])),
        min_size=1,
        max_size=10,
    )
)
def test_an_attainable_threshold_gives_its_score_and_none_is_better(data: list[tuple[bool, str, float]]) -> None:
    examples = [example(str(i), ["x"] if has_answer else []) for i, (has_answer, _, _) in enumerate(data)]
    texts = {str(i): text for i, (_, text, _) in enumerate(data)}
    odds = np.array([value for _, _, value in data])
    best = best_thresholds(odds, score_rows(texts, examples), attainable=True)

    def applied(threshold: float, name: str) -> float:
        kept = {str(i): "" if odds[i] > threshold else texts[str(i)] for i in range(len(data))}
        return squad_metrics(kept, examples)[name]

    assert applied(best.best_f1_thresh, "f1") == pytest.approx(best.best_f1)
    assert applied(best.best_exact_thresh, "exact_match") == pytest.approx(best.best_exact)
    for threshold in [-100.0, *odds]:
        assert applied(threshold, "f1") <= best.best_f1 + 1e-9
        assert applied(threshold, "exact_match") <= best.best_exact + 1e-9


def test_the_official_search_may_split_equal_odds_and_the_attainable_one_does_not() -> None:
    scores = score_rows({"a": "x", "b": "x"}, [example("a", ["x"]), example("b", [])])
    odds = np.array([0.5, 0.5])
    assert best_thresholds(odds, scores).best_f1 == 100.0
    assert best_thresholds(odds, scores, attainable=True).best_f1 == 50.0


# Intervals


def test_the_interval_is_that_of_the_mean_and_repeats_with_the_generator() -> None:
    values = np.random.default_rng(1).random(2000) < 0.3
    low, high = bootstrap_interval(values, np.random.default_rng(2))
    expected = 1.96 * np.sqrt(values.mean() * (1 - values.mean()) / len(values))
    assert low < values.mean() < high
    assert (high - low) / 2 == pytest.approx(expected, rel=0.1)
    assert bootstrap_interval(values, np.random.default_rng(2)) == (low, high)
    assert bootstrap_interval(np.ones(5), np.random.default_rng(0)) == (1.0, 1.0)


# evaluate


def test_the_evaluate_metric_gives_the_same_numbers_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from qa_pipeline.metrics.evaluate_metric import SquadMetric

    predictions = [
        {"id": "1", "prediction_text": "The Paris", "no_answer_probability": 0.2},
        {"id": "2", "prediction_text": "Rome", "no_answer_probability": 0.7},
        {"id": "3", "prediction_text": "big London", "no_answer_probability": 0.6},
    ]
    references = [
        {"id": i, "answers": {"text": text, "answer_start": [0] * len(text)}}
        for i, text in (("1", ["Paris"]), ("2", []), ("3", ["London"]))
    ]
    newer = SquadMetric("squad_v2", cache_dir=str(tmp_path))
    result = newer.compute(predictions=predictions, references=references, no_answer_threshold=0.65)
    assert (result["exact"], result["total"], result["NoAns_exact"]) == (pytest.approx(200 / 3), 3, 100.0)
    assert result["f1"] == pytest.approx(100 * (1 + 1 + 2 / 3) / 3)
    assert (result["best_f1_thresh"], result["best_exact_thresh"]) == (0.6, 0.2)

    older = SquadMetric(cache_dir=str(tmp_path))
    plain = [{"id": row["id"], "prediction_text": row["prediction_text"]} for row in predictions if row["id"] != "2"]
    answered = [references[0], references[2]]
    assert older.compute(predictions=plain, references=answered) == pytest.approx(
        {"exact_match": 50.0, "f1": 100 * (1 + 2 / 3) / 2}
    )
    with pytest.raises(DataError, match="1 predictions repeat an id"):
        older.compute(predictions=plain[:1] * 2, references=answered)
    with pytest.raises(DataError, match='1 of 2 questions have no prediction: "2"'):
        older.compute(predictions=plain, references=references[:2])
    with pytest.raises(ConfigError, match='choose "squad" or "squad_v2"'):
        SquadMetric("squad_v3")
