"""Test questions of which some have no usable answer: all are answered, and the others are scored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_pipeline.data import load_examples
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import parsed, settings


def predicted(data: Path, model: Path, folder: Path, rows: list[dict], **changes) -> dict:
    folder.mkdir()
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = settings(
        data, model, folder / "out", do_train=False, do_eval=False, use_lora=False, eval_strategy="no",
        do_predict=True, test_file=str(folder / "test.jsonl"), **changes,
    )  # fmt: skip
    return run_qa(
        parsed(folder, {key: value for key, value in config.items() if key not in ("lora_r", "validation_file")})
    )


@pytest.fixture(scope="module")
def rows(data) -> list[dict]:
    examples, _ = load_examples(data / "test.json")
    return [{key: e[key] for key in ("id", "context", "question", "answers", "is_impossible")} for e in examples]


LOST = {"id": "lost", "context": "Parking costs 4 euros.", "question": "What does parking cost?"}
UNUSABLE = [
    LOST | {"answers": {"text": ["five dollars"], "answer_start": [14]}},  # not in the context
    LOST | {"answers": {"text": [""], "answer_start": [0]}, "is_impossible": False},
    LOST,
]


@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("unusable", UNUSABLE)
def test_a_row_without_a_usable_answer_is_left_out_of_the_scores_and_said(
    unusable, place, rows, data, finished, tmp_path
):
    alone = predicted(data, finished, tmp_path / "alone", rows)
    results = predicted(data, finished, tmp_path / "more", [*rows[:place], unusable, *rows[place:]])
    names = ("exact_match", "f1", "total", "HasAns_total", "NoAns_total", "ece", "ece_calibrated")
    for name in (f"predict_{name}" for name in names):
        assert results[name] == pytest.approx(alone[name], abs=1e-6), name
    assert results["predict_samples"] == len(rows) + 1 and results["predict_unlabelled"] == 1
    assert "predict_unlabelled" not in alone
    said = [text for text in results["warnings"] if "left out of the scores" in text]
    assert (
        said and f"1 of {len(rows) + 1} test questions have no usable answer" in said[0] and said[0].endswith(": lost")
    )
    written = read_json(tmp_path / "more" / "out" / "predict_results.json")
    assert written["predict_unlabelled"] == 1 and written["predict_f1"] == results["predict_f1"]
    assert "lost" in read_json(tmp_path / "more" / "out" / "predict_predictions.json")


def test_a_file_without_any_answer_is_answered_and_not_scored(rows, data, finished, tmp_path):
    bare = [{key: row[key] for key in ("id", "context", "question")} for row in rows]
    results = predicted(data, finished, tmp_path / "bare", bare)
    assert "predict_f1" not in results and "predict_unlabelled" not in results and results["warnings"] == []


def test_rows_that_were_merged_into_one_question_have_its_prediction_under_their_own_ids(
    rows, data, finished, tmp_path
):
    first = next(row for row in rows if row["answers"]["text"])
    predicted(data, finished, tmp_path / "run", [*rows, {**first, "id": "asked again"}])
    texts = read_json(tmp_path / "run" / "out" / "predict_predictions.json")
    assert len(texts) == len(rows) + 1 and texts["asked again"] == texts[first["id"]]


def test_rows_that_cannot_be_asked_are_a_warning(rows, data, finished, tmp_path):
    results = predicted(data, finished, tmp_path / "run", [*rows, {**rows[0], "id": "blank", "question": " "}])
    (warning,) = [text for text in results["warnings"] if "cannot be asked" in text]
    assert "1 of" in warning and "question without text: blank" in warning
    assert "blank" not in read_json(tmp_path / "run" / "out" / "predict_predictions.json")


def test_an_empty_context_has_the_empty_prediction_under_its_id(rows, data, finished, tmp_path):
    empty = [LOST | {"id": "empty", "context": "", "answers": {"text": [], "answer_start": []}}]
    predicted(data, finished, tmp_path / "more", [*rows[:4], *empty, *rows[4:]])
    predictions = read_json(tmp_path / "more" / "out" / "predict_predictions.json")
    assert predictions["empty"] == "" and len(predictions) == len(rows) + 1
