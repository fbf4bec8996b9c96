"""Test questions of which some have no usable answer: all are answered, and the others are scored."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline import artifacts
from qa_pipeline.data import load_examples
from qa_pipeline.run import predicting
from qa_pipeline.run.evaluating import evaluation_of
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import parsed, settings

ROOT = Path(__file__).resolve().parents[2]


def predicted(data: Path, model: Path, folder: Path, rows: list[dict], **changes) -> dict:
    folder.mkdir(exist_ok=True)
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


# A test file that is longer than a block


JOURNAL = artifacts.PREDICT_JOURNAL
# No handler sees the signal and nothing is tidied up, as where the machine goes off.
CHILD = """
import os, signal, sys
from qa_pipeline import artifacts
from qa_pipeline.run import predicting
from qa_pipeline.run.evaluating import evaluation_of
import run_qa

append, calls = artifacts.Lines.append, iter(range(1, 10**9))

def appending(lines, value, sync=False):
    append(lines, value, sync)
    if "id" in value and next(calls) == 7:
        os.kill(os.getpid(), signal.SIGKILL)

artifacts.Lines.append, predicting.BLOCK_QUESTIONS = appending, 5
sys.exit(run_qa.main(sys.argv[1:]))
"""


def files(out: Path) -> dict[str, bytes]:
    """What was predicted and measured, but for how long it took."""
    found = {path.name: path.read_bytes() for path in out.glob("predict_*") if path.name != "predict_results.json"}
    results = read_json(out / "predict_results.json")
    measured = {key: value for key, value in results.items() if "runtime" not in key and "per_second" not in key}
    return found | {"measured": json.dumps(measured).encode()}


@pytest.fixture
def short_blocks(monkeypatch) -> None:
    monkeypatch.setattr(predicting, "BLOCK_QUESTIONS", 5)


def test_blocks_are_all_rows_in_their_order(monkeypatch):
    rows = [{"context": "x" * (9 if i == 3 else 2)} for i in range(11)]
    monkeypatch.setattr(predicting, "BLOCK_QUESTIONS", 3)
    monkeypatch.setattr(predicting, "BLOCK_CHARACTERS", 9)
    found = list(predicting.blocks(rows))
    assert [(first, len(block)) for first, block in found] == [(0, 3), (3, 1), (4, 3), (7, 3), (10, 1)]
    assert [row for _, block in found for row in block] == rows and not list(predicting.blocks([]))


def test_blocks_change_no_answer(rows, data, finished, tmp_path, monkeypatch):
    whole = predicted(data, finished, tmp_path / "whole", rows)
    monkeypatch.setattr(predicting, "BLOCK_QUESTIONS", 5)
    in_blocks = predicted(data, finished, tmp_path / "blocks", rows)
    for name in ("exact_match", "f1", "total", "ece", "ece_calibrated"):
        assert in_blocks[f"predict_{name}"] == pytest.approx(whole[f"predict_{name}"], abs=1e-5), name
    texts = [read_json(tmp_path / name / "out" / "predict_predictions.json") for name in ("whole", "blocks")]
    assert texts[0] == texts[1] and list(texts[0]) == [row["id"] for row in rows]
    assert not (tmp_path / "blocks" / "out" / JOURNAL).exists()


@pytest.mark.usefixtures("short_blocks")
def test_a_killed_prediction_goes_on_and_ends_with_the_same_files(rows, data, finished, tmp_path, caplog, monkeypatch):
    predicted(data, finished, tmp_path / "whole", rows)
    run, asked = tmp_path / "killed", []

    def counting(block, *args, **options):
        asked.append(len(block))
        return evaluation_of(block, *args, **options)

    monkeypatch.setattr(predicting, "evaluation_of", counting)
    with monkeypatch.context() as patch:
        patch.setattr("tests.run.test_predicting.run_qa", lambda arguments: {})
        predicted(data, finished, run, rows)
    command = [sys.executable, "-c", CHILD, str(run / "config.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    assert len((run / "out" / JOURNAL).read_bytes().splitlines()) == 1 + 7
    assert not (run / "out" / "predict_predictions.json").exists()
    with caplog.at_level(logging.INFO):
        predicted(data, finished, run, rows)
    assert f"Going on after 7 of {len(rows)} test questions" in caplog.text
    assert sum(asked) == len(rows) - 5  # what the kill left of the second block is computed with the rest of it
    assert files(run / "out") == files(tmp_path / "whole" / "out")
    assert not (run / "out" / JOURNAL).exists()


@pytest.mark.usefixtures("short_blocks")
def test_predictions_of_other_questions_are_not_taken(rows, data, finished, tmp_path, caplog, monkeypatch):
    append, calls = artifacts.Lines.append, iter(range(10**9))

    def interrupted(lines, value, sync=False):
        if next(calls) == 8:
            raise KeyboardInterrupt
        append(lines, value, sync)

    with monkeypatch.context() as patch:
        patch.setattr(artifacts.Lines, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            predicted(data, finished, tmp_path / "run", rows)
    assert (tmp_path / "run" / "out" / JOURNAL).exists()
    predicted(data, finished, tmp_path / "run", rows[1:], max_answer_length=7)
    assert f"{JOURNAL} is of another run (decoding, the questions changed): starting over" in caplog.text
    predicted(data, finished, tmp_path / "other", rows[1:], max_answer_length=7)
    assert files(tmp_path / "run" / "out") == files(tmp_path / "other" / "out")
