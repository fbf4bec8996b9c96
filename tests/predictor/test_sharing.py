"""One predictor for many threads, and in processes that are forked or spawned after it was loaded."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from qa_pipeline import QAPredictor, pipeline
from tests.predictor.made import answer_to, lookup
from tests.tiny_models import save_tiny
from tests.tokenizers import TEXTS

LIMITS = [{}, {"max_seq_length": 64}, {"doc_stride": 8}, {"max_answer_length": 5}, {"max_question_length": 9}]
LIMITS += [{"max_seq_length": 56 + step, "doc_stride": 10} for step in range(9)]


def questions(count: int) -> list[tuple[dict[str, str], dict[str, int]]]:
    return [
        ({"question": f"who signed number {i}?", "context": " ".join(TEXTS[i % 5 :] * (1 + i % 2))}, LIMITS[i % 14])
        for i in range(count)
    ]


def test_eight_threads_get_the_answers_of_one_with_and_without_limits_of_a_call(tmp_path):
    folder = save_tiny("roberta", tmp_path, seed=3)
    options = {"max_seq_length": 96, "doc_stride": 16, "max_question_length": 16}
    loaded = QAPredictor.from_pretrained(folder, device="cpu", dtype="float32", allow_new_head=True, **options)
    asked = questions(56)
    expected = [answer_to(loaded, **row, **limits) for row, limits in asked]
    for _ in range(3):
        shared = QAPredictor(loaded.model, copy.deepcopy(loaded.tokenizer), loaded.settings)
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(answer_to, shared, **row, **limits) for row, limits in asked]
        for mine, theirs in zip([one.result() for one in waiting], expected, strict=True):
            assert (mine.text, mine.start, mine.num_windows) == (theirs.text, theirs.start, theirs.num_windows)
            assert mine.confidence == pytest.approx(theirs.confidence, abs=1e-6)


def test_eight_threads_of_a_pipeline_widen_words_as_one_does():
    qa = pipeline(model=lookup({"contract": 9.0}, "roberta"))
    rows = [{"question": "what?", "context": f"{i} clinics, {'x' * (i % 7)}, a contract-{i}"} for i in range(200)]
    expected = [qa(row) for row in rows]
    fresh = pipeline(model=lookup({"contract": 9.0}, "roberta"))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fresh, rows)) == expected


def test_a_tokenizer_given_to_two_predictors_serves_both_at_once():
    one = lookup({"contract": 9.0})
    two = QAPredictor(one.model, one.tokenizer, one.settings)
    row = {"question": "what?", "context": "please bring your card. " * 20 + "a contract"}
    with ThreadPoolExecutor(8) as pool:
        asked = [(predictor, {"max_seq_length": 30 + i}) for i in range(40) for predictor in (one, two)]
        answers = list(pool.map(lambda given: answer_to(given[0], **row, **given[1]), asked))
    assert {answer.text for answer in answers} == {"contract"}


FORKED = """
import os, signal, sys, torch
from qa_pipeline import QAPredictor
torch.set_num_threads(2)
predictor = QAPredictor.from_pretrained(sys.argv[1], device="cpu", dtype="float32", allow_new_head=True)
row = {"question": "who signed?", "context": "Ada Lovelace signed the contract in 1895. " * 60}
torch.ones(1_000_000).add_(1)  # OpenMP now has threads, which no child will have

def forked(expected):
    if not (child := os.fork()):
        signal.alarm(60)
        text = predictor.ask(*row.values()).text
        os._exit(0 if text and text == (expected or text) else 3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

print(forked(None), forked(predictor.ask(*row.values()).text), torch.get_num_threads())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_processes_forked_after_loading_and_after_asking_answer(tmp_path):
    folder = save_tiny("bert", tmp_path, hidden_size=128, intermediate_size=512)
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", FORKED, folder], capture_output=True, text=True, timeout=150, env=environment
    )
    assert done.stdout.strip() == "0 0 2", done.stderr


def test_a_spawned_pool_and_a_pickled_copy_give_the_same_answers(tmp_path):
    folder = save_tiny("bert", tmp_path, seed=3)
    predictor = QAPredictor.from_pretrained(folder, device="cpu", dtype="bfloat16", allow_new_head=True)
    row = {"question": "who signed?", "context": TEXTS[1]}
    expected = answer_to(predictor, **row)
    for other in (pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)):
        assert answer_to(other, **row) == expected
        assert other.model.qa_outputs.forward.forward.__self__ is other.model.qa_outputs
    qa = pickle.loads(pickle.dumps(pipeline(model=predictor)))
    assert qa(**row) == pipeline(model=predictor)(**row)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_ask, (predictor, row)) == expected


def _ask(predictor: QAPredictor, row: dict[str, str]):
    return answer_to(predictor, **row)
